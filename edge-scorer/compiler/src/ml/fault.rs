//! Why an operator is refused, and whether the other tier may do better.

use crate::lower::Refusal;

/// Why an operator is refused.
///
/// What the static tier lacks goes to the dynamic tier; what contradicts itself goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Fault {
    reason: String,
    is_contradiction: bool,
}

impl Fault {
    /// No tier can make sense of it.
    pub(crate) fn contradiction(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_contradiction: true }
    }

    pub(crate) fn is_contradiction(&self) -> bool {
        self.is_contradiction
    }
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self { reason, is_contradiction: false }
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self(fault.reason)
    }
}

/// As `format!`, of what contradicts itself.
macro_rules! contradiction {
    ($($reason:tt)+) => {
        $crate::ml::Fault::contradiction(format!($($reason)+))
    };
}
pub(crate) use contradiction;
