//! Turns the typed graph into a plan, one node after another.
//!
//! Every node's inputs are [`Value`]s that its rule can use, its outputs are values that it leaves
//! for others. A rule appends kernel calls, or none when the answer is a matter of naming
//! (a reshaped tensor is the same buffer, a label is an index into a constant table).
//!
//! # Adding an operator
//! 1. Write the kernel in `kernels/src/<family>.rs`:
//!    `#[unsafe(no_mangle)] pub unsafe extern "C" fn relu(x: *const f32, n: usize, y: *mut f32)`.
//! 2. Write a rule in `lower/<family>.rs` and name it in [`RULES`]; it answers `Ok(None)` for nodes
//!    of other kinds:
//! ```ignore
//! pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
//!     let Some(op) = node.op_as::<Relu>() else { return Ok(None) };
//!     let (x, n) = (l.read(node.inputs[0])?, l.count(node.inputs[0])?);
//!     let y = l.output(node, 0)?;                          // a buffer of the right size
//!     l.planner.call("relu", vec![x, Arg::Count(n), Arg::write(y)], "relu", 10.0);
//!     Ok(Some(vec![Value::Tensor(y)]))
//! }
//! ```
//! 3. Add the ONNX name to the family's list in `operators.rs`, and a test beside the rule.
//!
//! Operators of `ai.onnx.ml` carry their own rule: see `ml.rs`.
//!
//! # Invariants
//! - A node that has no rule, or whose rule refuses it, is reported; all of them are.
//! - Values are row-major without gaps: a rule that wants another layout makes its own buffer.

mod cast;
pub(crate) mod cast_like;
mod constants;
pub(crate) mod convolution;
mod elementwise;
mod extremes;
mod join;
pub(crate) mod lrn;
pub(crate) mod pooling;
mod ports;
mod product;
mod reduction;
mod shapes;
mod softmax;
mod tail;
mod text;
pub(crate) mod views;

use std::collections::HashMap;
use std::sync::Arc;

use shared::{ElementType, Profile};
use tract_onnx::prelude::{DatumType, OutletId, TDim, Tensor, TypedModel, TypedNode};

pub(crate) use self::cast::kernel as cast_kernel;
pub(crate) use self::constants::{constant_bytes, constant_f32, constant_i64, constant_strings};
pub(crate) use self::join::join;
pub(crate) use self::text::text_table;
use crate::import::{SymbolFact, symbol_index};
use crate::ml;
use crate::plan::{Arg, BufferId, Extent, Plan, Planner, product};

/// What a node left for its readers.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A tensor in a buffer.
    Tensor(BufferId),
    /// Known when the model was compiled.
    Constant(Arc<Tensor>),
    /// Strings out of a constant table: a buffer of `int32` indices into it.
    Labels { indices: BufferId, table: Arc<[String]> },
    /// Strings in a buffer of spans: an address and a length for each.
    Text(BufferId),
}

/// Why a node was not lowered: a sentence for whoever exported the model.
#[derive(Debug, Clone)]
pub(crate) struct Refusal(pub(crate) String);

impl Refusal {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// What a rule answers: `None` for nodes that are not its business.
pub(crate) type Lowered = Result<Option<Vec<Value>>, Refusal>;

type Rule = fn(&mut Lowering<'_>, &TypedNode) -> Lowered;

/// Every family of rules; the first that knows a node lowers it.
const RULES: &[Rule] = &[
    ports::lower,
    ml::lower,
    shapes::lower,
    cast::lower,
    join::lower,
    product::lower,
    convolution::lower,
    pooling::lower,
    softmax::lower,
    elementwise::lower,
    extremes::lower,
    reduction::lower,
    views::lower,
];

/// A node that stands in the way, by its name in the typed graph.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) node: String,
    pub(crate) operator: String,
    pub(crate) reason: Option<String>,
}

/// A plan in the making.
pub(crate) struct Lowering<'m> {
    pub(crate) planner: Planner,
    model: &'m TypedModel,
    symbols: &'m [SymbolFact],
    values: HashMap<OutletId, Value>,
    /// The arena for new letters, once something needs it.
    arena: Option<BufferId>,
}

/// Lowers a typed graph, or lists every node that cannot be.
pub(crate) fn lower(
    model: &TypedModel,
    symbols: &[SymbolFact],
    profile: Profile,
) -> Result<Plan, Vec<Refused>> {
    let ranges = symbols.iter().map(|symbol| symbol.range.clone()).collect();
    let planner = Planner::new(profile, ranges);
    let mut lowering = Lowering { planner, model, symbols, values: HashMap::new(), arena: None };
    let mut refused = Vec::new();

    let order = model.eval_order().map_err(|error| {
        vec![Refused {
            node: String::new(),
            operator: String::new(),
            reason: Some(error.to_string()),
        }]
    })?;
    for id in order {
        let node = model.node(id);
        // What was folded into a node before it needs no step of its own.
        if lowering.is_done(node) {
            continue;
        }
        // What follows a refused node cannot be judged.
        if !node.inputs.iter().all(|input| lowering.values.contains_key(input)) {
            continue;
        }
        lowering.planner.work_on(&node.name);
        let reason = match lowering.lower_node(node) {
            Ok(true) => continue,
            Ok(false) => None,
            Err(Refusal(reason)) => Some(reason),
        };
        refused.push(Refused {
            node: node.name.clone(),
            operator: node.op().name().into_owned(),
            reason,
        });
    }
    if refused.is_empty()
        && let Err(Refusal(reason)) = lowering.finish_outputs()
    {
        refused.push(Refused {
            node: String::new(),
            operator: String::new(),
            reason: Some(reason),
        });
    }
    if refused.is_empty() { Ok(lowering.planner.finish()) } else { Err(refused) }
}

impl Lowering<'_> {
    /// Whether every output of the node has been left already.
    fn is_done(&self, node: &TypedNode) -> bool {
        let outlets = 0..node.outputs.len();
        !node.outputs.is_empty()
            && outlets
                .map(|slot| OutletId::new(node.id, slot))
                .all(|o| self.values.contains_key(&o))
    }

    /// Appends a kernel that has a version with fused multiply-add for the profile `relaxed`.
    pub(crate) fn call_profiled(
        &mut self,
        kernel: &'static str,
        relaxed: &'static str,
        args: Vec<Arg>,
        title: String,
        row_cost_ns: f64,
    ) {
        let kernel = self.planner.variant(kernel, relaxed);
        self.planner.call(kernel, args, title, row_cost_ns);
    }

    /// Whether a product of so many multiplications is the host's: a call out of the sandbox takes
    /// about as long as a hundred of them.
    fn is_native(&self, products: usize) -> bool {
        const WORTH_A_CALL: usize = 256;
        self.planner.profile() == Profile::Linalg && products >= WORTH_A_CALL
    }

    /// Whether some rule knew the node.
    fn lower_node(&mut self, node: &TypedNode) -> Result<bool, Refusal> {
        // What tract knows already needs no code.
        let constants: Option<Vec<Value>> = node
            .outputs
            .iter()
            .map(|outlet| outlet.fact.konst.clone().map(Value::Constant))
            .collect();
        let values = match constants {
            Some(constants) if !constants.is_empty() => Some(constants),
            _ => RULES.iter().find_map(|rule| rule(self, node).transpose()).transpose()?,
        };
        let Some(values) = values else { return Ok(false) };
        for (slot, value) in values.into_iter().enumerate() {
            let is_text = node.outputs[slot].fact.datum_type == DatumType::String;
            let value = match value {
                Value::Tensor(buffer) if is_text => Value::Text(buffer),
                value => value,
            };
            self.values.insert(OutletId::new(node.id, slot), value);
        }
        Ok(true)
    }

    /// What the node behind `outlet` left.
    pub(crate) fn value(&self, outlet: OutletId) -> Result<Value, Refusal> {
        self.values
            .get(&outlet)
            .cloned()
            .ok_or_else(|| Refusal::because("it reads something that was not computed"))
    }

    /// Whether rows of probabilities are behind `outlet`.
    pub(crate) fn probabilities_at(&self, outlet: OutletId) -> bool {
        ml::has_probabilities(self.model.node(outlet.node), outlet.slot)
    }

    /// The constant behind `outlet`, if it is one.
    pub(crate) fn constant(&self, outlet: OutletId) -> Option<Arc<Tensor>> {
        match self.values.get(&outlet) {
            Some(Value::Constant(tensor)) => Some(Arc::clone(tensor)),
            _ => None,
        }
    }

    /// The address of a numeric tensor, as an argument; constants are placed among the weights.
    pub(crate) fn read(&mut self, outlet: OutletId) -> Result<Arg, Refusal> {
        match self.value(outlet)? {
            Value::Tensor(buffer) => Ok(Arg::read(buffer)),
            Value::Constant(tensor) => {
                let name = self.model.node(outlet.node).name.clone();
                let bytes = constant_bytes(&tensor)?;
                Ok(Arg::Weights(self.planner.weights(name, bytes)))
            }
            Value::Labels { .. } | Value::Text(_) => {
                Err(Refusal::because("it takes numbers, and its input is text"))
            }
        }
    }

    /// As [`Lowering::read`]; text is read as spans, so that what only moves elements moves text too.
    pub(crate) fn read_any(&mut self, outlet: OutletId) -> Result<Arg, Refusal> {
        if self.element(outlet)? == ElementType::String {
            return Ok(Arg::read(self.spans(outlet)?));
        }
        self.read(outlet)
    }

    /// As [`Lowering::read`], of type `f32` whatever the tensor's type is.
    pub(crate) fn read_f32(&mut self, outlet: OutletId) -> Result<Arg, Refusal> {
        if self.element(outlet)? != ElementType::Float32
            && let Some(constant) = self.constant(outlet)
        {
            let values = constant_f32(&constant)?;
            let name = self.model.node(outlet.node).name.clone();
            return Ok(Arg::Weights(self.planner.weights_f32(name, &values)));
        }
        self.read_as(outlet, ElementType::Float32)
    }

    /// As [`Lowering::read`], cast to `wanted`.
    pub(crate) fn read_as(
        &mut self,
        outlet: OutletId,
        wanted: ElementType,
    ) -> Result<Arg, Refusal> {
        let element = self.element(outlet)?;
        if element == wanted {
            return self.read(outlet);
        }
        let kernel = cast::kernel(element, wanted)?;
        let (from, count) = (self.read(outlet)?, self.count(outlet)?);
        let name = format!("{} as {wanted}", self.model.node(outlet.node).name);
        let to = self.planner.buffer(name, wanted, count.clone());
        let title = format!("cast {element} to {wanted}");
        self.planner.call(kernel, vec![from, Arg::Count(count), Arg::write(to)], title, 5.0);
        Ok(Arg::read(to))
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, outlet: OutletId) -> Result<Vec<Extent>, Refusal> {
        let fact = self.fact(outlet)?;
        fact.shape.iter().map(|dim| self.extent(dim)).collect()
    }

    /// The shape of a tensor as tract writes it.
    pub(crate) fn dims(&self, outlet: OutletId) -> Result<Vec<TDim>, Refusal> {
        Ok(self.fact(outlet)?.shape.iter().cloned().collect())
    }

    /// The number of a tensor's elements.
    pub(crate) fn count(&self, outlet: OutletId) -> Result<Extent, Refusal> {
        Ok(product(&self.shape(outlet)?))
    }

    /// The type of a tensor's elements.
    pub(crate) fn element(&self, outlet: OutletId) -> Result<ElementType, Refusal> {
        element_type(self.fact(outlet)?.datum_type)
    }

    /// A new buffer for a node's output.
    pub(crate) fn output(&mut self, node: &TypedNode, slot: usize) -> Result<BufferId, Refusal> {
        let outlet = OutletId::new(node.id, slot);
        let (element, count) = (self.element(outlet)?, self.count(outlet)?);
        let name = match slot {
            0 => node.name.clone(),
            slot => format!("{}:{slot}", node.name),
        };
        Ok(self.planner.buffer(name, element, count))
    }

    fn fact(&self, outlet: OutletId) -> Result<&tract_onnx::prelude::TypedFact, Refusal> {
        self.model.outlet_fact(outlet).map_err(|error| Refusal::because(error.to_string()))
    }

    /// A dimension of tract's as an extent.
    pub(crate) fn extent(&self, dim: &TDim) -> Result<Extent, Refusal> {
        let all = |dims: &[TDim], start: Extent, join: fn(Extent, Extent) -> Extent| {
            dims.iter().try_fold(start, |left, dim| Ok(join(left, self.extent(dim)?)))
        };
        match dim {
            TDim::Val(value) => Ok(Extent::Fixed(*value)),
            TDim::Sym(symbol) => symbol_index(self.symbols, symbol)
                .map(Extent::Symbol)
                .ok_or_else(|| Refusal::because("a dimension is known only at run time")),
            TDim::Add(terms) => all(terms, Extent::Fixed(0), Extent::plus),
            TDim::Mul(factors) => all(factors, Extent::ONE, Extent::times),
            TDim::MulInt(factor, rest) => Ok(Extent::Fixed(*factor).times(self.extent(rest)?)),
            TDim::Div(rest, divisor) => i64::try_from(*divisor)
                .map_err(|_| Refusal::because("a dimension is divided by a huge number"))
                .and_then(|divisor| Ok(self.extent(rest)?.divided_by(divisor))),
            TDim::Max(dims) | TDim::Min(dims) if !dims.is_empty() => {
                let join =
                    if matches!(dim, TDim::Max(_)) { Extent::larger } else { Extent::smaller };
                let first = self.extent(&dims[0])?;
                all(&dims[1..], first, join)
            }
            other => Err(Refusal::because(format!("the dimension {other} is not supported"))),
        }
    }
}

/// The contract's name for one of tract's types.
pub(crate) fn element_type(datum_type: DatumType) -> Result<ElementType, Refusal> {
    Ok(match datum_type {
        DatumType::Bool => ElementType::Bool,
        DatumType::I8 => ElementType::Int8,
        DatumType::I16 => ElementType::Int16,
        DatumType::I32 => ElementType::Int32,
        DatumType::I64 | DatumType::TDim => ElementType::Int64,
        DatumType::U8 => ElementType::Uint8,
        DatumType::U16 => ElementType::Uint16,
        DatumType::U32 => ElementType::Uint32,
        DatumType::U64 => ElementType::Uint64,
        DatumType::F16 => ElementType::Float16,
        DatumType::F32 => ElementType::Float32,
        DatumType::F64 => ElementType::Float64,
        DatumType::String => ElementType::String,
        other => {
            return Err(Refusal::because(format!("the element type {other:?} is not supported")));
        }
    })
}
