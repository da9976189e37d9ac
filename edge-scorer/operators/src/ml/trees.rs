//! Trees, walked as the file has them: a list of nodes with names of a tree and a number in it.
//!
//! # Invariants
//! - A walk takes no more steps than there are nodes, so a tree that leads back to itself ends.

use super::scores::{Classes, Post, best};
use super::{matrix, wide};
use crate::number::{DOUBLE, FLOAT};
use crate::tensor::{Dims, Tensor};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.ml.TreeEnsemble" => joined,
    "ai.onnx.ml.TreeEnsembleClassifier" => classifier,
    "ai.onnx.ml.TreeEnsembleRegressor" => regressor,
}

/// How values of several trees become one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// Whether a comparison holds; the numbers are those of version 5.
fn holds(mode: u8, value: f64, threshold: f64) -> bool {
    match mode {
        0 => value <= threshold,
        1 => value < threshold,
        2 => value >= threshold,
        3 => value > threshold,
        4 => value == threshold,
        _ => value != threshold,
    }
}

const LEAF: u8 = u8::MAX;
const MEMBER: u8 = 6;

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
fn floats_of<'a>(node: &'a Node, list: &str, tensor: &str) -> Result<&'a [f64], Failure> {
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
struct Branch {
    feature: usize,
    threshold: f64,
    mode: u8,
    missing_is_yes: bool,
    yes: usize,
    no: usize,
    /// For a leaf: its first entry among the leaves' values, and one behind the last.
    first: usize,
    /// For a test of membership: where its set begins and ends.
    set: (usize, usize),
}

/// A value that a leaf gives, and the next one of the same leaf.
#[derive(Clone, Copy)]
struct Entry {
    target: usize,
    weight: f64,
    next: usize,
}

const NOTHING: usize = usize::MAX;

struct Forest<'a> {
    nodes: &'a [Branch],
    roots: &'a [usize],
    entries: &'a [Entry],
    members: &'a [f64],
    targets: usize,
}

impl<'a> Forest<'a> {
    /// Versions 1 and 3; `names` are those of the leaves' lists: trees, nodes, targets, weights.
    fn of(node: &'a Node, names: [&str; 5], targets: usize) -> Result<Self, Failure> {
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
    fn joined(node: &'a Node, targets: usize) -> Result<Self, Failure> {
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

    /// The leaf that a row comes to.
    fn leaf(&self, root: usize, row: &[f64]) -> Result<usize, Failure> {
        let mut at = root;
        for _ in 0..=self.nodes.len() {
            let branch = self.nodes.get(at).ok_or(Failure::Broken)?;
            if branch.mode == LEAF {
                return Ok(branch.first);
            }
            let value = *row.get(branch.feature).ok_or(Failure::Unacceptable)?;
            let yes = if value.is_nan() {
                branch.missing_is_yes || branch.mode == 5
            } else if branch.mode == MEMBER {
                self.members[branch.set.0..branch.set.1].contains(&value)
            } else {
                holds(branch.mode, value, branch.threshold)
            };
            at = if yes { branch.yes } else { branch.no };
        }
        Err(Failure::Unsupported)
    }

    /// The joined values of one row.
    fn score(&self, row: &[f64], aggregate: Aggregate, scores: &mut [f64]) -> Done {
        let start = match aggregate {
            Aggregate::Sum | Aggregate::Average => 0.0,
            Aggregate::Min => f64::INFINITY,
            Aggregate::Max => f64::NEG_INFINITY,
        };
        scores.fill(start);
        for root in self.roots {
            let mut entry = self.leaf(*root, row)?;
            while let Some(Entry { target, weight, next }) = self.entries.get(entry).copied() {
                let score = &mut scores[target];
                *score = match aggregate {
                    Aggregate::Sum | Aggregate::Average => *score + weight,
                    Aggregate::Min => score.min(weight),
                    Aggregate::Max => score.max(weight),
                };
                entry = next;
            }
        }
        for score in scores.iter_mut() {
            if aggregate == Aggregate::Average {
                *score /= self.roots.len() as f64;
            }
            if score.is_infinite() {
                *score = 0.0;
            }
        }
        Ok(())
    }
}

fn classifier(node: &Node) -> Done {
    let x = node.input(0)?;
    let (rows, columns) = matrix(x)?;
    let classes = Classes::of(node, "classlabels_int64s")?;
    let (count, post) = (classes.len(), Post::of(node)?);
    let names =
        ["class_treeids", "class_nodeids", "class_ids", "class_weights", "class_weights_as_tensor"];
    let forest = Forest::of(node, names, count)?;
    let base = floats_of(node, "base_values", "base_values_as_tensor")?;
    if count < 2 || !(base.is_empty() || base.len() == count || count == 2 && base.len() == 1) {
        return Err(Failure::Unsupported);
    }
    let mut used = forest.entries.iter().map(|entry| entry.target);
    let only = used.next().unwrap_or(0);
    let positive = forest.entries.iter().all(|entry| entry.weight >= 0.0);
    // With one score for two classes, the second one wins above this.
    let threshold = if positive { 0.5 } else { 0.0 };
    let one_score = count == 2 && used.all(|target| target == only);
    let from_one = one_score && only == 0 && base.len() < 2;

    let values = wide(node, x)?;
    let scores = node.room::<f64>(count)?;
    let places = node.room::<usize>(rows)?;
    let y = node.output::<f32>(1, Dims::of(&[rows, count])?)?;
    for (row, place) in places.iter_mut().enumerate() {
        forest.score(&values[row * columns..(row + 1) * columns], Aggregate::Sum, scores)?;
        if from_one {
            let score = scores[0] + base.first().copied().unwrap_or(0.0);
            *place = usize::from(score > threshold);
            scores.copy_from_slice(&post.pair(score, positive));
        } else {
            for (class, score) in scores.iter_mut().enumerate() {
                // Where one class alone has trees, it alone has a base value.
                if !one_score || class == only {
                    *score += base.get(class).copied().unwrap_or(0.0);
                }
            }
            *place = if one_score { usize::from(scores[only] > threshold) } else { best(scores) };
            post.apply(scores);
        }
        for (y, score) in y[row * count..].iter_mut().zip(scores.iter()) {
            *y = *score as f32;
        }
    }
    classes.write(node, places)
}

fn regressor(node: &Node) -> Done {
    let targets = targets_of(node)?;
    let aggregate = match node.text("aggregate_function", "SUM") {
        b"SUM" => Aggregate::Sum,
        b"AVERAGE" => Aggregate::Average,
        b"MIN" => Aggregate::Min,
        b"MAX" => Aggregate::Max,
        _ => return Err(Failure::Unsupported),
    };
    let names = [
        "target_treeids",
        "target_nodeids",
        "target_ids",
        "target_weights",
        "target_weights_as_tensor",
    ];
    let forest = Forest::of(node, names, targets)?;
    let base = floats_of(node, "base_values", "base_values_as_tensor")?;
    if !(base.is_empty() || base.len() == targets) {
        return Err(Failure::Unsupported);
    }
    regress(node, &forest, aggregate, Post::of(node)?, base, FLOAT)
}

fn targets_of(node: &Node) -> Result<usize, Failure> {
    let targets = usize::try_from(node.int("n_targets", 1)).unwrap_or(0);
    if (1..=1_000_000).contains(&targets) { Ok(targets) } else { Err(Failure::Unsupported) }
}

fn joined(node: &Node) -> Done {
    let targets = targets_of(node)?;
    let aggregate = match node.int("aggregate_function", 1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        _ => return Err(Failure::Unsupported),
    };
    let post = match node.int("post_transform", 0) {
        0 => Post::None,
        1 => Post::Softmax,
        2 => Post::Logistic,
        3 => Post::SoftmaxZero,
        4 => Post::Probit,
        _ => return Err(Failure::Unsupported),
    };
    let forest = Forest::joined(node, targets)?;
    let kind = if node.input(0)?.kind == DOUBLE { DOUBLE } else { FLOAT };
    regress(node, &forest, aggregate, post, &[], kind)
}

fn regress(
    node: &Node,
    forest: &Forest<'_>,
    aggregate: Aggregate,
    post: Post,
    base: &[f64],
    kind: u32,
) -> Done {
    let x: &Tensor = node.input(0)?;
    let (rows, columns) = matrix(x)?;
    let targets = forest.targets;
    // Of the post transforms, one target knows only probit: there is nothing to compare with.
    let post = if targets > 1 || post == Post::Probit { post } else { Post::None };
    let (values, scores) = (wide(node, x)?, node.room::<f64>(targets)?);
    floats!(kind; T => {
        let y = node.output::<T>(0, Dims::of(&[rows, targets])?)?;
        for row in 0..rows {
            forest.score(&values[row * columns..(row + 1) * columns], aggregate, scores)?;
            for (target, score) in scores.iter_mut().enumerate() {
                *score += base.get(target).copied().unwrap_or(0.0);
            }
            post.apply(scores);
            for (y, score) in y[row * targets..].iter_mut().zip(scores.iter()) {
                *y = <T as crate::number::Element>::from_f64(*score);
            }
        }
        Ok(())
    })
}
