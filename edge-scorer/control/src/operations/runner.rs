//! Runs operations: one task for each, cancellable, and picked up again after a crash.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt as _};
use shared::{AsyncOperationStatus, OperationId, OperationType};
use tokio::sync::broadcast;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::Operation;
use crate::{Control, ControlError};

/// Changes that a slow reader may lag behind before it misses some.
const EVENTS: usize = 1_024;
/// How often an operation looks whether those before it have ended.
const QUEUE: Duration = Duration::from_millis(10);
/// How long `stop` waits for a task to notice.
const GRACE: Duration = Duration::from_secs(5);

/// Something that changed.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) account_id: String,
    pub(crate) resource_id: String,
    /// Absent when the resource changed without an operation.
    pub(crate) status: Option<AsyncOperationStatus>,
}

/// The running operations.
pub(crate) struct Runner {
    running: Mutex<HashMap<OperationId, CancellationToken>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    events: broadcast::Sender<Event>,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// How an operation tells where it is.
#[derive(Clone)]
pub(crate) struct Progress {
    control: Control,
    operation: OperationId,
}

impl Runner {
    pub(crate) fn new() -> Self {
        Self {
            running: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            events: broadcast::Sender::new(EVENTS),
            turns: Mutex::default(),
        }
    }

    /// One operation at a time for each resource.
    fn turn_of(&self, resource_id: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|other, turn| other == resource_id || Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(resource_id.to_owned()).or_default())
    }

    pub(crate) fn cancel(&self, id: OperationId) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = running.get(&id) {
            token.cancel();
        }
    }

    /// Every event from now on.
    pub(crate) fn events(&self) -> impl Stream<Item = Event> + Send + use<> {
        let receiver = self.events.subscribe();
        let stopping = self.stopping.clone();
        let events = futures::stream::unfold(receiver, |mut receiver| async {
            loop {
                match receiver.recv().await {
                    Ok(event) => return Some((event, receiver)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        });
        events.take_until(stopping.cancelled_owned())
    }

    pub(crate) fn publish(&self, event: Event) {
        // Nobody listening is not a failure.
        let _ = self.events.send(event);
    }

    /// Resolves when the domain stops.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        self.stopping.clone().cancelled_owned()
    }

    /// Background work that ends when the domain stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Stops every task; operations stay unfinished in the store.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!("some operations did not stop in time");
        }
    }
}

impl Progress {
    /// Says what the operation is doing now.
    pub(crate) async fn at(&self, percent: u32, phase: &str) -> Result<(), ControlError> {
        let mut write = self.control.inner.store.write().await?;
        sqlx::query(
            "UPDATE operations SET percent_complete = $1, phase = $2
             WHERE id = $3 AND ended_at IS NULL",
        )
        .bind(percent)
        .bind(phase)
        .bind(self.operation.to_string())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        self.control.publish_operation(self.operation).await;
        Ok(())
    }
}

impl Control {
    /// Starts the task of an accepted operation, unless it runs.
    pub(crate) fn start_operation(&self, id: OperationId) {
        let control = self.clone();
        let token = self.inner.runner.stopping.child_token();
        {
            let running = &self.inner.runner.running;
            let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
            if running.contains_key(&id) {
                return;
            }
            running.insert(id, token.clone());
        }
        self.inner.runner.tasks.spawn(async move {
            if let Err(error) = control.run_operation(id, &token).await {
                tracing::error!(%id, ?error, "an operation could not be brought to its end");
            }
            let runner = &control.inner.runner;
            runner.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
    }

    /// Starts every operation that a crash or a stop interrupted.
    pub(crate) async fn resume_operations(&self) -> Result<(), ControlError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM operations WHERE ended_at IS NULL ORDER BY created_at",
        )
        .fetch_all(self.inner.store.read())
        .await?;
        for id in ids {
            self.start_operation(id.parse().map_err(ControlError::internal)?);
        }
        Ok(())
    }

    /// Tells listeners how an operation stands.
    pub(crate) async fn publish_operation(&self, id: OperationId) {
        let found = self.operation_status(id).await;
        let operation = self.find_operation(id).await;
        if let (Ok(Some((account_id, status))), Ok(Some(operation))) = (found, operation) {
            self.inner.runner.publish(Event {
                account_id,
                resource_id: operation.resource_id,
                status: Some(status),
            });
        }
    }

    async fn run_operation(
        &self,
        id: OperationId,
        token: &CancellationToken,
    ) -> Result<(), ControlError> {
        let Some(operation) = self.find_operation(id).await? else { return Ok(()) };
        if operation.state.is_final() {
            return Ok(());
        }
        if operation.cancel_requested {
            token.cancel();
        }
        match operation.operation_type {
            OperationType::Image => {
                let built = self.attempt(&operation, token, self.build_image(&operation)).await;
                let Some(built) = built else { return Ok(()) };
                self.finish_image(&operation, built).await?;
            }
            OperationType::Service => {
                // Operations of one service run one after the other, in the order of acceptance.
                let turn = self.inner.runner.turn_of(&operation.resource_id);
                let _turn = loop {
                    let held = turn.lock().await;
                    if self.is_next(&operation).await? {
                        break held;
                    }
                    drop(held);
                    if self.inner.runner.stopping.is_cancelled() {
                        return Ok(());
                    }
                    tokio::time::sleep(QUEUE).await;
                };
                let made = self.attempt(&operation, token, self.deploy(&operation)).await;
                let Some(made) = made else { return Ok(()) };
                self.finish_deployment(&operation, made).await?;
            }
        }
        self.publish_operation(id).await;
        Ok(())
    }

    /// Whether no operation of the same resource was accepted before this one and is unfinished.
    async fn is_next(&self, operation: &Operation) -> Result<bool, ControlError> {
        let first: Option<String> = sqlx::query_scalar(
            "SELECT id FROM operations WHERE resource_id = $1 AND ended_at IS NULL
             ORDER BY created_at, id LIMIT 1",
        )
        .bind(&operation.resource_id)
        .fetch_optional(self.inner.store.read())
        .await?;
        Ok(first.is_none_or(|first| first == operation.id.to_string()))
    }

    /// Runs `work` until it ends or is cancelled; `None` when the whole domain stops.
    async fn attempt<T>(
        &self,
        operation: &Operation,
        token: &CancellationToken,
        work: impl Future<Output = Result<T, ControlError>>,
    ) -> Option<Result<T, ControlError>> {
        let begin = async {
            self.mark_running(operation).await?;
            work.await
        };
        let outcome = tokio::select! {
            biased;
            () = token.cancelled() => Err(ControlError::Cancelled),
            outcome = begin => outcome,
        };
        if self.inner.runner.stopping.is_cancelled() {
            return None;
        }
        if let Err(ControlError::Internal(source)) = &outcome {
            tracing::error!(id = %operation.id, ?source, "an operation failed");
        }
        Some(outcome)
    }

    async fn mark_running(&self, operation: &Operation) -> Result<(), ControlError> {
        let mut write = self.inner.store.write().await?;
        sqlx::query("UPDATE operations SET state = 'Running' WHERE id = $1 AND ended_at IS NULL")
            .bind(operation.id.to_string())
            .execute(&mut *write)
            .await?;
        let resource = match operation.operation_type {
            OperationType::Image => "UPDATE images SET state = 'Running' WHERE id = $1",
            OperationType::Service => "UPDATE services SET state = 'Running' WHERE id = $1",
        };
        sqlx::query(resource).bind(&operation.resource_id).execute(&mut *write).await?;
        if let Some(deployment) = &operation.deployment_id {
            sqlx::query("UPDATE deployments SET state = 'Running' WHERE id = $1")
                .bind(deployment)
                .execute(&mut *write)
                .await?;
        }
        write.commit().await?;
        self.publish_operation(operation.id).await;
        Ok(())
    }

    pub(crate) fn progress_of(&self, operation: &Operation) -> Progress {
        Progress { control: self.clone(), operation: operation.id }
    }
}
