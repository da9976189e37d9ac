//! Linear models: one dot product for each target.

/// `y[r][t] = x[r] · weights[t] + bias[t]`; `weights` is row-major, one row a target.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn linear(
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
            let row = core::slice::from_raw_parts(x.add(r * features), features);
            for t in 0..targets {
                let weights = core::slice::from_raw_parts(weights.add(t * features), features);
                *y.add(r * targets + t) = dot(row, weights) + *bias.add(t);
            }
        }
    }
}

/// Sixteen partial sums, so that additions do not wait for one another.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let mut sum = 0.0;
    for (a, b) in a_rest.iter().zip(b_rest) {
        sum += a * b;
    }
    sums.iter().fold(sum, |sum, lane| sum + lane)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let ones = [1.0_f32; 37];

        assert_eq!(dot(&ones, &ones), 37.0);
    }
}
