//! Support vector machines, as libsvm computes them: kernels, votes, coupled probabilities.

use libm::{powf, tanhf};

use crate::{
    coupling::couple,
    lanes::{Lanes, kernel, load_first},
    linear::{dot, total},
    math,
    scores::logistic,
    tile::store_first,
};

/// Kernels, as the compiler numbers them.
const LINEAR: i32 = 0;
const POLY: i32 = 1;
const RBF: i32 = 2;

kernel! {
    /// `y[r][v]` = kernel of row `r` and support vector `v`.
    ///
    /// Linear: `x·v`; polynomial: `(gamma·x·v + coef0)^degree`; radial: `e^(-gamma·|x - v|²)`;
    /// sigmoid: `tanh(gamma·x·v + coef0)`.
    svm_kernels, svm_kernels_relaxed,
    compare(x: *const f32, count: usize, features: usize, vectors: *const f32,
            vector_count: usize, kernel: i32, gamma: f32, coef0: f32, degree: f32, y: *mut f32)
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel is called with plain numbers")]
unsafe fn compare<L: Lanes>(
    x: *const f32,
    count: usize,
    features: usize,
    vectors: *const f32,
    vector_count: usize,
    kernel: i32,
    gamma: f32,
    coef0: f32,
    degree: f32,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for r in 0..count {
            let row = x.add(r * features);
            let y = y.add(r * vector_count);
            if kernel == RBF {
                for v in 0..vector_count {
                    let distance = square_distance::<L>(row, vectors.add(v * features), features);
                    *y.add(v) = -gamma * distance;
                }
                exp_each::<L>(y, vector_count);
                continue;
            }
            for v in 0..vector_count {
                let product = dot::<L>(row, vectors.add(v * features), features);
                *y.add(v) = match kernel {
                    LINEAR => product,
                    POLY => powf(gamma * product + coef0, degree),
                    _ => tanhf(gamma * product + coef0),
                };
            }
        }
    }
}

/// `y = e^y`.
#[inline(always)]
pub(crate) unsafe fn exp_each<L: Lanes>(y: *mut f32, n: usize) {
    // SAFETY: the caller's: `y` holds `n` numbers.
    unsafe {
        let mut i = 0;
        while i + 4 <= n {
            math::exp(L::load(y.add(i))).store(y.add(i));
            i += 4;
        }
        if i < n {
            let rest: L = load_first(y.add(i), n - i);
            store_first(math::exp(rest), y.add(i), n - i);
        }
    }
}

#[inline(always)]
unsafe fn square_distance<L: Lanes>(a: *const f32, b: *const f32, n: usize) -> f32 {
    // SAFETY: the caller's: both hold `n` numbers.
    unsafe {
        let mut sums = [L::splat(0.0); 4];
        let mut i = 0;
        while i + 16 <= n {
            for (part, sum) in sums.iter_mut().enumerate() {
                let at = i + 4 * part;
                let difference = L::load(a.add(at)).sub(L::load(b.add(at)));
                *sum = difference.mul_add(difference, *sum);
            }
            i += 16;
        }
        while i + 4 <= n {
            let difference = L::load(a.add(i)).sub(L::load(b.add(i)));
            sums[0] = difference.mul_add(difference, sums[0]);
            i += 4;
        }
        let mut total = total(sums);
        while i < n {
            let difference = *a.add(i) - *b.add(i);
            total += difference * difference;
            i += 1;
        }
        total
    }
}

/// Decides every pair of classes and counts votes; the label is the class with most of them.
///
/// `kernels` is `[rows, vectors]`, `coefficients` is `[classes - 1, vectors]`, class `c` has the
/// vectors `starts[c]..starts[c + 1]`; `decisions` gets `[rows, classes·(classes - 1)/2]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn svm_decide(
    kernels: *const f32,
    count: usize,
    classes: usize,
    vectors: usize,
    starts: *const u32,
    coefficients: *const f32,
    rho: *const f32,
    decisions: *mut f32,
    labels: *mut i32,
    votes: *mut i32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let pairs = classes * (classes - 1) / 2;
        let starts = core::slice::from_raw_parts(starts, classes + 1);
        for r in 0..count {
            let kernels = core::slice::from_raw_parts(kernels.add(r * vectors), vectors);
            let votes = core::slice::from_raw_parts_mut(votes.add(r * classes), classes);
            votes.fill(0);
            let part = |row: usize, class: usize| -> f64 {
                let (start, end) = (starts[class] as usize, starts[class + 1] as usize);
                let weights = coefficients.add(row * vectors + start);
                let weights = core::slice::from_raw_parts(weights, end - start);
                let mut sum = 0.0;
                for (weight, kernel) in weights.iter().zip(&kernels[start..end]) {
                    sum += f64::from(weight * kernel);
                }
                sum
            };
            let mut pair = 0;
            for i in 0..classes {
                for j in i + 1..classes {
                    let sum = part(j - 1, i) + part(i, j) + f64::from(*rho.add(pair));
                    *decisions.add(r * pairs + pair) = sum as f32;
                    votes[if sum > 0.0 { i } else { j }] += 1;
                    pair += 1;
                }
            }
            let mut best = 0;
            for c in 1..classes {
                if votes[c] > votes[best] {
                    best = c;
                }
            }
            *labels.add(r) = best as i32;
        }
    }
}

/// Couples the decisions of all pairs to one probability a class, by Wu, Lin and Weng's second
/// method.
///
/// `work` is `[2·classes² + classes]` numbers of scratch space.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn svm_couple(
    decisions: *const f32,
    count: usize,
    classes: usize,
    prob_a: *const f32,
    prob_b: *const f32,
    work: *mut f32,
    probabilities: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let pairs = classes * (classes - 1) / 2;
        let work = core::slice::from_raw_parts_mut(work, 2 * classes * classes + classes);
        let (pairwise, rest) = work.split_at_mut(classes * classes);
        let (q, qp) = rest.split_at_mut(classes * classes);
        for r in 0..count {
            let mut pair = 0;
            for i in 0..classes {
                for j in i + 1..classes {
                    let decision = *decisions.add(r * pairs + pair);
                    let value = decision * *prob_a.add(pair) + *prob_b.add(pair);
                    let p = (1.0 - logistic(value)).clamp(1e-7, 1.0 - 1e-7);
                    pairwise[i * classes + j] = p;
                    pairwise[j * classes + i] = 1.0 - p;
                    pair += 1;
                }
            }
            let p = core::slice::from_raw_parts_mut(probabilities.add(r * classes), classes);
            couple(classes, pairwise, q, qp, p);
        }
    }
}

kernel! {
    /// `y[r] = kernels[r] · coefficients + rho`, or 1 and -1 by its sign when `one_class` is not 0.
    svm_regress, svm_regress_relaxed,
    regress(kernels: *const f32, count: usize, vectors: usize, coefficients: *const f32, rho: f32,
            one_class: i32, y: *mut f32)
}

#[inline(always)]
unsafe fn regress<L: Lanes>(
    kernels: *const f32,
    count: usize,
    vectors: usize,
    coefficients: *const f32,
    rho: f32,
    one_class: i32,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for r in 0..count {
            let sum = dot::<L>(kernels.add(r * vectors), coefficients, vectors) + rho;
            *y.add(r) = match one_class {
                0 => sum,
                _ if sum > 0.0 => 1.0,
                _ => -1.0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coupled_probabilities_add_up_and_follow_the_pairs() {
        let (mut work, mut p) = ([0.0; 21], [0.0; 3]);
        // Class 1 beats both others.
        let decisions = [-2.0, 0.1, 2.0];

        unsafe {
            svm_couple(
                decisions.as_ptr(),
                1,
                3,
                [-1.0; 3].as_ptr(),
                [0.0; 3].as_ptr(),
                work.as_mut_ptr(),
                p.as_mut_ptr(),
            );
        }

        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{p:?}");
        assert!(p[1] > p[0] && p[1] > p[2]);
    }

    #[test]
    fn a_radial_kernel_of_equal_points_is_one() {
        let mut y = [0.0];
        let x = [1.0_f32; 11];

        unsafe {
            svm_kernels(x.as_ptr(), 1, 11, x.as_ptr(), 1, RBF, 0.5, 0.0, 0.0, y.as_mut_ptr());
        }

        assert_eq!(y, [1.0]);
    }
}
