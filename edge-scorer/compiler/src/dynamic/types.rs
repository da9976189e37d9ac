//! Element types, as far as they follow from the file: what cannot fit is refused before anything runs.
//!
//! Types of inputs and constants are known, and most operators keep the type of what they read or always
//! give the same one. What an operator gives that is not listed here is not known, and nothing is said of it.
//!
//! # Invariants
//! - Only what is certain is refused: a type that is not known fits everywhere.
//!
//! # Deliberately absent
//! - Which types an operator has code for: it says so itself, when it runs.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, NodeProto, ValueInfoProto};

use crate::error::CompileError;

/// They give what their first input is.
const AS_FIRST: &[&str] = &[
    "Abs",
    "Add",
    "And",
    "Ceil",
    "Clip",
    "Concat",
    "CumSum",
    "Div",
    "Elu",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gemm",
    "Identity",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "Pad",
    "Reciprocal",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Round",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "Sigmoid",
    "Sign",
    "Slice",
    "Softmax",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tanh",
    "Tile",
    "Transpose",
    "Unsqueeze",
];
/// Their inputs must be of one type.
const ALIKE: &[&str] =
    &["Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Sum", "MatMul", "Concat"];
const TO_BOOL: &[&str] = &[
    "And",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "Not",
    "Or",
    "Xor",
];
const TO_INT64: &[&str] = &["ArgMax", "ArgMin", "NonZero", "Shape", "Size"];

/// Refuses a graph in which something is certainly of another type than it must be.
pub(super) fn check(graph: &GraphProto) -> Result<(), CompileError> {
    let mut types = Types { known: HashMap::new() };
    for input in &graph.input {
        types.set(&input.name, declared(input));
    }
    types.graph(graph)?;
    for output in &graph.output {
        types.demand(&output.name, declared(output), &|found, wanted| {
            format!("the output `{}` is declared as {wanted} and is {found}", output.name)
        })?;
    }
    Ok(())
}

fn declared(info: &ValueInfoProto) -> Option<DataType> {
    let Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    DataType::try_from(tensor.elem_type).ok().filter(|kind| *kind != DataType::Undefined)
}

struct Types<'a> {
    known: HashMap<&'a str, DataType>,
}

impl<'a> Types<'a> {
    fn set(&mut self, name: &'a str, kind: Option<DataType>) {
        match kind {
            Some(kind) => drop(self.known.insert(name, kind)),
            // A name within a graph may be that of something outside of it.
            None => drop(self.known.remove(name)),
        }
    }

    fn of(&self, node: &NodeProto, index: usize) -> Option<DataType> {
        self.known.get(node.input.get(index)?.as_str()).copied()
    }

    fn demand(
        &self,
        name: &str,
        wanted: Option<DataType>,
        say: &dyn Fn(&str, &str) -> String,
    ) -> Result<(), CompileError> {
        match (self.known.get(name), wanted) {
            (Some(found), Some(wanted)) if *found != wanted => {
                let [found, wanted] = [*found, wanted].map(word);
                Err(CompileError::invalid(say(&found, &wanted)))
            }
            _ => Ok(()),
        }
    }

    fn graph(&mut self, graph: &'a GraphProto) -> Result<(), CompileError> {
        for tensor in &graph.initializer {
            self.set(&tensor.name, DataType::try_from(tensor.data_type).ok());
        }
        for node in &graph.node {
            let outputs = self.node(node)?;
            for (index, output) in node.output.iter().enumerate() {
                self.set(output, outputs.get(index).copied().flatten());
            }
        }
        Ok(())
    }

    /// Takes away what a graph within has defined: outside, such a name may be something else's.
    fn forget(&mut self, graph: &GraphProto) {
        let inputs = graph.input.iter().map(|input| &input.name);
        let constants = graph.initializer.iter().map(|tensor| &tensor.name);
        let made = graph.node.iter().flat_map(|node| &node.output);
        for name in inputs.chain(constants).chain(made) {
            self.known.remove(name.as_str());
        }
    }

    /// What a node gives, as far as it is known.
    fn node(&mut self, node: &'a NodeProto) -> Result<Vec<Option<DataType>>, CompileError> {
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return Ok(Vec::new());
        }
        let operator = node.op_type.as_str();
        if ALIKE.contains(&operator) {
            let first = self.of(node, 0);
            for name in &node.input {
                self.demand(name, first, &|found, wanted| {
                    format!("node `{}` ({operator}) joins {wanted} and {found}", node.name)
                })?;
            }
        }
        let given = match operator {
            "If" | "Loop" | "Scan" => return self.control(node),
            "Cast" => number(node, "to").and_then(|to| DataType::try_from(to).ok()),
            "Constant" => constant(node),
            "ConstantOfShape" => {
                let value = attribute(node, "value").and_then(|value| value.t.as_ref());
                value.map_or(Some(DataType::Float), |t| DataType::try_from(t.data_type).ok())
            }
            _ if TO_BOOL.contains(&operator) => Some(DataType::Bool),
            _ if TO_INT64.contains(&operator) => Some(DataType::Int64),
            _ if AS_FIRST.contains(&operator) => self.of(node, 0),
            _ => None,
        };
        Ok(vec![given; node.output.len()])
    }

    fn control(&mut self, node: &'a NodeProto) -> Result<Vec<Option<DataType>>, CompileError> {
        let operator = node.op_type.as_str();
        let condition = match operator {
            "If" => node.input.first(),
            "Loop" => node.input.get(1),
            _ => None,
        };
        if let Some(condition) = condition {
            self.demand(condition, Some(DataType::Bool), &|found, _| {
                format!("the condition of `{}` ({operator}) is {found}, not bool", node.name)
            })?;
        }
        if operator == "Loop"
            && let Some(most) = node.input.first()
        {
            self.demand(most, Some(DataType::Int64), &|found, _| {
                format!("the number of turns of `{}` is {found}, not int64", node.name)
            })?;
        }
        let mut given: Option<Vec<Option<DataType>>> = None;
        for graph in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            for (index, input) in graph.input.iter().enumerate() {
                let kind = match (operator, index) {
                    ("Loop", 0) => Some(DataType::Int64),
                    ("Loop", 1) => Some(DataType::Bool),
                    ("Loop" | "Scan", index) => self.of(node, index),
                    _ => None,
                };
                self.set(&input.name, kind);
            }
            self.graph(graph)?;
            let outputs = graph.output.iter();
            let mut outputs: Vec<_> =
                outputs.map(|output| self.known.get(output.name.as_str()).copied()).collect();
            if operator == "Loop" && !outputs.is_empty() {
                let (name, still) = (&graph.output[0].name, outputs.remove(0));
                if still.is_some() {
                    self.demand(name, Some(DataType::Bool), &|found, _| {
                        format!(
                            "the body of `{}` answers with {found} whether it goes on",
                            node.name
                        )
                    })?;
                }
            }
            self.forget(graph);
            given = Some(match given {
                None => outputs,
                // Known where both branches agree.
                Some(other) => other
                    .into_iter()
                    .zip(outputs)
                    .map(|(a, b)| if a == b { a } else { None })
                    .collect(),
            });
        }
        Ok(given.unwrap_or_default())
    }
}

fn attribute<'n>(node: &'n NodeProto, name: &str) -> Option<&'n tract_onnx::pb::AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn number(node: &NodeProto, name: &str) -> Option<i32> {
    attribute(node, name).and_then(|attribute| i32::try_from(attribute.i).ok())
}

fn constant(node: &NodeProto) -> Option<DataType> {
    let attribute = node.attribute.first()?;
    match attribute.name.as_str() {
        "value" => DataType::try_from(attribute.t.as_ref()?.data_type).ok(),
        "value_float" | "value_floats" => Some(DataType::Float),
        "value_int" | "value_ints" => Some(DataType::Int64),
        "value_string" | "value_strings" => Some(DataType::String),
        _ => None,
    }
}

/// As ONNX writes it in small letters: `int64`.
fn word(kind: DataType) -> String {
    kind.as_str_name().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{TensorProto, TypeProto, type_proto};

    use super::*;

    fn port(name: &str, kind: DataType) -> ValueInfoProto {
        let tensor = type_proto::Tensor { elem_type: kind as i32, shape: None };
        let kind = TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() };
        ValueInfoProto { name: name.to_owned(), r#type: Some(kind), ..ValueInfoProto::default() }
    }

    fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto {
            op_type: operator.to_owned(),
            name: "n".to_owned(),
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            ..NodeProto::default()
        }
    }

    fn graph(nodes: Vec<NodeProto>, output: DataType) -> GraphProto {
        GraphProto {
            node: nodes,
            input: vec![port("x", DataType::Float), port("i", DataType::Int64)],
            output: vec![port("y", output)],
            ..GraphProto::default()
        }
    }

    fn refusal(graph: &GraphProto) -> String {
        check(graph).unwrap_err().to_string()
    }

    #[test]
    fn what_is_joined_must_be_of_one_type() {
        let mixed = graph(vec![node("Add", &["x", "i"], "y")], DataType::Float);

        assert!(refusal(&mixed).contains("`n` (Add) joins float and int64"), "{}", refusal(&mixed));
    }

    #[test]
    fn an_output_is_what_it_is_declared_as() {
        let nodes = || vec![node("Shape", &["x"], "s"), node("Identity", &["s"], "y")];

        assert!(
            refusal(&graph(nodes(), DataType::Float)).contains("declared as float and is int64")
        );
        assert!(check(&graph(nodes(), DataType::Int64)).is_ok());
    }

    #[test]
    fn a_condition_is_a_truth_value() {
        let choice = graph(vec![node("If", &["x"], "y")], DataType::Float);

        assert!(refusal(&choice).contains("the condition of `n` (If) is float, not bool"));
    }

    #[test]
    fn what_is_not_known_fits_everywhere() {
        let nodes = vec![node("Mystery", &["x"], "m"), node("Add", &["i", "m"], "y")];
        let mut mystery = graph(nodes, DataType::Int64);
        mystery.initializer.push(TensorProto { name: "c".to_owned(), ..TensorProto::default() });

        assert!(check(&mystery).is_ok());
    }
}
