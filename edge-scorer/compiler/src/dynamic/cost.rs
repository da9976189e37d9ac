//! What each step of the dynamic tier may take, for people to read.
//!
//! Sizes are followed from the inputs through the operators as far as they can be told before anything runs:
//! `rows` is 1, and what is open otherwise counts as [`OPEN`], as in the plans of the static tier.
//!
//! # Invariants
//! - Nothing is decided by an estimate: where a size is wrong, so is a number that somebody reads.

use std::collections::HashMap;

use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::ports::{Port, PortDim};
use crate::ml::attributes;

/// Size of an axis that is open.
const OPEN: f64 = 64.0;
/// Nanoseconds of a call, which were not measured.
const CALL: f64 = 100.0;
/// Nanoseconds of an element, as measured over rows of 128 numbers: of one that is copied; of one that is computed,
/// where `Neg` takes 1.2 and `Max` 8; of a function, where `Log` takes 6 and `Cos` 19; of a dear function, where
/// `Sqrt` takes 41 and `Pow` 69; of one that is put in order.
const COPY: f64 = 0.5;
const ELEMENT: f64 = 3.0;
const FUNCTION: f64 = 12.0;
const DEAR_FUNCTION: f64 = 55.0;
const ORDERED: f64 = 140.0;
/// Of one of the products of a matrix with 64 columns; with one column it is 2.4.
const PRODUCT: f64 = 6.0;
/// Of a node of a tree that is read, and of one that is passed: not measured.
const TREE_NODE: f64 = 20.0;
const TREE_STEP: f64 = 5.0;

/// What takes a dear function for each element, or several.
const DEAR_FUNCTIONS: &[&str] =
    &["Erf", "Gelu", "LogSoftmax", "Pow", "Softmax", "Softplus", "Sqrt"];
/// What takes a function for each element.
const FUNCTIONS: &[&str] = &[
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "Celu",
    "Cos",
    "Cosh",
    "Elu",
    "Exp",
    "LayerNormalization",
    "Log",
    "Mish",
    "Selu",
    "Sigmoid",
    "Sin",
    "Sinh",
    "Swish",
    "Tan",
    "Tanh",
];

type Shape = Vec<f64>;

/// Sizes and small constants by name.
#[derive(Default)]
pub(super) struct Costs<'a> {
    shapes: HashMap<&'a str, Shape>,
    numbers: HashMap<&'a str, Vec<i64>>,
}

fn elements(shape: &[f64]) -> f64 {
    shape.iter().product()
}

/// Counted from the front, whatever it was counted from.
fn place(axis: i64, rank: usize) -> usize {
    usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).unwrap_or(0)
}

fn broadcast(a: &[f64], b: &[f64]) -> Shape {
    let rank = a.len().max(b.len());
    let at = |shape: &[f64], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(1.0, |axis| shape[axis])
    };
    (0..rank).map(|axis| at(a, axis).max(at(b, axis))).collect()
}

impl<'a> Costs<'a> {
    fn set(&mut self, name: &'a str, shape: Shape) {
        self.shapes.insert(name, shape);
    }

    /// An input of the model.
    pub(super) fn input(&mut self, port: &'a Port) {
        let size = |(axis, dim): (usize, &PortDim)| match dim {
            PortDim::Fixed(size) => f64::from(*size),
            // Rows.
            _ if axis == 0 => 1.0,
            _ => OPEN,
        };
        self.set(&port.name, port.dims.iter().enumerate().map(size).collect());
    }

    pub(super) fn constant(&mut self, name: &'a str, tensor: &'a TensorProto) {
        self.set(name, tensor.dims.iter().map(|dim| *dim as f64).collect());
        // Lists of axes and sizes; nothing else is looked at.
        if tensor.dims.len() <= 1
            && tensor.dims.iter().all(|dim| *dim <= 16)
            && let Ok(attributes::TensorValues::Ints(numbers, _)) =
                attributes::tensor_values(tensor, name)
        {
            self.numbers.insert(name, numbers);
        }
    }

    fn of(&self, node: &NodeProto, index: usize) -> Shape {
        let name = node.input.get(index).map_or("", String::as_str);
        self.shapes.get(name).cloned().unwrap_or_default()
    }

    /// Numbers that are an attribute in older operator sets and an input in newer ones.
    fn numbers<'n>(&'n self, node: &'n NodeProto, index: usize, name: &str) -> &'n [i64] {
        let given = attributes::ints(node, name);
        let input = node.input.get(index).and_then(|name| self.numbers.get(name.as_str()));
        if given.is_empty() { input.map_or(&[], Vec::as_slice) } else { given }
    }

    /// Turns of a loop.
    pub(super) fn turns(&self, node: &NodeProto) -> f64 {
        if node.op_type == "Scan" {
            let scanned = self.of(node, node.input.len().saturating_sub(1));
            return scanned.first().copied().unwrap_or(OPEN);
        }
        let most = node.input.first().and_then(|name| self.numbers.get(name.as_str()));
        let most = most.and_then(|numbers| numbers.first());
        most.map_or(OPEN, |most| (*most).clamp(0, 1 << 20) as f64)
    }

    /// What the body of a loop takes: the turn, the condition, what is carried; or states and one of each list.
    pub(super) fn enter(&mut self, node: &NodeProto, body: &'a GraphProto) {
        let scanned = attributes::int(node, "num_scan_inputs").unwrap_or(0);
        let whole = body.input.len() - usize::try_from(scanned).unwrap_or(0).min(body.input.len());
        for (index, input) in body.input.iter().enumerate() {
            let shape = match node.op_type.as_str() {
                "Loop" if index < 2 => Shape::new(),
                "Scan" if index >= whole => self.of(node, index).into_iter().skip(1).collect(),
                _ => self.of(node, index),
            };
            self.set(&input.name, shape);
        }
    }

    /// What a control node gives is what the last of its graphs gives.
    pub(super) fn leave(&mut self, node: &'a NodeProto, body: &GraphProto, turns: f64) {
        let skipped = usize::from(node.op_type == "Loop");
        let carried = node.input.len().saturating_sub(2);
        for (index, (name, output)) in
            node.output.iter().zip(body.output.iter().skip(skipped)).enumerate()
        {
            let mut shape = self.shapes.get(output.name.as_str()).cloned().unwrap_or_default();
            if node.op_type == "Scan" || node.op_type == "Loop" && index >= carried {
                shape.insert(0, turns);
            }
            self.set(name, shape);
        }
    }

    /// Estimated nanoseconds of a node; notes how large what it gives is.
    pub(super) fn node(&mut self, node: &'a NodeProto) -> f64 {
        let shape = self.shape(node);
        let read = (0..node.input.len()).map(|index| elements(&self.of(node, index)));
        let touched = read.fold(elements(&shape), f64::max);
        let operator = node.op_type.as_str();
        let taken = match operator {
            "MatMul" | "Gemm" | "MatMulInteger" => {
                let x = self.of(node, 0);
                let is_turned = attributes::int(node, "transA").unwrap_or(0) != 0;
                let taps = if is_turned { x.first() } else { x.last() };
                elements(&shape) * taps.copied().unwrap_or(OPEN) * PRODUCT
            }
            "Conv" | "ConvInteger" => {
                elements(&shape) * self.of(node, 1).iter().skip(1).product::<f64>() * PRODUCT
            }
            "LSTM" | "GRU" | "RNN" => {
                let rows: f64 = self.of(node, 0).iter().rev().skip(1).product();
                rows * (elements(&self.of(node, 1)) + elements(&self.of(node, 2))) * PRODUCT
            }
            "TreeEnsemble" | "TreeEnsembleClassifier" | "TreeEnsembleRegressor" => {
                let nodes = attributes::ints(node, "nodes_truenodeids").len() as f64;
                let mut trees = attributes::ints(node, "nodes_treeids").to_vec();
                trees.dedup();
                let trees =
                    trees.len().max(attributes::ints(node, "tree_roots").len()).max(1) as f64;
                let rows = self.of(node, 0).first().copied().unwrap_or(1.0);
                nodes * TREE_NODE + rows * trees * (nodes / trees).log2().max(1.0) * TREE_STEP
            }
            "SVMClassifier" | "SVMRegressor" => {
                let rows = self.of(node, 0).first().copied().unwrap_or(1.0);
                rows * attributes::floats(node, "support_vectors").len() as f64 * PRODUCT
            }
            "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Shape" | "Size"
            | "Constant" => 0.0,
            "Concat" => touched * COPY,
            "TopK" => touched * ORDERED,
            _ if FUNCTIONS.contains(&operator) => touched * FUNCTION,
            _ if DEAR_FUNCTIONS.contains(&operator) => touched * DEAR_FUNCTION,
            _ => touched * ELEMENT,
        };
        for name in &node.output {
            self.set(name, shape.clone());
        }
        if let Some(tensor) = attributes::tensor(node, "value")
            && let (Some(name), "Constant") = (node.output.first(), operator)
        {
            self.constant(name, tensor);
        }
        CALL + taken
    }

    /// The shape of what a node gives first.
    fn shape(&self, node: &NodeProto) -> Shape {
        let (x, y) = (self.of(node, 0), self.of(node, 1));
        let int = |name: &str, other: i64| attributes::int(node, name).unwrap_or(other);
        let axis = |other: i64| place(int("axis", other), x.len());
        match node.op_type.as_str() {
            "MatMul" | "MatMulInteger" if x.len() >= 2 && y.len() >= 2 => {
                let outer = broadcast(&x[..x.len() - 2], &y[..y.len() - 2]);
                [&outer[..], &[x[x.len() - 2], y[y.len() - 1]]].concat()
            }
            "Gemm" if x.len() == 2 && y.len() == 2 => {
                vec![x[usize::from(int("transA", 0) != 0)], y[usize::from(int("transB", 0) == 0)]]
            }
            "Conv" | "ConvInteger" if x.len() > 2 && y.len() == x.len() => {
                [&[x[0], y[0]], &moved(node, &x[2..], &y[2..])[..]].concat()
            }
            "MaxPool" | "AveragePool" | "LpPool" if x.len() > 2 => {
                let kernel: Shape = attributes::ints(node, "kernel_shape")
                    .iter()
                    .map(|size| *size as f64)
                    .collect();
                [&x[..2], &moved(node, &x[2..], &kernel)[..]].concat()
            }
            "GlobalAveragePool" | "GlobalMaxPool" if x.len() > 2 => {
                [&x[..2], &vec![1.0; x.len() - 2]].concat()
            }
            "Transpose" => {
                let order = attributes::ints(node, "perm");
                let turned = || x.iter().rev().copied().collect();
                let picked = order.iter().map(|axis| x.get(place(*axis, x.len())).copied());
                if order.is_empty() { turned() } else { picked.collect::<Option<_>>().unwrap_or(x) }
            }
            "Reshape" => {
                let wanted = self.numbers(node, 1, "shape");
                let sizes: Shape = wanted
                    .iter()
                    .enumerate()
                    .map(|(axis, size)| match size {
                        0 => x.get(axis).copied().unwrap_or(1.0),
                        size => *size as f64,
                    })
                    .collect();
                let known: f64 = sizes.iter().filter(|size| **size > 0.0).product();
                let rest = elements(&x) / known.max(1.0);
                if sizes.is_empty() {
                    return vec![elements(&x)];
                }
                sizes.into_iter().map(|size| if size < 0.0 { rest } else { size }).collect()
            }
            "Flatten" => {
                let axis = axis(1).min(x.len());
                vec![elements(&x[..axis]), elements(&x[axis..])]
            }
            "Concat" if !x.is_empty() => {
                let axis = axis(0);
                let sizes =
                    (0..node.input.len()).filter_map(|i| self.of(node, i).get(axis).copied());
                with(&x, axis, sizes.sum())
            }
            "Split" if !x.is_empty() => with(
                &x,
                axis(0),
                x.get(axis(0)).map_or(1.0, |size| size / node.output.len() as f64),
            ),
            "Gather" if !x.is_empty() => {
                let axis = axis(0).min(x.len() - 1);
                [&x[..axis], &y[..], &x[axis + 1..]].concat()
            }
            "Unsqueeze" => {
                let mut shape = x;
                for axis in self.numbers(node, 1, "axes") {
                    let axis = place(*axis, shape.len() + 1);
                    shape.insert(axis.min(shape.len()), 1.0);
                }
                shape
            }
            "Squeeze" => x.into_iter().filter(|size| *size != 1.0).collect(),
            "Shape" => vec![x.len() as f64],
            "Size" => Shape::new(),
            "Expand" | "ConstantOfShape" => {
                let index = usize::from(node.op_type == "Expand");
                let sizes = self.numbers(node, index, "shape");
                let rank = self.of(node, index).first().map_or(1, |rank| *rank as usize);
                match sizes {
                    [] => vec![OPEN; rank.clamp(1, 8)],
                    sizes => sizes.iter().map(|size| (*size).max(1) as f64).collect(),
                }
            }
            "NonZero" => vec![x.len() as f64, elements(&x)],
            "Range" => vec![OPEN],
            name if name.starts_with("Reduce") || matches!(name, "ArgMax" | "ArgMin") => {
                let axes: Vec<usize> = match (self.numbers(node, 1, "axes"), name) {
                    ([], "ArgMax" | "ArgMin") => vec![axis(0)],
                    ([], _) => (0..x.len()).collect(),
                    (axes, _) => axes.iter().map(|axis| place(*axis, x.len())).collect(),
                };
                let keeps = int("keepdims", 1) != 0;
                let sizes = x.iter().enumerate().filter(|(axis, _)| keeps || !axes.contains(axis));
                sizes.map(|(axis, size)| if axes.contains(&axis) { 1.0 } else { *size }).collect()
            }
            "Add" | "And" | "Div" | "Equal" | "Greater" | "GreaterOrEqual" | "Less"
            | "LessOrEqual" | "Max" | "Min" | "Mod" | "Mul" | "Or" | "Pow" | "Sub" | "Sum"
            | "Where" | "Xor" => {
                let shapes = (0..node.input.len()).map(|index| self.of(node, index));
                shapes.fold(Shape::new(), |all, shape| broadcast(&all, &shape))
            }
            _ => x,
        }
    }
}

fn with(shape: &[f64], axis: usize, size: f64) -> Shape {
    shape.iter().enumerate().map(|(at, old)| if at == axis { size } else { *old }).collect()
}

/// Sizes of an image that a window was moved over.
fn moved(node: &NodeProto, image: &[f64], kernel: &[f64]) -> Shape {
    let list = |name: &str, axis: usize, other: f64| {
        attributes::ints(node, name).get(axis).map_or(other, |value| *value as f64)
    };
    let is_same = attributes::string(node, "auto_pad", "").is_ok_and(|pad| pad.starts_with("SAME"));
    let sizes = image.iter().enumerate().map(|(axis, size)| {
        let (step, spread) = (list("strides", axis, 1.0), list("dilations", axis, 1.0));
        if is_same {
            return (size / step.max(1.0)).ceil();
        }
        let reach = spread * (kernel.get(axis).copied().unwrap_or(1.0) - 1.0) + 1.0;
        let pads = list("pads", axis, 0.0) + list("pads", axis + image.len(), 0.0);
        ((size + pads - reach) / step.max(1.0)).floor() + 1.0
    });
    sizes.map(|size| size.max(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;

    fn node(operator: &str, inputs: &[&str], attributes: &[(&str, &[i64])]) -> NodeProto {
        let list = |(name, ints): &(&str, &[i64])| AttributeProto {
            name: (*name).to_owned(),
            ints: ints.to_vec(),
            ..AttributeProto::default()
        };
        NodeProto {
            op_type: operator.to_owned(),
            input: inputs.iter().map(|name| (*name).to_owned()).collect(),
            output: vec!["y".to_owned()],
            attribute: attributes.iter().map(list).collect(),
            ..NodeProto::default()
        }
    }

    /// Cost of a node and the size of what it gives.
    fn of<'a>(node: &'a NodeProto, inputs: &[(&'a str, &[f64])]) -> (f64, Shape) {
        let mut costs = Costs::default();
        for (name, shape) in inputs {
            costs.set(name, shape.to_vec());
        }
        let taken = costs.node(node);
        (taken, costs.shapes["y"].clone())
    }

    #[test]
    fn a_product_costs_its_products() {
        let product = node("MatMul", &["x", "w"], &[]);

        let (taken, shape) = of(&product, &[("x", &[1.0, 8.0]), ("w", &[8.0, 4.0])]);

        assert_eq!(shape, [1.0, 4.0]);
        assert_eq!(taken, CALL + 32.0 * PRODUCT);
    }

    #[test]
    fn a_convolution_costs_its_windows() {
        let conv = node("Conv", &["x", "w"], &[("strides", &[2, 2]), ("pads", &[1, 1, 1, 1])]);

        let (taken, shape) =
            of(&conv, &[("x", &[1.0, 3.0, 8.0, 8.0]), ("w", &[5.0, 3.0, 3.0, 3.0])]);

        assert_eq!(shape, [1.0, 5.0, 4.0, 4.0]);
        assert_eq!(taken, CALL + 80.0 * 27.0 * PRODUCT);
    }

    #[test]
    fn what_only_passes_on_costs_a_call() {
        let flat = node("Flatten", &["x"], &[]);

        let (taken, shape) = of(&flat, &[("x", &[1.0, 3.0, 4.0])]);

        assert_eq!((taken, shape), (CALL, vec![1.0, 12.0]));
    }
}
