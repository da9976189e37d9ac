//! Linear models: one dot product for each target.

use crate::lanes::{Lanes, kernel};
use crate::tile::store_first;

kernel! {
    /// `y[r][t] = x[r] · weights[t] + bias[t]`; `weights` is row-major, one row a target.
    linear, linear_relaxed,
    products(x: *const f32, count: usize, features: usize, weights: *const f32, bias: *const f32,
             targets: usize, y: *mut f32)
}

#[inline(always)]
unsafe fn products<L: Lanes>(
    x: *const f32,
    count: usize,
    features: usize,
    weights: *const f32,
    bias: *const f32,
    targets: usize,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for r in 0..count {
            for t in 0..targets {
                let sum = dot::<L>(x.add(r * features), weights.add(t * features), features);
                *y.add(r * targets + t) = sum + *bias.add(t);
            }
        }
    }
}

kernel! {
    /// As [`linear`], for up to four targets: a lane each, four rows at once.
    ///
    /// `weights` holds four numbers a feature, one for each target, and `bias` four numbers; those of
    /// targets that are not there are 0.
    linear_narrow, linear_narrow_relaxed,
    narrow(x: *const f32, count: usize, features: usize, weights: *const f32, bias: *const f32,
           targets: usize, y: *mut f32)
}

#[inline(always)]
unsafe fn narrow<L: Lanes>(
    x: *const f32,
    count: usize,
    features: usize,
    weights: *const f32,
    bias: *const f32,
    targets: usize,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let bias = L::load(bias);
        let mut r = 0;
        while r < count {
            // The last rows are computed as often as it takes to fill four.
            let rows = [0, 1, 2, 3].map(|ahead| x.add((r + ahead).min(count - 1) * features));
            // Sums of even and odd features, so that additions do not wait for one another.
            let mut sums = [[bias; 4], [L::splat(0.0); 4]];
            for f in 0..features {
                let weights = L::load(weights.add(4 * f));
                for (sum, row) in sums[f % 2].iter_mut().zip(rows) {
                    *sum = L::load_splat(row.add(f)).mul_add(weights, *sum);
                }
            }
            let [even, odd] = sums;
            for (ahead, (even, odd)) in even.into_iter().zip(odd).enumerate() {
                if r + ahead < count {
                    store_first(even.add(odd), y.add((r + ahead) * targets), targets);
                }
            }
            r += 4;
        }
    }
}

/// The dot product of `n` numbers: sixteen partial sums, so that additions do not wait for one
/// another.
#[inline(always)]
pub(crate) unsafe fn dot<L: Lanes>(a: *const f32, b: *const f32, n: usize) -> f32 {
    // SAFETY: the caller's: both hold `n` numbers.
    unsafe {
        let mut sums = [L::splat(0.0); 4];
        let mut i = 0;
        while i + 16 <= n {
            for (part, sum) in sums.iter_mut().enumerate() {
                let at = i + 4 * part;
                *sum = L::load(a.add(at)).mul_add(L::load(b.add(at)), *sum);
            }
            i += 16;
        }
        while i + 4 <= n {
            sums[0] = L::load(a.add(i)).mul_add(L::load(b.add(i)), sums[0]);
            i += 4;
        }
        let mut total = total(sums);
        while i < n {
            total += *a.add(i) * *b.add(i);
            i += 1;
        }
        total
    }
}

/// All lanes of four sums, added up in one fixed order.
#[inline(always)]
pub(crate) fn total<L: Lanes>(sums: [L; 4]) -> f32 {
    let [a, b, c, d] = sums;
    let lanes = a.add(b).add(c.add(d)).to_array();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Scalar;
    use crate::noise::noise;

    #[test]
    fn every_target_gets_its_own_dot_product() {
        let mut y = [0.0; 4];

        unsafe {
            linear(
                [1.0, 2.0, 3.0, 4.0].as_ptr(),
                2,
                2,
                [1.0, 0.0, 1.0, 1.0].as_ptr(),
                [0.5, 0.0].as_ptr(),
                2,
                y.as_mut_ptr(),
            );
        }

        assert_eq!(y, [1.5, 3.0, 3.5, 7.0]);
    }

    #[test]
    fn few_targets_get_what_many_get() {
        let (rows, features) = (7, 5);
        let x = noise(rows * features, 1);
        for targets in 1..=4 {
            let (weights, bias) = (noise(targets * features, 2), noise(targets, 3));
            let mut wide = vec![0.0; 4 * features];
            for (index, weight) in weights.iter().enumerate() {
                wide[index % features * 4 + index / features] = *weight;
            }
            let mut four = bias.clone();
            four.resize(4, 0.0);
            let (mut a, mut b) = (vec![9.0; rows * targets], vec![9.0; rows * targets]);

            unsafe {
                let (x, w) = (x.as_ptr(), weights.as_ptr());
                linear(x, rows, features, w, bias.as_ptr(), targets, a.as_mut_ptr());
                let w = wide.as_ptr();
                linear_narrow(x, rows, features, w, four.as_ptr(), targets, b.as_mut_ptr());
            }

            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 1e-6, "{targets} targets: {a} and {b}");
            }
        }
    }

    #[test]
    fn blocks_and_rest_are_all_counted() {
        let ones = [1.0_f32; 39];

        for n in 0..ones.len() {
            assert_eq!(unsafe { dot::<Scalar>(ones.as_ptr(), ones.as_ptr(), n) }, n as f32);
        }
    }
}
