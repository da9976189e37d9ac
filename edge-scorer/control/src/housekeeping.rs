//! What is done now and then: operations that lost their task, uploads that nobody goes on with,
//! old signing keys, old rows of the audit log, first answers and collected calls.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::{Control, ControlError, control::Inner};

/// How often operations without a task are looked for. There are none, unless a caller hung up
/// between the commit that accepted one and its start.
const OPERATIONS: Duration = Duration::from_secs(5);
/// Of these rounds, each of so many does the rest.
const ROUNDS: u32 = 720;
/// Of these rounds, each of so many counts failed sign-ins.
const COUNTING: u32 = 2;

impl Control {
    pub(crate) fn start_housekeeping(&self) {
        self.start_autoscaler();
        self.start_metrics();
        self.inner.runner.spawn(keep_house(Arc::downgrade(&self.inner)));
    }

    async fn tidy(&self) -> Result<(), ControlError> {
        self.forget_idle_uploads().await?;
        self.forget_first_answers().await?;
        self.forget_collected().await?;
        self.forget_old_audit().await?;
        let inner = &self.inner;
        inner.signing_keys.refresh(&inner.store, &inner.vault, &inner.config).await
    }
}

async fn keep_house(inner: Weak<Inner>) {
    let mut round = 0;
    loop {
        {
            let Some(inner) = inner.upgrade() else { return };
            let control = Control { inner };
            if let Err(error) = control.resume_operations().await {
                tracing::error!(?error, "unfinished operations could not be looked for");
            }
            if round % COUNTING == 0
                && let Err(error) = control.note_failed_sign_ins().await
            {
                tracing::error!(?error, "failed sign-ins could not be counted in the audit log");
            }
            if round % ROUNDS == 0
                && let Err(error) = control.tidy().await
            {
                tracing::error!(?error, "old uploads and keys could not be tidied away");
            }
        }
        round = (round + 1) % ROUNDS;
        tokio::time::sleep(OPERATIONS).await;
    }
}
