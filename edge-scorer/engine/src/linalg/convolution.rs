//! Convolutions of channel-first images: weights times gathered pixels.
//!
//! The pixels that an output pixel's window covers are a column; [`PANEL`] columns are a panel, which
//! every output channel then multiplies. Small images lie side by side in the panels of one product;
//! where they are many and their lines short, each is a column of its own ([`abreast`]), and where
//! their lines are of a handy length, their borders are written out ([`padded`]).
//!
//! # Invariants
//! - What lies outside an image is zero, and nothing outside it is read.
//! - Gathering holds at most [`GATHERED`] numbers, or one panel of one channel's window.
#![expect(unsafe_code, reason = "operands are addresses, which are checked here first")]

mod abreast;
mod padded;

use std::ops::Range;

use wasmtime::Caller;

use super::tiles::{Product, Start};
use super::{Field, GATHERED, LINES, PANEL, Place, count, size, trap, work};
use crate::guest::Budget;

/// Images of fewer pixels are multiplied side by side.
const SMALL_IMAGE: usize = 512;

/// The sizes of a convolution, in the order of the kernels' table.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    channels_in: usize,
    image: [usize; 2],
    channels_out: usize,
    result: [usize; 2],
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [usize; 2],
    groups: usize,
}

impl Sizes {
    /// Numbers of the table.
    const NUMBERS: u64 = 17;

    fn read(field: &Field<'_>, place: &Place) -> wasmtime::Result<Self> {
        let mut numbers = [0_usize; Self::NUMBERS as usize];
        for (number, bytes) in numbers.iter_mut().zip(field.bytes[place.clone()].chunks_exact(4)) {
            *number = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        }
        let [
            channels_in,
            height,
            width,
            channels_out,
            out_height,
            out_width,
            kernel_height,
            kernel_width,
            stride_y,
            stride_x,
            dilation_y,
            dilation_x,
            top,
            left,
            _,
            _,
            groups,
        ] = numbers;
        let sizes = Self {
            channels_in,
            image: [height, width],
            channels_out,
            result: [out_height, out_width],
            kernel: [kernel_height, kernel_width],
            strides: [stride_y, stride_x],
            dilations: [dilation_y, dilation_x],
            pads: [top, left],
            groups,
        };
        let divides = |channels: usize| groups != 0 && channels.is_multiple_of(groups);
        if divides(channels_in) && divides(channels_out) {
            return Ok(sizes);
        }
        Err(trap("the groups of a convolution do not divide its channels"))
    }

    /// Whether some size is 0 that makes others go on for ever, or for nothing.
    fn is_empty(&self) -> bool {
        let pairs = [self.image, self.result, self.kernel, self.strides];
        self.channels_in == 0 || self.channels_out == 0 || pairs.as_flattened().contains(&0)
    }

    fn taps(&self) -> usize {
        self.channels_in / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// Pixels of a window in one channel.
    fn window(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Pixels of a result.
    fn pixels(&self) -> usize {
        self.result[0] * self.result[1]
    }

    /// Images whose columns and sums fit the cache together.
    fn side_by_side(&self) -> usize {
        (GATHERED / (self.taps() + self.channels_out / self.groups) / self.pixels()).max(1)
    }

    fn fits_side_by_side(&self) -> bool {
        let numbers = (self.taps() + self.channels_out / self.groups).saturating_mul(self.pixels());
        self.pixels() < SMALL_IMAGE && numbers <= GATHERED
    }

    /// Channels that are gathered at once, so that a panel stays short.
    fn channels_at_once(&self) -> usize {
        (LINES / self.window()).clamp(1, self.channels_in / self.groups)
    }
}

/// `y[rows, channels_out, result]` from `x[rows, channels_in, image]`, `w[channels_out, taps]` and
/// `bias[channels_out]`; `shape` is the table of sizes.
#[expect(clippy::too_many_arguments, reason = "an imported function takes every size it needs")]
pub(super) fn conv(
    mut caller: Caller<'_, Budget>,
    x: i32,
    w: i32,
    bias: i32,
    y: i32,
    shape: i32,
    rows: i32,
    low: f32,
    high: f32,
) -> wasmtime::Result<()> {
    let mut field = Field::of(&mut caller)?;
    let table = field.place(shape, Sizes::NUMBERS)?;
    let s = Sizes::read(&field, &table)?;
    let rows = size(rows);
    let wide = |sizes: &[usize]| -> Vec<u64> { sizes.iter().map(|size| *size as u64).collect() };
    let taps_sizes = wide(&[s.channels_in / s.groups, s.kernel[0], s.kernel[1]]);
    let result_sizes = wide(&[s.channels_out, s.result[0], s.result[1]]);
    if s.is_empty() {
        return Err(trap("a convolution without a window, an image or a result"));
    }
    if rows == 0 {
        return Ok(());
    }
    work(&[&[rows], &taps_sizes[..], &result_sizes].concat())?;
    let taps = s.taps();
    if s.window() > GATHERED {
        return Err(trap("a window of a convolution is larger than may be"));
    }
    let image_sizes = wide(&[s.channels_in, s.image[0], s.image[1]]);
    let x = field.place(x, count(&[&[rows], &image_sizes[..]].concat())?)?;
    let w = field.place(w, count(&[s.channels_out as u64, taps as u64])?)?;
    let bias = field.place(bias, s.channels_out as u64)?;
    let y = field.result(y, count(&[&[rows], &result_sizes[..]].concat())?, &[&x, &w, &bias])?;
    let y = field.write(&y);
    let (x, w, bias) = (field.read(&x), field.read(&w), field.read(&bias));
    let gathered = &mut field.budget.gathered;
    let all = Operands { x, w, bias, y, low, high };
    let rows = rows as usize;
    let abreast = abreast::images(&s, rows);
    let left = rows - abreast;
    // SAFETY: every place was checked, and `y` overlaps none of the others.
    unsafe {
        if abreast > 0 {
            abreast::run(&s, abreast, all, gathered);
        }
        let others = all.behind(&s, abreast);
        if padded::fits(&s) {
            padded::run(&s, left, others, gathered);
        } else if left > 1 && s.fits_side_by_side() {
            small_images(&s, left, others, gathered);
        } else {
            large_images(&s, left, others, gathered);
        }
    }
    Ok(())
}

/// Addresses that were checked, and the bounds of the results.
#[derive(Clone, Copy)]
struct Operands {
    x: *const f32,
    w: *const f32,
    bias: *const f32,
    y: *mut f32,
    low: f32,
    high: f32,
}

impl Operands {
    /// Those of the images behind the first few.
    ///
    /// # Safety
    /// There are as many.
    unsafe fn behind(self, s: &Sizes, images: usize) -> Self {
        let (image, result) =
            (s.channels_in * s.image[0] * s.image[1], s.channels_out * s.pixels());
        unsafe { Self { x: self.x.add(images * image), y: self.y.add(images * result), ..self } }
    }
}

/// One image after another, as many pixels at a time as fit the cache.
///
/// # Safety
/// The addresses are valid for as many numbers as the sizes say, and `y` overlaps no operand.
unsafe fn large_images(s: &Sizes, rows: usize, to: Operands, gathered: &mut Vec<f32>) {
    let (image, pixels, taps) = (s.image[0] * s.image[1], s.pixels(), s.taps());
    let (group_in, group_out) = (s.channels_in / s.groups, s.channels_out / s.groups);
    let channels = s.channels_at_once();
    let at_once = (GATHERED / (channels * s.window()) / PANEL).max(1) * PANEL;
    for (row, group) in (0..rows).flat_map(|row| (0..s.groups).map(move |group| (row, group))) {
        unsafe {
            let x = to.x.add((row * s.channels_in + group * group_in) * image);
            let x = std::slice::from_raw_parts(x, group_in * image);
            let w = to.w.add(group * group_out * taps);
            let y = to.y.add((row * s.channels_out + group * group_out) * pixels);
            let bias = to.bias.add(group * group_out);
            for first in (0..pixels).step_by(at_once) {
                let width = at_once.min(pixels - first);
                for channel in (0..group_in).step_by(channels) {
                    let some = channel..(channel + channels).min(group_in);
                    let (from, lines) = (some.start * s.window(), some.len() * s.window());
                    gathered.resize(lines * width.next_multiple_of(PANEL), 0.0);
                    gather(s, x, some.clone(), gathered, 0, first..first + width);
                    let is_last = some.end == group_in;
                    let product = Product {
                        m: group_out,
                        n: width,
                        k: lines,
                        a: w.add(from),
                        a_stride: taps,
                        b: gathered.as_ptr(),
                        y: y.add(first),
                        y_stride: pixels,
                        start: if from == 0 { Start::Rows(bias) } else { Start::Sums },
                        low: if is_last { to.low } else { f32::NEG_INFINITY },
                        high: if is_last { to.high } else { f32::INFINITY },
                    };
                    product.run();
                }
            }
        }
    }
}

/// Several images side by side, because the product of one would be too narrow to be fast.
///
/// # Safety
/// The addresses are valid for as many numbers as the sizes say, and `y` overlaps no operand.
unsafe fn small_images(s: &Sizes, rows: usize, to: Operands, gathered: &mut Vec<f32>) {
    let (image, pixels, taps) = (s.image[0] * s.image[1], s.pixels(), s.taps());
    let (group_in, group_out) = (s.channels_in / s.groups, s.channels_out / s.groups);
    let at_once = s.side_by_side();
    for first in (0..rows).step_by(at_once) {
        let images = at_once.min(rows - first);
        let width = images * pixels;
        let padded = width.next_multiple_of(PANEL);
        gathered.resize(taps * padded + group_out * width, 0.0);
        for group in 0..s.groups {
            let (columns, sums) = gathered.split_at_mut(taps * padded);
            unsafe {
                for index in 0..images {
                    let from = ((first + index) * s.channels_in + group * group_in) * image;
                    let x = std::slice::from_raw_parts(to.x.add(from), group_in * image);
                    gather(s, x, 0..group_in, columns, index * pixels, 0..pixels);
                }
                let product = Product {
                    m: group_out,
                    n: width,
                    k: taps,
                    a: to.w.add(group * group_out * taps),
                    a_stride: taps,
                    b: columns.as_ptr(),
                    y: sums.as_mut_ptr(),
                    y_stride: width,
                    start: Start::Rows(to.bias.add(group * group_out)),
                    low: to.low,
                    high: to.high,
                };
                product.run();
                for index in 0..images {
                    let block = (first + index) * s.channels_out + group * group_out;
                    for (channel, line) in sums.chunks_exact(width).enumerate() {
                        let from = line[index * pixels..].as_ptr();
                        let y = to.y.add((block + channel) * pixels);
                        std::ptr::copy_nonoverlapping(from, y, pixels);
                    }
                }
            }
        }
    }
}

/// Pixels that lie in one line of the image and of a panel: where they go, and where they come from.
struct Piece {
    to: usize,
    count: usize,
    /// The first one's place in its channel; zeros, if there is none.
    from: Option<usize>,
}

/// What the `wanted` pixels of some channels need, into panels whose column `offset` is the first.
fn gather(
    s: &Sizes,
    x: &[f32],
    channels: Range<usize>,
    panels: &mut [f32],
    offset: usize,
    wanted: Range<usize>,
) {
    let (image, window) = (s.image[0] * s.image[1], s.window());
    let lines = channels.len() * window;
    let mut pieces = Vec::new();
    let mut first = wanted.start;
    while first < wanted.end {
        let column = offset + first - wanted.start;
        let inside = column % PANEL;
        let count = (PANEL - inside).min(wanted.end - first);
        let panel = &mut panels[column / PANEL * lines * PANEL..][..lines * PANEL];
        for place in 0..window {
            pieces.clear();
            split(s, place, first..first + count, &mut pieces);
            for (index, channel) in channels.clone().enumerate() {
                let plane = &x[channel * image..][..image];
                let line = &mut panel[(index * window + place) * PANEL + inside..];
                for piece in &pieces {
                    fill(&mut line[piece.to..][..piece.count], piece.from, plane, s.strides[1]);
                }
            }
        }
        first += count;
    }
}

fn fill(line: &mut [f32], from: Option<usize>, plane: &[f32], stride: usize) {
    match from {
        None => line.fill(0.0),
        Some(from) if stride == 1 => {
            // Whole panels are the common case, and of a size that needs no call.
            if let (Ok(line), Some(pixels)) =
                (<&mut [f32; PANEL]>::try_from(&mut *line), plane[from..].first_chunk::<PANEL>())
            {
                *line = *pixels;
            } else {
                let count = line.len();
                line.copy_from_slice(&plane[from..][..count]);
            }
        }
        Some(from) => {
            for (value, pixel) in line.iter_mut().zip(plane[from..].iter().step_by(stride)) {
                *value = *pixel;
            }
        }
    }
}

/// Which pixels of a channel the given place of the windows of `wanted` covers.
fn split(s: &Sizes, place: usize, wanted: Range<usize>, pieces: &mut Vec<Piece>) {
    let [height, columns] = s.image;
    let out_columns = s.result[1];
    let down = place / s.kernel[1] * s.dilations[0];
    let across = place % s.kernel[1] * s.dilations[1];
    let mut done = 0;
    while done < wanted.len() {
        let (row, column) =
            ((wanted.start + done) / out_columns, (wanted.start + done) % out_columns);
        let count = (out_columns - column).min(wanted.len() - done);
        let y = (row * s.strides[0] + down).wrapping_sub(s.pads[0]);
        if y >= height {
            pieces.push(Piece { to: done, count, from: None });
        } else {
            // Of the line's windows those that lie inside the image are one piece.
            let (stride, pad) = (s.strides[1], s.pads[1]);
            let before = column * stride + across;
            let left = pad.saturating_sub(before).div_ceil(stride).min(count);
            let start = (before + left * stride).saturating_sub(pad);
            let inside = columns.saturating_sub(start).div_ceil(stride).min(count - left);
            let parts = [
                (done, left, None),
                (done + left, inside, Some(y * columns + start)),
                (done + left + inside, count - left - inside, None),
            ];
            let parts = parts.into_iter().filter(|(_, count, _)| *count > 0);
            pieces.extend(parts.map(|(to, count, from)| Piece { to, count, from }));
        }
        done += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sizes {
        /// Windows of 3×3 about every pixel of a square image.
        pub(super) fn square(channels_in: usize, channels_out: usize, side: usize) -> Self {
            Self {
                channels_in,
                image: [side; 2],
                channels_out,
                result: [side; 2],
                kernel: [3, 3],
                strides: [1, 1],
                dilations: [1, 1],
                pads: [1, 1],
                groups: 1,
            }
        }
    }

    type Run = unsafe fn(&Sizes, usize, Operands, &mut Vec<f32>);

    fn convolved(s: &Sizes, rows: usize, run: Run) -> Vec<f32> {
        let number = |at: usize| ((at * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5;
        let of = |count: usize| (0..count).map(number).collect::<Vec<f32>>();
        let x = of(rows * s.channels_in * s.image[0] * s.image[1]);
        let (w, bias) = (of(s.channels_out * s.taps()), of(s.channels_out));
        let mut y = vec![f32::NAN; rows * s.channels_out * s.pixels()];
        let (x, w, bias, to) = (x.as_ptr(), w.as_ptr(), bias.as_ptr(), y.as_mut_ptr());
        let to = Operands { x, w, bias, y: to, low: 0.0, high: 1.0 };
        // What an earlier call gathered is of no meaning.
        let mut gathered = vec![7.0; 50_000];
        // SAFETY: every operand has as many numbers as the sizes say.
        unsafe { run(s, rows, to, &mut gathered) };
        y
    }

    #[test]
    fn images_abreast_side_by_side_or_padded_give_the_sums_of_one_after_another() {
        let plain = Sizes::square(4, 6, 8);
        let groups = Sizes { groups: 2, ..plain };
        let down = Sizes { strides: [2, 1], result: [4, 8], ..plain };
        let across = Sizes { strides: [2, 3], result: [4, 3], ..plain };
        let holes = Sizes { dilations: [2, 1], pads: [2, 3], result: [8, 12], ..plain };
        let narrow = Sizes { result: [8, 4], ..plain };
        let point = Sizes { kernel: [1, 1], pads: [0, 0], ..plain };
        let outside = Sizes { kernel: [1, 1], pads: [9, 9], result: [4, 4], ..plain };
        for s in [plain, groups, down, across, holes, narrow, point, outside] {
            for rows in [1, 12, 32, 45, 70] {
                let expected = convolved(&s, rows, large_images);

                assert!(expected.iter().any(|y| *y > 0.0) || s.pads == [9, 9]);
                assert_eq!(convolved(&s, rows, small_images), expected, "{rows} of {s:?}");
                assert_eq!(convolved(&s, rows, abreast::run), expected, "{rows} of {s:?}");
                if padded::fits(&s) {
                    assert_eq!(convolved(&s, rows, padded::run), expected, "{rows} of {s:?}");
                }
            }
        }
        assert!(padded::fits(&plain) && padded::fits(&outside) && !padded::fits(&across));
    }

    #[test]
    fn a_convolution_gathers_the_borders_as_zeros() {
        let sizes = Sizes {
            channels_in: 1,
            image: [2, 3],
            channels_out: 1,
            result: [2, 3],
            kernel: [3, 3],
            strides: [1, 1],
            dilations: [1, 1],
            pads: [1, 1],
            groups: 1,
        };
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut all = vec![9.0; 9 * PANEL];

        gather(&sizes, &x, 0..1, &mut all, 0, 0..6);

        let tap = |panel: &[f32], tap: usize, from: usize, count: usize| {
            panel[tap * PANEL + from..][..count].to_vec()
        };
        // The first tap lies above and to the left.
        assert_eq!(tap(&all, 0, 0, 6), [0.0, 0.0, 0.0, 0.0, 1.0, 2.0]);
        assert_eq!(tap(&all, 4, 0, 6), x);
        assert_eq!(tap(&all, 8, 0, 6), [5.0, 6.0, 0.0, 0.0, 0.0, 0.0]);

        // With steps of two the windows that lie outside are zeros still.
        let apart = Sizes { strides: [2, 2], result: [1, 2], ..sizes };
        let mut steps = vec![9.0; 9 * PANEL];
        gather(&apart, &x, 0..1, &mut steps, 0, 0..2);
        for place in 0..9 {
            let whole = tap(&all, place, 0, 6);
            assert_eq!(tap(&steps, place, 0, 2), [whole[0], whole[2]]);
        }
        let sizes = Sizes { strides: [1, 1], result: [2, 3], ..apart };

        // A part gives the same columns, and lies across two panels if it must.
        let mut part = vec![9.0; 2 * 9 * PANEL];
        gather(&sizes, &x, 0..1, &mut part, PANEL - 1, 3..5);
        for place in 0..9 {
            let columns = [part[place * PANEL + PANEL - 1], part[(9 + place) * PANEL]];
            assert_eq!(columns, tap(&all, place, 3, 2)[..]);
        }
    }
}
