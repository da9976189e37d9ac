//! Many small images at once: one pixel of [`PANEL`] images is a line of a panel.
//!
//! A window of a small image is gathered in pieces of a few numbers; with the images abreast every
//! piece is a whole line, whatever the steps and the borders are.
//!
//! # Invariants
//! - Sums are added up in the order in which they are for one image after another.

use super::super::tiles::{Product, Start};
use super::super::{GATHERED, PANEL};
use super::{Operands, Sizes};

/// Fewer images leave most of a line empty.
const FEWEST: usize = 12;
/// Lines of a result from which on pieces are long enough.
const LONG_LINE: usize = 32;

/// How many of the images, from the first on, are best taken abreast.
pub(super) fn images(s: &Sizes, rows: usize) -> usize {
    if rows < FEWEST
        || s.result[1] >= LONG_LINE
        || numbers(s).is_none_or(|numbers| numbers > GATHERED)
    {
        return 0;
    }
    let last = rows % PANEL;
    if last >= FEWEST { rows } else { rows - last }
}

/// Numbers of the images, of one window's panel, and of the sums.
fn numbers(s: &Sizes) -> Option<usize> {
    let (group_in, group_out) = (s.channels_in / s.groups, s.channels_out / s.groups);
    let image = group_in.checked_mul(s.image[0])?.checked_mul(s.image[1])?;
    let sums = group_out.checked_mul(s.pixels())?;
    image.checked_add(s.taps())?.checked_add(sums)?.checked_mul(PANEL)
}

/// Convolves the first `rows` images, for which [`images`] gave at least as many.
///
/// # Safety
/// The addresses are valid for as many numbers as the sizes say, and `y` overlaps no operand.
pub(super) unsafe fn run(s: &Sizes, rows: usize, to: Operands, gathered: &mut Vec<f32>) {
    let (image, pixels, taps) = (s.image[0] * s.image[1], s.pixels(), s.taps());
    let (group_in, group_out) = (s.channels_in / s.groups, s.channels_out / s.groups);
    gathered.resize(numbers(s).unwrap_or_default(), 0.0);
    let (abreast, rest) = gathered.split_at_mut(group_in * image * PANEL);
    let (panel, sums) = rest.split_at_mut(taps * PANEL);
    for first in (0..rows).step_by(PANEL) {
        let images = PANEL.min(rows - first);
        for group in 0..s.groups {
            unsafe {
                let x = to.x.add((first * s.channels_in + group * group_in) * image);
                put_abreast(x, s.channels_in * image, images, abreast);
                for pixel in 0..pixels {
                    gather(s, abreast, pixel, panel);
                    let product = Product {
                        m: group_out,
                        n: images,
                        k: taps,
                        a: to.w.add(group * group_out * taps),
                        a_stride: taps,
                        b: panel.as_ptr(),
                        y: sums[pixel * PANEL..].as_mut_ptr(),
                        y_stride: pixels * PANEL,
                        start: Start::Rows(to.bias.add(group * group_out)),
                        low: to.low,
                        high: to.high,
                    };
                    product.run();
                }
                let y = to.y.add((first * s.channels_out + group * group_out) * pixels);
                put_apart(sums, images, y, s.channels_out * pixels);
            }
        }
    }
}

/// Makes a line of each number that all images have.
///
/// # Safety
/// `x` is valid for `images` images `stride` numbers apart, of as many numbers as there are lines.
unsafe fn put_abreast(x: *const f32, stride: usize, images: usize, lines: &mut [f32]) {
    for (at, line) in lines.chunks_exact_mut(PANEL).enumerate() {
        for (index, number) in line[..images].iter_mut().enumerate() {
            *number = unsafe { x.add(index * stride + at).read() };
        }
    }
}

/// Undoes [`put_abreast`].
///
/// # Safety
/// As there, for writing.
unsafe fn put_apart(lines: &[f32], images: usize, y: *mut f32, stride: usize) {
    for index in 0..images {
        for (at, line) in lines.chunks_exact(PANEL).enumerate() {
            unsafe { y.add(index * stride + at).write(line[index]) };
        }
    }
}

/// The lines that the window of one output pixel covers; zeros outside the images.
fn gather(s: &Sizes, abreast: &[f32], pixel: usize, panel: &mut [f32]) {
    let [height, width] = s.image;
    let (row, column) = (pixel / s.result[1], pixel % s.result[1]);
    for (tap, line) in panel.chunks_exact_mut(PANEL).enumerate() {
        let (channel, place) = (tap / s.window(), tap % s.window());
        let down = place / s.kernel[1] * s.dilations[0];
        let across = place % s.kernel[1] * s.dilations[1];
        let y = (row * s.strides[0] + down).wrapping_sub(s.pads[0]);
        let x = (column * s.strides[1] + across).wrapping_sub(s.pads[1]);
        if y < height && x < width {
            let from = (channel * height + y) * width + x;
            line.copy_from_slice(&abreast[from * PANEL..][..PANEL]);
        } else {
            line.fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_images_and_long_lines_are_not_taken_abreast() {
        let s = Sizes::square(1, 8, 8);

        assert_eq!([0, 1, FEWEST - 1].map(|rows| images(&s, rows)), [0, 0, 0]);
        assert_eq!([12, 32, 35, 63].map(|rows| images(&s, rows)), [12, 32, 32, 63]);
        assert_eq!(images(&Sizes::square(1, 8, 64), 100), 0);
    }
}
