//! Checks a model's size and structure before tract sees it.
//!
//! # Invariants
//! A model that passes has no more nodes and nesting than allowed, names only what is defined
//! before it is used (so it has no cycles), defines nothing twice, and its constants hold exactly
//! the elements that their shapes claim.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};

use crate::error::{CompileError, Limits};

/// Longest name of an input or output, and most of its axes: those of the module contract.
const NAME_BYTES: usize = 1_024;
const RANK: usize = 16;
/// Most operands of one `Einsum`: what looks for an order to multiply them in takes long for more.
const OPERANDS: usize = 64;
/// Attributes that say in which steps a window moves, and over what.
const WINDOWS: &[&str] =
    &["dilations", "kernel_shape", "output_padding", "output_shape", "pads", "strides"];

/// Lets a model through or says what is wrong with it.
pub(crate) fn screen(model: &ModelProto, limits: &Limits) -> Result<(), CompileError> {
    let Some(graph) = &model.graph else {
        return Err(super::sniff::not_readable());
    };
    if graph.output.is_empty() {
        return Err(CompileError::invalid("the graph has no outputs"));
    }
    for (what, count) in
        [("inputs", super::given_inputs(graph).count()), ("outputs", graph.output.len())]
    {
        if count as u64 > limits.ports {
            return Err(CompileError::LimitExceeded {
                what,
                actual: count as u64,
                limit: limits.ports,
            });
        }
    }
    if super::given_inputs(graph).next().is_none() {
        return Err(CompileError::invalid("it has no inputs, so it always answers the same"));
    }
    let mut names = HashSet::new();
    for output in &graph.output {
        if !names.insert(&output.name) {
            return Err(CompileError::invalid(format!(
                "the output `{}` is listed twice",
                output.name
            )));
        }
    }
    super::given_inputs(graph).chain(&graph.output).try_for_each(check_port)?;
    let mut nodes = 0;
    count(graph, 0, &mut nodes, limits)?;
    walk(graph, &mut Scope::default())
}

fn count(
    graph: &GraphProto,
    depth: u64,
    nodes: &mut u64,
    limits: &Limits,
) -> Result<(), CompileError> {
    if depth > limits.nesting {
        return Err(CompileError::LimitExceeded {
            what: "nested subgraphs",
            actual: depth,
            limit: limits.nesting,
        });
    }
    *nodes += graph.node.len() as u64;
    if *nodes > limits.nodes {
        return Err(CompileError::LimitExceeded {
            what: "nodes",
            actual: *nodes,
            limit: limits.nodes,
        });
    }
    subgraphs(graph).try_for_each(|subgraph| count(subgraph, depth + 1, nodes, limits))
}

fn subgraphs(graph: &GraphProto) -> impl Iterator<Item = &GraphProto> {
    graph.node.iter().flat_map(node_subgraphs)
}

fn node_subgraphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// The names that are defined so far, outer graphs first.
#[derive(Default)]
struct Scope<'a> {
    frames: Vec<HashSet<&'a str>>,
}

impl<'a> Scope<'a> {
    fn define(&mut self, name: &'a str) -> Result<(), CompileError> {
        let fresh = self.frames.last_mut().is_none_or(|frame| frame.insert(name));
        if fresh {
            Ok(())
        } else {
            Err(CompileError::invalid(format!("`{name}` is defined twice")))
        }
    }

    fn knows(&self, name: &str) -> bool {
        self.frames.iter().any(|frame| frame.contains(name))
    }
}

fn walk<'a>(graph: &'a GraphProto, scope: &mut Scope<'a>) -> Result<(), CompileError> {
    scope.frames.push(HashSet::new());
    if !graph.sparse_initializer.is_empty() {
        return Err(CompileError::invalid("sparse initializers are not supported"));
    }
    for input in &graph.input {
        scope.define(&input.name)?;
    }
    let mut listed: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    for tensor in &graph.initializer {
        check_tensor(tensor)?;
        // Old models list every initializer among the inputs too, once.
        if !listed.remove(tensor.name.as_str()) {
            scope.define(&tensor.name)?;
        }
    }
    for node in &graph.node {
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            if !scope.knows(input) {
                return Err(CompileError::invalid(format!(
                    "node `{}` ({}) reads `{input}`, which nothing before it defines",
                    node.name, node.op_type
                )));
            }
        }
        match node.op_type.as_str() {
            "Transpose" => check_permutation(node)?,
            "Pad" => check_padding(node, graph)?,
            "Einsum" if node.input.len() > OPERANDS => {
                return Err(CompileError::LimitExceeded {
                    what: "operands in one Einsum",
                    actual: node.input.len() as u64,
                    limit: OPERANDS as u64,
                });
            }
            _ => check_windows(node)?,
        }
        for attribute in &node.attribute {
            attribute.t.iter().chain(&attribute.tensors).try_for_each(check_tensor)?;
        }
        for subgraph in node_subgraphs(node) {
            walk(subgraph, scope)?;
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            scope.define(output)?;
        }
    }
    for output in &graph.output {
        if !scope.knows(&output.name) {
            return Err(CompileError::invalid(format!(
                "nothing computes output `{}`",
                output.name
            )));
        }
    }
    scope.frames.pop();
    Ok(())
}

/// What a module may not have as an input or output is refused here, by name.
fn check_port(port: &ValueInfoProto) -> Result<(), CompileError> {
    let name = &port.name;
    if name.len() > NAME_BYTES {
        let start: String = name.chars().take(60).collect();
        return Err(CompileError::invalid(format!(
            "the name `{start}…` is longer than {NAME_BYTES} bytes"
        )));
    }
    let Some(Value::TensorType(tensor)) = port.r#type.as_ref().and_then(|kind| kind.value.as_ref())
    else {
        return Ok(());
    };
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    if dims.len() > RANK {
        return Err(CompileError::invalid(format!("`{name}` has more than {RANK} axes")));
    }
    for dim in dims {
        if let Some(Dimension::DimValue(value)) = dim.value
            && value > i64::from(i32::MAX)
        {
            return Err(CompileError::invalid(format!("`{name}` has the dimension {value}")));
        }
    }
    Ok(())
}

/// tract looks for ever for a way to move axes to where two of them belong.
fn check_permutation(node: &NodeProto) -> Result<(), CompileError> {
    let Some(permutation) = node.attribute.iter().find(|attribute| attribute.name == "perm") else {
        return Ok(());
    };
    let mut axes = permutation.ints.clone();
    axes.sort_unstable();
    if axes.iter().copied().eq(0..axes.len() as i64) {
        return Ok(());
    }
    Err(CompileError::invalid(format!(
        "`perm` of node `{}` (Transpose) does not name each axis once",
        node.name
    )))
}

/// tract adds sizes without looking for overflow.
fn check_windows(node: &NodeProto) -> Result<(), CompileError> {
    let windows = node.attribute.iter().filter(|a| WINDOWS.contains(&a.name.as_str()));
    for attribute in windows {
        expect_sizes(node, &attribute.name, &attribute.ints)?;
    }
    Ok(())
}

/// As [`check_windows`], for numbers that are an attribute, a constant or a node's output.
fn check_padding(node: &NodeProto, graph: &GraphProto) -> Result<(), CompileError> {
    check_windows(node)?;
    let Some(name) = node.input.get(1) else { return Ok(()) };
    let made = graph.node.iter().filter(|made| made.output.contains(name));
    let constants = made.flat_map(|made| &made.attribute).filter_map(|a| a.t.as_ref());
    let initializers = graph.initializer.iter().filter(|tensor| tensor.name == *name);
    for tensor in initializers.chain(constants) {
        let (words, _) = tensor.raw_data.as_chunks::<8>();
        let raw = words.iter().map(|word| i64::from_le_bytes(*word));
        let numbers: Vec<i64> = tensor.int64_data.iter().copied().chain(raw).collect();
        expect_sizes(node, "pads", &numbers)?;
    }
    Ok(())
}

fn expect_sizes(node: &NodeProto, name: &str, sizes: &[i64]) -> Result<(), CompileError> {
    match sizes.iter().find(|size| i32::try_from(**size).is_err()) {
        Some(size) => Err(CompileError::invalid(format!(
            "`{name}` of node `{}` ({}) holds the size {size}",
            node.name, node.op_type
        ))),
        None => Ok(()),
    }
}

fn check_tensor(tensor: &TensorProto) -> Result<(), CompileError> {
    const EXTERNAL: i32 = 1;
    let name = &tensor.name;
    if !tensor.external_data.is_empty() || tensor.data_location == Some(EXTERNAL) {
        return Err(CompileError::invalid(format!(
            "the values of `{name}` are in another file; save the model as one file"
        )));
    }
    let claimed = tensor
        .dims
        .iter()
        .try_fold(1_u64, |product, dim| product.checked_mul(u64::try_from(*dim).ok()?))
        .filter(|_| tensor.dims.len() <= 64)
        .ok_or_else(|| CompileError::invalid(format!("`{name}` has an impossible shape")))?;
    let data_type = DataType::try_from(tensor.data_type)
        .map_err(|_| CompileError::invalid(format!("`{name}` has an unknown element type")))?;
    let held = if tensor.raw_data.is_empty() {
        match data_type {
            DataType::Float | DataType::Complex64 => tensor.float_data.len(),
            DataType::Double | DataType::Complex128 => tensor.double_data.len(),
            DataType::Int64 => tensor.int64_data.len(),
            DataType::Uint64 | DataType::Uint32 => tensor.uint64_data.len(),
            DataType::String => tensor.string_data.len(),
            _ => tensor.int32_data.len(),
        }
    } else {
        let width = match data_type {
            DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
            DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
            DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 2,
            DataType::Bool | DataType::Int8 | DataType::Uint8 => 1,
            _ => {
                return Err(CompileError::invalid(format!(
                    "`{name}` has an element type that is not supported"
                )));
            }
        };
        if !tensor.raw_data.len().is_multiple_of(width) {
            return Err(CompileError::invalid(format!("`{name}` ends within an element")));
        }
        tensor.raw_data.len() / width
    };
    if held as u64 != claimed {
        return Err(CompileError::invalid(format!(
            "`{name}` claims {claimed} elements and holds {held}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, input: &str, output: &str) -> NodeProto {
        NodeProto {
            name: name.to_owned(),
            op_type: "Identity".to_owned(),
            input: vec![input.to_owned()],
            output: vec![output.to_owned()],
            ..NodeProto::default()
        }
    }

    fn model(nodes: Vec<NodeProto>, output: &str) -> ModelProto {
        let output =
            tract_onnx::pb::ValueInfoProto { name: output.to_owned(), ..Default::default() };
        let input = ValueInfoProto { name: "input".to_owned(), ..Default::default() };
        let (input, output) = (vec![input], vec![output]);
        let graph = GraphProto { node: nodes, input, output, ..GraphProto::default() };
        ModelProto { graph: Some(graph), ..ModelProto::default() }
    }

    #[test]
    fn a_cycle_is_refused() {
        let cycle = model(vec![node("a", "y", "x"), node("b", "x", "y")], "y");

        let error = screen(&cycle, &Limits::default()).unwrap_err();

        assert!(error.to_string().contains("reads `y`"), "{error}");
    }

    #[test]
    fn an_output_that_nothing_computes_is_refused() {
        let error = screen(&model(Vec::new(), "nothing"), &Limits::default()).unwrap_err();

        assert!(error.to_string().contains("nothing computes output `nothing`"), "{error}");
    }

    #[test]
    fn a_constant_that_claims_more_than_it_holds_is_refused() {
        let tensor = TensorProto {
            name: "bomb".to_owned(),
            dims: vec![1 << 31, 1 << 31],
            data_type: DataType::Float as i32,
            ..TensorProto::default()
        };

        let error = check_tensor(&tensor).unwrap_err();

        assert!(error.to_string().contains("holds 0"), "{error}");
    }

    #[test]
    fn values_in_another_file_are_refused() {
        let tensor = TensorProto { data_location: Some(1), ..TensorProto::default() };

        assert!(check_tensor(&tensor).unwrap_err().to_string().contains("another file"));
    }

    #[test]
    fn graphs_within_graphs_are_counted() {
        let mut inner = GraphProto::default();
        for _ in 0..4 {
            let attribute = tract_onnx::pb::AttributeProto { g: Some(inner), ..Default::default() };
            let node = NodeProto { attribute: vec![attribute], ..NodeProto::default() };
            inner = GraphProto { node: vec![node], ..GraphProto::default() };
        }
        let limits = Limits { nesting: 3, ..Limits::default() };

        let error = count(&inner, 0, &mut 0, &limits).unwrap_err();

        assert!(matches!(error, CompileError::LimitExceeded { limit: 3, .. }), "{error}");
    }
}
