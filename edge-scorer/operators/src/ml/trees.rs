//! Trees, walked as the file has them: a list of nodes with names of a tree and a number in it.
//!
//! # Invariants
//! - A walk takes no more steps than there are nodes, so a tree that leads back to itself ends.

mod read;

use self::read::{Entry, Forest, LEAF, MEMBER, floats_of};
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

impl Forest<'_> {
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

    /// The joined values of one row; what no leaf gives to is 0, whatever they are joined by.
    fn score(
        &self,
        row: &[f64],
        aggregate: Aggregate,
        scores: &mut [f64],
        given: &mut [bool],
    ) -> Done {
        scores.fill(0.0);
        given.fill(false);
        for root in self.roots {
            let mut entry = self.leaf(*root, row)?;
            while let Some(Entry { target, weight, next }) = self.entries.get(entry).copied() {
                let score = &mut scores[target];
                *score = match aggregate {
                    Aggregate::Min | Aggregate::Max if !given[target] => weight,
                    Aggregate::Sum | Aggregate::Average => *score + weight,
                    Aggregate::Min => score.min(weight),
                    Aggregate::Max => score.max(weight),
                };
                given[target] = true;
                entry = next;
            }
        }
        if aggregate == Aggregate::Average {
            scores.iter_mut().for_each(|score| *score /= self.roots.len() as f64);
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
    let (scores, given) = (node.room::<f64>(count)?, node.room::<bool>(count)?);
    let places = node.room::<usize>(rows)?;
    let y = node.output::<f32>(1, Dims::of(&[rows, count])?)?;
    for (row, place) in places.iter_mut().enumerate() {
        let row_values = &values[row * columns..(row + 1) * columns];
        forest.score(row_values, Aggregate::Sum, scores, given)?;
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
    let values = wide(node, x)?;
    let (scores, given) = (node.room::<f64>(targets)?, node.room::<bool>(targets)?);
    floats!(kind; T => {
        let y = node.output::<T>(0, Dims::of(&[rows, targets])?)?;
        for row in 0..rows {
            forest.score(&values[row * columns..(row + 1) * columns], aggregate, scores, given)?;
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
