//! Deployments: what a service has served, and when.

use serde::{Deserialize, Serialize};

use crate::{DeploymentId, ImageId, OperationState, Timestamp};

/// One image that a service serves or served.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Unique.
    pub id: DeploymentId,
    /// The service's name.
    pub service_name: String,
    /// What it serves.
    pub image_id: ImageId,
    /// How far it is.
    pub state: OperationState,
    /// When it began.
    pub created_at: Timestamp,
    /// When another took its place; null for the one that serves.
    pub expired_at: Option<Timestamp>,
}
