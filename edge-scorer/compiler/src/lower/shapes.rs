//! Operators that rename a buffer and leave its bytes alone.

use tract_onnx::prelude::TypedNode;
use tract_onnx::tract_hir::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_hir::tract_core::ops::identity::Identity;

use super::{Lowered, Lowering};

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    let same_bytes = match node.op_as::<AxisOp>() {
        Some(AxisOp::Add(_) | AxisOp::Rm(_) | AxisOp::Reshape(..)) => true,
        // Moving an axis of size 1 moves nothing; other moves are `lower/transpose.rs`'s.
        Some(AxisOp::Move(from, to)) => {
            let shape = l.shape(node.inputs[0])?;
            let moved = if from <= to { *from..=*to } else { *to..=*from };
            moved.filter(|axis| shape[*axis].fixed() != Some(1)).count() <= 1
        }
        None => node.op_is::<Identity>(),
    };
    if same_bytes { Ok(Some(vec![l.value(node.inputs[0])?])) } else { Ok(None) }
}
