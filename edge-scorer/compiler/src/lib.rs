//! ONNX in, one self-contained WebAssembly module out.

#[expect(dead_code, reason = "the front end that drives it follows")]
mod emit;
mod error;
#[expect(dead_code, reason = "the front end that drives it follows")]
mod plan;

use shared::{Check, Profile, Signature, UnsupportedOperator};

pub use crate::error::{CompileError, Limits};

/// What to compile for.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the module may use of its host.
    pub profile: Profile,
    /// How large the model may be.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { profile: Profile::Relaxed, limits: Limits::default() }
    }
}

/// A model that can be run.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The module, with its signature and its plan in custom sections.
    pub wasm: Vec<u8>,
    /// What goes in and what comes out.
    pub signature: Signature,
    /// The plan as text to read, as in the section `edge-scorer.plan`.
    pub plan: String,
}

/// Compiles an ONNX model to a module that implements the module contract.
pub fn compile(onnx: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    let _ = (onnx, options);
    Err(CompileError::Unsupported(vec![UnsupportedOperator {
        domain: "ai.onnx".to_owned(),
        operator: "*".to_owned(),
        nodes: Vec::new(),
        hint: None,
    }]))
}

/// Says whether a model would compile, and lists every operator that stands in the way.
pub fn check(onnx: &[u8], options: &Options) -> Result<Check, CompileError> {
    match compile(onnx, options) {
        Ok(compiled) => {
            Ok(Check { ok: true, signature: Some(compiled.signature), unsupported: Vec::new() })
        }
        Err(CompileError::Unsupported(unsupported)) => {
            Ok(Check { ok: false, signature: None, unsupported })
        }
        Err(error) => Err(error),
    }
}

/// The plan that a module carries, if it carries one.
pub fn plan_text(wasm: &[u8]) -> Option<String> {
    let section = emit::custom_section(wasm, emit::PLAN_SECTION)?;
    Some(String::from_utf8_lossy(section).into_owned())
}
