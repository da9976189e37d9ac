//! Operations: long work, durable and cancellable.

use futures::stream::BoxStream;
use serde::Deserialize;
use shared::AsyncOperationStatus;

use crate::{AccountAccess, Control, ControlError, ListQuery, Listed, control::unfinished};

/// Which operations a list shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OperationFilter {
    /// How far they are.
    pub state: Option<String>,
    /// What they make.
    pub operation_type: Option<String>,
    /// The id of what they make.
    pub resource_id: Option<String>,
}

impl Control {
    /// A page of operations.
    pub async fn operations(
        &self,
        _account: &AccountAccess,
        _filter: &OperationFilter,
        _query: &ListQuery,
    ) -> Result<Listed<AsyncOperationStatus>, ControlError> {
        Err(unfinished())
    }

    /// One operation.
    pub async fn operation(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<AsyncOperationStatus, ControlError> {
        Err(unfinished())
    }

    /// Asks an operation to stop.
    pub async fn cancel_operation(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<(), ControlError> {
        Err(unfinished())
    }

    /// Every change of the account's operations from now on.
    pub fn operation_events(
        &self,
        _account: &AccountAccess,
    ) -> Result<BoxStream<'static, AsyncOperationStatus>, ControlError> {
        Err(unfinished())
    }
}
