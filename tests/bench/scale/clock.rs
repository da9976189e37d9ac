//! What an answer took: on the clock, and of the server's processors.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Looks at one server.
pub(super) struct Clock {
    threads: PathBuf,
}

/// What one answer took.
pub(super) struct Times {
    /// As the caller sees it, other programs on the machine included.
    pub(super) elapsed: Duration,
    /// Processor time of all of the server's threads.
    pub(super) busy: Duration,
}

impl Clock {
    pub(super) fn of(process: u32) -> Self {
        Self { threads: PathBuf::from(format!("/proc/{process}/task")) }
    }

    pub(super) async fn time<T>(&self, answer: impl Future<Output = T>) -> (T, Times) {
        let (before, began) = (self.busy(), Instant::now());
        let answer = answer.await;
        let elapsed = began.elapsed();
        (answer, Times { elapsed, busy: self.busy().saturating_sub(before) })
    }

    /// Threads that ended are not counted, so a difference may be too small.
    fn busy(&self) -> Duration {
        let threads = fs::read_dir(&self.threads).unwrap().flatten();
        threads.map(|thread| nanoseconds(&thread.path().join("schedstat"))).sum()
    }
}

fn nanoseconds(schedstat: &std::path::Path) -> Duration {
    let line = fs::read_to_string(schedstat).unwrap_or_default();
    let busy = line.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(busy.unwrap_or(0))
}
