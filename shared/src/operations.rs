//! Long-running work.

use serde::{Deserialize, Serialize};

use crate::{ErrorBody, OperationId, Timestamp, wire_enum::wire_enum};

wire_enum! {
    /// `AsyncOperationState`: how far an operation, image, service or deployment is.
    OperationState {
        /// Accepted.
        NotStarted = "NotStarted",
        /// Under way.
        Running = "Running",
        /// Stopped by somebody.
        Cancelled = "Cancelled",
        /// Done.
        Succeeded = "Succeeded",
        /// Ended with an error.
        Failed = "Failed",
    }
}

wire_enum! {
    /// What an operation makes.
    OperationType {
        /// An image.
        Image = "Image",
        /// A service, or its update.
        Service = "Service",
    }
}

impl OperationState {
    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Succeeded | Self::Failed)
    }
}

/// How far an operation is.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AsyncOperationStatus {
    /// Unique.
    pub id: OperationId,
    /// What it makes.
    pub operation_type: OperationType,
    /// How far it is.
    pub state: OperationState,
    /// When it was accepted.
    pub created_time: Timestamp,
    /// When it ended.
    pub end_time: Option<Timestamp>,
    /// Absolute address of what it makes, without a query.
    pub resource_location: Option<String>,
    /// Why it failed.
    pub error: Option<ErrorBody>,
    /// 0 to 100 (ours).
    #[serde(default)]
    pub percent_complete: Option<u32>,
    /// What it is doing (ours).
    #[serde(default)]
    pub phase: Option<String>,
    /// What the caller should know although it succeeded (ours).
    #[serde(default)]
    pub warnings: Vec<String>,
}
