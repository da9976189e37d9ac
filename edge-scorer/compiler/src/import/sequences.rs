//! Outputs that are sequences of tensors become so many outputs.
//!
//! A module answers tensors. Where a graph ends by putting tensors into a sequence, as exporters do
//! for several targets, each of them is an output: `name[0]`, `name[1]`, …

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::type_proto::{Tensor, Value};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TypeProto, ValueInfoProto};

/// Replaces every sequence that nothing but an output reads.
pub(crate) fn split(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else { return };
    let mut outputs = Vec::with_capacity(graph.output.len());
    for output in std::mem::take(&mut graph.output) {
        match parts(graph, &output.name) {
            Some((at, inputs)) => {
                graph.node.remove(at);
                for (index, input) in inputs.into_iter().enumerate() {
                    let name = format!("{}[{index}]", output.name);
                    let part = ValueInfoProto {
                        r#type: declared(graph, &input),
                        name: name.clone(),
                        ..ValueInfoProto::default()
                    };
                    graph.node.push(NodeProto {
                        name: name.clone(),
                        op_type: "Identity".to_owned(),
                        input: vec![input],
                        output: vec![name],
                        ..NodeProto::default()
                    });
                    outputs.push(part);
                }
            }
            None => outputs.push(output),
        }
    }
    graph.output = outputs;
}

/// The node that makes a sequence and the tensors that it is made of.
fn parts(graph: &GraphProto, name: &str) -> Option<(usize, Vec<String>)> {
    let makes = |node: &NodeProto| {
        node.op_type == "SequenceConstruct" && node.output.first().is_some_and(|made| made == name)
    };
    let at = graph.node.iter().position(makes)?;
    let is_read = graph.node.iter().any(|node| node.input.iter().any(|input| input == name));
    (!is_read).then(|| (at, graph.node[at].input.clone()))
}

/// The type that the file declares for a tensor; a float where it says nothing.
fn declared(graph: &GraphProto, name: &str) -> Option<TypeProto> {
    let known = graph.value_info.iter().find(|info| info.name == name);
    known.and_then(|info| info.r#type.clone()).or_else(|| {
        let tensor = Tensor { elem_type: DataType::Float as i32, shape: None };
        Some(TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_at_the_end_becomes_its_tensors() {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        let node = NodeProto {
            op_type: "SequenceConstruct".to_owned(),
            input: names(&["a", "b"]),
            output: names(&["all"]),
            ..NodeProto::default()
        };
        let output = ValueInfoProto { name: "all".to_owned(), ..ValueInfoProto::default() };
        let graph = GraphProto { node: vec![node], output: vec![output], ..GraphProto::default() };
        let mut model = ModelProto { graph: Some(graph), ..ModelProto::default() };

        split(&mut model);

        let graph = model.graph.unwrap();
        let outputs: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(outputs, ["all[0]", "all[1]"]);
        assert_eq!(graph.node[1].input, ["b"]);
    }
}
