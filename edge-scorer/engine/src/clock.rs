//! Ticks that end guests which run too long.
//!
//! One thread increments the epoch of the interruptible configuration every [`TICK`], but only
//! while somebody runs: an idle process is not woken. A guest compares the epoch with its deadline
//! in every loop and at every function's start.
//!
//! # Invariants
//! - While a [`Running`] exists, the epoch grows by one at least every few ticks.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use crate::EngineError;

/// How exactly deadlines are kept.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The thread's handle; the thread ends soon after the last handle is dropped.
pub(crate) struct Clock {
    runs: Arc<AtomicUsize>,
    thread: Thread,
}

/// Keeps the clock ticking.
pub(crate) struct Running {
    runs: Arc<AtomicUsize>,
}

impl Clock {
    pub(crate) fn start(engine: &wasmtime::Engine) -> Result<Self, EngineError> {
        let runs = Arc::new(AtomicUsize::new(0));
        let (engine, seen) = (engine.weak(), Arc::downgrade(&runs));
        let thread = std::thread::Builder::new()
            .name("epoch clock".to_owned())
            .spawn(move || tick(&engine, &seen))
            .map_err(EngineError::Clock)?;
        Ok(Self { runs, thread: thread.thread().clone() })
    }

    /// Ticks until the value is dropped.
    pub(crate) fn run(&self) -> Running {
        if self.runs.fetch_add(1, Ordering::SeqCst) == 0 {
            self.thread.unpark();
        }
        Running { runs: Arc::clone(&self.runs) }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.thread.unpark();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.runs.fetch_sub(1, Ordering::SeqCst);
    }
}

fn tick(engine: &wasmtime::EngineWeak, runs: &Weak<AtomicUsize>) {
    while let Some(running) = runs.upgrade().map(|runs| runs.load(Ordering::SeqCst)) {
        if running == 0 {
            // A wake-up between the look and the sleep is not lost: `unpark` leaves a token. The
            // time-out covers the drop of the last handle while the thread holds it itself.
            std::thread::park_timeout(Duration::from_secs(5));
            continue;
        }
        std::thread::sleep(TICK);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}

/// Ticks after which `time` has surely passed.
pub(crate) fn ticks(time: Duration) -> u64 {
    (time.as_nanos() / TICK.as_nanos()).min(u128::from(u32::MAX)) as u64 + 1
}
