//! The operators of an ONNX file as a graph to look at; nothing is typed, folded or compiled.
//!
//! # Invariants
//! - The answer is small whatever the file holds: nodes, edges, attributes and their text are cut.
//!
//! # Deliberately absent
//! - The insides of `If`, `Loop` and `Scan`: a subgraph is one line among its node's attributes.

use std::collections::{HashMap, HashSet};

use shared::{Graph, GraphAttribute, GraphEdge, GraphNode, GraphNodeKind};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto};

use crate::error::{CompileError, Limits};
use crate::import;

/// Most operators that are shown.
const OPERATORS: usize = 1_000;
/// Most inputs and, apart from them, outputs that are shown.
const PORTS: usize = 200;
/// Most edges.
const EDGES: usize = 4_000;
/// Most attributes of one operator.
const ATTRIBUTES: usize = 40;
/// Longest text in characters.
const TEXT: usize = 120;

pub(crate) fn graph(onnx: &[u8], limits: &Limits) -> Result<Graph, CompileError> {
    let proto = import::read(onnx, limits)?;
    Ok(proto.graph.as_ref().map(draw).unwrap_or_default())
}

fn draw(file: &GraphProto) -> Graph {
    let constants: HashMap<&str, &TensorProto> =
        file.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let mut drawn = Graph { total_operators: file.node.len() as u64, ..Graph::default() };
    let mut makers: HashMap<&str, u32> = HashMap::new();

    for input in ports(file).take(PORTS) {
        makers.insert(&input.name, place(&drawn));
        drawn.nodes.push(port(GraphNodeKind::Input, &input.name));
    }
    for node in file.node.iter().take(OPERATORS) {
        let own = place(&drawn);
        connect(&mut drawn, &makers, own, &node.input);
        drawn.nodes.push(operator(node, &constants));
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            makers.insert(output, own);
        }
    }
    for output in file.output.iter().take(PORTS) {
        let own = place(&drawn);
        connect(&mut drawn, &makers, own, std::slice::from_ref(&output.name));
        drawn.nodes.push(port(GraphNodeKind::Output, &output.name));
    }
    drawn
}

/// The places, in what [`graph`] shows, of the file's operators: of the first of them.
pub(crate) fn places(file: &GraphProto) -> impl Iterator<Item = u32> {
    let first = ports(file).take(PORTS).count() as u32;
    (first..).take(file.node.len().min(OPERATORS))
}

/// The names that these operators are compiled under, with their places.
pub(crate) fn names(file: &GraphProto) -> Vec<(String, u32)> {
    let named = |(index, node)| import::node_name(node, index);
    file.node.iter().enumerate().map(named).zip(places(file)).collect()
}

/// What the caller gives: old files list their constants among the inputs.
fn ports(file: &GraphProto) -> impl Iterator<Item = &ValueInfoProto> {
    let constants: HashSet<&str> = file.initializer.iter().map(|it| it.name.as_str()).collect();
    file.input.iter().filter(move |input| !constants.contains(input.name.as_str()))
}

/// The place of the next node.
fn place(drawn: &Graph) -> u32 {
    // At most OPERATORS and twice PORTS.
    u32::try_from(drawn.nodes.len()).unwrap_or(u32::MAX)
}

fn connect(drawn: &mut Graph, makers: &HashMap<&str, u32>, to: u32, names: &[String]) {
    for name in names {
        if let Some(&from) = makers.get(name.as_str())
            && drawn.edges.len() < EDGES
        {
            drawn.edges.push(GraphEdge { from, to, name: short(name) });
        }
    }
}

fn port(kind: GraphNodeKind, name: &str) -> GraphNode {
    GraphNode {
        kind,
        name: short(name),
        operator: String::new(),
        domain: String::new(),
        attributes: Vec::new(),
    }
}

fn operator(node: &NodeProto, constants: &HashMap<&str, &TensorProto>) -> GraphNode {
    let domain = if node.domain.is_empty() { "ai.onnx" } else { &node.domain };
    let own = node.attribute.iter().map(|attribute| GraphAttribute {
        name: short(&attribute.name),
        value: short(&value(attribute)),
    });
    let held = node.input.iter().filter_map(|name| {
        let tensor = constants.get(name.as_str())?;
        Some(GraphAttribute { name: short(name), value: short(&described(tensor)) })
    });
    GraphNode {
        kind: GraphNodeKind::Operator,
        name: short(&node.name),
        operator: short(&node.op_type),
        domain: short(domain),
        attributes: own.chain(held).take(ATTRIBUTES).collect(),
    }
}

fn value(attribute: &AttributeProto) -> String {
    match AttributeType::try_from(attribute.r#type) {
        Ok(AttributeType::Float) => attribute.f.to_string(),
        Ok(AttributeType::Int) => attribute.i.to_string(),
        Ok(AttributeType::String) => String::from_utf8_lossy(&attribute.s).into_owned(),
        Ok(AttributeType::Floats) => list(&attribute.floats, f32::to_string),
        Ok(AttributeType::Ints) => list(&attribute.ints, i64::to_string),
        Ok(AttributeType::Strings) => {
            list(&attribute.strings, |text| String::from_utf8_lossy(text).into_owned())
        }
        Ok(AttributeType::Tensor) => attribute.t.as_ref().map(described).unwrap_or_default(),
        Ok(AttributeType::Graph) => {
            let nodes = attribute.g.as_ref().map_or(0, |graph| graph.node.len());
            format!("{{{nodes} operators}}")
        }
        _ => String::new(),
    }
}

/// The first values, and how many there are where they are many.
fn list<T>(values: &[T], write: impl Fn(&T) -> String) -> String {
    const FIRST: usize = 8;
    let mut words: Vec<String> = values.iter().take(FIRST).map(write).collect();
    if values.len() > FIRST {
        words.push(format!("… ({})", values.len()));
    }
    words.join(", ")
}

/// `Float 64 × 3 × 3`.
fn described(tensor: &TensorProto) -> String {
    let kind = DataType::try_from(tensor.data_type).map_or("?", |kind| kind.as_str_name());
    let dims: Vec<String> = tensor.dims.iter().take(8).map(i64::to_string).collect();
    format!("{} {}", kind.to_ascii_lowercase(), dims.join(" × ")).trim_end().to_owned()
}

fn short(text: &str) -> String {
    let mut cut: String = text.chars().take(TEXT).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Graph {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/models");
        let onnx = std::fs::read(format!("{folder}/{name}.onnx")).unwrap();
        graph(&onnx, &Limits::default()).unwrap()
    }

    #[test]
    fn values_flow_from_the_inputs_through_the_operators_to_the_outputs() {
        let graph = fixture("digits_cnn");

        let kinds = |kind| graph.nodes.iter().filter(|node| node.kind == kind).count();
        assert_eq!(kinds(GraphNodeKind::Input), 1);
        assert!(kinds(GraphNodeKind::Output) >= 1);
        assert_eq!(kinds(GraphNodeKind::Operator) as u64, graph.total_operators);
        let conv = graph.nodes.iter().position(|node| node.operator == "Conv").unwrap();
        assert!(graph.nodes[conv].attributes.iter().any(|it| it.name == "kernel_shape"));
        assert!(graph.edges.iter().any(|edge| edge.to as usize == conv));
        assert!(graph.edges.iter().all(|edge| edge.from < edge.to));
    }

    #[test]
    fn long_attributes_are_cut_to_their_beginning() {
        let graph = fixture("breast_cancer_gbdt");

        let trees = graph.nodes.iter().find(|node| node.operator.starts_with("TreeEnsemble"));
        let attributes = &trees.unwrap().attributes;
        assert!(attributes.iter().all(|it| it.value.chars().count() <= TEXT + 1));
        assert!(attributes.iter().any(|it| it.value.contains('…')));
    }

    #[test]
    fn a_model_of_any_size_gives_a_graph_of_bounded_size() {
        let node = |at: usize| NodeProto {
            input: vec![format!("v{at}"); 10],
            output: vec![format!("v{}", at + 1)],
            ..NodeProto::default()
        };
        let file = GraphProto { node: (0..5_000).map(node).collect(), ..GraphProto::default() };

        let graph = draw(&file);

        assert_eq!((graph.nodes.len(), graph.total_operators), (OPERATORS, 5_000));
        assert_eq!(graph.edges.len(), EDGES);
    }
}
