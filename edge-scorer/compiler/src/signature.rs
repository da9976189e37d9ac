//! Describes a model to those who call it: names, types, shapes, roles, classes, an example.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;
use shared::{Dim, ElementType, Label, Role, Signature, TensorSpec};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{OutletId, TDim, TypedModel, TypedNode};

use crate::error::CompileError;
use crate::import::{Imported, symbol_index};
use crate::lower::{constant_i64, constant_strings, element_type};
use crate::ml::{self, Operator};
use crate::plan::Plan;

/// Version of the module contract.
const CONTRACT: u32 = 1;

/// The signature of a model that has a plan.
pub(crate) fn describe(
    imported: &Imported,
    plan: &Plan,
    source: String,
) -> Result<Signature, CompileError> {
    let typed = &imported.typed;
    let invalid = |error: tract_onnx::prelude::TractError| CompileError::invalid(error.to_string());
    let input_outlets = typed.input_outlets().map_err(invalid)?;
    let output_outlets = typed.output_outlets().map_err(invalid)?;
    let input_names = input_outlets.iter().map(|outlet| typed.node(outlet.node).name.clone());
    let output_names = graph_outputs(&imported.proto);

    let mut inputs = specs(imported, input_names.zip(input_outlets.iter().copied()))?;
    let mut outputs =
        specs(imported, output_names.into_iter().zip(output_outlets.iter().copied()))?;
    name_columns(&imported.proto, &mut inputs);
    add_examples(imported, &mut inputs);
    add_roles(output_classes(imported, &outputs), &mut outputs);

    Ok(Signature {
        contract: CONTRACT,
        profile: Some(plan.profile),
        bounded: true,
        symbols: plan
            .symbols
            .iter()
            .map(|s| shared::Symbol { name: s.name.clone(), min: s.min, max: s.max })
            .collect(),
        inputs,
        outputs,
        compiler: Some(env!("CARGO_PKG_VERSION").to_owned()),
        source: Some(source),
        row_cost_ns: Some(plan.row_cost_ns()),
    })
}

fn graph_outputs(proto: &ModelProto) -> Vec<String> {
    let outputs = proto.graph.iter().flat_map(|graph| &graph.output);
    outputs.map(|output| output.name.clone()).collect()
}

fn specs(
    imported: &Imported,
    ports: impl Iterator<Item = (String, OutletId)>,
) -> Result<Vec<TensorSpec>, CompileError> {
    ports
        .map(|(name, outlet)| {
            let fact = imported
                .typed
                .outlet_fact(outlet)
                .map_err(|error| CompileError::invalid(error.to_string()))?;
            let element_type = element_type(fact.datum_type)
                .map_err(|refusal| CompileError::invalid(format!("`{name}`: {}", refusal.0)))?;
            let shape = fact.shape.iter().map(|dim| dimension(imported, dim)).collect();
            Ok(TensorSpec {
                name,
                element_type,
                shape,
                columns: None,
                role: None,
                classes: None,
                example: None,
            })
        })
        .collect()
}

fn dimension(imported: &Imported, dim: &TDim) -> Dim {
    match dim {
        TDim::Val(value) => Dim::Fixed(u64::try_from(*value).unwrap_or(0)),
        TDim::Sym(symbol) => match symbol_index(&imported.symbols, symbol) {
            Some(index) => Dim::Named(imported.symbols[index].range.name.clone()),
            None => Dim::Named("?".to_owned()),
        },
        _ => Dim::Named("?".to_owned()),
    }
}

fn metadata<'a>(proto: &'a ModelProto, key: &str) -> Option<&'a str> {
    proto.metadata_props.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

/// Column names: `feature_names` of the metadata, else the names of several one-value inputs.
pub(crate) fn name_columns(proto: &ModelProto, inputs: &mut [TensorSpec]) {
    let names: Option<Vec<String>> =
        metadata(proto, "feature_names").and_then(|text| serde_json::from_str(text).ok());
    match inputs {
        [only] => {
            let columns = only.row_len();
            only.columns = names.filter(|names| Some(names.len() as u64) == columns);
        }
        several if several.iter().all(|input| input.row_len() == Some(1)) => {
            let names = names.filter(|names| names.len() == several.len());
            for (index, input) in several.iter_mut().enumerate() {
                let name = names.as_ref().map_or(&input.name, |names| &names[index]);
                input.columns = Some(vec![name.clone()]);
            }
        }
        _ => {}
    }
}

/// An example row: `example` of the metadata, else the middle of what thresholds reveal, else zeros.
fn add_examples(imported: &Imported, inputs: &mut [TensorSpec]) {
    const LONGEST: u64 = 4096;
    let row: Option<Vec<Json>> =
        metadata(&imported.proto, "example").and_then(|text| serde_json::from_str(text).ok());
    let mut given = row.map(|row| row.into_iter());
    let total: u64 = inputs.iter().filter_map(TensorSpec::row_len).sum();
    if given.as_ref().is_some_and(|given| given.len() as u64 != total) {
        given = None;
    }
    let thresholds = threshold_ranges(&imported.typed);
    for (index, input) in inputs.iter_mut().enumerate() {
        let Some(len) = input.row_len().filter(|len| *len <= LONGEST) else { continue };
        input.example = Some(match &mut given {
            Some(given) => given.by_ref().take(len as usize).collect(),
            None => {
                let ranges = thresholds.get(&index);
                (0..len as usize)
                    .map(|column| {
                        let range = ranges.and_then(|ranges| ranges.get(&column));
                        plausible(input.element_type, range.copied())
                    })
                    .collect()
            }
        });
    }
}

/// Of each input and column, the least and the largest threshold that trees compare it with.
fn threshold_ranges(typed: &TypedModel) -> HashMap<usize, BTreeMap<usize, (f32, f32)>> {
    let mut ranges: HashMap<usize, BTreeMap<usize, (f32, f32)>> = HashMap::new();
    let inputs = typed.input_outlets().unwrap_or(&[]);
    for node in typed.nodes() {
        let Some(operator) = ml::operator_of(node) else { continue };
        // Trees behind a scaler see other numbers than the caller sends.
        let Some(input) = inputs.iter().position(|input| node.inputs.first() == Some(input)) else {
            continue;
        };
        for (column, threshold) in operator.thresholds() {
            if threshold.is_finite() {
                let range = ranges
                    .entry(input)
                    .or_default()
                    .entry(column)
                    .or_insert((threshold, threshold));
                *range = (range.0.min(threshold), range.1.max(threshold));
            }
        }
    }
    ranges
}

fn plausible(element_type: ElementType, range: Option<(f32, f32)>) -> Json {
    let middle = range.map_or(0.0, |(low, high)| (low + high) / 2.0);
    match element_type {
        ElementType::String => Json::from(""),
        ElementType::Bool => Json::from(false),
        ElementType::Float16
        | ElementType::Bfloat16
        | ElementType::Float32
        | ElementType::Float64 => {
            // Four digits are enough for an example, and pleasant to read.
            let text = format!("{middle:.3e}");
            text.parse::<f64>().map_or(Json::from(0.0), Json::from)
        }
        _ => Json::from(middle as i64),
    }
}

/// Which output is the label, the probabilities or the value.
pub(crate) fn add_roles(classes: Option<Vec<Label>>, outputs: &mut [TensorSpec]) {
    let class_count = |shape: &[Dim]| match shape {
        [_, Dim::Fixed(classes)] => Some(*classes as usize),
        _ => None,
    };
    let is_float = |spec: &TensorSpec| {
        matches!(spec.element_type, ElementType::Float32 | ElementType::Float64)
    };
    let is_label = |spec: &TensorSpec| {
        matches!(
            spec.element_type,
            ElementType::Int64 | ElementType::Int32 | ElementType::String | ElementType::Bool
        ) && (spec.shape.len() == 1 || spec.row_len() == Some(1))
    };
    let probabilities = outputs.iter().position(|spec| {
        is_float(spec)
            && class_count(&spec.shape)
                .is_some_and(|count| classes.as_ref().is_some_and(|classes| classes.len() == count))
    });
    if let Some(label) = outputs.iter().position(is_label)
        && (probabilities.is_some() || classes.is_some() || outputs.len() == 1)
    {
        outputs[label].role = Some(Role::Label);
        outputs[label].classes = None;
        if let Some(probabilities) = probabilities {
            outputs[probabilities].role = Some(Role::Probabilities);
            outputs[probabilities].classes = classes;
        }
    } else if let [only] = outputs
        && is_float(only)
        && (only.shape.len() == 1 || only.row_len() == Some(1))
        && matches!(only.shape.first(), Some(Dim::Named(_)))
    {
        only.role = Some(Role::Value);
    }
}

/// The classes that a file's last classifier, or the list that labels are looked up in, tells apart.
pub(crate) fn classes_of(proto: &ModelProto) -> Option<Vec<Label>> {
    let graph = proto.graph.as_ref()?;
    graph.node.iter().rev().filter(|node| node.domain == "ai.onnx.ml").find_map(|node| {
        if node.op_type == "ArrayFeatureExtractor" {
            let list = node.input.first()?;
            let tensor = graph.initializer.iter().find(|tensor| tensor.name == *list)?;
            return match ml::attributes::tensor_values(tensor, list).ok()? {
                ml::attributes::TensorValues::Ints(labels, _) => {
                    Some(labels.into_iter().map(Label::Int).collect())
                }
                ml::attributes::TensorValues::Texts(labels) => {
                    Some(labels.into_iter().map(Label::Text).collect())
                }
                _ => None,
            };
        }
        let texts = ml::attributes::strings(node, "classlabels_strings").ok()?;
        let ints = ["classlabels_ints", "classlabels_int64s"]
            .map(|name| ml::attributes::ints(node, name).to_vec())
            .concat();
        let labels: Vec<Label> = match texts.is_empty() {
            false => texts.into_iter().map(Label::Text).collect(),
            true => ints.into_iter().map(Label::Int).collect(),
        };
        (!labels.is_empty()).then_some(labels)
    })
}

/// The classes: what ZipMap named, else what a classifier of the graph has.
fn output_classes(imported: &Imported, outputs: &[TensorSpec]) -> Option<Vec<Label>> {
    outputs
        .iter()
        .find_map(|spec| imported.zipped.get(&spec.name).cloned())
        .or_else(|| {
            let nodes = imported.typed.nodes();
            nodes.iter().rev().find_map(|node| {
                let operator = ml::operator_of(node)?;
                operator.classes().or_else(|| looked_up(&imported.typed, node, operator))
            })
        })
        .filter(|classes| !classes.is_empty())
}

/// The labels of a network: the constant list that its last step looks them up in.
fn looked_up(typed: &TypedModel, node: &TypedNode, operator: &dyn Operator) -> Option<Vec<Label>> {
    if !operator.looks_up_labels() {
        return None;
    }
    let list = typed.outlet_fact(*node.inputs.first()?).ok()?.konst.clone()?;
    match element_type(list.datum_type()).ok()? {
        ElementType::String => {
            Some(constant_strings(&list).ok()?.into_iter().map(Label::Text).collect())
        }
        ElementType::Int64 | ElementType::Int32 => {
            Some(constant_i64(&list).ok()?.into_iter().map(Label::Int).collect())
        }
        _ => None,
    }
}
