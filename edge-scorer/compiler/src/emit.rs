//! Turns a plan into a module: the prebuilt kernels, plus `prepare`, `run` and the ports.
//!
//! Memory from low to high: the kernels' stack and constants, the model's constants, one slot after
//! another, the bytes of string inputs. A slot's address is a global that `prepare` sets.
//!
//! # Invariants
//! - The module exports only what the module contract names, and imports nothing but the functions of
//!   `linalg` that its plan calls, and `marks.mark` where its steps are to be timed.
//! - Kernels that the plan does not call are not in the module, nor are tables that only they read.
//! - `run` goes through its calls once, in order: whatever loops, loops in a kernel, over counts
//!   that are constants or come from the symbols.

mod expression;
mod ports;
mod prepare;
mod sections;
mod tables;

use shared::Signature;
use walrus::ir::{UnaryOp, Value};
use walrus::{
    ConstExpr, DataKind, ExportItem, FunctionBuilder, FunctionId, GlobalId, GlobalKind, ImportKind,
    InstrSeqBuilder, LocalId, MemoryId, Module, ModuleConfig, RawCustomSection, ValType,
};

use self::expression::push_extent;
pub(crate) use self::sections::custom_section;
pub(crate) use self::tables::Tables;
use crate::error::CompileError;
use crate::plan::{Arg, HOST, Placement, Plan, Step};

/// Name of the custom section that holds the signature.
pub(crate) const SIGNATURE_SECTION: &str = "edge-scorer";
/// Name of the custom section that holds the plan as text.
pub(crate) const PLAN_SECTION: &str = "edge-scorer.plan";

/// Where the host's functions are imported from.
const LINALG: &str = "linalg";

/// Slots and constants start on a cache line.
pub(crate) const ALIGNMENT: i64 = 64;

static KERNELS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernels.wasm"));

/// What the generated functions refer to.
struct Emission<'a> {
    plan: &'a Plan,
    placement: &'a Placement,
    module: Module,
    memory: MemoryId,
    /// One per symbol: its value, set by `prepare`.
    symbols: Vec<GlobalId>,
    /// One per slot: its address, set by `prepare`.
    slots: Vec<GlobalId>,
    /// One per input: address and capacity of a string input's bytes.
    texts: Vec<Option<TextGlobals>>,
    /// The first address behind everything placed so far.
    end: GlobalId,
    /// One per constant: its address.
    weights: Vec<i64>,
    /// The first address behind the constants.
    base: i64,
    /// What tells the host where a step ends.
    mark: Option<FunctionId>,
}

#[derive(Clone, Copy)]
struct TextGlobals {
    address: GlobalId,
    capacity: GlobalId,
}

/// Writes the module of a plan.
pub(crate) fn emit(
    plan: &Plan,
    placement: &Placement,
    signature: &Signature,
    plan_text: &str,
    marks: bool,
) -> Result<Vec<u8>, CompileError> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(false).generate_producers_section(false);
    let mut module = config
        .parse(KERNELS)
        .map_err(|error| CompileError::internal(format!("kernels: {error}")))?;
    let memory = module
        .memories
        .iter()
        .next()
        .map(walrus::Memory::id)
        .ok_or_else(|| CompileError::internal("the kernels have no memory"))?;

    // Before anything is added: places in the file are those of the module.
    let tables = Tables::of(KERNELS, &module);
    import_products(&mut module, plan);
    let mark = marks.then(|| import_mark(&mut module));
    let (weights, base) = place_weights(&mut module, memory, plan)?;
    let mut global = || add_global(&mut module);
    let symbols = plan.symbols.iter().map(|_| global()).collect();
    let slots = placement.slots.iter().map(|_| global()).collect();
    let texts = plan
        .inputs
        .iter()
        .map(|port| port.is_text.then(|| TextGlobals { address: global(), capacity: global() }))
        .collect();
    let end = global();
    let mut emission = Emission {
        plan,
        placement,
        module,
        memory,
        symbols,
        slots,
        texts,
        end,
        weights,
        base,
        mark,
    };

    let run = emission.run()?;
    let prepare = emission.prepare();
    let input = emission.data_of(&plan.inputs);
    let output = emission.data_of(&plan.outputs);
    let mut functions =
        vec![("prepare", prepare), ("input", input), ("output", output), ("run", run)];
    if plan.inputs.iter().chain(&plan.outputs).any(|port| port.is_text) {
        functions.push(("input_bytes", emission.input_bytes()));
        functions.push(("output_bytes", emission.output_bytes()));
    }
    let mut module = emission.module;

    let kernel_exports: Vec<_> = module.exports.iter().map(walrus::Export::id).collect();
    for export in kernel_exports {
        module.exports.delete(export);
    }
    module.exports.add("memory", memory);
    for (name, function) in functions {
        module.exports.add(name, function);
    }
    drop_custom_sections(&mut module);
    walrus::passes::gc::run(&mut module);
    if let Some(tables) = tables {
        tables.drop_unused(&mut module, memory);
    }

    let signature = serde_json::to_vec(signature)
        .map_err(|error| CompileError::internal(format!("signature: {error}")))?;
    for (name, data) in
        [(SIGNATURE_SECTION, signature), (PLAN_SECTION, plan_text.as_bytes().to_vec())]
    {
        module.customs.add(RawCustomSection { name: name.to_owned(), data });
    }
    Ok(module.emit_wasm())
}

/// Declares the host's functions that the plan calls.
fn import_products(module: &mut Module, plan: &Plan) {
    for step in &plan.steps {
        let Some(name) = step.kernel.strip_prefix(HOST) else { continue };
        if module.imports.find(LINALG, name).is_none() {
            let parameters: Vec<ValType> = step.args.iter().map(passed_as).collect();
            let function_type = module.types.add(&parameters, &[]);
            module.add_import_func(LINALG, name, function_type);
        }
    }
}

/// Declares `marks.mark`, which the host calls the clock with.
pub(crate) fn import_mark(module: &mut Module) -> FunctionId {
    let function_type = module.types.add(&[], &[]);
    module.add_import_func("marks", "mark", function_type).0
}

/// The type that an argument is passed as.
fn passed_as(arg: &Arg) -> ValType {
    if matches!(arg, Arg::Float(_)) { ValType::F32 } else { ValType::I32 }
}

fn add_global(module: &mut Module) -> GlobalId {
    module.globals.add_local(ValType::I32, true, false, ConstExpr::Value(Value::I32(0)))
}

pub(crate) fn drop_custom_sections(module: &mut Module) {
    let names: Vec<String> =
        module.customs.iter().map(|(_, section)| section.name().to_owned()).collect();
    for name in names {
        module.customs.remove_raw(&name);
    }
}

/// Puts the constants behind the kernels' own memory, as one data segment.
fn place_weights(
    module: &mut Module,
    memory: MemoryId,
    plan: &Plan,
) -> Result<(Vec<i64>, i64), CompileError> {
    let start = align(heap_base(module)?);
    let mut data: Vec<u8> = Vec::new();
    let mut addresses = Vec::with_capacity(plan.weights.len());
    for weights in &plan.weights {
        let offset = align(data.len() as i64);
        data.resize(offset as usize, 0);
        data.extend_from_slice(&weights.bytes);
        addresses.push(start + offset);
    }
    let end = align(start + data.len() as i64);
    if end > i64::from(u32::MAX) {
        return Err(CompileError::LimitExceeded {
            what: "bytes of weights",
            actual: data.len() as u64,
            limit: u64::from(u32::MAX),
        });
    }
    // What is zero at the end is zero in fresh memory too.
    data.truncate(data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    if !data.is_empty() {
        let offset = ConstExpr::Value(Value::I32(start as u32 as i32));
        let id = module.data.add(DataKind::Active { memory, offset }, data);
        module.memories.get_mut(memory).data_segments.insert(id);
    }
    let pages = (end as u64).div_ceil(PAGE);
    let memory = module.memories.get_mut(memory);
    memory.initial = memory.initial.max(pages);
    memory.maximum = None;
    Ok((addresses, end))
}

/// Bytes of a page of Wasm memory.
const PAGE: u64 = 65_536;

fn align(address: i64) -> i64 {
    (address + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
}

pub(crate) fn heap_base(module: &Module) -> Result<i64, CompileError> {
    module
        .exports
        .iter()
        .find_map(|export| match export.item {
            ExportItem::Global(id) if export.name == "__heap_base" => {
                match &module.globals.get(id).kind {
                    GlobalKind::Local(ConstExpr::Value(Value::I32(address))) => {
                        Some(i64::from(*address as u32))
                    }
                    _ => None,
                }
            }
            _ => None,
        })
        .ok_or_else(|| CompileError::internal("the kernels do not say where their memory ends"))
}

impl Emission<'_> {
    /// `run() -> status`: the steps, one after another.
    fn run(&mut self) -> Result<FunctionId, CompileError> {
        let status = self.module.locals.add(ValType::I32);
        let mut builder = FunctionBuilder::new(&mut self.module.types, &[], &[ValType::I32]);
        begin_marks(&mut builder.func_body(), self.mark);
        for step in &self.plan.steps {
            let kernel = self.kernel(step)?;
            self.push_step(&mut builder, step, kernel, status);
            if let Some(mark) = self.mark {
                builder.func_body().call(mark);
            }
        }
        builder.func_body().i32_const(0);
        Ok(builder.finish(Vec::new(), &mut self.module.funcs))
    }

    /// The kernel that a step calls, once its parameters are known to be what the step passes.
    fn kernel(&self, step: &Step) -> Result<Kernel, CompileError> {
        let name = step.kernel;
        let function =
            match name.strip_prefix(HOST) {
                Some(product) => self.module.imports.find(LINALG, product).and_then(|import| {
                    match self.module.imports.get(import).kind {
                        ImportKind::Function(function) => Some(function),
                        _ => None,
                    }
                }),
                None => self.module.exports.get_func(name).ok(),
            };
        let function = function
            .ok_or_else(|| CompileError::internal(format!("there is no kernel `{name}`")))?;
        let kernel_type = self.module.types.get(self.module.funcs.get(function).ty());
        let passed: Vec<ValType> = step.args.iter().map(passed_as).collect();
        if kernel_type.params() != passed {
            return Err(CompileError::internal(format!(
                "kernel `{name}` takes {:?}, not {passed:?}",
                kernel_type.params()
            )));
        }
        match kernel_type.results() {
            [] => Ok(Kernel { function, has_status: false }),
            [ValType::I32] => Ok(Kernel { function, has_status: true }),
            other => Err(CompileError::internal(format!("kernel `{name}` answers {other:?}"))),
        }
    }

    fn push_step(
        &self,
        builder: &mut FunctionBuilder,
        step: &Step,
        kernel: Kernel,
        status: LocalId,
    ) {
        let mut body = builder.func_body();
        for arg in &step.args {
            match arg {
                Arg::Read(buffer, offset) | Arg::Write(buffer, offset) => {
                    // A buffer of a kept step always has a slot.
                    let slot = self.placement.slot_of[buffer.0].unwrap_or(0);
                    body.global_get(self.slots[slot]);
                    if offset.fixed() != Some(0) {
                        push_extent(&mut body, offset, &self.symbols);
                        body.unop(UnaryOp::I32WrapI64).binop(walrus::ir::BinaryOp::I32Add);
                    }
                }
                Arg::Weights(weights) => {
                    body.i32_const(self.weights[weights.0] as u32 as i32);
                }
                Arg::InputText(input) => {
                    match self.texts.get(*input).copied().flatten() {
                        Some(text) => body.global_get(text.address),
                        None => body.i32_const(0),
                    };
                }
                Arg::FreeMemory => {
                    body.global_get(self.end);
                }
                Arg::Count(count) => match count.fixed() {
                    Some(value) => {
                        body.i32_const(value as i32);
                    }
                    None => {
                        push_extent(&mut body, count, &self.symbols);
                        body.unop(UnaryOp::I32WrapI64);
                    }
                },
                Arg::Int(value) => {
                    body.i32_const(*value);
                }
                Arg::Float(value) => {
                    body.f32_const(*value);
                }
            }
        }
        body.call(kernel.function);
        if kernel.has_status {
            body.local_tee(status).if_else(
                None,
                |failed| {
                    failed.local_get(status).return_();
                },
                |_| {},
            );
        }
    }
}

/// Two marks with nothing in between: what a mark itself takes, and where the first step begins.
pub(crate) fn begin_marks(body: &mut InstrSeqBuilder<'_>, mark: Option<FunctionId>) {
    if let Some(mark) = mark {
        body.call(mark).call(mark);
    }
}

#[derive(Clone, Copy)]
struct Kernel {
    function: FunctionId,
    /// Whether it answers 0 or what `run` is to answer.
    has_status: bool,
}
