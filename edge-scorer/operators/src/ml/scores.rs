//! What classifiers end with: post transforms, and labels that are numbers or text.

use crate::tensor::{Dims, Tensor};
use crate::{Done, Failure, Node};

/// What happens to scores at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Post {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

impl Post {
    pub(super) fn of(node: &Node) -> Result<Self, Failure> {
        Ok(match node.text("post_transform", "NONE") {
            b"NONE" => Self::None,
            b"LOGISTIC" => Self::Logistic,
            b"SOFTMAX" => Self::Softmax,
            b"SOFTMAX_ZERO" => Self::SoftmaxZero,
            b"PROBIT" => Self::Probit,
            _ => return Err(Failure::Unsupported),
        })
    }

    /// The scores of one row.
    pub(super) fn apply(self, scores: &mut [f64]) {
        let largest = scores.iter().copied().fold(f64::MIN, f64::max);
        match self {
            Self::None => {}
            Self::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
            Self::Softmax => {
                scores.iter_mut().for_each(|score| *score = libm::exp(*score - largest));
                let sum: f64 = scores.iter().sum();
                scores.iter_mut().for_each(|score| *score /= sum);
            }
            Self::SoftmaxZero => {
                let mut sum = 0.0;
                for score in scores.iter_mut() {
                    if score.abs() > 1e-7 {
                        *score = libm::exp(*score - largest);
                        sum += *score;
                    } else {
                        *score *= libm::exp(-largest);
                    }
                }
                scores.iter_mut().for_each(|score| *score /= sum);
            }
        }
    }

    /// Two classes from one score; `complement` says what the first one gets without a transform:
    /// what is missing to 1, or else the negative.
    pub(super) fn pair(self, score: f64, complement: bool) -> [f64; 2] {
        match self {
            Self::Logistic => [logistic(-score), logistic(score)],
            Self::Probit => [probit(score), 0.0],
            _ if complement => [1.0 - score, score],
            _ => [-score, score],
        }
    }
}

pub(super) fn logistic(x: f64) -> f64 {
    let y = 1.0 / (1.0 + libm::exp(-x.abs()));
    if x < 0.0 { 1.0 - y } else { y }
}

/// Winitzki's approximation, with the constants that the reference uses.
#[expect(clippy::approx_constant, reason = "the reference computes with 3.14159")]
fn probit(x: f64) -> f64 {
    let x = 2.0 * x - 1.0;
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = libm::log((1.0 - x) * (1.0 + x));
    let v = 2.0 / (3.14159 * 0.147) + 0.5 * log;
    core::f64::consts::SQRT_2 * sign * libm::sqrt(-v + libm::sqrt(v * v - log / 0.147))
}

/// The labels of a classifier.
#[derive(Debug, Clone, Copy)]
pub(super) enum Classes<'a> {
    Ints(&'a [i64]),
    Texts(&'a Tensor),
}

impl<'a> Classes<'a> {
    pub(super) fn of(node: &'a Node, ints: &str) -> Result<Self, Failure> {
        let texts = node.texts("classlabels_strings").filter(|texts| texts.count() > 0);
        match (node.ints(ints).filter(|ints| !ints.is_empty()), texts) {
            (Some(ints), None) => Ok(Self::Ints(ints)),
            (None, Some(texts)) => Ok(Self::Texts(texts)),
            _ => Err(Failure::Unsupported),
        }
    }

    pub(super) fn len(self) -> usize {
        match self {
            Self::Ints(ints) => ints.len(),
            Self::Texts(texts) => texts.count(),
        }
    }

    /// Output 0: the label of each row, by its place among the classes.
    pub(super) fn write(self, node: &Node, places: &[usize]) -> Done {
        let dims = Dims::of(&[places.len()])?;
        match self {
            Self::Texts(texts) => node.output_text(0, dims, |row| texts.string(places[row])),
            Self::Ints(ints) => {
                let labels = node.output::<i64>(0, dims)?;
                for (label, place) in labels.iter_mut().zip(places) {
                    *label = *ints.get(*place).ok_or(Failure::Broken)?;
                }
                Ok(())
            }
        }
    }
}

/// The first of the largest scores.
pub(super) fn best(scores: &[f64]) -> usize {
    let mut best = 0;
    for (place, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = place;
        }
    }
    best
}
