//! `Concat`: tensors side by side along one axis.

use shared::ElementType;
use tract_onnx::prelude::TypedNode;
use tract_onnx::tract_core::ops::array::TypedConcat;

use super::{Lowered, Lowering, Refusal, Value};
use crate::plan::{Arg, BufferId, Extent, SPAN_BYTES, product};

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    let Some(concat) = node.op_as::<TypedConcat>() else { return Ok(None) };
    let element = l.element(node.inputs[0])?;
    let parts = node
        .inputs
        .iter()
        .map(|input| Ok((l.read_any(*input)?, l.shape(*input)?)))
        .collect::<Result<Vec<_>, Refusal>>()?;
    let y = l.output(node, 0)?;
    join(l, parts, concat.axis, element, y);
    Ok(Some(vec![Value::Tensor(y)]))
}

/// Copies tensors, given by address and shape, side by side into `y`.
pub(crate) fn join(
    l: &mut Lowering<'_>,
    parts: Vec<(Arg, Vec<Extent>)>,
    axis: usize,
    element: ElementType,
    y: BufferId,
) {
    let width = Extent::from(element.byte_width().unwrap_or(SPAN_BYTES));
    let block = |shape: &[Extent]| product(&shape[axis..]).times(width.clone());
    let stride = parts.iter().fold(Extent::Fixed(0), |sum, (_, shape)| sum.plus(block(shape)));
    let mut offset = Extent::Fixed(0);
    for (index, (x, shape)) in parts.into_iter().enumerate() {
        let bytes = block(&shape);
        let args = vec![
            x,
            Arg::Count(product(&shape[..axis])),
            Arg::Count(bytes.clone()),
            Arg::Count(bytes.clone()),
            Arg::Write(y, offset.clone()),
            Arg::Count(stride.clone()),
        ];
        let cost = 2.0 + bytes.evaluate(&[1]).unwrap_or(0) as f64 * 0.05;
        l.planner.call("copy_blocks", args, format!("join part {index}"), cost);
        offset = offset.plus(bytes);
    }
}
