//! ONNX in, one self-contained WebAssembly module out.
//!
//! 1. **Import** (`import`): recognise and screen the bytes, let tract parse, type and simplify the
//!    graph over symbolic dimensions. The operators of `ai.onnx.ml`, which tract lacks or would
//!    interpret, are ours and travel through its graph (`ml`): a chain of classifiers and scalers is
//!    a graph like any other, and tract's inference, constant folding and clean-up serve it too.
//!    So do those operators of networks that it takes apart or lacks (`layers`).
//! 2. **Lower** (`lower`, `layers`, `ml`): one node after another becomes kernel calls over buffers whose
//!    sizes are expressions of the symbols. `lower.rs` shows how to add an operator.
//! 3. **Plan** (`plan`): the straight line of calls, placed in memory, and its printer.
//! 4. **Emit** (`emit`): the prebuilt kernels plus the plan as `run`; what is not called is dropped.
//! 5. **Dynamic tier** (`dynamic`): what the steps above refuse, because shapes follow from values or
//!    control flow is in it, becomes calls of generic operators over tensor descriptors.
//! 6. **Describe** (`signature`): what callers need to know.
//!
//! # Invariants
//! - Nothing in a file makes [`compile`] panic or loop: every size is checked, tract is fenced, and
//!   what it evaluates is bounded. A panic of our own would be [`CompileError::Internal`].
//! - The same bytes and options give the same module.
//! - A model is never specialised on the values of its inputs.
//!
//! # Deliberately absent
//! - Running modules (`engine` does), files, clocks, threads.

mod compile;
mod dynamic;
mod emit;
mod error;
mod graph;
mod import;
mod layers;
mod lower;
mod ml;
mod operators;
mod plan;
mod signature;

use shared::{Check, Graph, Profile, Signature};

pub use crate::error::{CompileError, Limits};

/// What to compile for.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the module may use of its host.
    pub profile: Profile,
    /// How large the model may be.
    pub limits: Limits,
    /// Whether the module tells its host where each step ends, so that steps can be timed. Such a
    /// module imports `marks.mark`, and is no scorer.
    pub marks: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { profile: Profile::Relaxed, limits: Limits::default(), marks: false }
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
    /// With marks, for each step, in order, the operator that it is made of: its place among the
    /// nodes of [`graph`]. `None` where that does not show it.
    pub steps: Vec<Option<u32>>,
}

/// Compiles an ONNX model to a module that implements the module contract.
pub fn compile(onnx: &[u8], options: &Options) -> Result<Compiled, CompileError> {
    error::fenced(|| compile::compile(onnx, options))
}

/// Says whether a model would compile, and lists every operator that stands in the way.
pub fn check(onnx: &[u8], options: &Options) -> Result<Check, CompileError> {
    error::fenced(|| compile::check(onnx, options))
}

/// A model that needs no other file: values that `onnx` keeps beside itself are taken from `files`,
/// by the location that the model names. Bytes that are no ONNX model come back as they are.
pub fn self_contained(
    onnx: Vec<u8>,
    files: &dyn Fn(&str) -> Option<Vec<u8>>,
    limits: &Limits,
) -> Result<Vec<u8>, CompileError> {
    error::fenced(|| import::inline(onnx, files, limits))
}

/// The operators of an ONNX file, compilable or not, as a graph of bounded size.
pub fn graph(onnx: &[u8], options: &Options) -> Result<Graph, CompileError> {
    error::fenced(|| graph::graph(onnx, &options.limits))
}

/// The plan that a module carries, if it carries one.
pub fn plan_text(wasm: &[u8]) -> Option<String> {
    let section = emit::custom_section(wasm, emit::PLAN_SECTION)?;
    Some(String::from_utf8_lossy(section).into_owned())
}
