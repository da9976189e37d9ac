//! Writes the module: the operators that are called, and around them `prepare`, `run`, the ports.

use shared::{ElementType, Signature};
use tract_onnx::pb::ModelProto;
use walrus::ir::{BinaryOp, LoadKind, MemArg, StoreKind, UnaryOp, Value};
use walrus::{
    ConstExpr, DataKind, FunctionBuilder, FunctionId, GlobalId, InstrSeqBuilder, LocalId, MemoryId,
    Module, ModuleConfig, RawCustomSection, ValType,
};

use super::graph::{Block, Builder, LoopKind, Names, Step};
use super::image::{DATA, DIMS, Image, KIND, RANK, TEXT};
use super::ports::{Port, PortDim, Ports};
use crate::emit::{
    PLAN_SECTION, SIGNATURE_SECTION, Tables, begin_marks, drop_custom_sections, heap_base,
    import_mark,
};
use crate::error::CompileError;
use crate::plan::duration;

/// Bytes of a page of Wasm memory.
const PAGE: usize = 65_536;
/// Answers of `prepare`, and of `run` for an output that is not what the signature promised.
const DOES_NOT_FIT: i32 = 1;
const OUT_OF_RANGE: i32 = 2;
const BROKEN: i32 = 18;
/// What a loop's helper answers where a caller's value does not fit.
const UNACCEPTABLE_IN_LOOP: i32 = 2;

/// The prebuilt operators.
pub(super) fn operators() -> Option<Module> {
    let mut config = ModuleConfig::new();
    // It was validated when it was built.
    config.generate_name_section(false).generate_producers_section(false).strict_validate(false);
    config.parse(super::OPERATORS).ok()
}

struct Emission<'a> {
    module: Module,
    memory: MemoryId,
    ports: &'a Ports,
    /// Where inputs and outputs are described.
    inputs: Vec<u32>,
    outputs: Vec<u32>,
    /// One per symbol.
    symbols: Vec<GlobalId>,
    /// One per input: bytes that its text has room for.
    capacities: Vec<GlobalId>,
    /// Where `run` begins to place tensors.
    start: GlobalId,
    helpers: Helpers,
}

/// What is called besides operators.
#[derive(Clone, Copy)]
struct Helpers {
    reset: FunctionId,
    allocate: FunctionId,
    next: FunctionId,
}

/// Writes a module; answers it and its plan as text.
pub(super) fn emit(
    proto: &ModelProto,
    ports: &Ports,
    signature: &Signature,
    marks: bool,
) -> Result<(Vec<u8>, String), CompileError> {
    let mut module =
        operators().ok_or_else(|| CompileError::internal("the operators cannot be read"))?;
    let memory = module.memories.iter().next().map(walrus::Memory::id);
    let memory = memory.ok_or_else(|| CompileError::internal("the operators have no memory"))?;
    let tables = Tables::of(super::OPERATORS, &module);
    let graph = proto.graph.as_ref().ok_or_else(|| CompileError::invalid("there is no graph"))?;

    let mark = marks.then(|| import_mark(&mut module));
    let base = usize::try_from(heap_base(&module)?).unwrap_or(0).next_multiple_of(64);
    let mut builder = Builder::new(Image::new(base), proto);
    let mut names = Names::default();
    let mut inputs = Vec::with_capacity(ports.inputs.len());
    for port in &ports.inputs {
        let address = builder.image.empty_tensor();
        names.insert(&port.name, address);
        builder.costs.input(port);
        inputs.push(address);
    }
    let block = builder.block(graph, &mut names)?;
    // The ports are the graph's outputs, in their order.
    let outputs = block.outputs.clone();
    let (end, image) = builder.image.finish();
    place(&mut module, memory, base, end, image)?;

    let function = |module: &Module, name: &str| {
        let found = module.exports.get_func(name);
        found.map_err(|_| CompileError::internal(format!("there is no `{name}`")))
    };
    let helpers = Helpers {
        reset: function(&module, "arena_reset")?,
        allocate: function(&module, "arena_allocate")?,
        next: function(&module, "arena_next")?,
    };
    let mut global =
        || module.globals.add_local(ValType::I32, true, false, ConstExpr::Value(Value::I32(0)));
    let symbols = ports.symbols.iter().map(|_| global()).collect();
    let capacities = ports.inputs.iter().map(|_| global()).collect();
    let start = global();
    let mut emission =
        Emission { module, memory, ports, inputs, outputs, symbols, capacities, start, helpers };

    let main = emission.block(&block, mark)?;
    let mut functions = vec![
        ("prepare", emission.prepare(end as i32)),
        ("run", emission.run(main)),
        ("input", emission.field(&emission.inputs.clone(), DATA)),
        ("output", emission.field(&emission.outputs.clone(), DATA)),
        ("output_dim", emission.output_dim()),
    ];
    if ports.inputs.iter().chain(&ports.outputs).any(|p| p.element == ElementType::String) {
        functions.push(("input_bytes", emission.input_bytes()));
        functions.push(("output_bytes", emission.field(&emission.outputs.clone(), TEXT)));
    }
    let mut module = emission.module;
    let exports: Vec<_> = module.exports.iter().map(walrus::Export::id).collect();
    for export in exports {
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

    let plan = print(&block, ports);
    let signature = serde_json::to_vec(signature)
        .map_err(|error| CompileError::internal(format!("signature: {error}")))?;
    for (name, data) in [(SIGNATURE_SECTION, signature), (PLAN_SECTION, plan.as_bytes().to_vec())] {
        module.customs.add(RawCustomSection { name: name.to_owned(), data });
    }
    Ok((module.emit_wasm(), plan))
}

/// Puts the image behind the operators' own memory.
fn place(
    module: &mut Module,
    memory: MemoryId,
    base: usize,
    end: usize,
    mut image: Vec<u8>,
) -> Result<(), CompileError> {
    if u32::try_from(end).is_err() {
        return Err(CompileError::LimitExceeded {
            what: "bytes of weights",
            actual: end as u64,
            limit: u64::from(u32::MAX),
        });
    }
    // What is zero at the end is zero in fresh memory too.
    image.truncate(image.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    if !image.is_empty() {
        let offset = ConstExpr::Value(Value::I32(base as u32 as i32));
        let id = module.data.add(DataKind::Active { memory, offset }, image);
        module.memories.get_mut(memory).data_segments.insert(id);
    }
    let memory = module.memories.get_mut(memory);
    memory.initial = memory.initial.max(end.div_ceil(PAGE) as u64);
    memory.maximum = None;
    Ok(())
}

fn at(offset: u32) -> MemArg {
    MemArg { align: 4, offset: u64::from(offset) }
}

impl Emission<'_> {
    fn helper(&self, name: &str) -> Result<FunctionId, CompileError> {
        let found = self.module.exports.get_func(name);
        found.map_err(|_| CompileError::internal(format!("there is no `{name}`")))
    }

    /// A function that does what a graph does, and answers 0 or why it stopped; `mark` is called
    /// where a step ends.
    fn block(
        &mut self,
        block: &Block,
        mark: Option<FunctionId>,
    ) -> Result<FunctionId, CompileError> {
        let mut parts = Vec::with_capacity(block.steps.len());
        for step in &block.steps {
            parts.push(match step {
                Step::Call { operator, .. } => vec![self.helper(operator)?],
                Step::If { branches, .. } => {
                    let then = self.block(&branches[0].0, None)?;
                    let otherwise = self.block(&branches[1].0, None)?;
                    vec![
                        self.helper("control_truth")?,
                        self.helper("control_take")?,
                        then,
                        otherwise,
                    ]
                }
                Step::Loop { kind, body, .. } => {
                    let (next, end) = match kind {
                        LoopKind::Loop => ("loop_next", "loop_end"),
                        LoopKind::Scan => ("scan_next", "scan_end"),
                    };
                    let body = self.block(body, None)?;
                    vec![self.helper("control_begin")?, self.helper(next)?, self.helper(end)?, body]
                }
            });
        }
        let status = self.module.locals.add(ValType::I32);
        let mut builder = FunctionBuilder::new(&mut self.module.types, &[], &[ValType::I32]);
        let mut body = builder.func_body();
        begin_marks(&mut body, mark);
        for (step, functions) in block.steps.iter().zip(&parts) {
            match (step, functions.as_slice()) {
                (Step::Call { node, .. }, [operator]) => {
                    body.i32_const(*node as i32).call(*operator);
                    stop_if_failed(&mut body, status);
                }
                (Step::If { condition, branches }, [truth, take, then, otherwise]) => {
                    body.i32_const(*condition as i32).call(*truth).local_tee(status);
                    body.i32_const(1).binop(BinaryOp::I32GtU);
                    body.if_else(
                        None,
                        |failed| {
                            failed.local_get(status).return_();
                        },
                        |_| {},
                    );
                    let branch =
                        |body: &mut InstrSeqBuilder<'_>, function, moves: &[(u32, u32)]| {
                            body.call(function);
                            stop_if_failed(body, status);
                            for (from, to) in moves {
                                body.i32_const(*from as i32).i32_const(*to as i32).call(*take);
                            }
                        };
                    body.local_get(status).if_else(
                        None,
                        |body| branch(body, *then, &branches[0].1),
                        |body| branch(body, *otherwise, &branches[1].1),
                    );
                }
                (Step::Loop { node, body_node, state, .. }, [begin, next, end, turn]) => {
                    let arguments = |body: &mut InstrSeqBuilder<'_>| {
                        body.i32_const(*node as i32);
                        body.i32_const(*body_node as i32);
                        body.i32_const(*state as i32);
                    };
                    body.i32_const(*state as i32).call(*begin);
                    body.block(None, |out| {
                        let done = out.id();
                        out.loop_(None, |again| {
                            let top = again.id();
                            arguments(again);
                            again.call(*next).local_tee(status);
                            again.i32_const(1).binop(BinaryOp::I32GtU);
                            again.if_else(None, |failed| loop_failed(failed, status), |_| {});
                            again.local_get(status).unop(UnaryOp::I32Eqz).br_if(done);
                            again.call(*turn);
                            stop_if_failed(again, status);
                            again.br(top);
                        });
                    });
                    arguments(&mut body);
                    body.call(*end).local_tee(status);
                    body.if_else(None, |failed| loop_failed(failed, status), |_| {});
                }
                _ => return Err(CompileError::internal("a step lacks a function")),
            }
            if let Some(mark) = mark {
                body.call(mark);
            }
        }
        body.i32_const(0);
        Ok(builder.finish(Vec::new(), &mut self.module.funcs))
    }

    /// `prepare(symbol…)`: checks the symbols, forgets every tensor, makes room for the inputs.
    fn prepare(&mut self, base: i32) -> FunctionId {
        let locals = &mut self.module.locals;
        let params: Vec<LocalId> = self.symbols.iter().map(|_| locals.add(ValType::I32)).collect();
        let (bytes, address) = (locals.add(ValType::I64), locals.add(ValType::I32));
        let types = vec![ValType::I32; params.len()];
        let mut builder = FunctionBuilder::new(&mut self.module.types, &types, &[ValType::I32]);
        let mut body = builder.func_body();
        for ((param, global), symbol) in params.iter().zip(&self.symbols).zip(&self.ports.symbols) {
            body.local_get(*param).i32_const(symbol.min as i32).binop(BinaryOp::I32LtU);
            body.local_get(*param).i32_const(symbol.max as i32).binop(BinaryOp::I32GtU);
            body.binop(BinaryOp::I32Or);
            return_if(&mut body, OUT_OF_RANGE);
            body.local_get(*param).global_set(*global);
        }
        body.i32_const(base).call(self.helpers.reset);
        let ports = self.ports.inputs.iter().zip(&self.inputs).zip(&self.capacities);
        for ((port, descriptor), capacity) in ports {
            let store = StoreKind::I32 { atomic: false };
            let put = |body: &mut InstrSeqBuilder<'_>, offset: u32, value: i32| {
                body.i32_const(*descriptor as i32).i32_const(value).store(
                    self.memory,
                    store,
                    at(offset),
                );
            };
            put(&mut body, KIND, port.kind as i32);
            put(&mut body, RANK, port.dims.len() as i32);
            put(&mut body, TEXT, 0);
            body.i32_const(0).global_set(*capacity);
            // Elements are counted in 64 bits, and looked at after every factor.
            body.i64_const(1).local_set(bytes);
            for (axis, dim) in port.dims.iter().enumerate() {
                body.i32_const(*descriptor as i32);
                push_dim(&mut body, *dim, &self.symbols);
                body.store(self.memory, store, at(DIMS + 4 * axis as u32));
                body.local_get(bytes);
                push_dim(&mut body, *dim, &self.symbols);
                body.unop(UnaryOp::I64ExtendUI32).binop(BinaryOp::I64Mul).local_tee(bytes);
                body.i64_const(i64::from(i32::MAX)).binop(BinaryOp::I64GtU);
                return_if(&mut body, DOES_NOT_FIT);
            }
            let width = port.element.byte_width();
            body.local_get(bytes);
            if width.is_none() {
                body.i64_const(1).binop(BinaryOp::I64Add);
            }
            body.i64_const(width.unwrap_or(4) as i64).binop(BinaryOp::I64Mul).local_tee(bytes);
            body.i64_const(i64::from(i32::MAX)).binop(BinaryOp::I64GtU);
            return_if(&mut body, DOES_NOT_FIT);
            body.local_get(bytes).unop(UnaryOp::I32WrapI64).call(self.helpers.allocate);
            body.local_tee(address).unop(UnaryOp::I32Eqz);
            return_if(&mut body, DOES_NOT_FIT);
            body.i32_const(*descriptor as i32).local_get(address);
            body.store(self.memory, store, at(DATA));
        }
        body.call(self.helpers.next).global_set(self.start);
        body.i32_const(0);
        builder.finish(params, &mut self.module.funcs)
    }

    /// `run()`: the graph, and a look at every output.
    fn run(&mut self, main: FunctionId) -> FunctionId {
        let status = self.module.locals.add(ValType::I32);
        let mut builder = FunctionBuilder::new(&mut self.module.types, &[], &[ValType::I32]);
        let mut body = builder.func_body();
        body.global_get(self.start).call(self.helpers.reset);
        body.call(main);
        stop_if_failed(&mut body, status);
        for (port, descriptor) in self.ports.outputs.iter().zip(&self.outputs) {
            let load = LoadKind::I32 { atomic: false };
            let field = |body: &mut InstrSeqBuilder<'_>, offset: u32| {
                body.i32_const(*descriptor as i32).load(self.memory, load, at(offset));
            };
            field(&mut body, KIND);
            body.i32_const(port.kind as i32).binop(BinaryOp::I32Ne);
            return_if(&mut body, BROKEN);
            field(&mut body, RANK);
            body.i32_const(port.dims.len() as i32).binop(BinaryOp::I32Ne);
            return_if(&mut body, BROKEN);
            for (axis, dim) in port.dims.iter().enumerate() {
                if *dim != PortDim::Unknown {
                    field(&mut body, DIMS + 4 * axis as u32);
                    push_dim(&mut body, *dim, &self.symbols);
                    body.binop(BinaryOp::I32Ne);
                    return_if(&mut body, BROKEN);
                }
            }
        }
        body.i32_const(0);
        builder.finish(Vec::new(), &mut self.module.funcs)
    }

    /// A field of the descriptor of port `i`, 0 for a port that is not there.
    fn field(&mut self, descriptors: &[u32], offset: u32) -> FunctionId {
        let index = self.module.locals.add(ValType::I32);
        let mut builder =
            FunctionBuilder::new(&mut self.module.types, &[ValType::I32], &[ValType::I32]);
        let mut body = builder.func_body();
        for (port, descriptor) in descriptors.iter().enumerate() {
            body.local_get(index).i32_const(port as i32).binop(BinaryOp::I32Eq);
            body.if_else(
                None,
                |then| {
                    let load = LoadKind::I32 { atomic: false };
                    then.i32_const(*descriptor as i32)
                        .load(self.memory, load, at(offset))
                        .return_();
                },
                |_| {},
            );
        }
        body.i32_const(0);
        builder.finish(vec![index], &mut self.module.funcs)
    }

    /// `output_dim(i, axis)`: a dimension after a run, -1 where there is none.
    fn output_dim(&mut self) -> FunctionId {
        let locals = &mut self.module.locals;
        let (index, axis) = (locals.add(ValType::I32), locals.add(ValType::I32));
        let params = [ValType::I32, ValType::I32];
        let mut builder = FunctionBuilder::new(&mut self.module.types, &params, &[ValType::I32]);
        let mut body = builder.func_body();
        for (port, descriptor) in self.outputs.iter().enumerate() {
            let rank = self.ports.outputs[port].dims.len() as i32;
            body.local_get(index).i32_const(port as i32).binop(BinaryOp::I32Eq);
            body.local_get(axis).i32_const(rank).binop(BinaryOp::I32LtU);
            body.binop(BinaryOp::I32And).if_else(
                None,
                |then| {
                    then.local_get(axis).i32_const(4).binop(BinaryOp::I32Mul);
                    then.i32_const(*descriptor as i32).binop(BinaryOp::I32Add);
                    then.load(self.memory, LoadKind::I32 { atomic: false }, at(DIMS)).return_();
                },
                |_| {},
            );
        }
        body.i32_const(-1);
        builder.finish(vec![index, axis], &mut self.module.funcs)
    }

    /// `input_bytes(i, n)`: room for a string input's bytes, kept until the next `prepare`.
    fn input_bytes(&mut self) -> FunctionId {
        let locals = &mut self.module.locals;
        let (index, bytes) = (locals.add(ValType::I32), locals.add(ValType::I32));
        let address = locals.add(ValType::I32);
        let params = [ValType::I32, ValType::I32];
        let mut builder = FunctionBuilder::new(&mut self.module.types, &params, &[ValType::I32]);
        let mut body = builder.func_body();
        let (memory, helpers, start) = (self.memory, self.helpers, self.start);
        for (port, descriptor) in self.inputs.iter().enumerate() {
            let Port { element: ElementType::String, .. } = self.ports.inputs[port] else {
                continue;
            };
            let capacity = self.capacities[port];
            body.local_get(index).i32_const(port as i32).binop(BinaryOp::I32Eq);
            body.if_else(
                None,
                |then| {
                    // What was reserved before is enough: use it again.
                    then.local_get(bytes).global_get(capacity).binop(BinaryOp::I32GtU).if_else(
                        None,
                        |more| {
                            more.global_get(start).call(helpers.reset);
                            more.local_get(bytes).call(helpers.allocate).local_tee(address);
                            more.unop(UnaryOp::I32Eqz);
                            return_if(more, 0);
                            more.i32_const(*descriptor as i32).local_get(address);
                            more.store(memory, StoreKind::I32 { atomic: false }, at(TEXT));
                            more.local_get(bytes).global_set(capacity);
                            more.call(helpers.next).global_set(start);
                        },
                        |_| {},
                    );
                    then.i32_const(*descriptor as i32);
                    then.load(memory, LoadKind::I32 { atomic: false }, at(TEXT)).return_();
                },
                |_| {},
            );
        }
        body.i32_const(0);
        builder.finish(vec![index, bytes], &mut self.module.funcs)
    }
}

fn push_dim(body: &mut InstrSeqBuilder<'_>, dim: PortDim, symbols: &[GlobalId]) {
    match dim {
        PortDim::Fixed(size) => {
            body.i32_const(size as i32);
        }
        PortDim::Symbol(index) => {
            body.global_get(symbols[index]);
        }
        // Inputs have none.
        PortDim::Unknown => {
            body.i32_const(0);
        }
    }
}

fn return_if(body: &mut InstrSeqBuilder<'_>, answer: i32) {
    body.if_else(
        None,
        |then| {
            then.i32_const(answer).return_();
        },
        |_| {},
    );
}

/// Takes a status from the stack and returns it unless it is 0.
fn stop_if_failed(body: &mut InstrSeqBuilder<'_>, status: LocalId) {
    body.local_tee(status).if_else(
        None,
        |failed| {
            failed.local_get(status).return_();
        },
        |_| {},
    );
}

/// Returns a loop's failure as `run` has it.
fn loop_failed(body: &mut InstrSeqBuilder<'_>, status: LocalId) {
    body.i32_const(1).local_get(status);
    body.local_get(status).i32_const(UNACCEPTABLE_IN_LOOP).binop(BinaryOp::I32Eq);
    body.select(None).return_();
}

/// The plan as text to read.
fn print(block: &Block, ports: &Ports) -> String {
    let mut text = "plan (dynamic tier: shapes are found while it runs)\n".to_owned();
    for symbol in &ports.symbols {
        text += &format!("  symbol {} from {} to {}\n", symbol.name, symbol.min, symbol.max);
    }
    for (kind, ports) in [("input", &ports.inputs), ("output", &ports.outputs)] {
        for (index, port) in ports.iter().enumerate() {
            text += &format!("  {kind} {index}: {} ({})\n", port.name, port.element);
        }
    }
    text += "\nsteps\n";
    print_steps(block, 1, &mut text);
    let total = duration(block.nanoseconds());
    text + &format!("\nestimated {total} per row, open sizes being 64\n")
}

fn print_steps(block: &Block, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth.min(16));
    for step in &block.steps {
        match step {
            Step::Call { operator, title, nanoseconds, .. } => {
                let cost = duration(*nanoseconds);
                *text += &format!("{indent}{operator:<32} {title:<40} ~{cost} per row\n");
            }
            Step::If { branches, .. } => {
                *text += &format!("{indent}if\n");
                print_steps(&branches[0].0, depth + 1, text);
                *text += &format!("{indent}else\n");
                print_steps(&branches[1].0, depth + 1, text);
            }
            Step::Loop { body, title, turns, .. } => {
                *text += &format!("{indent}loop  {title}, ~{turns:.0} turns\n");
                print_steps(body, depth + 1, text);
            }
        }
    }
}
