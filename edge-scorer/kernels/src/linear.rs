//! Linear models: one dot product for each target.

use crate::lanes::{Lanes, kernel};

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
    fn blocks_and_rest_are_all_counted() {
        let ones = [1.0_f32; 39];

        for n in 0..ones.len() {
            assert_eq!(unsafe { dot::<Scalar>(ones.as_ptr(), ones.as_ptr(), n) }, n as f32);
        }
    }
}
