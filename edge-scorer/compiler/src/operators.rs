//! Which operators can be compiled, by the names that ONNX gives them.
//!
//! A model is held against this list before anything else, so that every operator that stands in
//! the way is reported at once. A listed operator may still be refused by its rule, with a reason:
//! a rule knows attributes and types.

use std::collections::BTreeMap;

use shared::UnsupportedOperator;
use tract_onnx::pb::{GraphProto, ModelProto};

use crate::{layers, ml};

/// Operators of the main domain, one list for each family of rules in `lower/`.
const MAIN: &[&[&str]] =
    &[SHAPES, TABLES, PRODUCTS, WINDOWS, ELEMENTWISE, REDUCTIONS, VIEWS, ml::TEXT];

const PRODUCTS: &[&str] = &["Conv", "Einsum", "Gemm", "MatMul"];

const WINDOWS: &[&str] = &[
    "AveragePool",
    "BatchNormalization",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNormalization",
    "InstanceNormalization",
    "LRN",
    "MaxPool",
    "Pad",
];

const ELEMENTWISE: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "And",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "Ceil",
    "Celu",
    "Clip",
    "Cos",
    "Cosh",
    "Div",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "Greater",
    "GreaterOrEqual",
    "HardSigmoid",
    "HardSwish",
    "IsNaN",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "Swish",
    "BiasGelu",
    "FastGelu",
    "CastLike",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "Max",
    "Mean",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "PRelu",
    "Pow",
    "Reciprocal",
    "Relu",
    "Round",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Sub",
    "Sum",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Where",
    "Xor",
];

const REDUCTIONS: &[&str] = &[
    "LayerNormalization",
    "LpNormalization",
    "MeanVarianceNormalization",
    "RMSNormalization",
    "LogSoftmax",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Softmax",
];

const VIEWS: &[&str] = &[
    "ConstantOfShape",
    "Expand",
    "Gather",
    "Range",
    "Shape",
    "Size",
    "Slice",
    "Split",
    "Tile",
    "Transpose",
];

const TABLES: &[&str] = &["ArgMax", "ArgMin", "Cast", "Concat"];

const SHAPES: &[&str] =
    &["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Constant", "Dropout"];

/// Every operator of the model that is on no list of the static tier, with its nodes.
pub(crate) fn unsupported(model: &ModelProto) -> Vec<UnsupportedOperator> {
    unknown(model, &|domain, name| match domain {
        "" | "ai.onnx" => layers::knows(name) || MAIN.iter().any(|family| family.contains(&name)),
        "ai.onnx.ml" => ml::OPERATORS.contains(&name),
        "com.microsoft" => ml::MICROSOFT.contains(&name),
        _ => false,
    })
}

/// Every operator of the model that `is_known` denies, by domain and name, with its nodes.
pub(crate) fn unknown(
    model: &ModelProto,
    is_known: &dyn Fn(&str, &str) -> bool,
) -> Vec<UnsupportedOperator> {
    let mut found: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    if let Some(graph) = &model.graph {
        collect(graph, is_known, &mut found);
    }
    found
        .into_iter()
        .map(|((domain, operator), nodes)| {
            let hint = hint(&domain, &operator).map(str::to_owned);
            UnsupportedOperator { domain, operator, nodes, hint }
        })
        .collect()
}

fn collect(
    graph: &GraphProto,
    is_known: &dyn Fn(&str, &str) -> bool,
    found: &mut BTreeMap<(String, String), Vec<String>>,
) {
    for (index, node) in graph.node.iter().enumerate() {
        if !is_known(&node.domain, &node.op_type) {
            let domain = if node.domain.is_empty() { "ai.onnx" } else { &node.domain };
            let name = match node.name.as_str() {
                "" => format!("{}_{index}", node.op_type),
                name => name.to_owned(),
            };
            found.entry((domain.to_owned(), node.op_type.clone())).or_default().push(name);
        }
        for attribute in &node.attribute {
            let graphs = attribute.g.iter().chain(&attribute.graphs);
            graphs.for_each(|graph| collect(graph, is_known, found));
        }
    }
}

/// How to avoid an operator, where that is known.
fn hint(domain: &str, operator: &str) -> Option<&'static str> {
    Some(match (domain, operator) {
        (_, "ZipMap") => "export with `options={'zipmap': False}`",
        ("ai.onnx", "SequenceConstruct" | "SequenceAt" | "SplitToSequence") => {
            "sequences are not supported; export with tensors as outputs"
        }
        ("ai.onnx", "StringSplit") => {
            "it has as many columns as the longest text has parts; split the text before scoring"
        }
        ("ai.onnx.preview.training", _) => "export the model for inference",
        ("com.microsoft", _) => "export without ONNX Runtime's own optimisations",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::NodeProto;

    use super::*;

    #[test]
    fn every_unknown_operator_is_listed_with_all_its_nodes() {
        let node = |op_type: &str, name: &str| NodeProto {
            op_type: op_type.to_owned(),
            name: name.to_owned(),
            ..NodeProto::default()
        };
        let node =
            vec![node("Foo", "f1"), node("Identity", "i"), node("Bar", ""), node("Foo", "f2")];
        let graph = GraphProto { node, ..GraphProto::default() };

        let found = unsupported(&ModelProto { graph: Some(graph), ..ModelProto::default() });

        let found: Vec<_> = found.into_iter().map(|f| (f.operator, f.nodes)).collect();
        assert_eq!(
            found,
            [
                ("Bar".to_owned(), vec!["Bar_2".to_owned()]),
                ("Foo".to_owned(), vec!["f1".to_owned(), "f2".to_owned()]),
            ]
        );
    }
}
