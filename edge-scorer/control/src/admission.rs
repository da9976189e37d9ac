//! How many calls a service runs and how many may wait.

/// A slot of a service; the call may run as long as this lives.
#[derive(Debug)]
pub struct Permit {
    _slot: (),
}

/// Why a call may not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// The service has no replicas.
    #[error("the service has no replicas")]
    Stopped,
    /// Too many calls are running and waiting; retry after a second.
    #[error("too many calls are in flight")]
    Busy,
}

impl Permit {
    pub(crate) fn new() -> Self {
        Self { _slot: () }
    }
}
