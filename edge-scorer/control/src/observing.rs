//! What can be seen of services: their logs, the traces of their calls, the calls they collect.
//!
//! The scoring path only hands over what it has: a call is put into a bounded queue, and one task
//! behind it writes, in batches, at the pace of the disk. When the queue is full, calls are left out
//! and the service's log says how many; no call waits.
//!
//! # Invariants
//! - What is queued, and what is kept in memory, is bounded in number and in bytes.
//! - Reading sees everything that was handed over before.
//!
//! # Deliberately absent
//! - Durability of the last second: what is collected or traced is written every second unless the
//!   operator says otherwise, and a crash loses what was not. Logs are in memory only.

mod collecting;
mod export;
mod lines;
mod logs;
mod traces;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use engine::Tensor;
use shared::{LogEntry, LogLevel, ServiceId, Signature, TraceRecord};
use tokio::sync::{mpsc, oneshot};

use crate::{Control, ControlError, clock, control::Inner, services::Collecting};

pub use export::TraceExport;
pub(crate) use logs::Logs;

/// Most calls in the queue.
const QUEUE: usize = 8_192;
/// Most bytes of inputs and outputs in the queue.
const QUEUE_BYTES: usize = 64 << 20;

/// Where calls are handed over.
pub(crate) struct Observers {
    sender: mpsc::Sender<Observation>,
    queued_bytes: Arc<AtomicUsize>,
    watching: AtomicBool,
    pub(crate) logs: Logs,
}

/// The other end of the queue, until its task is started.
pub(crate) type Queue = mpsc::Receiver<Observation>;

/// What is handed over.
pub(crate) enum Observation {
    Collected(Box<CollectedCall>),
    Traced(ServiceId, Box<TraceRecord>),
    /// Write what has come, then say so.
    Flush(oneshot::Sender<()>),
    /// The service is gone.
    Forget(ServiceId),
}

/// A call whose inputs and outputs are kept.
pub(crate) struct CollectedCall {
    service: ServiceId,
    account_id: String,
    keep: Duration,
    at: i64,
    request_id: Option<String>,
    version: u64,
    signature: Arc<Signature>,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
    bytes: usize,
}

/// A finished call, as the HTTP side saw it.
#[derive(Debug, Clone)]
pub struct FinishedCall<'a> {
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Of the request.
    pub method: &'a str,
    /// Of the request.
    pub path: &'a str,
    /// Of the answer.
    pub status: u16,
    /// `x-ms-request-id`.
    pub request_id: &'a str,
    /// The `traceparent` header.
    pub traceparent: Option<&'a str>,
    /// Why it failed.
    pub error: Option<&'a str>,
    /// What the scorer took.
    pub timing: Option<Timing>,
}

/// How a call spent its time.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Rows that were scored.
    pub rows: u64,
    /// Waiting for a slot.
    pub queued: Duration,
    /// In the model.
    pub scored: Duration,
}

/// How one service is watched. Belongs to a deployment; the counters begin anew with it.
pub(crate) struct Watch {
    pub(crate) observers: Arc<Observers>,
    pub(crate) service: ServiceId,
    pub(crate) account_id: String,
    pub(crate) version: u64,
    pub(crate) traced: bool,
    pub(crate) collecting: Option<Collecting>,
    sampled: AtomicU64,
    left_out: AtomicU64,
}

impl Observers {
    pub(crate) fn new() -> (Arc<Self>, Queue) {
        let (sender, queue) = mpsc::channel(QUEUE);
        let observers = Self {
            sender,
            queued_bytes: Arc::default(),
            watching: AtomicBool::new(false),
            logs: Logs::default(),
        };
        (Arc::new(observers), queue)
    }

    /// Whether some service has ever asked for its calls to be traced or collected.
    pub(crate) fn is_watching(&self) -> bool {
        self.watching.load(Ordering::Relaxed)
    }

    /// Returns once everything that was handed over is written.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.sender.send(Observation::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }

    /// Forgets everything about a service that is gone.
    pub(crate) async fn forget(&self, service: ServiceId) {
        self.logs.forget(service);
        let _ = self.sender.send(Observation::Forget(service)).await;
    }
}

impl Watch {
    pub(crate) fn new(
        observers: Arc<Observers>,
        (service, account_id, version): (ServiceId, String, u64),
        traced: bool,
        collecting: Option<Collecting>,
    ) -> Self {
        if traced || collecting.is_some() {
            observers.watching.store(true, Ordering::Relaxed);
        }
        let (sampled, left_out) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { observers, service, account_id, version, traced, collecting, sampled, left_out }
    }

    /// Whether the next call is one of those that are kept: of every hundred, as many as the
    /// service's sample asks for, evenly spread.
    pub(crate) fn samples(&self) -> bool {
        let Some(collecting) = &self.collecting else { return false };
        let percent = u64::from(collecting.sample_percent);
        let before = self.sampled.fetch_add(percent, Ordering::Relaxed) % 100;
        before + percent >= 100
    }

    pub(crate) fn collect(
        &self,
        request_id: Option<String>,
        signature: Arc<Signature>,
        inputs: Vec<Tensor>,
        outputs: Vec<Tensor>,
    ) {
        let Some(collecting) = &self.collecting else { return };
        let bytes = inputs.iter().chain(&outputs).map(lines::bytes_of).sum();
        let queued = &self.observers.queued_bytes;
        if queued.fetch_add(bytes, Ordering::Relaxed) + bytes > QUEUE_BYTES {
            queued.fetch_sub(bytes, Ordering::Relaxed);
            self.leave_out();
            return;
        }
        let call = CollectedCall {
            service: self.service,
            account_id: self.account_id.clone(),
            keep: collecting.keep,
            at: clock::now(),
            request_id,
            version: self.version,
            signature,
            inputs,
            outputs,
            bytes,
        };
        if self.observers.sender.try_send(Observation::Collected(Box::new(call))).is_err() {
            queued.fetch_sub(bytes, Ordering::Relaxed);
            self.leave_out();
        }
    }

    /// Takes note of a call: of every one that failed, and of all where the service is traced.
    pub(crate) fn note(&self, call: &FinishedCall<'_>) {
        if call.status >= 400 {
            let level = if call.status >= 500 { LogLevel::Error } else { LogLevel::Warning };
            self.observers.logs.add(
                self.service,
                LogEntry {
                    time: clock::timestamp(clock::now()),
                    level,
                    message: call.error.unwrap_or("the call failed").to_owned(),
                    request_id: Some(call.request_id.to_owned()),
                    status: Some(call.status),
                    duration_micros: Some(micros(call.took)),
                },
            );
        }
        if self.traced {
            let record = Box::new(traces::record(call, self.version));
            if self.observers.sender.try_send(Observation::Traced(self.service, record)).is_err() {
                self.leave_out();
            }
        }
    }

    /// Counts a call that could not be handed over, and says so now and then.
    fn leave_out(&self) {
        let count = self.left_out.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            let message = format!(
                "{count} calls were not collected or traced: they come faster than they are written"
            );
            self.observers.logs.say(self.service, LogLevel::Warning, message);
        }
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Control {
    /// Whether calls have to be noted at all, failures apart; cheap.
    pub fn watches_calls(&self) -> bool {
        self.inner.observers.is_watching()
    }

    /// Starts the task behind the queue.
    pub(crate) fn start_observing(&self, queue: Queue) {
        let export = self.inner.config.trace_export.as_ref().map(export::start);
        let inner = Arc::downgrade(&self.inner);
        tokio::spawn(write_down(inner, queue, self.inner.config.observe_every, export));
    }
}

/// Until the queue is closed: by the last [`Observers`], which this task does not hold.
async fn write_down(
    inner: std::sync::Weak<Inner>,
    mut queue: Queue,
    every: Duration,
    export: Option<export::Exporting>,
) {
    let mut collected = collecting::Batches::default();
    let mut traced = traces::Batches::default();
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let observation = tokio::select! {
            observation = queue.recv() => observation,
            _ = tick.tick() => Some(Observation::Flush(oneshot::channel().0)),
        };
        let Some(observation) = observation else { return };
        let Some(inner) = inner.upgrade() else { return };
        let control = Control { inner };
        let full = match observation {
            Observation::Collected(call) => {
                control.inner.observers.queued_bytes.fetch_sub(call.bytes, Ordering::Relaxed);
                collected.add(&call)
            }
            Observation::Traced(service, record) => {
                if let Some(export) = &export {
                    export.send(&record);
                }
                traced.add(service, &record)
            }
            Observation::Forget(service) => {
                collected.forget(service);
                traced.forget(service);
                control.forget_traces(service).await;
                false
            }
            Observation::Flush(done) => {
                control.write_observations(&mut collected, &mut traced).await;
                let _ = done.send(());
                false
            }
        };
        if full {
            control.write_observations(&mut collected, &mut traced).await;
        }
    }
}

impl Control {
    async fn write_observations(
        &self,
        collected: &mut collecting::Batches,
        traced: &mut traces::Batches,
    ) {
        if let Err(error) = self.write_traces(traced).await {
            tracing::error!(?error, "traces could not be written");
        }
        for batch in collected.take() {
            let service = batch.service;
            if let Err(error) = self.keep_collected(batch).await {
                tracing::error!(?error, %service, "collected calls could not be written");
            }
        }
    }

    /// Whether the caller may see what a service's log, traces and collected calls say; gives its id.
    async fn observed(
        &self,
        account: &crate::AccountAccess,
        id: &str,
    ) -> Result<ServiceId, ControlError> {
        account.require(crate::Action::Read)?;
        self.service_id(account, id).await
    }
}
