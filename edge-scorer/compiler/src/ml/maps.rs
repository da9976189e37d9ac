//! Inputs that are maps become tables, one column a key.
//!
//! A module takes tensors. What reads a map (`DictVectorizer`, `CastMap`) says which keys it knows, so a row
//! of a table says the same: a key that is not there is a 0.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{Tensor, Value};
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorShapeProto, TypeProto};

use super::attributes;

/// Most columns of all tables together.
const MOST: usize = 1 << 20;

/// Rewrites every node that reads a map; answers, for a graph with one input, the names of its columns.
///
/// The loader drops types that are no tensors, so a map is an input without a type.
pub(crate) fn tables_for_maps(graph: &mut GraphProto) -> Result<Option<Vec<String>>, String> {
    let mut names = None;
    let mut total = 0;
    for node in &mut graph.node {
        if node.domain != "ai.onnx.ml" {
            continue;
        }
        let (columns, to) = match node.op_type.as_str() {
            "DictVectorizer" => (vocabulary(node)?, DataType::Float),
            "CastMap" => (numbers(node)?, cast_to(node)?),
            _ => continue,
        };
        total += columns.len();
        if total > MOST {
            return Err(format!("`{}` has too many keys", node.name));
        }
        let input = graph.input.iter_mut().find(|input| Some(&input.name) == node.input.first());
        let input = input.ok_or_else(|| format!("`{}` reads a map that is no input", node.name))?;
        input.r#type = Some(table(columns.len()));
        names = Some(columns);
        node.domain = String::new();
        node.attribute.clear();
        node.op_type = "Identity".to_owned();
        if to != DataType::Float {
            node.op_type = "Cast".to_owned();
            node.attribute.push(AttributeProto {
                name: "to".to_owned(),
                i: to as i64,
                r#type: tract_onnx::pb::attribute_proto::AttributeType::Int as i32,
                ..AttributeProto::default()
            });
        }
    }
    Ok(names.filter(|_| graph.input.len() == 1))
}

fn vocabulary(node: &NodeProto) -> Result<Vec<String>, String> {
    let texts = attributes::strings(node, "string_vocabulary")?;
    let ints = attributes::ints(node, "int64_vocabulary");
    match (texts.is_empty(), ints.is_empty()) {
        (false, true) => Ok(texts),
        (true, false) => Ok(ints.iter().map(i64::to_string).collect()),
        _ => Err(format!("DictVectorizer `{}` has no one vocabulary", node.name)),
    }
}

/// The keys of a sparse map: the numbers below `max_map`.
fn numbers(node: &NodeProto) -> Result<Vec<String>, String> {
    const MOST: i64 = self::MOST as i64;
    let is_sparse = attributes::string(node, "map_form", "DENSE")? == "SPARSE";
    match attributes::int(node, "max_map").unwrap_or(1) {
        most @ 1..=MOST if is_sparse => Ok((0..most).map(|key| key.to_string()).collect()),
        _ => Err(format!(
            "CastMap `{}` has as many columns as its map has keys; use `map_form` SPARSE with `max_map`",
            node.name
        )),
    }
}

fn cast_to(node: &NodeProto) -> Result<DataType, String> {
    match attributes::string(node, "cast_to", "TO_FLOAT")?.as_str() {
        "TO_FLOAT" => Ok(DataType::Float),
        "TO_INT64" => Ok(DataType::Int64),
        other => Err(format!("CastMap `{}` casts {other}", node.name)),
    }
}

fn table(columns: usize) -> TypeProto {
    let dim = |value| Dimension { value, ..Dimension::default() };
    let shape = TensorShapeProto {
        dim: vec![
            dim(Some(dimension::Value::DimParam("rows".to_owned()))),
            dim(Some(dimension::Value::DimValue(columns as i64))),
        ],
    };
    let tensor = Tensor { elem_type: DataType::Float as i32, shape: Some(shape) };
    TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() }
}
