//! From decisions between pairs of classes to one probability a class; the crate `operators` compiles this file too.

use core::ops::{Add, Div, Mul, Sub};

/// `f32` in the kernels, as ONNX Runtime has it; `f64` in the operators.
pub(crate) trait Real:
    Copy
    + PartialOrd
    + From<f32>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
}

impl<T> Real for T where
    T: Copy
        + PartialOrd
        + From<f32>
        + Add<Output = T>
        + Sub<Output = T>
        + Mul<Output = T>
        + Div<Output = T>
{
}

/// Wu, Lin and Weng's second method.
///
/// `pairwise[i][j]` is the chance of class `i` against class `j`; `q` has as many numbers, `qp` and `p`, the
/// answer, one a class.
pub(crate) fn couple<F: Real>(
    classes: usize,
    pairwise: &[F],
    q: &mut [F],
    qp: &mut [F],
    p: &mut [F],
) {
    let at = |i: usize, j: usize| i * classes + j;
    let [zero, one, two, count] = [0.0, 1.0, 2.0, classes as f32].map(F::from);
    let tolerance = F::from(0.005) / count;
    for i in 0..classes {
        p[i] = one / count;
        q[at(i, i)] = zero;
        for j in (0..classes).filter(|j| *j != i) {
            q[at(i, i)] = q[at(i, i)] + pairwise[at(j, i)] * pairwise[at(j, i)];
            q[at(i, j)] = zero - pairwise[at(j, i)] * pairwise[at(i, j)];
        }
    }
    for _ in 0..100 {
        let mut pqp = zero;
        for i in 0..classes {
            qp[i] = (0..classes).fold(zero, |sum, j| sum + q[at(i, j)] * p[j]);
            pqp = pqp + p[i] * qp[i];
        }
        let is_near = |value: &F| *value - pqp < tolerance && pqp - *value < tolerance;
        if qp[..classes].iter().all(is_near) {
            break;
        }
        for i in 0..classes {
            let step = (pqp - qp[i]) / q[at(i, i)];
            let share = one + step;
            p[i] = p[i] + step;
            pqp = (pqp + step * (step * q[at(i, i)] + two * qp[i])) / share / share;
            for j in 0..classes {
                qp[j] = (qp[j] + step * q[at(i, j)]) / share;
                p[j] = p[j] / share;
            }
        }
    }
}
