//! What the server asks of a child, and what the child answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shared::{Check, ErrorCode, Graph, GraphCosts, Profile, Signature, UnsupportedOperator};

use crate::ControlError;

/// What a child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) task: Task,
    /// The model's bytes; only read.
    pub(crate) source: PathBuf,
    /// Whether they are an archive that holds the model.
    pub(crate) unpack: bool,
    /// The child's own folder.
    pub(crate) folder: PathBuf,
    /// Where the engine keeps machine code.
    pub(crate) machine_code: PathBuf,
    pub(crate) limits: JobLimits,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Say what the bytes are.
    Read,
    /// Say which operators there are and how values flow between them.
    Draw,
    /// Say how long each operator takes.
    Measure { profile: Profile },
    /// Make a module that runs in any engine, and no machine code.
    BuildPortable,
    /// Make a module and its machine code.
    Build { profile: Profile },
    /// Make machine code of a module.
    Precompile { compiled_here: bool },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobLimits {
    pub(crate) memory_bytes: u64,
    pub(crate) seconds: u64,
    pub(crate) module_bytes: u64,
    pub(crate) guest_memory_bytes: u64,
    pub(crate) archive_packed_bytes: u64,
    pub(crate) archive_unpacked_bytes: u64,
    pub(crate) archive_entries: u64,
}

impl Job {
    /// Where the module goes.
    pub(crate) fn module(&self) -> PathBuf {
        self.folder.join("module.wasm")
    }

    /// Where the ONNX file goes that came out of an archive.
    pub(crate) fn unpacked(&self) -> PathBuf {
        self.folder.join("unpacked")
    }

    /// Where the outcome goes.
    pub(crate) fn outcome(&self) -> PathBuf {
        self.folder.join("outcome.json")
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Read(Reading),
    Built {
        signature: Signature,
        /// Whether our compiler made the module; else the source was one.
        compiled_here: bool,
    },
    Precompiled,
    Drawn(Graph),
    Measured(GraphCosts),
    /// The module is in the child's folder.
    BuiltPortable,
    Refused(Refusal),
}

/// What was found in a model's bytes; kept beside the model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Reading {
    Onnx(Check),
    Wasm(Signature),
    Refused(Refusal),
}

/// Why bytes cannot become a module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) remedy: String,
    pub(crate) unsupported: Vec<UnsupportedOperator>,
}

impl Refusal {
    pub(crate) fn unsupported_model(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::UnsupportedModel,
            message: message.into(),
            remedy: remedy.into(),
            unsupported: Vec::new(),
        }
    }

    pub(crate) fn memory(limit: u64) -> Self {
        Self::limit(format!("{} of memory to compile in", bytes(limit)))
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::LimitExceeded,
            message: message.into(),
            remedy: "Make the model smaller, or ask the operator to raise the limit.".to_owned(),
            unsupported: Vec::new(),
        }
    }
}

impl From<Refusal> for ControlError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, message, remedy, unsupported } = refusal;
        match code {
            ErrorCode::UnsupportedOperator => Self::UnsupportedOperator(unsupported),
            ErrorCode::LimitExceeded => {
                Self::LimitExceeded { what: "the model".to_owned(), limit: message, remedy }
            }
            ErrorCode::UnsupportedModel => Self::UnsupportedModel { message, remedy },
            _ => Self::internal(message),
        }
    }
}

/// A limit as an operator writes it: in the largest unit that it is a multiple of.
fn bytes(limit: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| limit > 0 && limit.is_multiple_of(1 << shift));
    unit.map_or_else(
        || format!("{limit} bytes"),
        |(shift, name)| format!("{} {name}", limit >> shift),
    )
}
