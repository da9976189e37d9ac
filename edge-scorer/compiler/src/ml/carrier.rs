//! Carries an [`Operator`] through tract, first untyped, then typed.

use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::expandable::{Expansion, expand};

use super::{Fact, Operator};
use crate::lower::Value;

/// An operator and which of its outputs the node has.
#[derive(Debug, Clone)]
pub(crate) struct Carried {
    name: String,
    operator: Arc<dyn Operator>,
    /// Indices of the outputs that have a name.
    outputs: Vec<usize>,
}

/// Builds a node's operator; what tract's register calls.
pub(super) fn carry<O: Operator>(
    _: &ParsingContext<'_>,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let operator = O::parse(node).map_err(|reason| anyhow!("{reason}"))?;
    let outputs = (0..node.output.len()).filter(|i| !node.output[*i].is_empty()).collect();
    let name = node.op_type.clone();
    Ok((expand(Carried { name, operator: Arc::new(operator), outputs }), Vec::new()))
}

impl Carried {
    pub(crate) fn operator(&self) -> &dyn Operator {
        self.operator.as_ref()
    }

    /// Of all outputs' values, those that the node has.
    pub(crate) fn wanted(&self, values: Vec<Value>) -> Vec<Value> {
        self.outputs.iter().filter_map(|index| values.get(*index).cloned()).collect()
    }

    fn facts(&self, inputs: &[Fact]) -> TractResult<Vec<Fact>> {
        let all =
            self.operator.outputs(inputs).map_err(|reason| anyhow!("{}: {reason}", self.name))?;
        self.outputs
            .iter()
            .map(|index| {
                all.get(*index)
                    .cloned()
                    .ok_or_else(|| anyhow!("{} has too many outputs", self.name))
            })
            .collect()
    }
}

impl PartialEq for Carried {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.operator, &other.operator) && self.outputs == other.outputs
    }
}

impl Eq for Carried {}

impl Expansion for Carried {
    fn name(&self) -> StaticName {
        self.name.clone().into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.outputs.len())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        if outputs.len() != self.outputs.len() {
            bail!("{} has {} outputs, not {}", self.name, self.outputs.len(), outputs.len());
        }
        s.given_all(inputs.iter().map(|input| &input.datum_type), move |s, types| {
            s.given_all(inputs.iter().map(|input| &input.shape), move |s, shapes| {
                let facts: Vec<Fact> = types
                    .iter()
                    .zip(shapes)
                    .map(|(datum_type, shape)| Fact { datum_type: *datum_type, shape })
                    .collect();
                for (output, fact) in outputs.iter().zip(self.facts(&facts)?) {
                    s.equals(&output.datum_type, fact.datum_type)?;
                    s.equals(&output.shape, fact.shape)?;
                }
                Ok(())
            })
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Carried {
    fn name(&self) -> StaticName {
        self.name.clone().into()
    }

    op_as_typed_op!();
}

impl EvalOp for Carried {
    // It is compiled, never evaluated here.
    not_out_of_plan!();
}

impl TypedOp for Carried {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let facts: Vec<Fact> = inputs
            .iter()
            .map(|fact| Fact { datum_type: fact.datum_type, shape: fact.shape.to_tvec() })
            .collect();
        Ok(self.facts(&facts)?.into_iter().map(|f| f.datum_type.fact(&*f.shape)).collect())
    }

    as_op!();
}
