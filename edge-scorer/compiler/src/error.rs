//! Why a model was not compiled, and how much of one is read.

use shared::UnsupportedOperator;

/// Why a model was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The bytes are something else; `found` says what, `hint` what to do about it.
    #[error("this is not an ONNX model: {found}; {hint}")]
    NotOnnx { found: &'static str, hint: &'static str },
    /// Every operator that stands in the way.
    #[error("could not compile the model: {}", list(.0))]
    Unsupported(Vec<UnsupportedOperator>),
    /// The file is ONNX, but it contradicts itself or the specification.
    #[error("the model is not valid: {reason}")]
    Invalid { reason: String },
    /// The file asks for more than is granted.
    #[error("the model has {actual} {what}, more than the limit of {limit}")]
    LimitExceeded { what: &'static str, actual: u64, limit: u64 },
    /// Our own mistake.
    #[error("the compiler failed: {reason}")]
    Internal { reason: String },
}

/// Why the static tier stopped.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) error: CompileError,
    /// Whether the dynamic tier can do no better.
    pub(crate) is_final: bool,
}

impl From<CompileError> for Stopped {
    fn from(error: CompileError) -> Self {
        let is_final =
            !matches!(error, CompileError::Unsupported(_) | CompileError::Invalid { .. });
        Self { error, is_final }
    }
}

/// How large a model may be. The defaults are those of the REST APIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the ONNX file.
    pub onnx_bytes: u64,
    /// Nodes, those of subgraphs included.
    pub nodes: u64,
    /// Graphs within graphs.
    pub nesting: u64,
    /// Inputs, and apart from them outputs.
    pub ports: u64,
    /// Bytes of the finished module.
    pub module_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            onnx_bytes: 2 << 30,
            nodes: 100_000,
            nesting: 64,
            // As many as a module may have.
            ports: 4_096,
            module_bytes: 512 << 20,
        }
    }
}

/// Does the compiler's work; a panic in it is our own mistake, and becomes an error like any other.
pub(crate) fn fenced<T>(work: impl FnOnce() -> Result<T, CompileError>) -> Result<T, CompileError> {
    // Whatever `work` was changing is dropped with it.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|cause| {
        let said = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
        tracing::error!(said, "the compiler stopped half way");
        Err(CompileError::internal("it stopped half way"))
    })
}

impl CompileError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }

    pub(crate) fn internal(reason: impl Into<String>) -> Self {
        Self::Internal { reason: reason.into() }
    }
}

/// `Foo (a, b), Bar (c) and 3 more`: enough for one line; the variant carries the rest.
fn list(operators: &[UnsupportedOperator]) -> String {
    let shown: Vec<_> = operators
        .iter()
        .take(5)
        .map(|found| {
            let name = match found.domain.as_str() {
                "" | "ai.onnx" => found.operator.clone(),
                domain => format!("{domain}.{}", found.operator),
            };
            format!("operator {name} ({}) is not supported", found.nodes.join(", "))
        })
        .collect();
    match operators.len().saturating_sub(shown.len()) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}
