//! How an operator of ours meets its node: inputs and outputs by the numbers that ONNX gives them.

use std::sync::Arc;

use shared::ElementType;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, OutletId, TDim, Tensor, TypedNode};

use super::{Fault, Layer, contradiction};
use crate::lower::{Lowering, Refusal, Value, cast_kernel, constant_f32, constant_i64};
use crate::ml::{Fact, Known, Operator, attributes};
use crate::plan::{Arg, BufferId, Extent, product};

/// A node of the file.
pub(crate) struct Source<'a> {
    node: &'a NodeProto,
    opset: i64,
}

impl<'a> Source<'a> {
    pub(super) fn new(node: &'a NodeProto, opset: i64) -> Self {
        Self { node, opset }
    }

    pub(super) fn operator(&self) -> &str {
        &self.node.op_type
    }

    /// The version of the main domain that the model is written in.
    pub(super) fn opset(&self) -> i64 {
        self.opset
    }

    pub(super) fn has_input(&self, index: usize) -> bool {
        self.node.input.get(index).is_some_and(|name| !name.is_empty())
    }

    pub(super) fn input_name(&self, index: usize) -> &str {
        self.node.input.get(index).map_or("", String::as_str)
    }

    pub(super) fn has_output(&self, index: usize) -> bool {
        self.node.output.get(index).is_some_and(|name| !name.is_empty())
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        attributes::int(self.node, name)
    }

    /// Whether an integer attribute is there and not 0.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.int(name).is_some_and(|value| value != 0)
    }

    pub(super) fn float(&self, name: &str) -> Option<f32> {
        attributes::float(self.node, name)
    }

    pub(super) fn ints(&self, name: &str) -> &'a [i64] {
        attributes::ints(self.node, name)
    }

    pub(super) fn floats(&self, name: &str) -> &'a [f32] {
        attributes::floats(self.node, name)
    }

    pub(super) fn string(&self, name: &str, default: &str) -> Result<String, Fault> {
        Ok(attributes::string(self.node, name, default)?)
    }

    pub(super) fn strings(&self, name: &str) -> Result<Vec<String>, Fault> {
        Ok(attributes::strings(self.node, name)?)
    }

    /// Of an attribute that names one of `choices`, which one.
    pub(super) fn choice(&self, name: &str, choices: &[&str]) -> Result<usize, Fault> {
        let value = self.string(name, choices.first().copied().unwrap_or_default())?;
        choices
            .iter()
            .position(|choice| *choice == value)
            .ok_or_else(|| format!("its `{name}` is `{value}`, which is not supported").into())
    }

    /// As [`Source::choice`], where there are no others: what is none of them contradicts the specification.
    pub(super) fn one_of(&self, name: &str, choices: &[&str]) -> Result<usize, Fault> {
        self.choice(name, choices).map_err(|fault| Fault::contradiction(fault.to_string()))
    }

    /// A list of sizes; `None` when absent.
    pub(super) fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>, Fault> {
        let values = self.ints(name);
        if values.is_empty() {
            return Ok(None);
        }
        values
            .iter()
            .map(|value| usize::try_from(*value).ok().filter(|size| *size < 1 << 31))
            .collect::<Option<Vec<usize>>>()
            .map(Some)
            .ok_or_else(|| contradiction!("its `{name}` holds an impossible size"))
    }
}

/// What a shape rule answers.
pub(crate) type Inferred = Result<Option<Vec<Fact>>, Fault>;

/// The inputs of a node as a shape rule sees them.
pub(crate) struct Inputs<'a> {
    known: &'a [Known],
    places: &'a [Option<usize>],
}

impl<'a> Inputs<'a> {
    pub(super) fn get(&self, index: usize) -> Option<&'a Known> {
        self.places.get(index).copied().flatten().and_then(|place| self.known.get(place))
    }

    pub(super) fn fact(&self, index: usize) -> Result<&'a Fact, Fault> {
        self.get(index)
            .map(|known| &known.fact)
            .ok_or_else(|| format!("its input {index} is missing").into())
    }

    pub(super) fn shape(&self, index: usize) -> Result<&'a [TDim], Fault> {
        self.fact(index).map(|fact| fact.shape.as_slice())
    }

    /// The input's value, if the compiler knows it.
    pub(super) fn value(&self, index: usize) -> Option<&'a Arc<Tensor>> {
        self.get(index).and_then(|known| known.value.as_ref())
    }

    /// The input's numbers, if the compiler knows them.
    pub(super) fn ints(&self, index: usize) -> Result<Option<Vec<i64>>, Fault> {
        self.value(index)
            .map(|tensor| constant_i64(tensor).map_err(|Refusal(r)| r.into()))
            .transpose()
    }

    /// The input's numbers, if the compiler knows them.
    pub(super) fn floats(&self, index: usize) -> Result<Option<Vec<f32>>, Fault> {
        self.value(index)
            .map(|tensor| constant_f32(tensor).map_err(|Refusal(r)| r.into()))
            .transpose()
    }
}

/// A fact of this type and shape.
pub(super) fn fact(datum_type: DatumType, shape: impl IntoIterator<Item = TDim>) -> Fact {
    Fact { datum_type, shape: shape.into_iter().collect() }
}

/// An axis counted from the front.
pub(super) fn axis_of(axis: i64, rank: usize) -> Result<usize, Fault> {
    let from_front = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_front)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| format!("it has no axis {axis}: its input has {rank}").into())
}

/// A node of the typed graph.
pub(crate) struct Wired<'a> {
    pub(super) node: &'a TypedNode,
    inputs: &'a [Option<usize>],
    outputs: &'a [Option<usize>],
}

impl Wired<'_> {
    pub(super) fn name(&self) -> &str {
        &self.node.name
    }

    pub(super) fn optional(&self, index: usize) -> Option<OutletId> {
        let place = self.inputs.get(index).copied().flatten()?;
        self.node.inputs.get(place).copied()
    }

    pub(super) fn input(&self, index: usize) -> Result<OutletId, Refusal> {
        self.optional(index)
            .ok_or_else(|| Refusal::because(format!("its input {index} is missing")))
    }

    /// The address of an input as it is; 0 if it is missing.
    pub(super) fn read_or_none(&self, l: &mut Lowering<'_>, index: usize) -> Result<Arg, Refusal> {
        self.optional(index).map_or(Ok(Arg::Int(0)), |outlet| l.read(outlet))
    }

    /// The address of an input as `f32`; 0 if it is missing.
    pub(super) fn f32_or_none(&self, l: &mut Lowering<'_>, index: usize) -> Result<Arg, Refusal> {
        self.optional(index).map_or(Ok(Arg::Int(0)), |outlet| l.read_f32(outlet))
    }

    /// The address of an input of whole numbers as `i64`; 0 if it is missing.
    pub(super) fn i64_or_none(&self, l: &mut Lowering<'_>, index: usize) -> Result<Arg, Refusal> {
        let Some(outlet) = self.optional(index) else { return Ok(Arg::Int(0)) };
        let element = l.element(outlet)?;
        if element == ElementType::Int64 {
            return l.read(outlet);
        }
        let (from, count) = (l.read(outlet)?, l.count(outlet)?);
        let name = format!("{} (input {index})", self.name());
        let to = l.planner.buffer(name, ElementType::Int64, count.clone());
        let kernel = cast_kernel(element, ElementType::Int64)?;
        l.planner.call(kernel, vec![from, Arg::Count(count), Arg::write(to)], "widen", 5.0);
        Ok(Arg::read(to))
    }

    /// Where output `index` is in the typed graph, if the node has it.
    pub(super) fn outlet(&self, index: usize) -> Option<OutletId> {
        let slot = self.outputs.get(index).copied().flatten()?;
        Some(OutletId::new(self.node.id, slot))
    }

    /// The shape of output `index`.
    pub(super) fn shape(&self, l: &Lowering<'_>, index: usize) -> Result<Vec<Extent>, Refusal> {
        l.shape(self.outlet(index).ok_or_else(|| Refusal::because("it has no output"))?)
    }

    /// A buffer for output `index`.
    pub(super) fn output(&self, l: &mut Lowering<'_>, index: usize) -> Result<BufferId, Refusal> {
        let outlet = self.outlet(index).ok_or_else(|| Refusal::because("it has no output"))?;
        l.output(self.node, outlet.slot)
    }

    /// A buffer for output `index`, if the node has it, and its address or 0.
    pub(super) fn optional_output(
        &self,
        l: &mut Lowering<'_>,
        index: usize,
    ) -> Result<(Option<BufferId>, Arg), Refusal> {
        match self.outlet(index) {
            Some(outlet) => {
                let buffer = l.output(self.node, outlet.slot)?;
                Ok((Some(buffer), Arg::write(buffer)))
            }
            None => Ok((None, Arg::Int(0))),
        }
    }

    /// A buffer of `f32` of the size of output `index`, whatever that output's type is.
    pub(super) fn f32_output(
        &self,
        l: &mut Lowering<'_>,
        index: usize,
    ) -> Result<BufferId, Refusal> {
        let outlet = self.outlet(index).ok_or_else(|| Refusal::because("it has no output"))?;
        if l.element(outlet)? == ElementType::Float32 {
            return l.output(self.node, outlet.slot);
        }
        let count = l.count(outlet)?;
        let name = format!("{}:{index} as float32", self.name());
        Ok(l.planner.buffer(name, ElementType::Float32, count))
    }

    /// The value of output `index` out of a buffer of [`Wired::f32_output`].
    pub(super) fn finish(
        &self,
        l: &mut Lowering<'_>,
        index: usize,
        buffer: BufferId,
    ) -> Result<Value, Refusal> {
        let outlet = self.outlet(index).ok_or_else(|| Refusal::because("it has no output"))?;
        let element = l.element(outlet)?;
        if element == ElementType::Float32 {
            return Ok(Value::Tensor(buffer));
        }
        let (count, to) = (l.count(outlet)?, l.output(self.node, outlet.slot)?);
        let kernel = cast_kernel(ElementType::Float32, element)?;
        let args = vec![Arg::read(buffer), Arg::Count(count), Arg::write(to)];
        l.planner.call(kernel, args, format!("cast float32 to {element}"), 5.0);
        Ok(Value::Tensor(to))
    }

    /// A buffer that only the node itself uses.
    pub(super) fn scratch(
        &self,
        l: &mut Lowering<'_>,
        what: &str,
        element: ElementType,
        count: Extent,
    ) -> BufferId {
        l.planner.buffer(format!("{what} of {}", self.name()), element, count)
    }
}

/// `value` for every output, for those that nobody reads too.
pub(super) fn values(
    first: Value,
    others: impl IntoIterator<Item = Option<BufferId>>,
) -> Vec<Value> {
    let others: Vec<Value> = others
        .into_iter()
        .map(|buffer| buffer.map_or_else(|| first.clone(), Value::Tensor))
        .collect();
    std::iter::once(first).chain(others).collect()
}

/// An extent's value for one row, as a weight in an estimate of cost.
pub(super) fn weight<'a>(extents: impl IntoIterator<Item = &'a Extent>) -> f64 {
    product(extents).evaluate(&[1, 64, 64, 64]).unwrap_or(1) as f64
}

/// A layer as an operator that travels through tract.
#[derive(Debug)]
pub(super) struct Layered<L> {
    layer: L,
    inputs: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
}

/// For each name its place among those that are not empty, which is how tract counts.
fn places(names: &[String]) -> Vec<Option<usize>> {
    let mut next = 0..;
    names.iter().map(|name| if name.is_empty() { None } else { next.next() }).collect()
}

impl<L: Layer> Operator for Layered<L> {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        Self::parse_at(node, i64::MAX)
    }

    fn parse_at(node: &NodeProto, opset: i64) -> Result<Self, Fault> {
        let layer = L::parse(&Source::new(node, opset))?;
        Ok(Self { layer, inputs: places(&node.input), outputs: places(&node.output) })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let known: Vec<Known> =
            inputs.iter().map(|fact| Known { fact: fact.clone(), value: None }).collect();
        self.infer(&known)?
            .ok_or_else(|| "its shape depends on a value that is not a constant".into())
    }

    fn infer(&self, known: &[Known]) -> Inferred {
        self.layer.infer(&Inputs { known, places: &self.inputs })
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        self.layer.lower(l, &Wired { node, inputs: &self.inputs, outputs: &self.outputs })
    }
}
