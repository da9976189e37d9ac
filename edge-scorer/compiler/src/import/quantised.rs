//! ONNX Runtime's own operators of quantised tensors, as what they stand for.
//!
//! Its quantiser writes `QLinearAdd` and the like where ONNX has no such operator. Each means: to
//! numbers, the operator, back to integers; and that is what the graph holds afterwards.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto};

/// The domain that these operators come from.
const DOMAIN: &str = "com.microsoft";

/// Replaces every such operator.
pub(crate) fn expand(model: &mut ModelProto) {
    if let Some(graph) = &mut model.graph {
        let nodes = std::mem::take(&mut graph.node);
        for (index, node) in nodes.into_iter().enumerate() {
            let mut expansion = Expansion { node: &node, index, nodes: Vec::new() };
            match expansion.expand() {
                Some(()) => {
                    let nodes = std::mem::take(&mut expansion.nodes);
                    graph.node.extend(nodes);
                }
                None => graph.node.push(node),
            }
        }
        declare(model);
    }
}

/// Models that only use ONNX Runtime's operators may not name the main domain.
fn declare(model: &mut ModelProto) {
    let is_main = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    if !model.opset_import.iter().any(|opset| is_main(&opset.domain)) {
        model
            .opset_import
            .push(tract_onnx::pb::OperatorSetIdProto { domain: String::new(), version: 17 });
    }
}

struct Expansion<'a> {
    node: &'a NodeProto,
    index: usize,
    nodes: Vec<NodeProto>,
}

impl Expansion<'_> {
    /// `None` for nodes that are something else.
    fn expand(&mut self) -> Option<()> {
        if self.node.domain != DOMAIN {
            return None;
        }
        match self.node.op_type.strip_prefix("QLinear") {
            Some(operator @ ("Add" | "Mul")) => {
                let (a, b) = (self.numbers(0)?, self.numbers(3)?);
                self.integers(operator, vec![a, b], 6, &[])
            }
            Some(operator @ ("Sigmoid" | "LeakyRelu" | "Softmax")) => {
                let x = self.numbers(0)?;
                self.integers(operator, vec![x], 3, &["alpha", "axis"])
            }
            Some(operator @ ("AveragePool" | "GlobalAveragePool")) if !self.channels_last() => {
                let x = self.numbers(0)?;
                let kept = [
                    "auto_pad",
                    "ceil_mode",
                    "count_include_pad",
                    "kernel_shape",
                    "pads",
                    "strides",
                ];
                self.integers(operator, vec![x], 3, &kept)
            }
            Some("Concat") => {
                let count = self.node.input.len().checked_sub(2)? / 3;
                let parts =
                    (0..count).map(|part| self.numbers(2 + 3 * part)).collect::<Option<_>>()?;
                self.integers("Concat", parts, 0, &["axis"])
            }
            _ if self.node.op_type == "QGemm" => self.gemm(),
            _ => None,
        }
    }

    fn channels_last(&self) -> bool {
        self.node
            .attribute
            .iter()
            .any(|attribute| attribute.name == "channels_last" && attribute.i != 0)
    }

    fn input(&self, index: usize) -> Option<String> {
        self.node.input.get(index).filter(|name| !name.is_empty()).cloned()
    }

    /// Appends a node and answers its output.
    fn add(&mut self, operator: &str, input: Vec<String>, kept: &[&str]) -> String {
        let origin = match self.node.name.as_str() {
            "" => format!("{}_{}", self.node.op_type, self.index),
            name => name.to_owned(),
        };
        let name = format!("{origin}/{operator}_{}", self.nodes.len());
        let attribute = self
            .node
            .attribute
            .iter()
            .filter(|attribute| kept.contains(&attribute.name.as_str()))
            .cloned()
            .collect();
        self.nodes.push(NodeProto {
            output: vec![name.clone()],
            name: name.clone(),
            op_type: operator.to_owned(),
            input,
            attribute,
            ..NodeProto::default()
        });
        name
    }

    /// The tensor at `index`, whose scale and zero point follow it, as numbers.
    fn numbers(&mut self, index: usize) -> Option<String> {
        let zero = self.node.input.get(index + 2).cloned().unwrap_or_default();
        let inputs = vec![self.input(index)?, self.input(index + 1)?, zero];
        Some(self.add("DequantizeLinear", inputs, &[]))
    }

    /// The operator, and its result as integers with the scale and zero point at `scale`.
    fn integers(
        &mut self,
        operator: &str,
        inputs: Vec<String>,
        scale: usize,
        kept: &[&str],
    ) -> Option<()> {
        let result = self.add(operator, inputs, kept);
        self.finish(result, scale)
    }

    fn finish(&mut self, result: String, scale: usize) -> Option<()> {
        if let Some(y_scale) = self.input(scale) {
            let zero = self.node.input.get(scale + 1).cloned().unwrap_or_default();
            self.add("QuantizeLinear", vec![result, y_scale, zero], &[]);
        }
        // The last node stands for the whole one.
        let output = self.node.output.first()?.clone();
        self.nodes.last_mut()?.output = vec![output];
        Some(())
    }

    /// `QGemm`: its bias is scaled by both operands' scales.
    fn gemm(&mut self) -> Option<()> {
        let (a, b) = (self.numbers(0)?, self.numbers(3)?);
        // Scales of the columns lie along the other axis where the matrix is turned.
        let turned = self.node.attribute.iter().any(|a| a.name == "transB" && a.i != 0);
        if turned && let Some(numbers) = self.nodes.last_mut() {
            numbers.attribute.push(first_axis());
        }
        let mut inputs = vec![a, b];
        if let Some(bias) = self.input(6) {
            let scale = self.add("Mul", vec![self.input(1)?, self.input(4)?], &[]);
            inputs.push(self.add("DequantizeLinear", vec![bias, scale], &[]));
            if let Some(numbers) = self.nodes.last_mut() {
                numbers.attribute.push(first_axis());
            }
        }
        let result = self.add("Gemm", inputs, &["alpha", "transA", "transB"]);
        self.finish(result, 7)
    }
}

/// The attribute `axis` of value 0.
fn first_axis() -> AttributeProto {
    AttributeProto {
        name: "axis".to_owned(),
        i: 0,
        r#type: AttributeType::Int as i32,
        ..AttributeProto::default()
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::GraphProto;

    use super::*;

    #[test]
    fn an_operator_between_integers_becomes_one_between_numbers() {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let add = NodeProto {
            op_type: "QLinearAdd".to_owned(),
            domain: DOMAIN.to_owned(),
            name: "sum".to_owned(),
            input: names(&["a", "as", "az", "b", "bs", "bz", "ys", "yz"]),
            output: names(&["y"]),
            ..NodeProto::default()
        };
        let other =
            NodeProto { op_type: "Inverse".to_owned(), domain: DOMAIN.to_owned(), ..add.clone() };
        let graph = GraphProto { node: vec![add, other], ..GraphProto::default() };
        let mut model = ModelProto { graph: Some(graph), ..ModelProto::default() };

        expand(&mut model);

        let graph = model.graph.unwrap();
        let operators: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(
            operators,
            ["DequantizeLinear", "DequantizeLinear", "Add", "QuantizeLinear", "Inverse"]
        );
        assert_eq!(graph.node[3].output, ["y"]);
        assert_eq!(graph.node[3].input[1..], ["ys", "yz"]);
    }
}
