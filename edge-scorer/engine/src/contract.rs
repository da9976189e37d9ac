//! Reads a module and refuses whatever the contract does not allow, before anything is compiled.
//!
//! # Invariants
//! - A module that passes imports nothing but functions of `linalg`, and the mark where it is measured;
//!   it has no start function, one 32-bit memory, and exports of exactly the documented types: the rest
//!   of the crate need not ask again.
//! - The signature is inside the limits of [`crate::limits`], and every dimension is resolved.

use shared::{ElementType, Signature};
use wasmparser::{
    CompositeInnerType, Encoding, ExternalKind, FuncType, Parser, Payload, TypeRef, ValType,
    ValidPayload, Validator, WasmFeatures,
};

use crate::{ModuleError, Trust, linalg, marks, rules};

/// The custom section that holds the signature.
pub(crate) const SIGNATURE_SECTION: &str = "edge-scorer";
/// Longest signature section.
const SIGNATURE_BYTES: usize = 1 << 20;
/// Bytes of a WebAssembly page.
const PAGE_BYTES: u64 = 65_536;

/// What is known of a module before it is compiled.
pub(crate) struct Contract {
    pub(crate) signature: Signature,
    /// Bytes its memory has from the start.
    pub(crate) memory_bytes: u64,
}

/// Reads the signature of a module and checks everything about the contract that can be checked
/// without running it: proposals used, imports, exports and their types, the signature itself.
pub fn read_signature(wasm: &[u8]) -> Result<Signature, ModuleError> {
    read(wasm, Trust::HandWritten).map(|contract| contract.signature)
}

/// What the contract needs, and what ordinary compilers emit without being asked.
fn features() -> WasmFeatures {
    let features = WasmFeatures::WASM1
        | WasmFeatures::SIMD
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::EXTENDED_CONST;
    // References to functions are enough; objects would need a collector.
    features.difference(WasmFeatures::GC_TYPES)
}

/// Types, functions and exports as they are met.
/// Most elements of a table, at the beginning and ever.
pub(crate) const TABLE_ELEMENTS: u64 = 100_000;

#[derive(Default)]
struct Met {
    /// Whether it may tell where its steps end.
    marks: bool,
    types: Vec<Option<FuncType>>,
    functions: Vec<u32>,
    exports: Vec<(String, ExternalKind, u32)>,
    memory_bytes: Option<u64>,
    signature: Option<Signature>,
}

pub(crate) fn read(wasm: &[u8], trust: Trust) -> Result<Contract, ModuleError> {
    if wasm.get(..8) != Some(b"\0asm\x01\0\0\0") {
        return Err(ModuleError::NotWasm);
    }
    let mut validator = Validator::new_with_features(features());
    let mut allocations = wasmparser::FuncValidatorAllocations::default();
    let mut met = Met { marks: trust == Trust::Measured, ..Met::default() };
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(invalid)?;
        // Refusals of our own come first: they say more than the validator does.
        met.meet(&payload)?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(invalid)? {
            let mut function = function.into_validator(allocations);
            function.validate(&body).map_err(invalid)?;
            allocations = function.into_allocations();
        }
    }
    let memory_bytes = met.check_memory()?;
    let Some(signature) = met.signature.take() else {
        return Err(ModuleError::contract(format!("there is no section `{SIGNATURE_SECTION}`")));
    };
    rules::check(&signature)?;
    met.check_functions(&signature)?;
    Ok(Contract { signature, memory_bytes })
}

fn invalid(error: wasmparser::BinaryReaderError) -> ModuleError {
    ModuleError::Invalid(error.to_string())
}

impl Met {
    fn meet(&mut self, payload: &Payload<'_>) -> Result<(), ModuleError> {
        match payload {
            Payload::Version { encoding, .. } if *encoding != Encoding::Module => {
                return Err(ModuleError::NotWasm);
            }
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for kind in group.map_err(invalid)?.types() {
                        self.types.push(match &kind.composite_type.inner {
                            CompositeInnerType::Func(function) => Some(function.clone()),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    self.meet_import(&import.map_err(invalid)?)?;
                }
            }
            Payload::FunctionSection(section) => {
                for index in section.clone() {
                    self.functions.push(index.map_err(invalid)?);
                }
            }
            Payload::MemorySection(section) => {
                if section.count() > 1 {
                    return Err(ModuleError::contract("it has more than one memory"));
                }
                for memory in section.clone() {
                    let memory = memory.map_err(invalid)?;
                    if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
                        return Err(ModuleError::contract(
                            "its memory is not an ordinary 32-bit memory",
                        ));
                    }
                    self.memory_bytes = Some(memory.initial.saturating_mul(PAGE_BYTES));
                }
            }
            Payload::TableSection(section) => {
                for table in section.clone() {
                    if table.map_err(invalid)?.ty.initial > TABLE_ELEMENTS {
                        return Err(ModuleError::LimitExceeded(format!(
                            "a table begins with more than {TABLE_ELEMENTS} elements"
                        )));
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export.map_err(invalid)?;
                    self.exports.push((export.name.to_owned(), export.kind, export.index));
                }
            }
            Payload::StartSection { .. } => {
                return Err(ModuleError::contract("it has a start function"));
            }
            Payload::CustomSection(section) if section.name() == SIGNATURE_SECTION => {
                if self.signature.is_some() {
                    return Err(ModuleError::contract(format!(
                        "there is more than one section `{SIGNATURE_SECTION}`"
                    )));
                }
                self.signature = Some(parse_signature(section.data())?);
            }
            _ => {}
        }
        Ok(())
    }

    /// A scorer may import the products of `linalg`, as they are, and nothing else; but one that is
    /// measured may import the mark.
    fn meet_import(&mut self, import: &wasmparser::Import<'_>) -> Result<(), ModuleError> {
        let kind = match import.ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => "function",
            TypeRef::Memory(_) => "memory",
            TypeRef::Table(_) => "table",
            TypeRef::Global(_) => "global",
            TypeRef::Tag(_) => "tag",
        };
        if let (TypeRef::Func(index), marks::MODULE, marks::MARK, true) =
            (import.ty, import.module, import.name, self.marks)
        {
            self.functions.push(index);
            return Ok(());
        }
        let (TypeRef::Func(index), linalg::MODULE) = (import.ty, import.module) else {
            return Err(ModuleError::contract(format!(
                "it imports the {kind} `{}` from `{}`, and a scorer may import nothing but the \
                 functions of `{}`",
                shorten(import.name),
                shorten(import.module),
                linalg::MODULE
            )));
        };
        let function = self.types.get(index as usize).and_then(Option::as_ref);
        let fits = match (linalg::parameters(import.name), function) {
            (Some(parameters), Some(function)) => {
                function.params() == parameters && function.results().is_empty()
            }
            _ => false,
        };
        if !fits {
            return Err(ModuleError::contract(format!(
                "it imports `{}` from `{}`, which has no such function of that type",
                shorten(import.name),
                linalg::MODULE
            )));
        }
        // Function indices begin with the imported ones.
        self.functions.push(index);
        Ok(())
    }

    fn check_memory(&self) -> Result<u64, ModuleError> {
        let exported = self
            .exports
            .iter()
            .any(|(name, kind, _)| name == "memory" && *kind == ExternalKind::Memory);
        match self.memory_bytes {
            Some(bytes) if exported => Ok(bytes),
            _ => Err(ModuleError::contract("it exports no memory named `memory`")),
        }
    }

    fn check_functions(&self, signature: &Signature) -> Result<(), ModuleError> {
        let text = |tensors: &[shared::TensorSpec]| {
            tensors.iter().any(|tensor| tensor.element_type == ElementType::String)
        };
        let unknown = signature.outputs.iter().any(rules::has_unknown_dimension);

        self.demand("prepare", signature.symbols.len(), true)?;
        self.demand("input", 1, true)?;
        self.demand("output", 1, true)?;
        self.demand("run", 0, true)?;
        self.demand("input_bytes", 2, text(&signature.inputs))?;
        self.demand("output_bytes", 1, text(&signature.outputs))?;
        self.demand("output_dim", 2, unknown)?;
        self.demand("error_row", 0, false)
    }

    /// The export `name` takes `parameters` times `i32` and gives one; it may be absent unless `needed`.
    fn demand(&self, name: &str, parameters: usize, needed: bool) -> Result<(), ModuleError> {
        let Some((_, kind, index)) = self.exports.iter().find(|(export, ..)| export == name) else {
            return if needed {
                Err(ModuleError::contract(format!("it exports no function `{name}`")))
            } else {
                Ok(())
            };
        };
        // Function indices count imported functions first, as `functions` does.
        let function = (*kind == ExternalKind::Func)
            .then(|| self.functions.get(*index as usize))
            .flatten()
            .and_then(|index| self.types.get(*index as usize)?.as_ref());
        let fits = function.is_some_and(|function| {
            function.params().len() == parameters
                && function.params().iter().all(|kind| *kind == ValType::I32)
                && *function.results() == [ValType::I32]
        });
        if fits {
            return Ok(());
        }
        Err(ModuleError::contract(format!(
            "its export `{name}` is not a function of {parameters} i32 that gives one i32"
        )))
    }
}

fn parse_signature(section: &[u8]) -> Result<Signature, ModuleError> {
    if section.len() > SIGNATURE_BYTES {
        return Err(ModuleError::contract("its signature is longer than 1 MiB"));
    }
    serde_json::from_slice(section).map_err(|error| {
        ModuleError::contract(format!("its section `{SIGNATURE_SECTION}` cannot be read: {error}"))
    })
}

/// Names come from strangers and end in messages.
fn shorten(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_default).collect()
}
