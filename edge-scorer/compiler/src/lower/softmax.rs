//! Softmax and its logarithm along neighbouring axes.

use shared::ElementType;
use tract_onnx::prelude::TypedNode;
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};

use super::{Lowered, Lowering, Refusal, Value};
use crate::plan::{Arg, product};

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    let Some(softmax) = node.op_as::<Softmax>() else { return Ok(None) };
    let input = node.inputs[0];
    if l.element(input)? != ElementType::Float32 {
        return Err(Refusal::because("it takes another type than float32"));
    }
    let shape = l.shape(input)?;
    let mut axes = softmax.axes.to_vec();
    axes.sort_unstable();
    let (Some(first), Some(last)) = (axes.first().copied(), axes.last().copied()) else {
        return Err(Refusal::because("it has no axis"));
    };
    if last >= shape.len() {
        return Err(Refusal::because("it has an axis that its input has not"));
    }
    if last - first + 1 != axes.len() {
        return Err(Refusal::because("its axes do not lie side by side"));
    }
    let (x, y) = (l.read(input)?, l.output(node, 0)?);
    let cost = product(&shape).evaluate(&[1, 64, 64, 64]).unwrap_or(1) as f64 * 2.0;
    let args = vec![
        x,
        Arg::write(y),
        Arg::Count(product(&shape[..first])),
        Arg::Count(product(&shape[first..=last])),
        Arg::Count(product(&shape[last + 1..])),
    ];
    match softmax.kind {
        SoftmaxKind::Softmax => {
            l.call_profiled("softmax_f32", "softmax_f32_relaxed", args, "softmax".to_owned(), cost);
        }
        SoftmaxKind::LogSoftmax => {
            let (kernel, relaxed) = ("log_softmax_f32", "log_softmax_f32_relaxed");
            l.call_profiled(kernel, relaxed, args, "logarithm of softmax".to_owned(), cost);
        }
    }
    Ok(Some(vec![Value::Tensor(y)]))
}
