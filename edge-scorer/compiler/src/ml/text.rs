//! Operators from text to text, or to what is found in it: `StringNormalizer`, `StringConcat`,
//! `RegexFullMatch`, `MurmurHash3`.

use shared::ElementType::{self, Bool, Uint32};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, OutletId, TDim, TVec, TypedNode};

use super::automaton::Automaton;
use super::words::automaton_args;
use super::{Fact, Fault, Operator, attributes, contradiction};
use crate::lower::views::{View, strides};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, Extent, product};

fn text_input(inputs: &[Fact], index: usize) -> Result<&Fact, Fault> {
    inputs
        .get(index)
        .filter(|input| input.datum_type == DatumType::String)
        .ok_or_else(|| format!("its input {index} is no text").into())
}

/// `StringNormalizer` without words that are left out: then every text keeps its place.
#[derive(Debug)]
pub(super) struct StringNormalizer {
    /// Upper case, lower case, or none.
    upper: Option<bool>,
}

impl Operator for StringNormalizer {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let upper = match attributes::string(node, "case_change_action", "NONE")?.as_str() {
            "NONE" => None,
            "LOWER" => Some(false),
            "UPPER" => Some(true),
            other => return Err(contradiction!("the case `{other}` is unknown")),
        };
        if !attributes::strings(node, "stopwords")?.is_empty() {
            return Err("it leaves out words, so the number of its rows is not known".into());
        }
        Ok(Self { upper })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        Ok(vec![text_input(inputs, 0)?.clone()])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let Some(upper) = self.upper else { return Ok(vec![l.value(node.inputs[0])?]) };
        let (spans, count) = (l.spans(node.inputs[0])?, l.count(node.inputs[0])?);
        let (arena, y) = (l.arena(), l.output(node, 0)?);
        let args = vec![
            Arg::read(spans),
            Arg::Count(count),
            Arg::read(arena),
            Arg::Int(i32::from(upper)),
            Arg::write(y),
        ];
        let title = if upper { "to upper case" } else { "to lower case" };
        l.planner.call("change_case", args, title, 300.0);
        Ok(vec![Value::Text(y)])
    }
}

/// `StringConcat`: two texts become one, with broadcasting.
#[derive(Debug)]
pub(super) struct StringConcat;

impl Operator for StringConcat {
    fn parse(_: &NodeProto) -> Result<Self, Fault> {
        Ok(Self)
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let (a, b) = (text_input(inputs, 0)?, text_input(inputs, 1)?);
        let rank = a.shape.len().max(b.shape.len());
        let dim = |fact: &Fact, axis: usize| -> TDim {
            let missing = rank - fact.shape.len();
            axis.checked_sub(missing).map_or_else(|| TDim::from(1), |axis| fact.shape[axis].clone())
        };
        let shape: TVec<TDim> = (0..rank)
            .map(|axis| match (dim(a, axis), dim(b, axis)) {
                (x, y) if x == y || y == TDim::from(1) => Ok(x),
                (x, y) if x == TDim::from(1) => Ok(y),
                (x, y) => Err(format!("its shapes do not fit: {x} and {y}").into()),
            })
            .collect::<Result<_, Fault>>()?;
        Ok(vec![Fact { datum_type: DatumType::String, shape }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let a = spread(l, node, node.inputs[0])?;
        let b = spread(l, node, node.inputs[1])?;
        let count = l.count(OutletId::new(node.id, 0))?;
        let (arena, y) = (l.arena(), l.output(node, 0)?);
        let args = vec![a, b, Arg::Count(count), Arg::read(arena), Arg::write(y)];
        l.planner.call("concat_text", args, "join texts", 50.0);
        Ok(vec![Value::Text(y)])
    }
}

/// The spans of an input, repeated to the shape of the node's output.
fn spread(l: &mut Lowering<'_>, node: &TypedNode, input: OutletId) -> Result<Arg, Refusal> {
    let spans = Arg::read(l.spans(input)?);
    let (shape, target) = (l.shape(input)?, l.shape(OutletId::new(node.id, 0))?);
    if shape == target {
        return Ok(spans);
    }
    let missing = target.len() - shape.len();
    let from = strides(&shape);
    let mut view = View::default();
    for (axis, (size, to)) in target.iter().zip(strides(&target)).enumerate() {
        let repeated = axis < missing || shape[axis - missing].fixed() == Some(1);
        let from = if repeated { Extent::Fixed(0) } else { from[axis - missing].clone() };
        view.axis(size.clone(), from, to);
    }
    let name = format!("{} (repeated)", node.name);
    let wide = l.planner.buffer(name, ElementType::String, product(&target));
    view.copy(l, spans, Arg::write(wide), ElementType::String, "repeat texts")?;
    Ok(Arg::read(wide))
}

/// `Equal` of two texts, with broadcasting.
pub(crate) fn equal(l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
    let a = spread(l, node, node.inputs[0])?;
    let b = spread(l, node, node.inputs[1])?;
    let count = l.count(OutletId::new(node.id, 0))?;
    let y = l.output(node, 0)?;
    l.planner.call("equal_text", vec![a, b, Arg::Count(count), Arg::write(y)], "equal", 20.0);
    Ok(vec![Value::Tensor(y)])
}

/// `RegexFullMatch`.
#[derive(Debug)]
pub(super) struct RegexFullMatch {
    automaton: Automaton,
}

impl Operator for RegexFullMatch {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        if !node.attribute.iter().any(|attribute| attribute.name == "pattern") {
            return Err(contradiction!("it has no `pattern`"));
        }
        Ok(Self { automaton: Automaton::of(&attributes::string(node, "pattern", "")?)? })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let shape = text_input(inputs, 0)?.shape.clone();
        Ok(vec![Fact { datum_type: DatumType::Bool, shape }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let (spans, count) = (l.spans(node.inputs[0])?, l.count(node.inputs[0])?);
        let y = l.planner.buffer(node.name.clone(), Bool, count.clone());
        let mut args = vec![Arg::read(spans), Arg::Count(count)];
        args.extend(automaton_args(l, node, &self.automaton));
        args.push(Arg::write(y));
        l.planner.call("match_text", args, "match a pattern", 200.0);
        Ok(vec![Value::Tensor(y)])
    }
}

/// `com.microsoft.MurmurHash3`, which feature hashing is exported with.
#[derive(Debug)]
pub(super) struct MurmurHash3 {
    seed: i32,
    /// Whether the hash is `uint32`, else `int32`.
    positive: bool,
}

impl Operator for MurmurHash3 {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let seed = attributes::int(node, "seed").unwrap_or(0);
        let seed = u32::try_from(seed).map_err(|_| format!("`seed` is {seed}"))? as i32;
        Ok(Self { seed, positive: attributes::int(node, "positive").unwrap_or(1) != 0 })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let input = inputs.first().ok_or("it has no input")?;
        let datum_type = if self.positive { DatumType::U32 } else { DatumType::I32 };
        Ok(vec![Fact { datum_type, shape: input.shape.clone() }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let input = node.inputs[0];
        let (element, count) = (l.element(input)?, l.count(input)?);
        let x = l.read_any(input)?;
        let y = l.planner.buffer(node.name.clone(), Uint32, count.clone());
        let (seed, to) = (Arg::Int(self.seed), Arg::write(y));
        match element.byte_width() {
            None => {
                let args = vec![x, Arg::Count(count), seed, to];
                l.planner.call("murmur_text", args, "hash texts", 50.0);
            }
            Some(width) => {
                let args = vec![x, Arg::Count(count), Arg::count(width), seed, to];
                l.planner.call("murmur_bytes", args, "hash numbers", 10.0);
            }
        }
        Ok(vec![Value::Tensor(y)])
    }
}
