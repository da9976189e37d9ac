//! A module that is ready to be instantiated.

use std::{sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};
use shared::Signature;
use wasmtime::{InstancePre, Linker, ModuleExport};

use crate::{Trust, clock::Clock, guest::Budget, layout::Layout};

/// Machine code with its signature. Cheap to clone.
#[derive(Clone)]
pub struct Module {
    pub(crate) inner: Arc<Loaded>,
}

pub(crate) struct Loaded {
    pub(crate) code: wasmtime::Module,
    /// The same with its imports resolved.
    pub(crate) ready: InstancePre<Budget>,
    pub(crate) signature: Arc<Signature>,
    pub(crate) inputs: Vec<Layout>,
    pub(crate) outputs: Vec<Layout>,
    /// Index of the symbol `rows`.
    pub(crate) rows: Option<usize>,
    pub(crate) exports: Exports,
    /// Present where runs are interrupted at their deadline.
    pub(crate) clock: Option<Arc<Clock>>,
    pub(crate) trust: Trust,
    /// The engine's cap, which no scorer may exceed.
    pub(crate) memory_cap_bytes: u64,
    pub(crate) deadline: Duration,
    sha256: String,
}

/// Where the contract's exports are; found once, because finding them by name takes longer than a call.
pub(crate) struct Exports {
    pub(crate) memory: Option<ModuleExport>,
    pub(crate) prepare: Option<ModuleExport>,
    pub(crate) input: Option<ModuleExport>,
    pub(crate) output: Option<ModuleExport>,
    pub(crate) run: Option<ModuleExport>,
    pub(crate) input_bytes: Option<ModuleExport>,
    pub(crate) output_bytes: Option<ModuleExport>,
    pub(crate) output_dim: Option<ModuleExport>,
    pub(crate) error_row: Option<ModuleExport>,
}

impl Module {
    pub(crate) fn new(
        wasm: &[u8],
        signature: Signature,
        code: wasmtime::Module,
        linker: &Linker<Budget>,
        trust: Trust,
        clock: Option<Arc<Clock>>,
        (memory_cap_bytes, deadline): (u64, Duration),
    ) -> Result<Self, crate::ModuleError> {
        let layouts = |tensors: &[shared::TensorSpec]| {
            tensors.iter().map(|tensor| Layout::of(&signature, tensor)).collect::<Result<_, _>>()
        };
        let export = |name| code.get_export_index(name);
        let ready = linker
            .instantiate_pre(&code)
            .map_err(|error| crate::ModuleError::Compile(error.into()))?;
        let inner = Loaded {
            ready,
            inputs: layouts(&signature.inputs)?,
            outputs: layouts(&signature.outputs)?,
            rows: signature.symbols.iter().position(|symbol| symbol.name == "rows"),
            exports: Exports {
                memory: export("memory"),
                prepare: export("prepare"),
                input: export("input"),
                output: export("output"),
                run: export("run"),
                input_bytes: export("input_bytes"),
                output_bytes: export("output_bytes"),
                output_dim: export("output_dim"),
                error_row: export("error_row"),
            },
            signature: Arc::new(signature),
            code,
            clock,
            trust,
            memory_cap_bytes,
            deadline,
            sha256: hex::encode(Sha256::digest(wasm)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What goes in and what comes out.
    pub fn signature(&self) -> &Arc<Signature> {
        &self.inner.signature
    }

    /// Of the WebAssembly bytes; hex.
    pub fn sha256(&self) -> &str {
        &self.inner.sha256
    }

    /// Size of the machine code, without data.
    pub fn machine_code_bytes(&self) -> usize {
        self.inner.code.text().len()
    }

    /// Whether a run ends at its deadline by itself; otherwise every run is short by construction.
    pub fn is_interruptible(&self) -> bool {
        self.inner.clock.is_some()
    }
}
