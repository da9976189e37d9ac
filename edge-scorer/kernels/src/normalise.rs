//! Normalisations: what a number is against the others of its row, channel, group or batch.
//!
//! # Invariants
//! - An address of 0 for a scale, a shift or a statistic means that there is none.
//! - Sums run in four lanes, and those in turn in blocks, so that long rows keep their precision.
#![expect(clippy::too_many_arguments, reason = "a plan step passes every size it knows")]

use crate::{
    lanes::{Lanes, kernel, load_first},
    tile::store_first,
};

/// `Σ (x - shift)^power` of `n` numbers, `power` being 1 or 2.
#[inline(always)]
unsafe fn sum<L: Lanes, const SQUARES: bool>(x: *const f32, n: usize, shift: f32) -> f32 {
    let shift = L::splat(shift);
    let mut sums = [L::splat(0.0); 4];
    let mut i = 0;
    unsafe {
        while i + 16 <= n {
            for (lane, sum) in sums.iter_mut().enumerate() {
                let value = L::load(x.add(i + 4 * lane)).sub(shift);
                *sum = if SQUARES { value.mul_add(value, *sum) } else { sum.add(value) };
            }
            i += 16;
        }
        let [a, b, c, d] = sums[0].add(sums[1]).add(sums[2].add(sums[3])).to_array();
        let mut total = (a + b) + (c + d);
        let [shift, ..] = shift.to_array();
        while i < n {
            let value = x.add(i).read() - shift;
            total += if SQUARES { value * value } else { value };
            i += 1;
        }
        total
    }
}

/// `y = (x - shift) · factor [· scale] [+ bias]` for `n` numbers.
#[inline(always)]
unsafe fn affine<L: Lanes>(
    x: *const f32,
    scale: *const f32,
    bias: *const f32,
    y: *mut f32,
    n: usize,
    shift: f32,
    factor: f32,
) {
    let (shift, factor) = (L::splat(shift), L::splat(factor));
    let mut i = 0;
    while i < n {
        let left = n - i;
        unsafe {
            let mut value = load_first::<L>(x.add(i), left).sub(shift).mul(factor);
            if !scale.is_null() {
                value = value.mul(load_first::<L>(scale.add(i), left));
            }
            if !bias.is_null() {
                value = value.add(load_first::<L>(bias.add(i), left));
            }
            store_first(value, y.add(i), left);
        }
        i += 4;
    }
}

kernel! {
    /// Each row of `x[rows, len]` to mean 0 and variance 1, then by `scale[len]` and `bias[len]`.
    /// `means[rows]` and `factors[rows]` take the mean and the inverse deviation.
    layer_norm_f32, layer_norm_f32_relaxed,
    layer_norm(x: *const f32, scale: *const f32, bias: *const f32, y: *mut f32, means: *mut f32,
               factors: *mut f32, rows: usize, len: usize, epsilon: f32)
}

#[inline(always)]
unsafe fn layer_norm<L: Lanes>(
    x: *const f32,
    scale: *const f32,
    bias: *const f32,
    y: *mut f32,
    means: *mut f32,
    factors: *mut f32,
    rows: usize,
    len: usize,
    epsilon: f32,
) {
    for row in 0..rows {
        unsafe {
            let (x, y) = (x.add(row * len), y.add(row * len));
            let mean = sum::<L, false>(x, len, 0.0) / len as f32;
            let variance = sum::<L, true>(x, len, mean) / len as f32;
            let factor = 1.0 / libm::sqrtf(variance + epsilon);
            affine::<L>(x, scale, bias, y, len, mean, factor);
            if !means.is_null() {
                means.add(row).write(mean);
            }
            if !factors.is_null() {
                factors.add(row).write(factor);
            }
        }
    }
}

kernel! {
    /// Each row of `x[rows, len]` over the root of the mean of its squares, then by `scale[len]`.
    scaled_rms_f32, scaled_rms_f32_relaxed,
    scaled_rms(x: *const f32, scale: *const f32, y: *mut f32, rows: usize, len: usize, epsilon: f32)
}

#[inline(always)]
unsafe fn scaled_rms<L: Lanes>(
    x: *const f32,
    scale: *const f32,
    y: *mut f32,
    rows: usize,
    len: usize,
    epsilon: f32,
) {
    for row in 0..rows {
        unsafe {
            let (x, y) = (x.add(row * len), y.add(row * len));
            let mean = sum::<L, true>(x, len, 0.0) / len as f32;
            let factor = 1.0 / libm::sqrtf(mean + epsilon);
            affine::<L>(x, scale, core::ptr::null(), y, len, 0.0, factor);
        }
    }
}

kernel! {
    /// Groups of `channels / groups` channels of `x[images, channels, pixels]` to mean 0 and
    /// variance 1, then by scale and bias: one for each channel, or for each group if `by_group` is 1.
    group_norm_f32, group_norm_f32_relaxed,
    group_norm(x: *const f32, scale: *const f32, bias: *const f32, y: *mut f32, images: usize,
               channels: usize, groups: usize, pixels: usize, by_group: usize, epsilon: f32)
}

#[inline(always)]
unsafe fn group_norm<L: Lanes>(
    x: *const f32,
    scale: *const f32,
    bias: *const f32,
    y: *mut f32,
    images: usize,
    channels: usize,
    groups: usize,
    pixels: usize,
    by_group: usize,
    epsilon: f32,
) {
    let members = channels / groups.max(1);
    let len = members * pixels;
    for image in 0..images {
        for group in 0..groups {
            unsafe {
                let first = (image * channels + group * members) * pixels;
                let (x, y) = (x.add(first), y.add(first));
                let mean = sum::<L, false>(x, len, 0.0) / len as f32;
                let variance = sum::<L, true>(x, len, mean) / len as f32;
                let factor = 1.0 / libm::sqrtf(variance + epsilon);
                for member in 0..members {
                    let channel = if by_group == 1 { group } else { group * members + member };
                    let factor = factor * scale.add(channel).read();
                    let shift = bias.add(channel).read();
                    let (x, y) = (x.add(member * pixels), y.add(member * pixels));
                    for pixel in 0..pixels {
                        y.add(pixel).write((x.add(pixel).read() - mean) * factor + shift);
                    }
                }
            }
        }
    }
}

/// `y = (x - mean) / √(variance + epsilon) · scale + bias` for each channel of
/// `x[images, channels, pixels]`.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub unsafe extern "C" fn batch_norm_f32(
    x: *const f32,
    scale: *const f32,
    bias: *const f32,
    mean: *const f32,
    variance: *const f32,
    y: *mut f32,
    images: usize,
    channels: usize,
    pixels: usize,
    epsilon: f32,
) {
    for image in 0..images {
        for channel in 0..channels {
            unsafe {
                let at = (image * channels + channel) * pixels;
                let factor =
                    scale.add(channel).read() / libm::sqrtf(variance.add(channel).read() + epsilon);
                let (mean, bias) = (mean.add(channel).read(), bias.add(channel).read());
                for pixel in at..at + pixels {
                    y.add(pixel).write((x.add(pixel).read() - mean) * factor + bias);
                }
            }
        }
    }
}

/// Mean and variance of each channel of `x[images, channels, pixels]`, and the running ones:
/// `running · momentum + current · (1 - momentum)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn batch_statistics_f32(
    x: *const f32,
    old_mean: *const f32,
    old_variance: *const f32,
    mean: *mut f32,
    variance: *mut f32,
    new_mean: *mut f32,
    new_variance: *mut f32,
    images: usize,
    channels: usize,
    pixels: usize,
    momentum: f32,
) {
    let count = (images * pixels) as f64;
    for channel in 0..channels {
        unsafe {
            let each = |f: &mut dyn FnMut(f64)| {
                for image in 0..images {
                    let at = (image * channels + channel) * pixels;
                    (at..at + pixels).for_each(|pixel| f(f64::from(x.add(pixel).read())));
                }
            };
            let mut total = 0.0;
            each(&mut |value| total += value);
            let average = total / count;
            let mut squares = 0.0;
            each(&mut |value| squares += (value - average) * (value - average));
            let (average, spread) = (average as f32, (squares / count) as f32);
            mean.add(channel).write(average);
            variance.add(channel).write(spread);
            let running = |old: *const f32, new: *mut f32, current: f32| {
                if !new.is_null() {
                    let old = old.add(channel).read();
                    new.add(channel).write(old * momentum + current * (1.0 - momentum));
                }
            };
            running(old_mean, new_mean, average);
            running(old_variance, new_variance, spread);
        }
    }
}

/// `x` over its 1-norm or 2-norm along the middle axis of `x[outer, len, inner]`; 0 where that is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lp_norm_f32(
    x: *const f32,
    y: *mut f32,
    outer: usize,
    len: usize,
    inner: usize,
    p: usize,
) {
    for block in 0..outer {
        for column in 0..inner {
            let first = block * len * inner + column;
            let mut sum = 0.0_f64;
            for row in 0..len {
                let value = f64::from(unsafe { x.add(first + row * inner).read() });
                sum += if p == 1 { libm::fabs(value) } else { value * value };
            }
            let norm = if p == 1 { sum } else { libm::sqrt(sum) };
            let factor = if norm == 0.0 { 0.0 } else { 1.0 / norm };
            for row in 0..len {
                let at = first + row * inner;
                unsafe { y.add(at).write((f64::from(x.add(at).read()) * factor) as f32) };
            }
        }
    }
}

/// 1 at the first of the largest numbers along the middle axis of `x[outer, len, inner]`, else 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardmax_f32(
    x: *const f32,
    y: *mut f32,
    outer: usize,
    len: usize,
    inner: usize,
) {
    for block in 0..outer {
        for column in 0..inner {
            unsafe {
                let first = block * len * inner + column;
                let mut best = 0;
                for row in 1..len {
                    if x.add(first + row * inner).read() > x.add(first + best * inner).read() {
                        best = row;
                    }
                }
                for row in 0..len {
                    y.add(first + row * inner).write(if row == best { 1.0 } else { 0.0 });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    fn moments(values: &[f32]) -> (f32, f32) {
        let n = values.len() as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        (mean as f32, variance as f32)
    }

    #[test]
    fn rows_of_every_length_get_mean_0_and_variance_1() {
        for len in [1, 3, 16, 37, 768] {
            let (x, scale, bias) = (noise(3 * len, 1), noise(len, 2), noise(len, 3));
            let (mut y, mut means, mut factors) = (vec![9.0; 3 * len], [9.0; 3], [9.0; 3]);

            unsafe {
                let (scale, bias, y) = (scale.as_ptr(), bias.as_ptr(), y.as_mut_ptr());
                let (means, factors) = (means.as_mut_ptr(), factors.as_mut_ptr());
                layer_norm_f32(x.as_ptr(), scale, bias, y, means, factors, 3, len, 1e-3);
            }

            for row in 0..3 {
                let (mean, variance) = moments(&x[row * len..][..len]);
                let factor = 1.0 / (variance + 1e-3).sqrt();
                assert!((means[row] - mean).abs() < 1e-6 && (factors[row] - factor).abs() < 1e-4);
                for i in 0..len {
                    let expected = (x[row * len + i] - mean) * factor * scale[i] + bias[i];
                    assert!((y[row * len + i] - expected).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn a_group_of_one_channel_is_an_instance() {
        let (x, scale, bias) = (noise(2 * 4 * 6, 1), [1.0, 2.0, 3.0, 4.0], [0.5; 4]);
        let mut y = vec![9.0; x.len()];

        unsafe {
            let (scale, bias) = (scale.as_ptr(), bias.as_ptr());
            group_norm_f32(x.as_ptr(), scale, bias, y.as_mut_ptr(), 2, 4, 4, 6, 0, 1e-5);
        }

        for (index, actual) in y.iter().enumerate() {
            let (mean, variance) = moments(&x[index / 6 * 6..][..6]);
            let scale = (index / 6 % 4 + 1) as f32;
            let expected = (x[index] - mean) / (variance + 1e-5).sqrt() * scale + 0.5;
            assert!((actual - expected).abs() < 1e-4);
        }
    }

    #[test]
    fn running_statistics_move_towards_the_batch() {
        let x = [1.0, 3.0, 5.0, 7.0];
        let [mut mean, mut variance, mut new_mean, mut new_variance] = [[9.0]; 4];

        unsafe {
            let (old_mean, old_variance) = ([0.0], [1.0]);
            let current = (mean.as_mut_ptr(), variance.as_mut_ptr());
            let new = (new_mean.as_mut_ptr(), new_variance.as_mut_ptr());
            let old = (old_mean.as_ptr(), old_variance.as_ptr());
            let x = x.as_ptr();
            batch_statistics_f32(x, old.0, old.1, current.0, current.1, new.0, new.1, 2, 1, 2, 0.9);
        }

        assert_eq!((mean[0], variance[0]), (4.0, 5.0));
        assert!((new_mean[0] - 0.4).abs() < 1e-6 && (new_variance[0] - 1.4).abs() < 1e-6);
    }

    #[test]
    fn a_row_of_zeros_stays_zero() {
        let mut y = [9.0; 4];

        unsafe { lp_norm_f32([3.0, 0.0, 4.0, 0.0].as_ptr(), y.as_mut_ptr(), 1, 2, 2, 2) };

        assert!(y.iter().zip([0.6, 0.0, 0.8, 0.0]).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6));
    }
}
