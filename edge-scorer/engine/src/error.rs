//! What can go wrong, in the words of this crate.
//!
//! # Invariants
//! - `Display` of each error is safe to show a caller: it tells nothing about the host.
//! - What wasmtime or the operating system said is the `source`, for the log.

/// What a library beneath said; for the log only.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

impl From<wasmtime::Error> for Cause {
    fn from(error: wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// Why the engine could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refuses the configuration or the machine.
    #[error("the WebAssembly engine could not be set up")]
    Setup(#[source] Cause),
    /// The folder for machine code cannot be made or belongs to others too.
    #[error("the folder for machine code cannot be used")]
    CacheFolder(#[source] std::io::Error),
    /// The thread that enforces deadlines could not be started.
    #[error("the clock thread could not be started")]
    Clock(#[source] std::io::Error),
}

/// Why a module could not be made ready to run.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// Not `\0asm`, version 1.
    #[error("the bytes are not a WebAssembly module")]
    NotWasm,
    /// A malformed module, or one that uses a proposal that is switched off here.
    #[error("the module is not valid WebAssembly: {0}")]
    Invalid(String),
    /// A valid module that does not keep to the contract.
    #[error("the module breaks the contract: {0}")]
    Contract(String),
    /// More than the engine's settings allow.
    #[error("the module needs more than it may have: {0}")]
    LimitExceeded(String),
    /// Cranelift failed, or the machine code could not be mapped.
    #[error("the module could not be turned into machine code")]
    Compile(#[source] Cause),
    /// The machine code could not be written.
    #[error("the machine code could not be stored")]
    Cache(#[source] std::io::Error),
}

impl ModuleError {
    pub(crate) fn contract(breach: impl Into<String>) -> Self {
        Self::Contract(breach.into())
    }
}

/// Why a batch was not scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The module refused a value.
    #[error("the model does not accept a value of {}", match row { Some(row) => format!("row {row}"), None => "the input".to_owned() })]
    BadInput {
        /// Which row, from 0, where the module tells.
        row: Option<u64>,
    },
    /// The caller's tensors do not fit the signature.
    #[error("{0}")]
    WrongInput(String),
    /// The deadline passed.
    #[error("the model ran too long")]
    OutOfTime,
    /// Not even the smallest batch fits, or the module asked for more than it may have.
    #[error("the model needs more memory than it may have")]
    OutOfMemory,
    /// The guest trapped.
    #[error("the model failed while running")]
    Trap(#[source] Cause),
    /// The module reported a failure of its own.
    #[error("the model failed with status {0}{words}", words = meaning(*.0))]
    Failed(i32),
    /// The module answered something the contract does not allow.
    #[error("the module breaks the contract: {0}")]
    BrokenContract(String),
    /// No instance could be made, because too many exist or the machine refuses.
    #[error("no instance of the model could be made")]
    NoInstance(#[source] Cause),
}

/// What the modules of this repository's own compiler mean; others have numbers of their own.
fn meaning(status: i32) -> &'static str {
    match status {
        16 => ": there is no room for a tensor",
        17 => ": an operator does not know the type or the form of what it reads",
        18 => ": an output is not what the signature promises",
        _ => "",
    }
}

impl ScoreError {
    pub(crate) fn broken(breach: impl Into<String>) -> Self {
        Self::BrokenContract(breach.into())
    }
}
