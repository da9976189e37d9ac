//! From raw scores to probabilities and labels, as classifiers of `ai.onnx.ml` end.
//!
//! Labels are indices into the classes; a later step turns them into numbers or text.

use libm::{expf, fabsf, logf, sqrtf};

use crate::lanes::{Lanes, kernel};
use crate::svm::exp_each;

/// Post transforms, as the compiler numbers them.
const LOGISTIC: i32 = 1;
const SOFTMAX: i32 = 2;
const SOFTMAX_ZERO: i32 = 3;
const PROBIT: i32 = 4;

/// `1 / (1 + e^-x)`, computed so that it does not overflow.
#[inline(always)]
pub(crate) fn logistic(x: f32) -> f32 {
    let y = 1.0 / (1.0 + expf(-fabsf(x)));
    if x < 0.0 { 1.0 - y } else { y }
}

fn probit(x: f32) -> f32 {
    core::f32::consts::SQRT_2 * inverse_erf(2.0 * x - 1.0)
}

/// Winitzki's approximation, with the constants that ONNX Runtime uses.
#[expect(clippy::approx_constant, reason = "the reference computes with 3.14159")]
fn inverse_erf(x: f32) -> f32 {
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = logf((1.0 - x) * (1.0 + x));
    let v = 2.0 / (3.14159 * 0.147) + 0.5 * log;
    let w = 1.0 / 0.147 * log;
    sign * sqrtf(-v + sqrtf(v * v - w))
}

#[inline(always)]
fn transform(scores: &mut [f32], post: i32) {
    match post {
        LOGISTIC => scores.iter_mut().for_each(|score| *score = logistic(*score)),
        SOFTMAX => softmax(scores),
        SOFTMAX_ZERO => softmax_zero(scores),
        PROBIT => scores.iter_mut().for_each(|score| *score = probit(*score)),
        _ => {}
    }
}

fn largest(scores: &[f32]) -> f32 {
    scores.iter().fold(f32::MIN, |largest, score| if *score > largest { *score } else { largest })
}

fn softmax(scores: &mut [f32]) {
    let largest = largest(scores);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = expf(*score - largest);
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// Softmax over the scores that are not zero; those stay zero.
fn softmax_zero(scores: &mut [f32]) {
    let largest = largest(scores);
    let shrink = expf(-largest);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if fabsf(*score) > 1e-7 {
            *score = expf(*score - largest);
            sum += *score;
        } else {
            *score *= shrink;
        }
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// Two classes from one score: of `raw[r] + base`, the second class wins above `threshold`.
///
/// `complement` says what the first class gets when there is no logistic: `1 - s` or, at 0, `-s`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scores_binary(
    raw: *const f32,
    count: usize,
    base: f32,
    threshold: f32,
    complement: i32,
    post: i32,
    probabilities: *mut f32,
    labels: *mut i32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for r in 0..count {
            let score = *raw.add(r) + base;
            let pair = match post {
                LOGISTIC => [logistic(-score), logistic(score)],
                PROBIT => [probit(score), 0.0],
                _ if complement != 0 => [1.0 - score, score],
                _ => [-score, score],
            };
            *probabilities.add(2 * r) = pair[0];
            *probabilities.add(2 * r + 1) = pair[1];
            *labels.add(r) = i32::from(score > threshold);
        }
    }
}

kernel! {
    /// Any number of classes: `base` is added, the label found, the post transform applied.
    ///
    /// The label is the first of the largest scores; with `pivot` not negative there are two classes
    /// and the second wins where the score of class `pivot` is above `threshold`.
    scores_multi, scores_multi_relaxed,
    multi(raw: *const f32, count: usize, classes: usize, base: *const f32, pivot: i32,
          threshold: f32, post: i32, probabilities: *mut f32, labels: *mut i32)
}

/// Rows whose exponentials are taken together, while they are near.
const BLOCK: usize = 64;

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel is called with plain numbers")]
unsafe fn multi<L: Lanes>(
    raw: *const f32,
    count: usize,
    classes: usize,
    base: *const f32,
    pivot: i32,
    threshold: f32,
    post: i32,
    probabilities: *mut f32,
    labels: *mut i32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let base = core::slice::from_raw_parts(base, classes);
        let row_of =
            |r: usize| core::slice::from_raw_parts_mut(probabilities.add(r * classes), classes);
        let mut begin = 0;
        while begin < count {
            let end = count.min(begin + BLOCK);
            for r in begin..end {
                let from = core::slice::from_raw_parts(raw.add(r * classes), classes);
                let to = row_of(r);
                let (mut best, mut best_score) = (0, f32::NEG_INFINITY);
                for c in 0..classes {
                    let score = from[c] + base[c];
                    to[c] = score;
                    if score > best_score {
                        (best, best_score) = (c as i32, score);
                    }
                }
                *labels.add(r) = match usize::try_from(pivot) {
                    Ok(pivot) if pivot < classes => i32::from(to[pivot] > threshold),
                    _ => best,
                };
                if post == SOFTMAX {
                    let largest = largest(to);
                    to.iter_mut().for_each(|score| *score -= largest);
                } else {
                    transform(to, post);
                }
            }
            if post == SOFTMAX {
                exp_each::<L>(probabilities.add(begin * classes), (end - begin) * classes);
                for r in begin..end {
                    let to = row_of(r);
                    let sum: f32 = to.iter().sum();
                    to.iter_mut().for_each(|score| *score /= sum);
                }
            }
            begin = end;
        }
    }
}

/// Regressions: `y = raw · scale + base`, then the post transform over the targets of a row.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scores_regression(
    raw: *const f32,
    count: usize,
    targets: usize,
    scale: f32,
    base: *const f32,
    post: i32,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let base = core::slice::from_raw_parts(base, targets);
        for r in 0..count {
            let from = core::slice::from_raw_parts(raw.add(r * targets), targets);
            let to = core::slice::from_raw_parts_mut(y.add(r * targets), targets);
            for ((to, from), base) in to.iter_mut().zip(from).zip(base) {
                *to = from * scale + base;
            }
            transform(to, post);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_score_makes_two_probabilities_and_a_label() {
        let (mut p, mut label) = ([0.0; 4], [9; 2]);

        unsafe {
            scores_binary(
                [0.0, -2.0].as_ptr(),
                2,
                1.0,
                0.0,
                0,
                LOGISTIC,
                p.as_mut_ptr(),
                label.as_mut_ptr(),
            );
        }

        assert_eq!(label, [1, 0]);
        assert!((p[1] - 0.731_058_6).abs() < 1e-6 && (p[0] + p[1] - 1.0).abs() < 1e-6);
        assert!((p[3] - 0.268_941_4).abs() < 1e-6);
    }

    #[test]
    fn softmax_adds_up_to_one_and_the_largest_score_names_the_class() {
        let (mut p, mut label) = ([0.0; 3], [9]);

        unsafe {
            scores_multi(
                [1.0, 2.0, 3.0].as_ptr(),
                1,
                3,
                [5.0, 0.0, 0.0].as_ptr(),
                -1,
                0.0,
                SOFTMAX,
                p.as_mut_ptr(),
                label.as_mut_ptr(),
            );
        }

        assert_eq!(label, [0]);
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn softmax_zero_leaves_zeros_alone() {
        let mut scores = [0.0, 1.0, 1.0];

        softmax_zero(&mut scores);

        assert_eq!(scores, [0.0, 0.5, 0.5]);
    }
}
