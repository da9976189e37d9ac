//! Puts the bodies of a model's own functions where they are called.
//!
//! Exporters write functions for what ONNX has no operator for; neither tier knows calls.
//!
//! # Invariants
//! - Names within a body get a prefix of their call, so nothing is defined twice.
//! - A body may call other functions, to a depth and up to a number of nodes that the limits bound.

use std::collections::HashMap;

use tract_onnx::pb::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto};

use crate::error::{CompileError, Limits};

type Functions = HashMap<(String, String), FunctionProto>;

/// Replaces every call of a function of the model.
pub(crate) fn inline(model: &mut ModelProto, limits: &Limits) -> Result<(), CompileError> {
    if model.functions.is_empty() {
        return Ok(());
    }
    let functions: Functions = std::mem::take(&mut model.functions)
        .into_iter()
        .map(|function| {
            let name = |part: &Option<String>| part.clone().unwrap_or_default();
            ((domain(&name(&function.domain)), name(&function.name)), function)
        })
        .collect();
    // What a body is written against holds for its nodes in the model too.
    for opset in functions.values().flat_map(|function| &function.opset_import) {
        if !model.opset_import.iter().any(|known| domain(&known.domain) == domain(&opset.domain)) {
            model.opset_import.push(opset.clone());
        }
    }
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let mut inliner = Inliner { functions: &functions, limits, calls: 0, nodes: 0 };
    inliner.graph(graph, 0)
}

fn domain(name: &str) -> String {
    if name == "ai.onnx" { String::new() } else { name.to_owned() }
}

struct Inliner<'a> {
    functions: &'a Functions,
    limits: &'a Limits,
    calls: usize,
    nodes: u64,
}

impl Inliner<'_> {
    fn graph(&mut self, graph: &mut GraphProto, depth: u64) -> Result<(), CompileError> {
        let nodes = std::mem::take(&mut graph.node);
        graph.node = self.nodes(nodes, depth)?;
        Ok(())
    }

    fn nodes(&mut self, nodes: Vec<NodeProto>, depth: u64) -> Result<Vec<NodeProto>, CompileError> {
        if depth > self.limits.nesting {
            return Err(CompileError::LimitExceeded {
                what: "nested functions",
                actual: depth,
                limit: self.limits.nesting,
            });
        }
        let mut all = Vec::with_capacity(nodes.len());
        for mut node in nodes {
            self.nodes += 1;
            if self.nodes > self.limits.nodes {
                return Err(CompileError::LimitExceeded {
                    what: "nodes",
                    actual: self.nodes,
                    limit: self.limits.nodes,
                });
            }
            let key = (domain(&node.domain), node.op_type.clone());
            if let Some(function) = self.functions.get(&key) {
                self.calls += 1;
                let body = body(function, &node, self.calls);
                all.extend(self.nodes(body, depth + 1)?);
                continue;
            }
            for attribute in &mut node.attribute {
                for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                    self.graph(graph, depth + 1)?;
                }
            }
            all.push(node);
        }
        Ok(all)
    }
}

/// The nodes of a function, as they are for one call of it.
fn body(function: &FunctionProto, call: &NodeProto, number: usize) -> Vec<NodeProto> {
    let prefix = format!("{}#{number}/", call.op_type);
    let mut names: HashMap<String, String> = HashMap::new();
    for (index, input) in function.input.iter().enumerate() {
        names.insert(input.clone(), call.input.get(index).cloned().unwrap_or_default());
    }
    for (index, output) in function.output.iter().enumerate() {
        if let Some(name) = call.output.get(index).filter(|name| !name.is_empty()) {
            names.entry(output.clone()).or_insert_with(|| name.clone());
        }
    }
    let mut nodes = function.node.clone();
    rename(&mut nodes, &prefix, &names, &call.attribute);
    // An output that is an input as it stands is passed on.
    for (index, output) in function.output.iter().enumerate() {
        let input = function.input.iter().position(|input| input == output);
        let from = input.and_then(|input| call.input.get(input));
        if let (Some(from), Some(to)) = (from, call.output.get(index)) {
            nodes.push(NodeProto {
                name: format!("{prefix}{output}"),
                op_type: "Identity".to_owned(),
                input: vec![from.clone()],
                output: vec![to.clone()],
                ..NodeProto::default()
            });
        }
    }
    nodes
}

/// Gives what a body defines a prefix, and what it takes and answers the names of the call.
fn rename(
    nodes: &mut [NodeProto],
    prefix: &str,
    names: &HashMap<String, String>,
    given: &[AttributeProto],
) {
    let renamed = |name: &mut String| {
        if let Some(outer) = names.get(name) {
            outer.clone_into(name);
        } else if !name.is_empty() {
            name.insert_str(0, prefix);
        }
    };
    for node in nodes {
        node.name.insert_str(0, prefix);
        node.input.iter_mut().for_each(renamed);
        node.output.iter_mut().for_each(renamed);
        for attribute in &mut node.attribute {
            if !attribute.ref_attr_name.is_empty() {
                let name = std::mem::take(&mut attribute.name);
                let outer = given.iter().find(|outer| outer.name == attribute.ref_attr_name);
                // What the call does not give is not there.
                *attribute =
                    outer.map(|outer| AttributeProto { name, ..outer.clone() }).unwrap_or_default();
            }
            for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                graph.initializer.iter_mut().for_each(|tensor| renamed(&mut tensor.name));
                let values = graph.input.iter_mut().chain(&mut graph.output);
                values.for_each(|value| renamed(&mut value.name));
                rename(&mut graph.node, prefix, names, given);
            }
        }
        node.attribute.retain(|attribute| !attribute.name.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        NodeProto {
            op_type: operator.to_owned(),
            input: names(inputs),
            output: names(outputs),
            ..NodeProto::default()
        }
    }

    fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
        FunctionProto {
            name: Some(name.to_owned()),
            domain: Some("own".to_owned()),
            input: vec!["a".to_owned()],
            output: vec!["b".to_owned()],
            node: nodes,
            ..FunctionProto::default()
        }
    }

    fn call(name: &str, input: &str, output: &str) -> NodeProto {
        NodeProto { domain: "own".to_owned(), ..node(name, &[input], &[output]) }
    }

    #[test]
    fn a_function_that_is_called_twice_has_names_of_its_own_each_time() {
        let twice =
            function("twice", vec![node("Neg", &["a"], &["c"]), node("Abs", &["c"], &["b"])]);
        let graph = GraphProto {
            node: vec![call("twice", "x", "y"), call("twice", "y", "z")],
            ..GraphProto::default()
        };
        let mut model =
            ModelProto { graph: Some(graph), functions: vec![twice], ..ModelProto::default() };

        inline(&mut model, &Limits::default()).unwrap();

        let nodes = model.graph.unwrap().node;
        let operators: Vec<&str> = nodes.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(operators, ["Neg", "Abs", "Neg", "Abs"]);
        assert_eq!((&*nodes[0].input[0], &*nodes[1].output[0]), ("x", "y"));
        assert_eq!((&*nodes[2].input[0], &*nodes[3].output[0]), ("y", "z"));
        assert_ne!(nodes[0].output, nodes[2].output);
    }

    #[test]
    fn a_function_that_calls_itself_is_refused() {
        let endless = function("endless", vec![call("endless", "a", "b")]);
        let graph = GraphProto { node: vec![call("endless", "x", "y")], ..GraphProto::default() };
        let mut model =
            ModelProto { graph: Some(graph), functions: vec![endless], ..ModelProto::default() };

        let error = inline(&mut model, &Limits::default()).unwrap_err();

        assert!(matches!(error, CompileError::LimitExceeded { .. }), "{error}");
    }
}
