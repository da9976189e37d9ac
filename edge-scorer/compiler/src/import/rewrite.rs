//! Gives every node a name, and turns `ZipMap` into the probability tensor it is made from.

use std::collections::HashMap;

use shared::Label;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{Tensor, Value};
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorShapeProto, TypeProto,
};

use crate::error::CompileError;
use crate::ml::{self, attributes};

/// The classes of the outputs that were maps.
pub(crate) type Zipped = HashMap<String, Vec<Label>>;

/// Rewrites the model in place; answers the classes of the outputs that were maps.
pub(crate) fn rewrite(model: &mut ModelProto) -> Result<Zipped, CompileError> {
    let Some(graph) = &mut model.graph else { return Ok(Zipped::new()) };
    // First of all: from here on, a node is where the file does not have it.
    for (index, node) in graph.node.iter_mut().enumerate() {
        node.name = node_name(node, index);
    }
    let outputs: Vec<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    ml::join_tokenizers(&mut graph.node, &outputs);
    ml::axes_as_attributes(graph);
    if let Some(columns) = ml::tables_for_maps(graph).map_err(CompileError::invalid)? {
        let names = serde_json::to_string(&columns)
            .map_err(|error| CompileError::internal(error.to_string()))?;
        model
            .metadata_props
            .push(StringStringEntryProto { key: "feature_names".to_owned(), value: names });
    }
    unzip(graph)
}

/// What a node is called: by its name, or by its operator and its place in the file.
pub(crate) fn node_name(node: &NodeProto, index: usize) -> String {
    match node.name.as_str() {
        "" => format!("{}_{index}", node.op_type),
        name => name.to_owned(),
    }
}

/// Turns every `ZipMap` into the tensor that it is made of; answers the classes by output.
pub(crate) fn unzip(graph: &mut GraphProto) -> Result<Zipped, CompileError> {
    let mut zipped = Zipped::new();
    for node in &mut graph.node {
        if node.op_type == "ZipMap" && node.domain == "ai.onnx.ml" {
            let (Some(output), classes) = (node.output.first().cloned(), zip_classes(node)?) else {
                return Err(CompileError::invalid(format!("ZipMap `{}` has no output", node.name)));
            };
            zipped.insert(output, classes);
            node.op_type = "Identity".to_owned();
            node.domain = String::new();
            node.attribute.clear();
        }
    }
    for output in &mut graph.output {
        if let Some(classes) = zipped.get(&output.name) {
            let count = dimension::Value::DimValue(classes.len() as i64);
            let dim = vec![
                Dimension::default(),
                Dimension { value: Some(count), ..Dimension::default() },
            ];
            let shape = Some(TensorShapeProto { dim });
            let tensor = Tensor { elem_type: DataType::Float as i32, shape };
            output.r#type =
                Some(TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() });
        }
    }
    Ok(zipped)
}

fn zip_classes(node: &NodeProto) -> Result<Vec<Label>, CompileError> {
    let invalid = |error: String| CompileError::invalid(format!("ZipMap `{}`: {error}", node.name));
    let texts = attributes::strings(node, "classlabels_strings").map_err(invalid)?;
    let numbers = attributes::ints(node, "classlabels_int64s");
    Ok(match texts.is_empty() {
        false => texts.into_iter().map(Label::Text).collect(),
        true => numbers.iter().copied().map(Label::Int).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_called_after_its_place_in_the_file_whatever_is_joined_before_it() {
        let node = |operator: &str, input: &str, output: &str| NodeProto {
            op_type: operator.to_owned(),
            input: vec![input.to_owned()],
            output: vec![output.to_owned()],
            ..NodeProto::default()
        };
        let nodes = [
            node("Tokenizer", "text", "words"),
            node("TfIdfVectorizer", "words", "counts"),
            node("Relu", "counts", "scores"),
        ];
        let graph = GraphProto { node: nodes.into(), ..GraphProto::default() };
        let mut model = ModelProto { graph: Some(graph), ..ModelProto::default() };

        rewrite(&mut model).unwrap();

        let nodes = model.graph.unwrap().node;
        let named: Vec<_> = nodes.iter().map(|node| (&*node.op_type, &*node.name)).collect();
        assert_eq!(named, [("CountWords", "TfIdfVectorizer_1"), ("Relu", "Relu_2")]);
    }
}
