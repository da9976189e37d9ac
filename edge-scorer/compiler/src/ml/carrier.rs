//! Carries an [`Operator`] through tract, first untyped, then typed.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::*;

use super::{Fact, Known, Operator};
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
pub(crate) fn carry<O: Operator>(
    context: &ParsingContext<'_>,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let operator = O::parse_at(node, context.onnx_operator_set_version).map_err(TractError::new)?;
    let outputs = (0..node.output.len()).filter(|i| !node.output[*i].is_empty()).collect();
    let name = node.op_type.clone();
    let carried = Carried { name, operator: Arc::new(operator), outputs };
    Ok((Box::new(Untyped(carried)), Vec::new()))
}

impl Carried {
    pub(crate) fn operator(&self) -> &dyn Operator {
        self.operator.as_ref()
    }

    /// Of all outputs' values, those that the node has.
    pub(crate) fn wanted(&self, values: Vec<Value>) -> Vec<Value> {
        self.outputs.iter().filter_map(|index| values.get(*index).cloned()).collect()
    }

    /// Whether an output holds rows of probabilities.
    pub(crate) fn has_probabilities_at(&self, slot: usize) -> bool {
        self.outputs.get(slot) == Some(&1) && self.operator.scores_are_probabilities()
    }

    /// The facts of the outputs that the node has; `None` while a value is not known.
    fn facts(&self, inputs: &[Known]) -> TractResult<Option<Vec<Fact>>> {
        let Some(all) = self
            .operator
            .infer(inputs)
            .map_err(|fault| TractError::new(fault).context(self.name.clone()))?
        else {
            return Ok(None);
        };
        self.outputs
            .iter()
            .map(|index| {
                all.get(*index)
                    .cloned()
                    .ok_or_else(|| anyhow!("{} has too many outputs", self.name))
            })
            .collect::<TractResult<Vec<Fact>>>()
            .map(Some)
    }
}

impl PartialEq for Carried {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.operator, &other.operator) && self.outputs == other.outputs
    }
}

impl Eq for Carried {}

/// The operator in a graph whose types and shapes are still being found out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Untyped(Carried);

impl Op for Untyped {
    fn name(&self) -> StaticName {
        self.0.name.clone().into()
    }

    not_a_typed_op!();
}

impl EvalOp for Untyped {
    not_out_of_plan!();
}

impl InferenceOp for Untyped {
    /// Shapes come from the inputs alone, once all that they depend on is known.
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        if outputs.len() != self.0.outputs.len() {
            bail!("{} has {} outputs, not {}", self.0.name, self.0.outputs.len(), outputs.len());
        }
        let known = inputs
            .iter()
            .map(|input| {
                let datum_type = input.datum_type.concretize()?;
                let shape = input.shape.concretize()?;
                Some(Known { fact: Fact { datum_type, shape }, value: input.value.concretize() })
            })
            .collect::<Option<Vec<Known>>>();
        let mut found: TVec<InferenceFact> = outputs.into_iter().cloned().collect();
        let facts = known.map(|known| self.0.facts(&known)).transpose()?.flatten();
        for (output, fact) in found.iter_mut().zip(facts.into_iter().flatten()) {
            let fact = InferenceFact::dt_shape(fact.datum_type, fact.shape);
            output.unify_with(&fact)?;
        }
        let all = |facts: TVec<&InferenceFact>| facts.into_iter().cloned().collect();
        Ok((all(inputs), found, all(observed)))
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.0.outputs.len())
    }

    fn to_typed(
        &self,
        _: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        let inputs: TVec<OutletId> = node.inputs.iter().map(|input| mapping[input]).collect();
        target.wire_node(&node.name, self.0.clone(), &inputs)
    }

    as_op!();
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
        let known: Vec<Known> = inputs
            .iter()
            .map(|fact| Known {
                fact: Fact { datum_type: fact.datum_type, shape: fact.shape.to_tvec() },
                value: fact.konst.clone(),
            })
            .collect();
        let Some(facts) = self.facts(&known)? else {
            bail!("{}: its shape depends on a value that is known only at run time", self.name);
        };
        Ok(facts.into_iter().map(|f| f.datum_type.fact(&*f.shape)).collect())
    }

    as_op!();
}
