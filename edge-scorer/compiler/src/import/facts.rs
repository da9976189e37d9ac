//! Types and shapes of the inputs, with symbols for what varies.
//!
//! The first axis of every input is the symbol `rows` when the model leaves it open. Every other
//! open axis with a name is a symbol of that name. Without a name there is nothing to call it, and
//! the model is refused.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};
use tract_onnx::prelude::{DatumType, OutletId, TDim, TractResult, TypedModel, tvec};
use tract_onnx::tract_core::ops::nn::Softmax;
use tract_onnx::tract_hir::internal::{
    InferenceFact, InferenceModel, Symbol, SymbolScope, TVec, ToDim, anyhow, bail,
};

use super::Batch;
use crate::plan::SymbolRange;

/// A symbol of the shapes and what `prepare` accepts for it.
#[derive(Debug, Clone)]
pub(crate) struct SymbolFact {
    pub(crate) symbol: Symbol,
    pub(crate) range: SymbolRange,
}

/// Name of the batch's symbol.
pub(crate) const ROWS: &str = "rows";
const MAX_ROWS: u32 = 4096;
const MAX_OTHER: u32 = 4096;

/// Sets the fact of every input; answers the symbols in the order of `prepare`'s parameters.
pub(crate) fn set_input_facts(
    model: &mut InferenceModel,
    proto: &ModelProto,
    scope: &SymbolScope,
    batch: Batch,
) -> TractResult<Vec<SymbolFact>> {
    let mut symbols: Vec<SymbolFact> = Vec::new();
    let inputs = model.input_outlets()?.to_vec();
    let declared: HashMap<&str, &ValueInfoProto> = proto
        .graph
        .iter()
        .flat_map(|graph| &graph.input)
        .map(|input| (input.name.as_str(), input))
        .collect();
    for (index, outlet) in inputs.iter().enumerate() {
        let name = model.node(outlet.node).name.clone();
        let info =
            declared.get(name.as_str()).ok_or_else(|| anyhow!("input `{name}` is not declared"))?;
        let (datum_type, shape) = input_fact(info, scope, batch, &mut symbols)?;
        model.set_input_fact(index, InferenceFact::dt_shape(datum_type, shape))?;
    }
    // `rows` comes first: tabular modules have `prepare(rows)`.
    symbols.sort_by_key(|symbol| symbol.range.name != ROWS);
    Ok(symbols)
}

fn input_fact(
    info: &ValueInfoProto,
    scope: &SymbolScope,
    batch: Batch,
    symbols: &mut Vec<SymbolFact>,
) -> TractResult<(DatumType, TVec<TDim>)> {
    let name = &info.name;
    let Some(Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|t| t.value.as_ref())
    else {
        bail!("input `{name}` is not a tensor");
    };
    let datum_type: DatumType = DataType::try_from(tensor.elem_type)
        .map_err(|_| anyhow!("input `{name}` has an unknown element type"))?
        .try_into()?;
    let Some(shape) = &tensor.shape else {
        bail!("input `{name}` has no shape; export the model with one");
    };
    let mut symbol = |wanted: &str, max: u32| -> TDim {
        let symbol = scope.sym(wanted);
        if !symbols.iter().any(|known| known.symbol == symbol) {
            let range = SymbolRange { name: wanted.to_owned(), min: 1, max };
            symbols.push(SymbolFact { symbol: symbol.clone(), range });
        }
        symbol.to_dim()
    };
    let mut dims: TVec<TDim> = tvec![];
    for (axis, dim) in shape.dim.iter().enumerate() {
        dims.push(match &dim.value {
            Some(Dimension::DimValue(1)) if axis == 0 && batch == Batch::Symbolic => {
                symbol(ROWS, MAX_ROWS)
            }
            Some(Dimension::DimValue(fixed)) if *fixed > 0 => fixed.to_dim(),
            Some(Dimension::DimValue(0)) | None if axis == 0 => symbol(ROWS, MAX_ROWS),
            Some(Dimension::DimParam(_)) if axis == 0 => symbol(ROWS, MAX_ROWS),
            Some(Dimension::DimParam(param)) if !param.is_empty() => symbol(param, MAX_OTHER),
            _ => bail!("axis {axis} of input `{name}` is open and has no name; name or fix it"),
        });
    }
    Ok((datum_type, dims))
}

/// The inputs that callers give: old models list every constant among the inputs too.
pub(crate) fn given_inputs(graph: &GraphProto) -> impl Iterator<Item = &ValueInfoProto> {
    let constants: HashSet<&str> =
        graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    graph.input.iter().filter(move |input| !constants.contains(input.name.as_str()))
}

/// Whether some input has a first axis of exactly 1.
pub(super) fn has_batch_of_one(proto: &ModelProto) -> bool {
    let Some(graph) = &proto.graph else { return false };
    given_inputs(graph)
        .filter_map(|input| match input.r#type.as_ref()?.value.as_ref()? {
            Value::TensorType(tensor) => tensor.shape.as_ref()?.dim.first()?.value.as_ref(),
        })
        .any(|dim| *dim == Dimension::DimValue(1))
}

/// Whether the batch is the first axis of every output, and of everything in between that has it.
///
/// A node that sums over the batch, or folds it into another axis, loses it; softmax keeps it and
/// still mixes rows, so its axes are looked at.
pub(super) fn rows_stay_apart(model: &TypedModel, symbols: &[SymbolFact]) -> bool {
    let Some(rows) = symbols.iter().find(|symbol| symbol.range.name == ROWS) else { return false };
    let leads = |outlet: OutletId| {
        model.outlet_fact(outlet).is_ok_and(|fact| {
            fact.shape.first().is_some_and(|dim| *dim == rows.symbol.to_dim())
                && !fact.shape.iter().skip(1).any(|dim| dim.symbols().contains(&rows.symbol))
        })
    };
    let varies = |outlet: &OutletId| {
        model
            .outlet_fact(*outlet)
            .is_ok_and(|fact| fact.shape.iter().any(|dim| dim.symbols().contains(&rows.symbol)))
    };
    model.output_outlets().is_ok_and(|outputs| outputs.iter().all(|outlet| leads(*outlet)))
        && model.nodes().iter().all(|node| {
            let keeps = !node.inputs.iter().any(varies)
                || (0..node.outputs.len()).all(|slot| leads(OutletId::new(node.id, slot)));
            keeps && node.op_as::<Softmax>().is_none_or(|softmax| !softmax.axes.contains(&0))
        })
}
