//! A model's operators and how values flow between them, as far as a drawing has room.

use serde::{Deserialize, Serialize};

use crate::wire_enum::wire_enum;

wire_enum! {
    /// What a node of a graph stands for.
    GraphNodeKind {
        /// A value that the caller gives.
        Input = "Input",
        /// A step of the computation.
        Operator = "Operator",
        /// A value that the caller gets.
        Output = "Output",
    }
}

/// A model's operators; the first ones of a model that has more than a drawing can show.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    /// Inputs, operators in the file's order, outputs.
    pub nodes: Vec<GraphNode>,
    /// Values that flow from one node to another.
    pub edges: Vec<GraphEdge>,
    /// Operators of the model, those that are not shown included.
    pub total_operators: u64,
}

/// One node.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphNode {
    /// What it stands for.
    pub kind: GraphNodeKind,
    /// Its name in the file; may be empty.
    pub name: String,
    /// The operator, or an input's or output's type.
    pub operator: String,
    /// The operator's domain; empty for inputs and outputs.
    pub domain: String,
    /// Names and values, shortened.
    pub attributes: Vec<GraphAttribute>,
}

/// A name and a value as text.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphAttribute {
    /// The attribute, or the name of a constant input.
    pub name: String,
    /// Shortened.
    pub value: String,
}

/// What a model's operators take, as the server measured it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GraphCosts {
    /// Operators that take time. The others became a part of one of these, or were computed when the
    /// model was compiled.
    pub nodes: Vec<NodeCost>,
}

/// What one operator takes.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCost {
    /// Place of the node in [`Graph::nodes`].
    pub node: u32,
    /// For one row on one core, in nanoseconds.
    pub nanoseconds: u64,
}

/// A value on its way.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphEdge {
    /// Place of the node that makes it, in [`Graph::nodes`].
    pub from: u32,
    /// Place of the node that takes it.
    pub to: u32,
    /// The value's name.
    pub name: String,
}
