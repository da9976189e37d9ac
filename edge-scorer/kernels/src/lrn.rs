//! Local response normalisation: each number over a power of the squares around its channel.

use crate::{
    lanes::{Lanes, kernel, load_first},
    math,
    tile::store_first,
};

kernel! {
    /// `y[c] = x[c] / (bias + factor · Σ x[c']²)^beta` for `x[images, channels, pixels]`, where
    /// `c'` goes from `before` channels before `c` to `after` behind it.
    lrn_f32, lrn_f32_relaxed,
    lrn(x: *const f32, y: *mut f32, images: usize, channels: usize, pixels: usize, before: usize,
        after: usize, factor: f32, beta: f32, bias: f32)
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a plan step passes every size it knows")]
unsafe fn lrn<L: Lanes>(
    x: *const f32,
    y: *mut f32,
    images: usize,
    channels: usize,
    pixels: usize,
    before: usize,
    after: usize,
    factor: f32,
    beta: f32,
    bias: f32,
) {
    let (factor, exponent, bias) = (L::splat(factor), L::splat(-beta), L::splat(bias));
    for image in 0..images {
        for channel in 0..channels {
            let first = channel.saturating_sub(before);
            let end = (channel + after + 1).min(channels);
            let mut pixel = 0;
            while pixel < pixels {
                let lanes = pixels - pixel;
                unsafe {
                    let at = |channel: usize| (image * channels + channel) * pixels + pixel;
                    let mut squares = L::splat(0.0);
                    for near in first..end {
                        let value = load_first::<L>(x.add(at(near)), lanes);
                        squares = value.mul_add(value, squares);
                    }
                    let base = factor.mul_add(squares, bias);
                    let scale = math::exp(math::log(base).mul(exponent));
                    let value = load_first::<L>(x.add(at(channel)), lanes);
                    store_first(value.mul(scale), y.add(at(channel)), lanes);
                }
                pixel += 4;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    #[test]
    fn a_window_of_channels_is_cut_at_the_first_and_the_last() {
        let (images, channels, pixels) = (2, 7, 6);
        let x = noise(images * channels * pixels, 21);
        let mut y = vec![9.0; x.len()];

        unsafe {
            lrn_f32(x.as_ptr(), y.as_mut_ptr(), images, channels, pixels, 1, 2, 0.3, 0.75, 1.5);
        }

        for (index, actual) in y.iter().enumerate() {
            let (image, channel, pixel) =
                (index / (channels * pixels), index / pixels % channels, index % pixels);
            let squares: f64 = (channel.saturating_sub(1)..(channel + 3).min(channels))
                .map(|c| f64::from(x[(image * channels + c) * pixels + pixel]).powi(2))
                .sum();
            let expected = f64::from(x[index]) / (1.5 + 0.3 * squares).powf(0.75);
            assert!((f64::from(*actual) - expected).abs() < 1e-6);
        }
    }
}
