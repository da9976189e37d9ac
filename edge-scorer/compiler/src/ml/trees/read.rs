//! From the parallel lists of attributes to trees: versions 1 and 3 here, version 5 in `joined`.
//!
//! # Invariants
//! - No path of a tree leads back to itself, so walking ends. Branches that two nodes share (exporters
//!   write sets so) are copied, up to a multiple of the file's nodes.
//! - Every leaf's targets are within the number of targets.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{NodeProto, TensorProto};

use super::super::{Fault, attributes, contradiction};
use crate::lower::Refusal;
use crate::plan::Extent;

/// How a node compares its feature with its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    AtMost,
    Less,
    AtLeast,
    Greater,
    Equal,
    NotEqual,
    /// Whether it is one of a set, whose place among the tree's sets is the threshold.
    Member,
}

/// One node; children are indices into its tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Leaf {
        /// Targets and what is added to them.
        weights: Vec<(usize, f32)>,
    },
    Split {
        feature: usize,
        threshold: f64,
        mode: Mode,
        /// Where a missing value goes: along `yes`, or along `no`.
        missing_is_yes: bool,
        yes: usize,
        no: usize,
    },
}

impl Node {
    /// What a leaf gives.
    pub(super) fn weights(&self) -> Option<&[(usize, f32)]> {
        match self {
            Self::Leaf { weights } => Some(weights),
            Self::Split { .. } => None,
        }
    }
}

/// Shared branches may make trees this many times as large as the file's.
const MOST_COPIES: usize = 64;
/// And beyond this many nodes they may not make them larger at all.
const MOST_NODES: usize = 1 << 22;

/// One tree; its root is the first node.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// What the nodes of [`Mode::Member`] look for, ascending.
    pub(super) sets: Vec<Vec<f64>>,
}

/// Trees whose values are joined.
#[derive(Debug)]
pub(super) struct Ensemble {
    pub(super) trees: Vec<Tree>,
    /// Whether thresholds are of type `double` in the file.
    pub(super) double: bool,
    pub(super) features: usize,
}

impl Ensemble {
    /// Reads `nodes_*` and `<prefix>_*`.
    pub(super) fn parse(node: &NodeProto, prefix: &str, targets: usize) -> Result<Self, Fault> {
        let ids = attributes::ints(node, "nodes_nodeids");
        let count = ids.len();
        let list = |name: &str| -> Result<&[i64], Fault> {
            let list = attributes::ints(node, name);
            if list.len() == count { Ok(list) } else { Err(lengths(name, list.len(), count)) }
        };
        let (tree_ids, features) = (list("nodes_treeids")?, list("nodes_featureids")?);
        let (yes, no) = (list("nodes_truenodeids")?, list("nodes_falsenodeids")?);
        let modes = attributes::strings(node, "nodes_modes")?;
        let (values, double) = numbers(node, "nodes_values")?;
        let missing = attributes::ints(node, "nodes_missing_value_tracks_true");
        for (name, len) in [("nodes_modes", modes.len()), ("nodes_values", values.len())] {
            if len != count {
                return Err(lengths(name, len, count));
            }
        }
        if !missing.is_empty() && missing.len() != count {
            return Err(lengths("nodes_missing_value_tracks_true", missing.len(), count));
        }
        if count == 0 {
            return Err(contradiction!("it has no trees"));
        }

        let leaves = leaf_weights(node, prefix, targets)?;
        let mut index: HashMap<(i64, i64), usize> = HashMap::with_capacity(count);
        // The first node of a tree in the file is its root.
        let mut roots: Vec<usize> = Vec::new();
        let mut known_trees = HashSet::new();
        for i in 0..count {
            if index.insert((tree_ids[i], ids[i]), i).is_some() {
                return Err(contradiction!(
                    "node {} of tree {} is there twice",
                    ids[i],
                    tree_ids[i]
                ));
            }
            if known_trees.insert(tree_ids[i]) {
                roots.push(i);
            }
        }
        let mut highest_feature = 0;
        let mut made = 0;
        let mut trees = Vec::with_capacity(roots.len());
        for root in roots {
            let tree_id = tree_ids[root];
            let mut nodes: Vec<Node> = Vec::new();
            // File index, nodes above it, and where the parent waits for the answer.
            let mut open: Vec<(usize, usize, Option<Waiting>)> = vec![(root, 0, None)];
            while let Some((i, above, parent)) = open.pop() {
                // A path longer than there are nodes has met one of them twice.
                if above >= count {
                    return Err(contradiction!(
                        "node {} of tree {tree_id} leads back to itself",
                        ids[i]
                    ));
                }
                made += 1;
                if made > count.max(MOST_NODES.min(MOST_COPIES.saturating_mul(count))) {
                    return Err(format!("the branches of tree {tree_id} meet too often").into());
                }
                let at = nodes.len();
                if let Some((parent, is_yes)) = parent
                    && let Some(Node::Split { yes, no, .. }) = nodes.get_mut(parent)
                {
                    *(if is_yes { yes } else { no }) = at;
                }
                let Some(mode) = mode_of(&modes[i])? else {
                    let weights = leaves.get(&(tree_id, ids[i])).cloned().unwrap_or_default();
                    nodes.push(Node::Leaf { weights });
                    continue;
                };
                let feature = usize::try_from(features[i]).map_err(|_| {
                    contradiction!("node {} of tree {tree_id} reads column {}", ids[i], features[i])
                })?;
                if values[i].is_nan() {
                    return Err(contradiction!(
                        "node {} of tree {tree_id} compares with NaN",
                        ids[i]
                    ));
                }
                highest_feature = highest_feature.max(feature);
                nodes.push(Node::Split {
                    feature,
                    threshold: values[i],
                    mode,
                    missing_is_yes: missing.get(i).is_some_and(|tracks| *tracks != 0),
                    yes: 0,
                    no: 0,
                });
                for (child, is_yes) in [(no[i], false), (yes[i], true)] {
                    let child = index.get(&(tree_id, child)).ok_or_else(|| {
                        contradiction!(
                            "node {} of tree {tree_id} leads to node {child}, which is not there",
                            ids[i]
                        )
                    })?;
                    open.push((*child, above + 1, Some((at, is_yes))));
                }
            }
            trees.push(Tree { nodes, sets: Vec::new() });
        }
        Ok(Self { trees, double, features: highest_feature + 1 })
    }

    #[cfg(test)]
    pub(super) fn of(trees: Vec<Tree>) -> Self {
        Self { trees, double: false, features: 1 }
    }

    pub(super) fn expect_columns(&self, columns: usize) -> Result<(), Fault> {
        if self.features <= columns {
            return Ok(());
        }
        Err(contradiction!("it reads column {}, and its input has {columns}", self.features - 1))
    }

    pub(super) fn columns_of(&self, shape: &[Extent]) -> Result<usize, Refusal> {
        shape
            .get(1)
            .and_then(Extent::fixed)
            .and_then(|columns| usize::try_from(columns).ok())
            .ok_or_else(|| Refusal::because("the number of its columns is not known"))
    }

    /// The targets that some leaf gives something to, ascending.
    pub(super) fn targets_used(&self) -> Vec<usize> {
        let mut used: Vec<usize> = self.weights().map(|(target, _)| target).collect();
        used.sort_unstable();
        used.dedup();
        used
    }

    pub(super) fn all_positive(&self) -> bool {
        self.weights().all(|(_, weight)| weight >= 0.0)
    }

    /// Whether every row gets something for every target: each has a tree all of whose leaves give to it.
    pub(super) fn gives_to_all(&self, targets: usize) -> bool {
        let mut sure = vec![false; targets];
        for tree in &self.trees {
            let mut leaves = tree.nodes.iter().filter_map(Node::weights);
            let Some(first) = leaves.next() else { continue };
            let mut always: BTreeSet<usize> = first.iter().map(|(target, _)| *target).collect();
            for leaf in leaves {
                always.retain(|target| leaf.iter().any(|(given, _)| given == target));
            }
            always.into_iter().for_each(|target| sure[target] = true);
        }
        sure.into_iter().all(|is_sure| is_sure)
    }

    /// Whether some leaf gives this number.
    pub(super) fn gives(&self, number: f32) -> bool {
        self.weights().any(|(_, weight)| weight == number)
    }

    fn weights(&self) -> impl Iterator<Item = (usize, f32)> {
        let nodes = self.trees.iter().flat_map(|tree| &tree.nodes);
        nodes.filter_map(Node::weights).flatten().copied()
    }

    pub(super) fn thresholds(&self) -> Vec<(usize, f32)> {
        self.trees
            .iter()
            .flat_map(|tree| &tree.nodes)
            .filter_map(|node| match node {
                Node::Split { mode: Mode::Member, .. } | Node::Leaf { .. } => None,
                Node::Split { feature, threshold, .. } => Some((*feature, *threshold as f32)),
            })
            .collect()
    }
}

/// `base_values`, whichever way they are written.
pub(super) fn base_values(node: &NodeProto) -> Result<Vec<f32>, Fault> {
    Ok(numbers(node, "base_values")?.0.into_iter().map(|value| value as f32).collect())
}

fn mode_of(text: &str) -> Result<Option<Mode>, Fault> {
    Ok(Some(match text {
        "LEAF" => return Ok(None),
        "BRANCH_LEQ" => Mode::AtMost,
        "BRANCH_LT" => Mode::Less,
        "BRANCH_GTE" => Mode::AtLeast,
        "BRANCH_GT" => Mode::Greater,
        "BRANCH_EQ" => Mode::Equal,
        "BRANCH_NEQ" => Mode::NotEqual,
        other => return Err(contradiction!("the node mode `{other}` is unknown")),
    }))
}

/// A split and whether it waits for the branch that is taken where it holds.
type Waiting = (usize, bool);

/// By tree and node: targets and weights.
type LeafWeights = BTreeMap<(i64, i64), Vec<(usize, f32)>>;

/// Targets and weights of every leaf.
fn leaf_weights(node: &NodeProto, prefix: &str, targets: usize) -> Result<LeafWeights, Fault> {
    let of = |what: &str| attributes::ints(node, &format!("{prefix}_{what}"));
    let (trees, nodes, ids) = (of("treeids"), of("nodeids"), of("ids"));
    let (weights, _) = numbers(node, &format!("{prefix}_weights"))?;
    let count = ids.len();
    for (what, len) in
        [("treeids", trees.len()), ("nodeids", nodes.len()), ("weights", weights.len())]
    {
        if len != count {
            return Err(lengths(&format!("{prefix}_{what}"), len, count));
        }
    }
    let mut leaves: BTreeMap<_, Vec<(usize, f32)>> = BTreeMap::new();
    for i in 0..count {
        let target =
            usize::try_from(ids[i]).ok().filter(|target| *target < targets).ok_or_else(|| {
                contradiction!("a leaf gives something to target {} of {targets}", ids[i])
            })?;
        leaves.entry((trees[i], nodes[i])).or_default().push((target, weights[i] as f32));
    }
    Ok(leaves)
}

/// A list of floats, or a tensor of the same name with `_as_tensor`; and whether it is `double`.
fn numbers(node: &NodeProto, name: &str) -> Result<(Vec<f64>, bool), Fault> {
    let Some(tensor) = attributes::tensor(node, &format!("{name}_as_tensor")) else {
        let floats = attributes::floats(node, name);
        return Ok((floats.iter().map(|value| f64::from(*value)).collect(), false));
    };
    tensor_numbers(tensor).ok_or_else(|| contradiction!("`{name}_as_tensor` holds no floats"))
}

pub(super) fn tensor_numbers(tensor: &TensorProto) -> Option<(Vec<f64>, bool)> {
    let raw = &tensor.raw_data;
    match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float if raw.is_empty() => {
            Some((tensor.float_data.iter().map(|value| f64::from(*value)).collect(), false))
        }
        DataType::Double if raw.is_empty() => Some((tensor.double_data.clone(), true)),
        DataType::Float => {
            let (values, _) = raw.as_chunks::<4>();
            Some((values.iter().map(|v| f64::from(f32::from_le_bytes(*v))).collect(), false))
        }
        DataType::Double => {
            let (values, _) = raw.as_chunks::<8>();
            Some((values.iter().map(|v| f64::from_le_bytes(*v)).collect(), true))
        }
        _ => None,
    }
}

fn lengths(name: &str, len: usize, count: usize) -> Fault {
    contradiction!("`{name}` has {len} entries, not {count}")
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;

    fn ints(name: &str, ints: &[i64]) -> AttributeProto {
        AttributeProto { name: name.to_owned(), ints: ints.to_vec(), ..Default::default() }
    }

    /// One tree: a root with the given children, and two leaves.
    fn node(yes: i64, no: i64, target: i64) -> NodeProto {
        let modes = ["BRANCH_LEQ", "LEAF", "LEAF"].map(|mode| mode.as_bytes().to_vec()).to_vec();
        let floats = |name: &str, floats: &[f32]| AttributeProto {
            name: name.to_owned(),
            floats: floats.to_vec(),
            ..Default::default()
        };
        let attribute = vec![
            ints("nodes_treeids", &[0, 0, 0]),
            ints("nodes_nodeids", &[0, 1, 2]),
            ints("nodes_featureids", &[3, 0, 0]),
            ints("nodes_truenodeids", &[yes, 0, 0]),
            ints("nodes_falsenodeids", &[no, 0, 0]),
            floats("nodes_values", &[0.5, 0.0, 0.0]),
            AttributeProto { name: "nodes_modes".to_owned(), strings: modes, ..Default::default() },
            ints("target_treeids", &[0, 0]),
            ints("target_nodeids", &[1, 2]),
            ints("target_ids", &[0, target]),
            floats("target_weights", &[1.0, 2.0]),
        ];
        NodeProto { attribute, ..NodeProto::default() }
    }

    #[test]
    fn a_tree_is_read_with_its_leaves_and_columns() {
        let ensemble = Ensemble::parse(&node(1, 2, 0), "target", 1).unwrap();

        assert_eq!(ensemble.trees.len(), 1);
        assert_eq!(ensemble.thresholds(), [(3, 0.5)]);
        assert!(ensemble.expect_columns(4).is_ok());
        assert!(ensemble.expect_columns(3).unwrap_err().to_string().contains("column 3"));
    }

    #[test]
    fn a_tree_that_is_none_is_refused() {
        for (yes, no, target, reason) in [
            (0, 2, 0, "leads back to itself"),
            (1, 9, 0, "is not there"),
            (1, 2, 5, "target 5 of 1"),
            (1, 2, -1, "target -1 of 1"),
        ] {
            let error =
                Ensemble::parse(&node(yes, no, target), "target", 1).unwrap_err().to_string();

            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn lists_of_different_lengths_are_refused() {
        let mut short = node(1, 2, 0);
        short.attribute[2].ints.pop();

        let error = Ensemble::parse(&short, "target", 1).unwrap_err().to_string();

        assert!(error.contains("`nodes_featureids` has 2 entries, not 3"), "{error}");
    }
}
