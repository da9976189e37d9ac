//! A module and its idle instances.
//!
//! [`Scorer::batch`] checks an instance out, the [`Batch`] runs it, and its drop checks it in again.
//!
//! # Invariants
//! - An instance serves one batch at a time.
//! - Instances of hand-written modules are thrown away after one batch, unless the operator says
//!   otherwise; compiled plans write every buffer before they read it, so theirs are used again.
//! - An instance that trapped is thrown away.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{Batch, Module, ScoreError, Trust, clock, guest::Guest};

/// What the batches of one scorer may use.
#[derive(Debug, Clone)]
pub struct ScorerLimits {
    /// Guest memory of one instance; the engine's cap holds as well. [512 MiB]
    pub memory_bytes: u64,
    /// Instances kept for later; [32].
    pub max_idle: usize,
    /// How long a batch may take; `None`: what the engine says. [none]
    pub deadline: Option<Duration>,
    /// Whether instances of hand-written modules are used again. [no]
    pub reuse_hand_written: bool,
}

impl Default for ScorerLimits {
    fn default() -> Self {
        Self { memory_bytes: 512 << 20, max_idle: 32, deadline: None, reuse_hand_written: false }
    }
}

/// Scores batches with one module.
pub struct Scorer {
    module: Module,
    memory_bytes: u64,
    deadline: Duration,
    max_idle: usize,
    #[expect(
        clippy::vec_box,
        reason = "an instance is large and moves out and in with each batch"
    )]
    idle: Mutex<Vec<Box<Guest>>>,
}

impl Scorer {
    /// Makes no instance yet: the first batch does.
    pub fn new(module: Module, limits: ScorerLimits) -> Self {
        let reuse = module.inner.trust != Trust::HandWritten || limits.reuse_hand_written;
        Self {
            memory_bytes: limits.memory_bytes.min(module.inner.memory_cap_bytes),
            deadline: limits.deadline.unwrap_or(module.inner.deadline),
            max_idle: if reuse { limits.max_idle } else { 0 },
            idle: Mutex::new(Vec::new()),
            module,
        }
    }

    /// What is run.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Most memory of an instance.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// How long a batch may take.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Estimated time of `rows` rows; `None` where nobody vouches for an estimate.
    pub fn estimate(&self, rows: u64) -> Option<Duration> {
        if self.module.is_interruptible() {
            return None;
        }
        let row = self.module.signature().row_cost_ns?;
        Some(Duration::from_nanos(row.saturating_mul(rows)))
    }

    /// Checks out an instance; its time begins now.
    pub fn batch(&self) -> Result<Batch<'_>, ScoreError> {
        self.batch_until(None)
    }

    /// As [`Scorer::batch`], but `until` is the deadline if it comes first.
    pub fn batch_until(&self, until: Option<Instant>) -> Result<Batch<'_>, ScoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut guest = match idle {
            Some(guest) => guest,
            None => Guest::new(&self.module.inner, self.memory_bytes)?,
        };
        let running = self.module.inner.clock.as_ref().map(|clock| {
            let time = until.map_or(self.deadline, |until| {
                until.saturating_duration_since(Instant::now()).min(self.deadline)
            });
            guest.set_deadline(clock::ticks(time));
            clock.run()
        });
        Ok(Batch::new(self, guest, running))
    }

    /// Takes an instance back.
    pub(crate) fn keep(&self, guest: Box<Guest>) {
        if !guest.sound || self.max_idle == 0 {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.max_idle {
            idle.push(guest);
            return;
        }
        // Unmapping takes a while; others need not wait for it.
        drop(idle);
        drop(guest);
    }
}

impl std::fmt::Debug for Scorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scorer").field("module", &self.module.sha256()).finish_non_exhaustive()
    }
}
