//! `ArgMax` and `ArgMin`.

use shared::ElementType;
use tract_onnx::prelude::TypedNode;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};

use super::{Lowered, Lowering, Refusal, Value};
use crate::plan::{Arg, product};

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    let Some(reduce) = node.op_as::<Reduce>() else { return Ok(None) };
    let (sign, last) = match reduce.reducer {
        Reducer::ArgMax(last) => (1.0, last),
        Reducer::ArgMin(last) => (-1.0, last),
        _ => return Ok(None),
    };
    let [axis] = *reduce.axes.as_slice() else {
        return Err(Refusal::because("it looks along several axes"));
    };
    let input = node.inputs[0];
    if l.element(input)? == ElementType::Float64 {
        return Err(Refusal::because("it compares float64"));
    }
    let shape = l.shape(input)?;
    let (x, y) = (l.read_f32(input)?, l.output(node, 0)?);
    let args = vec![
        x,
        Arg::Count(product(&shape[..axis])),
        Arg::Count(shape[axis].clone()),
        Arg::Count(product(&shape[axis + 1..])),
        Arg::Float(sign),
        Arg::Int(i32::from(last)),
        Arg::write(y),
    ];
    let cost = product(&shape[axis..]).evaluate(&[1]).unwrap_or(1) as f64;
    l.planner.call("arg_extreme", args, format!("{:?}", reduce.reducer), cost);
    Ok(Some(vec![Value::Tensor(y)]))
}
