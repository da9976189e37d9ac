//! Operators that choose and join features: `ArrayFeatureExtractor`, `FeatureVectorizer`.

use shared::ElementType::{self, Float32, Int32, Int64};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, OutletId, TDim, TypedNode, tvec};

use super::{Fact, Fault, Operator};
use crate::lower::{Lowering, Refusal, Value, constant_f32, constant_i64, constant_strings};
use crate::plan::{Arg, BufferId, Extent, SPAN_BYTES, product};

/// `ai.onnx.ml.ArrayFeatureExtractor`: of the last axis, the features that the second input names.
#[derive(Debug)]
pub(super) struct ArrayFeatureExtractor;

impl Operator for ArrayFeatureExtractor {
    fn parse(_: &NodeProto) -> Result<Self, Fault> {
        Ok(Self)
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let [data, indices] = inputs else { return Err("it takes two inputs".into()) };
        // tract counts with `TDim` what the file calls int64.
        if !matches!(indices.datum_type, DatumType::I64 | DatumType::TDim) {
            return Err("its indices are not int64".into());
        }
        let count: TDim = indices.shape.iter().product();
        let mut shape = data.shape.clone();
        match shape.len() {
            0 => return Err("its input has no dimensions".into()),
            1 => shape = tvec![1.into(), count],
            rank => shape[rank - 1] = count,
        }
        Ok(vec![Fact { datum_type: data.datum_type, shape }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let (data, indices) = (node.inputs[0], node.inputs[1]);
        let value = match l.constant(indices) {
            Some(constant) => {
                let indices = constant_i64(&constant)?;
                choose(l, node, data, &indices)?
            }
            None => look_up(l, node, data, indices)?,
        };
        Ok(vec![value])
    }

    fn looks_up_labels(&self) -> bool {
        true
    }
}

/// Chooses columns that are known now.
fn choose(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    data: OutletId,
    indices: &[i64],
) -> Result<Value, Refusal> {
    let mut shape = l.shape(data)?;
    let columns = shape
        .pop()
        .and_then(|columns| columns.fixed())
        .ok_or_else(|| Refusal::because("the number of its columns is not known"))?;
    let chosen: Vec<u32> = indices
        .iter()
        .map(|index| match index {
            index if (0..columns).contains(index) => Ok(*index as u32),
            index => Err(Refusal::because(format!("it chooses column {index} of {columns}"))),
        })
        .collect::<Result<_, _>>()?;
    let width = l.element(data)?.byte_width().unwrap_or(SPAN_BYTES);
    let (x, y) = (l.read_any(data)?, l.output(node, 0)?);
    let weights = l.planner.weights_u32(format!("{} (columns)", node.name), &chosen);
    let args = vec![
        x,
        Arg::Count(product(&shape)),
        Arg::Count(Extent::Fixed(columns)),
        Arg::Weights(weights),
        Arg::count(chosen.len()),
        Arg::count(width),
        Arg::write(y),
    ];
    let title = format!("choose {} of {columns} columns", chosen.len());
    l.planner.call("choose_columns", args, title, 2.0 + chosen.len() as f64);
    Ok(Value::Tensor(y))
}

/// Looks up entries of a constant list, such as the class that `ArgMax` found.
fn look_up(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    data: OutletId,
    indices: OutletId,
) -> Result<Value, Refusal> {
    let table = l
        .constant(data)
        .filter(|table| table.len() == *table.shape().last().unwrap_or(&0) && table.len() > 0)
        .ok_or_else(|| Refusal::because("neither its list nor its indices are constant"))?;
    let count = l.count(indices)?;
    let found = indices_within(l, node, indices, count.clone(), table.len())?;
    let (kernel, element, weights) = match l.element(data)? {
        ElementType::String => {
            let table = constant_strings(&table)?.into();
            return Ok(Value::Labels { indices: found, table });
        }
        Int64 | Int32 => {
            let name = format!("{} (list)", node.name);
            let weights = l.planner.weights_i64(name, &constant_i64(&table)?);
            ("pick_i64", Int64, weights)
        }
        Float32 => {
            let name = format!("{} (list)", node.name);
            let weights = l.planner.weights_f32(name, &constant_f32(&table)?);
            ("pick_f32", Float32, weights)
        }
        other => return Err(Refusal::because(format!("it looks up {other}"))),
    };
    let y = l.planner.buffer(node.name.clone(), element, count.clone());
    let args = vec![
        Arg::read(found),
        Arg::Count(count.clone()),
        Arg::Weights(weights),
        Arg::count(table.len()),
        Arg::write(y),
    ];
    l.planner.call(kernel, args, format!("look up one of {}", table.len()), 3.0);
    if l.element(data)? != Int32 {
        return Ok(Value::Tensor(y));
    }
    let narrow = l.output(node, 0)?;
    let args = vec![Arg::read(y), Arg::Count(count), Arg::write(narrow)];
    l.planner.call("cast_i64_i32", args, "cast int64 to int32", 1.0);
    Ok(Value::Tensor(narrow))
}

fn indices_within(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    indices: OutletId,
    count: Extent,
    length: usize,
) -> Result<BufferId, Refusal> {
    let x = l.read(indices)?;
    let found = l.planner.buffer(format!("{} (index)", node.name), Int32, count.clone());
    let args = vec![x, Arg::Count(count), Arg::count(length), Arg::write(found)];
    l.planner.call("indices_within", args, "indices", 2.0);
    Ok(found)
}

/// `ai.onnx.ml.FeatureVectorizer`: puts columns side by side, as floats.
#[derive(Debug)]
pub(super) struct FeatureVectorizer;

impl Operator for FeatureVectorizer {
    fn parse(_: &NodeProto) -> Result<Self, Fault> {
        Ok(Self)
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let (rows, _) = super::matrix(inputs.first())?;
        let mut columns = 0;
        for input in inputs {
            columns += super::matrix(Some(input))?.1;
        }
        Ok(vec![Fact { datum_type: DatumType::F32, shape: tvec![rows, (columns as i64).into()] }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let parts = node
            .inputs
            .iter()
            .map(|input| Ok((l.read_f32(*input)?, l.shape(*input)?)))
            .collect::<Result<Vec<_>, Refusal>>()?;
        let y = l.output(node, 0)?;
        crate::lower::join(l, parts, 1, Float32, y);
        Ok(vec![Value::Tensor(y)])
    }
}
