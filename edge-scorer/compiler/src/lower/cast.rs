//! `Cast` between numbers.

use shared::ElementType::{self, Bool, Float32, Float64, Int32, Int64, Uint8};
use tract_onnx::prelude::TypedNode;
use tract_onnx::tract_core::ops::cast::Cast;

use super::{Lowered, Lowering, Refusal, Value};
use crate::plan::{Arg, BufferId};

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    let Some(cast) = node.op_as::<Cast>() else { return Ok(None) };
    let (from, to) = (l.element(node.inputs[0])?, super::element_type(cast.to)?);
    if from == to || (from, to) == (Bool, Uint8) {
        return Ok(Some(vec![l.value(node.inputs[0])?]));
    }
    let (x, count) = (l.read(node.inputs[0])?, l.count(node.inputs[0])?);
    let y: BufferId = l.output(node, 0)?;
    let args = vec![x, Arg::Count(count), Arg::write(y)];
    l.planner.call(kernel(from, to)?, args, format!("cast {from} to {to}"), 5.0);
    Ok(Some(vec![Value::Tensor(y)]))
}

/// The kernel that turns numbers of one type into another.
pub(crate) fn kernel(from: ElementType, to: ElementType) -> Result<&'static str, Refusal> {
    Ok(match (from, to) {
        (Float64, Float32) => "cast_f64_f32",
        (Int64, Float32) => "cast_i64_f32",
        (Int32, Float32) => "cast_i32_f32",
        (Bool | Uint8, Float32) => "cast_u8_f32",
        (Float32, Float64) => "cast_f32_f64",
        (Int64, Float64) => "cast_i64_f64",
        (Float32, Int64) => "cast_f32_i64",
        (Float64, Int64) => "cast_f64_i64",
        (Int32, Int64) => "cast_i32_i64",
        (Bool | Uint8, Int64) => "cast_u8_i64",
        (Float32, Int32) => "cast_f32_i32",
        (Int64, Int32) => "cast_i64_i32",
        (Bool | Uint8, Int32) => "cast_u8_i32",
        (Float32, Bool) => "cast_f32_bool",
        (Float64, Bool) => "cast_f64_bool",
        (Int64, Bool) => "cast_i64_bool",
        (Int32, Bool) => "cast_i32_bool",
        (from, to) => return Err(Refusal::because(format!("it casts {from} to {to}"))),
    })
}
