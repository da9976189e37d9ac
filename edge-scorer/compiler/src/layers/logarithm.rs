//! `LogSoftmax`, as one operator: tract makes a softmax of it and takes its logarithm, and what is less than 1e-45
//! has none.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::TractResult;
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};
use tract_onnx::tract_hir::internal::*;

use crate::ml::attributes;

#[derive(Debug, Clone)]
struct LogSoftmax {
    /// As the file has it: negative ones count from the end.
    axis: i64,
    /// Whether all axes behind it belong to it, as before version 13.
    takes_rest: bool,
}

/// Builds the operator for tract.
pub(super) fn log_softmax(
    context: &ParsingContext<'_>,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let takes_rest = context.onnx_operator_set_version < 13;
    let axis = attributes::int(node, "axis").unwrap_or(if takes_rest { 1 } else { -1 });
    Ok((expand(LogSoftmax { axis, takes_rest }), vec![]))
}

impl Expansion for LogSoftmax {
    fn name(&self) -> StaticName {
        "LogSoftmax".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&outputs[0].datum_type, &inputs[0].datum_type)?;
        solver.equals(&outputs[0].rank, &inputs[0].rank)?;
        solver.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(
        &self,
        name: &str,
        target: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let rank = target.outlet_fact(inputs[0])?.rank();
        let axis = if self.axis < 0 { self.axis + rank as i64 } else { self.axis };
        let axis = usize::try_from(axis).ok().filter(|axis| *axis < rank);
        let axis = axis.ok_or_else(|| format_err!("it has an axis that its input has not"))?;
        let axes = if self.takes_rest { (axis..rank).collect() } else { tvec![axis] };
        let softmax = Softmax { axes, kind: SoftmaxKind::LogSoftmax, ..Softmax::default() };
        target.wire_node(name, softmax, inputs)
    }
}
