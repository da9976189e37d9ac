//! Long-running work: look at it, wait for it, cancel it.

use std::time::Duration;

use gloo_timers::future::sleep;
use shared::{AsyncOperationStatus, OperationId, OperationState, paths::versioned};

use super::{
    account::{AccountClient, last_segment},
    client::Call,
    failure::{EdgeError, Failure},
    pending::{Pending, Reading},
};

impl AccountClient {
    pub(crate) fn list_operations(self, count: u32) -> Reading<Vec<AsyncOperationStatus>> {
        let path = format!("{}?count={count}", self.path.operations());
        self.all(path, count as usize)
    }

    pub(crate) fn operation(self, id: OperationId) -> Reading<AsyncOperationStatus> {
        self.edge.get(versioned(&self.path.operation(id)))
    }

    pub(crate) fn cancel_operation(self, id: OperationId) -> Pending<()> {
        let call = Call::post(versioned(&self.path.cancel_operation(id)));
        self.edge.tell_only(call)
    }

    /// Waits until an operation has ended, reporting each state; what it made is the answer.
    /// A lost connection is waited out, since the work goes on without us.
    pub(crate) async fn finished(
        &self,
        id: OperationId,
        report: impl Fn(&AsyncOperationStatus),
    ) -> Result<String, EdgeError> {
        let mut pause = Duration::from_millis(150);
        loop {
            match self.clone().operation(id).await {
                Ok(status) => {
                    report(&status);
                    match status.state {
                        OperationState::Succeeded => {
                            let made = status.resource_location.unwrap_or_default();
                            return Ok(last_segment(&made).to_owned());
                        }
                        OperationState::Failed | OperationState::Cancelled => {
                            return Err(status
                                .error
                                .map_or_else(|| EdgeError::lacking("error"), EdgeError::from));
                        }
                        OperationState::NotStarted | OperationState::Running => {}
                    }
                }
                Err(error) if matches!(error.failure, Failure::Offline | Failure::Later) => {}
                Err(error) => return Err(error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}
