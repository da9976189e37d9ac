//! Keeps what tract computes while it types and simplifies a model within bounds.
//!
//! tract evaluates what is constant as soon as it knows the inputs, and weighs the result only when it
//! holds it: a `ConstantOfShape` of a few bytes asks for terabytes. Every operator is therefore wrapped in
//! a [`Guarded`], which looks at the shapes that inference gives before anything is evaluated, and adds up
//! what evaluating has made so far.
//!
//! # Invariants
//! - No tensor of known size is larger than [`TENSOR_BYTES`], none that tract evaluates larger than
//!   [`CONSTANT_BYTES`], and all of the latter together no larger than [`FOLDED_BYTES`].
//! - What is refused here is a limit that was exceeded, not a contradiction of the file's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::*;

use crate::error::CompileError;

/// Most bytes of a tensor: those of a memory of 32 bits.
const TENSOR_BYTES: u64 = 4 << 30;
/// Most bytes of a tensor that tract evaluates: those of the largest module.
const CONSTANT_BYTES: u64 = 512 << 20;
/// Most bytes that tract evaluates in all, whether it keeps them or not.
const FOLDED_BYTES: u64 = 1 << 30;
/// Most bytes of inputs from which something of unknown size is evaluated.
const BLIND_BYTES: u64 = 64 << 10;

/// A tensor, or all that was evaluated, is too large.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{actual} {what}, more than {limit}")]
struct TooLarge {
    what: &'static str,
    actual: u64,
    limit: u64,
}

/// The limit that an error of tract's is about, if it is about one.
pub(super) fn limit_exceeded(error: &TractError) -> Option<CompileError> {
    let TooLarge { what, actual, limit } = *error.chain().find_map(|cause| cause.downcast_ref())?;
    Some(CompileError::LimitExceeded { what, actual, limit })
}

/// Puts every operator of a model that tract has just read under guard.
pub(super) fn guard(model: &mut InferenceModel) {
    let folded = Arc::new(AtomicU64::new(0));
    for node in &mut model.nodes {
        // A source or a constant is nothing but its own fact, and tract asks for both by type.
        if InferenceModel::is_source(&node.op) || node.inputs.is_empty() {
            continue;
        }
        let inner = std::mem::replace(
            &mut node.op,
            Box::new(tract_onnx::tract_hir::ops::unimpl::UnimplementedOp::new(1, "", "")),
        );
        node.op = Box::new(Guarded { inner, folded: Arc::clone(&folded), is_blind: false });
    }
}

/// Holds the shapes of a typed model against the limits.
pub(super) fn check(model: &TypedModel) -> TractResult<()> {
    for fact in model.nodes().iter().flat_map(|node| &node.outputs).map(|outlet| &outlet.fact) {
        within(bytes(fact.datum_type, fact.shape.iter()), TENSOR_BYTES)?;
    }
    Ok(())
}

/// Bytes that a tensor has at least: what varies is 1 or more. Those that cannot be counted are too many.
fn bytes<'a>(datum_type: DatumType, shape: impl Iterator<Item = &'a TDim>) -> Option<u64> {
    let mut bytes = datum_type.size_of() as u64;
    let mut is_empty = false;
    for dim in shape {
        let dim = dim.as_i64().map_or(1, |dim| u64::try_from(dim).unwrap_or(0));
        is_empty |= dim == 0;
        bytes = bytes.saturating_mul(dim.max(1));
    }
    Some(if is_empty { 0 } else { bytes })
}

fn within(bytes: Option<u64>, limit: u64) -> TractResult<()> {
    match bytes.filter(|bytes| *bytes > limit) {
        Some(actual) => Err(TooLarge { what: "bytes in one tensor", actual, limit }.into()),
        None => Ok(()),
    }
}

/// An operator that is looked after.
#[derive(Debug, Clone)]
struct Guarded {
    inner: Box<dyn InferenceOp>,
    /// What all operators of the model have evaluated.
    folded: Arc<AtomicU64>,
    /// Whether inference did not tell how large the outputs are.
    is_blind: bool,
}

impl PartialEq for Guarded {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Guarded {}

impl Op for Guarded {
    fn name(&self) -> StaticName {
        self.inner.as_op().name()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        self.inner.as_op().info()
    }

    not_a_typed_op!();
}

impl EvalOp for Guarded {
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.inner.as_op().eval(context, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        let held = |values: &TVec<TValue>| -> u64 {
            values.iter().map(|value| (value.volume() * value.datum_type().size_of()) as u64).sum()
        };
        if self.is_blind && held(&inputs) > BLIND_BYTES {
            return Ok(None);
        }
        let outputs = self.inner.as_op().eval_out_of_plan(inputs)?;
        let made = outputs.as_ref().map_or(0, held);
        let actual = self.folded.fetch_add(made, Relaxed).saturating_add(made);
        if actual > FOLDED_BYTES {
            let what = "bytes of constants that follow from others";
            return Err(TooLarge { what, actual, limit: FOLDED_BYTES }.into());
        }
        Ok(outputs)
    }

    fn state(&self, context: &EvalContext) -> TractResult<Option<Box<dyn OpState>>> {
        self.inner.as_op().state(context)
    }
}

impl InferenceOp for Guarded {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let found = self.inner.infer_facts(inputs, outputs, observed)?;
        let is_constant = found.0.iter().all(|input| input.value.concretize().is_some());
        self.is_blind = false;
        for output in &found.1 {
            let known = output.datum_type.concretize().zip(output.shape.concretize());
            let bytes = known.and_then(|(kind, shape)| bytes(kind, shape.iter()));
            self.is_blind |= bytes.is_none();
            within(bytes, if is_constant { CONSTANT_BYTES } else { TENSOR_BYTES })?;
        }
        Ok(found)
    }

    fn observe_outlets(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Vec<OutletId>> {
        self.inner.observe_outlets(model, node)
    }

    fn incorporate(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Option<InferenceModelPatch>> {
        self.inner.incorporate(model, node)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.inner.nboutputs()
    }

    // Who asks for an operator of some type finds the one that is guarded.
    fn as_op(&self) -> &dyn Op {
        self.inner.as_op()
    }

    fn as_op_mut(&mut self) -> &mut dyn Op {
        self.inner.as_op_mut()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        self.inner.to_typed(source, node, target, mapping)
    }
}
