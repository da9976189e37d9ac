//! Logarithms of sums of exponentials, which overflow when they are computed as they are written.

use libm::{expf, logf};

/// `y = log(Σ e^x)` along the middle axis of `x[outer, length, inner]`, with the largest taken out first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn log_sum_exp(
    x: *const f32,
    outer: usize,
    length: usize,
    inner: usize,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for o in 0..outer {
            for i in 0..inner {
                let x = |k: usize| *x.add((o * length + k) * inner + i);
                let largest = (0..length).map(x).fold(f32::NEG_INFINITY, f32::max);
                // An infinite largest value is the answer; less it, all others would be no numbers.
                let result = if largest.is_finite() {
                    let sum: f32 = (0..length).map(|k| expf(x(k) - largest)).sum();
                    largest + logf(sum)
                } else if (0..length).any(|k| x(k).is_nan()) {
                    f32::NAN
                } else {
                    largest
                };
                *y.add(o * inner + i) = result;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_small_values_neither_overflow_nor_vanish() {
        let x = [1000.0, 1000.0, -1000.0, -1000.0, f32::NEG_INFINITY, f32::NEG_INFINITY];
        let mut y = [9.0; 3];

        unsafe { log_sum_exp(x.as_ptr(), 3, 2, 1, y.as_mut_ptr()) };

        let two = core::f32::consts::LN_2;
        assert!((y[0] - (1000.0 + two)).abs() < 1e-3 && (y[1] - (two - 1000.0)).abs() < 1e-3);
        assert_eq!(y[2], f32::NEG_INFINITY);
    }
}
