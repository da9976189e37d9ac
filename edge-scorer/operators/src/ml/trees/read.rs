//! From the lists of a node's attributes to places in one list of nodes; versions 1 and 3, and version 5.

use super::super::wide;
use crate::{Failure, Node};

pub(super) const LEAF: u8 = u8::MAX;
pub(super) const MEMBER: u8 = 6;

fn mode_of(name: &[u8]) -> Result<u8, Failure> {
    Ok(match name {
        b"BRANCH_LEQ" => 0,
        b"BRANCH_LT" => 1,
        b"BRANCH_GTE" => 2,
        b"BRANCH_GT" => 3,
        b"BRANCH_EQ" => 4,
        b"BRANCH_NEQ" => 5,
        b"LEAF" => LEAF,
        _ => return Err(Failure::Unsupported),
    })
}

/// A list of floats, or a tensor of that name with `_as_tensor`.
pub(super) fn floats_of<'a>(
    node: &'a Node,
    list: &str,
    tensor: &str,
) -> Result<&'a [f64], Failure> {
    if let Some(tensor) = node.tensor(tensor) {
        return wide(node, tensor);
    }
    let list = node.floats(list).unwrap_or(&[]);
    let room = node.room::<f64>(list.len())?;
    for (slot, value) in room.iter_mut().zip(list) {
        *slot = f64::from(*value);
    }
    Ok(room)
}

/// One node, its branches as places in the list.
#[derive(Clone, Copy)]
pub(super) struct Branch {
    pub(super) feature: usize,
    pub(super) threshold: f64,
    pub(super) mode: u8,
    pub(super) missing_is_yes: bool,
    pub(super) yes: usize,
    pub(super) no: usize,
    /// For a leaf: its first entry among the leaves' values, and one behind the last.
    pub(super) first: usize,
    /// For a test of membership: where its set begins and ends.
    pub(super) set: (usize, usize),
}

/// A value that a leaf gives, and the next one of the same leaf.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) target: usize,
    pub(super) weight: f64,
    pub(super) next: usize,
}

const NOTHING: usize = usize::MAX;

/// Trees as lists of nodes and of what their leaves give.
pub(super) struct Forest<'a> {
    pub(super) nodes: &'a [Branch],
    pub(super) roots: &'a [usize],
    pub(super) entries: &'a [Entry],
    pub(super) members: &'a [f64],
    pub(super) targets: usize,
}

impl<'a> Forest<'a> {
    /// Versions 1 and 3; `names` are those of the leaves' lists: trees, nodes, targets, weights.
    pub(super) fn of(node: &'a Node, names: [&str; 5], targets: usize) -> Result<Self, Failure> {
        let list = |name: &str| node.ints(name).ok_or(Failure::Unsupported);
        let (tree_ids, ids) = (list("nodes_treeids")?, list("nodes_nodeids")?);
        let (features, modes) =
            (list("nodes_featureids")?, node.texts("nodes_modes").ok_or(Failure::Unsupported)?);
        let (yes, no) = (list("nodes_truenodeids")?, list("nodes_falsenodeids")?);
        let values = floats_of(node, "nodes_values", "nodes_values_as_tensor")?;
        let missing = node.ints("nodes_missing_value_tracks_true").unwrap_or(&[]);
        let count = ids.len();
        let lengths = [tree_ids.len(), features.len(), modes.count(), yes.len(), no.len()];
        if values.len() != count || lengths.iter().any(|length| *length != count) {
            return Err(Failure::Unsupported);
        }
        // Where the nodes of each tree begin: the first of them is its root.
        let roots = node.room::<usize>(count)?;
        let mut trees = 0;
        for place in 0..count {
            if place == 0 || tree_ids[place] != tree_ids[place - 1] {
                roots[trees] = place;
                trees += 1;
            }
        }
        let roots = &roots[..trees];
        let end_of = |tree: usize| roots.get(tree + 1).copied().unwrap_or(count);
        let find = |tree: usize, id: i64| -> Result<usize, Failure> {
            let (begin, end) = (roots[tree], end_of(tree));
            // Most files number the nodes of a tree from 0 on, in order.
            let guess = usize::try_from(id).ok().and_then(|id| begin.checked_add(id));
            if let Some(guess) = guess.filter(|guess| *guess < end && ids[*guess] == id) {
                return Ok(guess);
            }
            let found = ids[begin..end].iter().position(|other| *other == id);
            found.map(|place| begin + place).ok_or(Failure::Unsupported)
        };
        let empty = Branch {
            feature: 0,
            threshold: 0.0,
            mode: LEAF,
            missing_is_yes: false,
            yes: 0,
            no: 0,
            first: NOTHING,
            set: (0, 0),
        };
        let nodes = node.room::<Branch>(count)?;
        for (tree, root) in roots.iter().enumerate() {
            for place in *root..end_of(tree) {
                nodes[place] = empty;
                let mode = mode_of(modes.string(place))?;
                if mode != LEAF {
                    nodes[place] = Branch {
                        feature: usize::try_from(features[place])
                            .map_err(|_| Failure::Unsupported)?,
                        threshold: values[place],
                        mode,
                        missing_is_yes: missing.get(place).is_some_and(|tracks| *tracks != 0),
                        yes: find(tree, yes[place])?,
                        no: find(tree, no[place])?,
                        ..empty
                    };
                }
            }
        }
        let [leaf_trees, leaf_nodes, leaf_targets, weights, as_tensor] = names;
        let (leaf_trees, leaf_nodes) = (list(leaf_trees)?, list(leaf_nodes)?);
        let (leaf_targets, weights) = (list(leaf_targets)?, floats_of(node, weights, as_tensor)?);
        let length = weights.len();
        if [leaf_trees.len(), leaf_nodes.len(), leaf_targets.len()] != [length; 3] {
            return Err(Failure::Unsupported);
        }
        let entries = node.room::<Entry>(length)?;
        let mut tree = 0;
        // From the last to the first, so that a leaf's list is in the order of the file.
        for place in (0..length).rev() {
            if roots.get(tree).is_none_or(|root| tree_ids[*root] != leaf_trees[place]) {
                let found = roots.iter().position(|root| tree_ids[*root] == leaf_trees[place]);
                tree = found.ok_or(Failure::Unsupported)?;
            }
            let leaf = find(tree, leaf_nodes[place])?;
            let target = usize::try_from(leaf_targets[place]).unwrap_or(NOTHING);
            if target >= targets {
                return Err(Failure::Unsupported);
            }
            entries[place] = Entry { target, weight: weights[place], next: nodes[leaf].first };
            nodes[leaf].first = place;
        }
        Ok(Self { nodes, roots, entries, members: &[], targets })
    }

    /// Version 5: leaves have a list of their own, and every node says which kind follows.
    pub(super) fn joined(node: &'a Node, targets: usize) -> Result<Self, Failure> {
        let list = |name: &str| node.ints(name).ok_or(Failure::Unsupported);
        let tensor = |name: &str| node.tensor(name).ok_or(Failure::Unsupported);
        let (tree_roots, features) = (list("tree_roots")?, list("nodes_featureids")?);
        let splits = wide(node, tensor("nodes_splits")?)?;
        let modes = tensor("nodes_modes")?.as_slice::<u8>();
        let (yes, no) = (list("nodes_truenodeids")?, list("nodes_falsenodeids")?);
        let (yes_leaf, no_leaf) = (list("nodes_trueleafs")?, list("nodes_falseleafs")?);
        let (leaf_targets, weights) =
            (list("leaf_targetids")?, wide(node, tensor("leaf_weights")?)?);
        let members: &[f64] = match node.tensor("membership_values") {
            Some(tensor) => wide(node, tensor)?,
            None => &[],
        };
        let missing = node.ints("nodes_missing_value_tracks_true").unwrap_or(&[]);
        let (inner, leaves) = (splits.len(), weights.len());
        let lengths =
            [features.len(), modes.len(), yes.len(), no.len(), yes_leaf.len(), no_leaf.len()];
        if lengths.iter().any(|length| *length != inner) || leaf_targets.len() != leaves {
            return Err(Failure::Unsupported);
        }
        let nodes = node.room::<Branch>(inner + leaves)?;
        let entries = node.room::<Entry>(leaves)?;
        let place = |id: i64, is_leaf: bool| -> Result<usize, Failure> {
            let id = usize::try_from(id).map_err(|_| Failure::Unsupported)?;
            let (limit, offset) = if is_leaf { (leaves, inner) } else { (inner, 0) };
            if id < limit { Ok(offset + id) } else { Err(Failure::Unsupported) }
        };
        let mut set = 0;
        for at in 0..inner {
            let begin = set;
            if modes[at] == MEMBER {
                // A set ends with a NaN.
                while members.get(set).is_some_and(|member| !member.is_nan()) {
                    set += 1;
                }
                set += 1;
            } else if modes[at] > MEMBER {
                return Err(Failure::Unsupported);
            }
            nodes[at] = Branch {
                feature: usize::try_from(features[at]).map_err(|_| Failure::Unsupported)?,
                threshold: splits[at],
                mode: modes[at],
                missing_is_yes: missing.get(at).is_some_and(|tracks| *tracks != 0),
                yes: place(yes[at], yes_leaf[at] != 0)?,
                no: place(no[at], no_leaf[at] != 0)?,
                first: NOTHING,
                set: (
                    begin.min(members.len()),
                    set.saturating_sub(1).clamp(begin.min(members.len()), members.len()),
                ),
            };
        }
        for leaf in 0..leaves {
            let target = usize::try_from(leaf_targets[leaf]).unwrap_or(NOTHING);
            if target >= targets {
                return Err(Failure::Unsupported);
            }
            entries[leaf] = Entry { target, weight: weights[leaf], next: NOTHING };
            nodes[inner + leaf] = Branch {
                feature: 0,
                threshold: 0.0,
                mode: LEAF,
                missing_is_yes: false,
                yes: 0,
                no: 0,
                first: leaf,
                set: (0, 0),
            };
        }
        let roots = node.room::<usize>(tree_roots.len())?;
        for (slot, root) in roots.iter_mut().zip(tree_roots) {
            // A tree without a split is a node both of whose branches are the same leaf.
            *slot = place(*root, false)?;
        }
        Ok(Self { nodes, roots, entries, members, targets })
    }
}
