//! Division by the root of the mean of squares along an axis.

/// `y = x / √(mean(x²) + epsilon)` along the middle axis of `x[outer, len, inner]`.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub unsafe extern "C" fn rms_norm_f32(
    x: *const f32,
    y: *mut f32,
    outer: usize,
    len: usize,
    inner: usize,
    epsilon: f32,
) {
    for block in 0..outer {
        for column in 0..inner {
            unsafe {
                let x = x.add(block * len * inner + column);
                let y = y.add(block * len * inner + column);
                // Four sums: faster, and closer to the exact one.
                let mut sums = [0.0_f32; 4];
                for row in 0..len {
                    let value = x.add(row * inner).read();
                    sums[row % 4] += value * value;
                }
                let mean = ((sums[0] + sums[1]) + (sums[2] + sums[3])) / len as f32;
                let scale = 1.0 / libm::sqrtf(mean + epsilon);
                for row in 0..len {
                    y.add(row * inner).write(x.add(row * inner).read() * scale);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_divided_by_its_own_root() {
        let x = [3.0, 4.0, 0.0, 0.0, 1.0, 1.0];
        let mut y = [9.0; 6];

        unsafe { rms_norm_f32(x.as_ptr(), y.as_mut_ptr(), 3, 2, 1, 0.0625) };

        let root = (12.5_f32 + 0.0625).sqrt();
        let one = 1.0 / 1.0625_f32.sqrt();
        for (actual, expected) in y.iter().zip([3.0 / root, 4.0 / root, 0.0, 0.0, one, one]) {
            assert!((actual - expected).abs() < 1e-6);
        }
    }
}
