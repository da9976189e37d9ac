//! One small image after another, each copied once with its border of zeros written out: then every
//! piece of a window lies where it should be, and all have one length that the compiler knows.
//!
//! # Invariants
//! - Sums are added up in the order in which they are for larger images.

use super::super::tiles::{Product, Start};
use super::super::{GATHERED, PANEL};
use super::{Operands, Sizes};

/// What is gathered for an image and a group, in numbers.
struct Scratch {
    height: usize,
    width: usize,
    image: usize,
    columns: usize,
}

fn scratch(s: &Sizes) -> Option<Scratch> {
    let reach = |axis: usize, stride: usize| {
        let window = s.kernel[axis].checked_sub(1)?.checked_mul(s.dilations[axis])?;
        s.result[axis].checked_sub(1)?.checked_mul(stride)?.checked_add(window)?.checked_add(1)
    };
    let (height, width) = (reach(0, s.strides[0])?, reach(1, 1)?);
    let image = (s.channels_in / s.groups).checked_mul(height)?.checked_mul(width)?;
    let columns = s.taps().checked_mul(s.pixels().checked_next_multiple_of(PANEL)?)?;
    Some(Scratch { height, width, image, columns })
}

/// Whether images are best convolved so: lines of results are cut into pieces of 4, 8 or 16.
pub(super) fn fits(s: &Sizes) -> bool {
    let fits = |scratch: Scratch| {
        scratch.image.checked_add(scratch.columns).is_some_and(|numbers| numbers <= GATHERED)
    };
    s.strides[1] == 1 && s.result[1].is_multiple_of(4) && scratch(s).is_some_and(fits)
}

/// Convolves images that [`fits`] said yes to.
///
/// # Safety
/// The addresses are valid for as many numbers as the sizes say, and `y` overlaps no operand.
pub(super) unsafe fn run(s: &Sizes, rows: usize, to: Operands, gathered: &mut Vec<f32>) {
    let Some(scratch) = scratch(s) else { return };
    let (pixels, taps) = (s.pixels(), s.taps());
    let (group_in, group_out) = (s.channels_in / s.groups, s.channels_out / s.groups);
    let size = s.image[0] * s.image[1];
    gathered.resize(scratch.image + scratch.columns, 0.0);
    let (image, columns) = gathered.split_at_mut(scratch.image);
    image.fill(0.0);
    for (row, group) in (0..rows).flat_map(|row| (0..s.groups).map(move |group| (row, group))) {
        unsafe {
            let x = to.x.add((row * s.channels_in + group * group_in) * size);
            pad(s, std::slice::from_raw_parts(x, group_in * size), &scratch, image);
            match s.result[1] {
                width if width.is_multiple_of(16) => gather::<16>(s, image, &scratch, columns),
                width if width.is_multiple_of(8) => gather::<8>(s, image, &scratch, columns),
                _ => gather::<4>(s, image, &scratch, columns),
            }
            let product = Product {
                m: group_out,
                n: pixels,
                k: taps,
                a: to.w.add(group * group_out * taps),
                a_stride: taps,
                b: columns.as_ptr(),
                y: to.y.add((row * s.channels_out + group * group_out) * pixels),
                y_stride: pixels,
                start: Start::Rows(to.bias.add(group * group_out)),
                low: to.low,
                high: to.high,
            };
            product.run();
        }
    }
}

/// Copies what windows reach of an image; the border of `padded` is zero already.
fn pad(s: &Sizes, x: &[f32], scratch: &Scratch, padded: &mut [f32]) {
    let ([height, width], [top, left]) = (s.image, s.pads);
    let lines = height.min(scratch.height.saturating_sub(top));
    let length = width.min(scratch.width.saturating_sub(left));
    if length == 0 {
        return;
    }
    let planes = padded.chunks_exact_mut(scratch.height * scratch.width);
    for (plane, from) in planes.zip(x.chunks_exact(height * width)) {
        for line in 0..lines {
            let to = &mut plane[(top + line) * scratch.width + left..][..length];
            to.copy_from_slice(&from[line * width..][..length]);
        }
    }
}

/// The windows of all pixels, in panels; `W` divides the lines of the result, and a panel.
fn gather<const W: usize>(s: &Sizes, padded: &[f32], scratch: &Scratch, panels: &mut [f32]) {
    let (window, taps) = (s.window(), s.taps());
    for pixel in (0..s.pixels()).step_by(W) {
        let (row, column) = (pixel / s.result[1], pixel % s.result[1]);
        let panel = &mut panels[pixel / PANEL * taps * PANEL..][..taps * PANEL];
        let mut lines = panel.chunks_exact_mut(PANEL);
        for plane in padded.chunks_exact(scratch.height * scratch.width) {
            for (place, line) in lines.by_ref().take(window).enumerate() {
                let y = row * s.strides[0] + place / s.kernel[1] * s.dilations[0];
                let x = column + place % s.kernel[1] * s.dilations[1];
                let from = &plane[y * scratch.width + x..][..W];
                line[pixel % PANEL..][..W].copy_from_slice(from);
            }
        }
    }
}
