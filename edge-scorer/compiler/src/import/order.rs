//! Puts nodes behind those whose outputs they read.
//!
//! ONNX demands that order and ONNX Runtime does not: what converters append at the end, the casts of a model
//! that was turned to half precision for one, stands behind its readers. Nodes that wait for nothing keep their
//! order. A graph in which nodes wait for each other is left as it is, for `screen` to refuse.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use tract_onnx::pb::{GraphProto, NodeProto};

/// Sorts the nodes of a graph and of the graphs within.
pub(super) fn sort(graph: &mut GraphProto) {
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(sort);
    }
    if let Some(order) = order(&graph.node) {
        let mut nodes: Vec<Option<NodeProto>> =
            std::mem::take(&mut graph.node).into_iter().map(Some).collect();
        graph.node = order.into_iter().filter_map(|place| nodes.get_mut(place)?.take()).collect();
    }
}

/// Another order that nodes have to stand in; `None` where theirs will do, or none will.
fn order(nodes: &[NodeProto]) -> Option<Vec<usize>> {
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (place, node) in nodes.iter().enumerate() {
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            if makers.insert(output, place).is_some() {
                return None;
            }
        }
    }
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut waits: Vec<usize> = vec![0; nodes.len()];
    let mut is_in_order = true;
    for (place, node) in nodes.iter().enumerate() {
        read_by(node, &mut |name| {
            if let Some(maker) = makers.get(name) {
                readers[*maker].push(place);
                waits[place] += 1;
                is_in_order &= *maker < place;
            }
        });
    }
    if is_in_order {
        return None;
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes.len()).filter(|place| waits[*place] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(place)) = ready.pop() {
        order.push(place);
        for reader in &readers[place] {
            waits[*reader] -= 1;
            if waits[*reader] == 0 {
                ready.push(Reverse(*reader));
            }
        }
    }
    (order.len() == nodes.len()).then_some(order)
}

/// Names that a node reads, those of the graphs within it included.
fn read_by<'a>(node: &'a NodeProto, found: &mut dyn FnMut(&'a str)) {
    node.input.iter().for_each(|name| found(name));
    let graphs = node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs));
    for graph in graphs {
        graph.node.iter().for_each(|inner| read_by(inner, found));
        graph.output.iter().for_each(|output| found(&output.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto {
            name: name.to_owned(),
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.to_owned()],
            ..NodeProto::default()
        }
    }

    fn sorted(nodes: Vec<NodeProto>) -> String {
        let mut graph = GraphProto { node: nodes, ..GraphProto::default() };
        sort(&mut graph);
        graph.node.into_iter().map(|node| node.name).collect()
    }

    #[test]
    fn what_is_read_comes_first_and_the_rest_stays() {
        let nodes = vec![
            node("a", &["late"], "p"),
            node("b", &["x"], "q"),
            node("c", &["p", "q"], "r"),
            node("d", &["x"], "late"),
        ];

        assert_eq!(sorted(nodes), "bdac");
    }

    #[test]
    fn what_a_graph_within_reads_comes_first_too() {
        let body = GraphProto { node: vec![node("i", &["late"], "o")], ..GraphProto::default() };
        let body = tract_onnx::pb::AttributeProto { g: Some(body), ..Default::default() };
        let mut choice = node("a", &["x"], "p");
        choice.attribute.push(body);

        assert_eq!(sorted(vec![choice, node("b", &["x"], "late")]), "ba");
    }

    #[test]
    fn a_cycle_stays_as_it_is() {
        let nodes = || vec![node("a", &["q"], "p"), node("b", &["p"], "q"), node("c", &["x"], "r")];

        assert_eq!(sorted(nodes()), "abc");
    }
}
