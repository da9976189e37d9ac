//! Why a command could not do its work, and the exit code that says so to scripts.
//!
//! # Invariants
//! - The first line on stderr is for people and stands alone; causes and the hint follow it.

use std::{error::Error, fmt, io};

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Our mistake, or the machine's.
    Internal = 1,
    /// The command line or a configuration file is wrong.
    Usage = 2,
    /// The model cannot be compiled.
    CannotCompile = 3,
    /// The input data is wrong.
    BadInput = 4,
    /// The module breaks the contract.
    BrokenModule = 5,
    /// Time, memory or size ran out.
    Limit = 6,
    /// The address or the data folder is in use.
    InUse = 7,
}

/// A command's error.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, source: None }
    }

    /// Says what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whoever read our output has heard enough, as `head` does.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let cause = self.source.as_deref().and_then(|source| source.downcast_ref::<io::Error>());
        cause.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The causes, outermost first. A cause that the line above already says is left out.
    pub(crate) fn causes(&self) -> Vec<String> {
        let mut said = self.message.clone();
        let mut causes = Vec::new();
        let mut next = self.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !said.ends_with(&text) {
                causes.push(text.clone());
                said = text;
            }
            next = cause.source();
        }
        causes
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// stdout or stderr could not be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Internal, "the output could not be written").because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = io::Error::other("disk on fire");

        let failure = Failure::new(Exit::Internal, "cannot write: disk on fire").because(cause);

        assert!(failure.causes().is_empty());
    }
}
