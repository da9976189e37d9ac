//! Deployments: what a service has served, and when.

use serde::Deserialize;
use shared::Deployment;

use crate::{AccountAccess, Control, ControlError, ListQuery, Listed, control::unfinished};

/// Which deployments a list shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DeploymentFilter {
    /// Their service, by id or name.
    pub service_id: Option<String>,
}

impl Control {
    /// A page of deployments.
    pub async fn deployments(
        &self,
        _account: &AccountAccess,
        _filter: &DeploymentFilter,
        _query: &ListQuery,
    ) -> Result<Listed<Deployment>, ControlError> {
        Err(unfinished())
    }

    /// One deployment.
    pub async fn deployment(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<Deployment, ControlError> {
        Err(unfinished())
    }
}
