//! `TreeEnsemble`, version 5: inner nodes and leaves in lists of their own, and membership of sets.

use tract_onnx::pb::NodeProto;
use tract_onnx::pb::tensor_proto::DataType;

use super::super::{Fault, attributes, contradiction};
use super::read::{Ensemble, Mode, Node, Tree, tensor_numbers};

const MODES: [Mode; 7] = [
    Mode::AtMost,
    Mode::Less,
    Mode::AtLeast,
    Mode::Greater,
    Mode::Equal,
    Mode::NotEqual,
    Mode::Member,
];

/// The lists of the node, each as long as there are inner nodes.
struct Lists<'a> {
    features: &'a [i64],
    yes: &'a [i64],
    no: &'a [i64],
    yes_is_leaf: &'a [i64],
    no_is_leaf: &'a [i64],
    missing: &'a [i64],
    modes: Vec<u8>,
    splits: Vec<f64>,
    leaf_targets: &'a [i64],
    leaf_weights: Vec<f64>,
}

impl Ensemble {
    /// Reads the attributes of version 5.
    pub(super) fn parse_joined(node: &NodeProto, targets: usize) -> Result<Self, Fault> {
        let (splits, double) = numbers(node, "nodes_splits")?;
        let (leaf_weights, _) = numbers(node, "leaf_weights")?;
        let count = splits.len();
        let list = |name: &str| -> Result<&[i64], Fault> {
            let list = attributes::ints(node, name);
            let length = list.len();
            if length == count {
                Ok(list)
            } else {
                Err(contradiction!("`{name}` has {length} entries, not {count}"))
            }
        };
        let missing = attributes::ints(node, "nodes_missing_value_tracks_true");
        let lists = Lists {
            features: list("nodes_featureids")?,
            yes: list("nodes_truenodeids")?,
            no: list("nodes_falsenodeids")?,
            yes_is_leaf: list("nodes_trueleafs")?,
            no_is_leaf: list("nodes_falseleafs")?,
            missing: if missing.is_empty() {
                &[]
            } else {
                list("nodes_missing_value_tracks_true")?
            },
            modes: modes(node, count)?,
            splits,
            leaf_targets: attributes::ints(node, "leaf_targetids"),
            leaf_weights,
        };
        if lists.leaf_targets.len() != lists.leaf_weights.len() {
            return Err(contradiction!("its leaves have not as many targets as weights"));
        }
        let sets = sets(node, &lists.modes)?;
        let roots = attributes::ints(node, "tree_roots");
        if roots.is_empty() {
            return Err(contradiction!("it has no trees"));
        }
        let mut visited = vec![false; count];
        let mut features = 0;
        let trees = roots
            .iter()
            .map(|root| tree(&lists, &sets, *root, targets, &mut visited, &mut features))
            .collect::<Result<_, _>>()?;
        Ok(Self { trees, double, features: features + 1 })
    }
}

/// A split and whether it waits for the branch that is taken where it holds.
type Waiting = (usize, bool);

fn tree(
    lists: &Lists<'_>,
    sets: &[Option<Vec<f64>>],
    root: i64,
    targets: usize,
    visited: &mut [bool],
    highest_feature: &mut usize,
) -> Result<Tree, Fault> {
    let mut tree = Tree::default();
    // Place in the lists, whether it is a leaf, and where the parent waits for the answer.
    let mut open: Vec<(i64, bool, Option<Waiting>)> = vec![(root, false, None)];
    while let Some((id, is_leaf, parent)) = open.pop() {
        let at = tree.nodes.len();
        if let Some((parent, is_yes)) = parent
            && let Some(Node::Split { yes, no, .. }) = tree.nodes.get_mut(parent)
        {
            *(if is_yes { yes } else { no }) = at;
        }
        let place = |length: usize| {
            usize::try_from(id)
                .ok()
                .filter(|place| *place < length)
                .ok_or_else(|| contradiction!("a node leads to {id}, which is not there"))
        };
        if is_leaf {
            // Both branches of a node may lead to one leaf: a tree that is a leaf is written so.
            let place = place(lists.leaf_targets.len())?;
            let target = usize::try_from(lists.leaf_targets[place])
                .ok()
                .filter(|target| *target < targets)
                .ok_or_else(|| {
                    contradiction!("leaf {id} gives something to a target that is not there")
                })?;
            let weights = vec![(target, lists.leaf_weights[place] as f32)];
            tree.nodes.push(Node::Leaf { weights });
            continue;
        }
        let place = place(visited.len())?;
        if std::mem::replace(&mut visited[place], true) {
            return Err(format!("node {id} has two parents").into());
        }
        let feature = usize::try_from(lists.features[place])
            .map_err(|_| contradiction!("node {id} reads column {}", lists.features[place]))?;
        *highest_feature = (*highest_feature).max(feature);
        let mode = MODES[usize::from(lists.modes[place])];
        let mut threshold = lists.splits[place];
        if mode == Mode::Member {
            threshold = tree.sets.len() as f64;
            tree.sets.push(sets[place].clone().unwrap_or_default());
        } else if threshold.is_nan() {
            return Err(contradiction!("node {id} compares with NaN"));
        }
        tree.nodes.push(Node::Split {
            feature,
            threshold,
            mode,
            missing_is_yes: lists.missing.get(place).is_some_and(|tracks| *tracks != 0),
            yes: 0,
            no: 0,
        });
        open.push((lists.no[place], lists.no_is_leaf[place] != 0, Some((at, false))));
        open.push((lists.yes[place], lists.yes_is_leaf[place] != 0, Some((at, true))));
    }
    Ok(tree)
}

fn numbers(node: &NodeProto, name: &str) -> Result<(Vec<f64>, bool), Fault> {
    let tensor =
        attributes::tensor(node, name).ok_or_else(|| contradiction!("it has no `{name}`"))?;
    tensor_numbers(tensor).ok_or_else(|| contradiction!("`{name}` holds no floats"))
}

fn modes(node: &NodeProto, count: usize) -> Result<Vec<u8>, Fault> {
    let tensor = attributes::tensor(node, "nodes_modes").ok_or("it has no `nodes_modes`")?;
    if tensor.data_type != DataType::Uint8 as i32 {
        return Err(contradiction!("`nodes_modes` is not of type uint8"));
    }
    let modes: Vec<u8> = if tensor.raw_data.is_empty() {
        tensor.int32_data.iter().map(|mode| u8::try_from(*mode).unwrap_or(u8::MAX)).collect()
    } else {
        tensor.raw_data.to_vec()
    };
    if modes.len() != count {
        return Err(contradiction!("`nodes_modes` has {} entries, not {count}", modes.len()));
    }
    match modes.iter().find(|mode| usize::from(**mode) >= MODES.len()) {
        Some(mode) => Err(contradiction!("the node mode {mode} is unknown")),
        None => Ok(modes),
    }
}

/// The set of every node that looks for one, in the order of the nodes; NaN ends each.
fn sets(node: &NodeProto, modes: &[u8]) -> Result<Vec<Option<Vec<f64>>>, Fault> {
    let values = match attributes::tensor(node, "membership_values") {
        Some(tensor) => tensor_numbers(tensor).ok_or("`membership_values` holds no floats")?.0,
        None => Vec::new(),
    };
    let mut rest = values.as_slice();
    modes
        .iter()
        .map(|mode| {
            if MODES[usize::from(*mode)] != Mode::Member {
                return Ok(None);
            }
            if rest.is_empty() {
                return Err(contradiction!("there are fewer sets than nodes that look for one"));
            }
            let end = rest.iter().position(|value| value.is_nan()).unwrap_or(rest.len());
            let mut set = rest[..end].to_vec();
            rest = rest.get(end + 1..).unwrap_or(&[]);
            set.sort_by(f64::total_cmp);
            set.dedup();
            Ok(Some(set))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{AttributeProto, TensorProto};

    use super::*;

    fn ints(name: &str, ints: &[i64]) -> AttributeProto {
        AttributeProto { name: name.to_owned(), ints: ints.to_vec(), ..Default::default() }
    }

    fn floats(name: &str, values: &[f32]) -> AttributeProto {
        let tensor = TensorProto {
            data_type: DataType::Float as i32,
            float_data: values.to_vec(),
            ..Default::default()
        };
        AttributeProto { name: name.to_owned(), t: Some(tensor), ..Default::default() }
    }

    /// One node that looks for 1 or 3 in column 0, and where it leads to.
    fn node(yes: i64, no: i64, roots: &[i64]) -> NodeProto {
        let modes = TensorProto {
            data_type: DataType::Uint8 as i32,
            raw_data: vec![6],
            ..Default::default()
        };
        let attribute = vec![
            ints("nodes_featureids", &[0]),
            ints("nodes_truenodeids", &[yes]),
            ints("nodes_falsenodeids", &[no]),
            ints("nodes_trueleafs", &[1]),
            ints("nodes_falseleafs", &[1]),
            AttributeProto { name: "nodes_modes".to_owned(), t: Some(modes), ..Default::default() },
            floats("nodes_splits", &[f32::NAN]),
            floats("membership_values", &[3.0, 1.0, f32::NAN]),
            ints("leaf_targetids", &[0, 0]),
            floats("leaf_weights", &[5.0, 7.0]),
            ints("tree_roots", roots),
        ];
        NodeProto { attribute, ..NodeProto::default() }
    }

    #[test]
    fn sets_are_read_in_ascending_order() {
        let ensemble = Ensemble::parse_joined(&node(0, 1, &[0]), 1).unwrap();

        assert_eq!(ensemble.trees[0].sets, [[1.0, 3.0]]);
        assert_eq!(ensemble.trees[0].nodes.len(), 3);
    }

    #[test]
    fn lists_that_lead_nowhere_are_refused() {
        for (yes, no, roots) in
            [(2, 0, &[0][..]), (0, -1, &[0]), (0, 1, &[1]), (0, 1, &[]), (0, 1, &[0, 0])]
        {
            assert!(
                Ensemble::parse_joined(&node(yes, no, roots), 1).is_err(),
                "{yes} {no} {roots:?}"
            );
        }
        assert!(
            Ensemble::parse_joined(&node(0, 1, &[0]), 0).is_err(),
            "a target that is not there"
        );
    }
}
