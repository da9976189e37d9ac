//! The functions that a module may import from `linalg`: dense products and convolutions, run
//! natively with the widest vectors that the machine has.
//!
//! Everything that they touch lies in the guest's memory; operands are addresses, as the module's own
//! kernels take them. Any module may import them, whoever made it: they can do nothing that a slow
//! kernel inside the sandbox could not do as well.
//!
//! # Invariants
//! - Every operand is checked against the memory, and results overlap no operand, before the first
//!   number is read; whatever does not fit is a trap.
//! - A call is bounded: more than [`CALL_PRODUCTS`] multiplications at once are a trap, so a deadline
//!   is noticed soon after it passed.
//! - What a call needs besides is bounded too: [`GATHERED`] numbers for each instance.
//!
//! # Deliberately absent
//! - Threads: a slot is one core.
#![expect(unsafe_code, reason = "the native kernels take addresses, which are checked here first")]

use std::ops::Range;

use gemm_common::Parallelism;
use wasmparser::ValType::{self, F32, I32};
use wasmtime::{Caller, Linker, Memory};

use crate::guest::Budget;

/// Name that the functions are imported from.
pub(crate) const MODULE: &str = "linalg";

/// Most multiplications of one call: some tenth of a second.
const CALL_PRODUCTS: u64 = 1 << 33;

/// Most gathered pixels' numbers that a convolution keeps: what fits a second-level cache.
const GATHERED: usize = 192 * 1024;

/// Images of fewer pixels are multiplied side by side.
const SMALL_IMAGE: usize = 512;

/// What each function takes; none of them gives anything.
const FUNCTIONS: &[(&str, &[ValType])] = &[
    ("dense", &[I32, I32, I32, I32, I32, I32, I32, F32, F32]),
    ("conv", &[I32, I32, I32, I32, I32, I32, F32, F32]),
    ("products", &[I32, I32, I32, I32, I32, I32, I32]),
];

/// The parameters of the function of that name, if there is one.
pub(crate) fn parameters(name: &str) -> Option<&'static [ValType]> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, parameters)| *parameters)
}

/// Offers the functions to modules.
pub(crate) fn link(linker: &mut Linker<Budget>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "dense", dense)?;
    linker.func_wrap(MODULE, "conv", conv)?;
    linker.func_wrap(MODULE, "products", products)?;
    Ok(())
}

/// The memory of the calling instance, as numbers that may be read and written.
struct Field<'a> {
    bytes: &'a mut [u8],
    budget: &'a mut Budget,
}

/// Where an operand's numbers lie, in bytes.
type Place = Range<usize>;

impl<'a> Field<'a> {
    fn of(caller: &'a mut Caller<'_, Budget>) -> wasmtime::Result<Self> {
        let memory: Memory =
            caller.data().memory.ok_or_else(|| trap("a product before the memory is known"))?;
        let (bytes, budget) = memory.data_and_store_mut(caller);
        Ok(Self { bytes, budget })
    }

    /// `count` numbers at `address`.
    fn place(&self, address: i32, count: u64) -> wasmtime::Result<Place> {
        let start = address.cast_unsigned() as usize;
        let end = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(4))
            .and_then(|bytes| start.checked_add(bytes))
            .filter(|end| *end <= self.bytes.len() && start.is_multiple_of(4))
            .ok_or_else(|| trap("an operand of a product lies outside the memory"))?;
        Ok(start..end)
    }

    /// A result, which overlaps none of the operands.
    fn result(&self, address: i32, count: u64, operands: &[&Place]) -> wasmtime::Result<Place> {
        let place = self.place(address, count)?;
        let overlaps = |other: &&&Place| other.start < place.end && place.start < other.end;
        if operands.iter().any(|operand| overlaps(&operand)) {
            return Err(trap("the result of a product overlaps an operand"));
        }
        Ok(place)
    }

    fn read(&self, place: &Place) -> *const f32 {
        self.bytes[place.clone()].as_ptr().cast()
    }

    fn write(&mut self, place: &Place) -> *mut f32 {
        self.bytes[place.clone()].as_mut_ptr().cast()
    }
}

fn trap(what: &'static str) -> wasmtime::Error {
    wasmtime::Error::msg(what)
}

fn size(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

/// The product of sizes, if a call may do so much.
fn work(sizes: &[u64]) -> wasmtime::Result<()> {
    let products = sizes.iter().try_fold(1_u64, |all, size| all.checked_mul(*size));
    match products {
        Some(products) if products <= CALL_PRODUCTS => Ok(()),
        _ => Err(trap("a product is larger than one call may be")),
    }
}

fn count(sizes: &[u64]) -> wasmtime::Result<u64> {
    sizes
        .iter()
        .try_fold(1_u64, |all, size| all.checked_mul(*size))
        .ok_or_else(|| trap("an operand of a product lies outside the memory"))
}

/// `y[m, n] += a[m, k] · b[k, n]`; rows of `y` and `b` are `y_stride` and `b_stride` apart.
///
/// # Safety
/// The addresses are valid for as many numbers as the sizes say, and `y` overlaps neither operand.
unsafe fn multiply(
    [m, n, k]: [usize; 3],
    y: *mut f32,
    y_stride: usize,
    a: *const f32,
    b: *const f32,
    b_stride: usize,
) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    let multiply = gemm_f32::gemm::f32::get_gemm_fn();
    let [y_stride, a_stride, b_stride] = [y_stride, k, b_stride].map(usize::cast_signed);
    unsafe {
        multiply(
            m,
            n,
            k,
            y,
            1,
            y_stride,
            true,
            a,
            1,
            a_stride,
            b,
            1,
            b_stride,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Keeps `n` numbers between `low` and `high`.
///
/// # Safety
/// `y` is valid for `n` numbers.
unsafe fn clamp(y: *mut f32, n: usize, low: f32, high: f32) {
    if low == f32::NEG_INFINITY && high == f32::INFINITY {
        return;
    }
    for i in 0..n {
        unsafe {
            let value = y.add(i).read();
            // As the kernels in the sandbox: NaN stays NaN.
            let value = if value < low { low } else { value };
            y.add(i).write(if value > high { high } else { value });
        }
    }
}

/// `y[rows, n] = clamp(x[rows, k] · w[k, n] + bias[n], low, high)`.
#[expect(clippy::too_many_arguments, reason = "an imported function takes every size it needs")]
fn dense(
    mut caller: Caller<'_, Budget>,
    x: i32,
    w: i32,
    bias: i32,
    y: i32,
    rows: i32,
    k: i32,
    n: i32,
    low: f32,
    high: f32,
) -> wasmtime::Result<()> {
    let mut field = Field::of(&mut caller)?;
    let [rows, k, n] = [rows, k, n].map(size);
    work(&[rows, k, n])?;
    let x = field.place(x, count(&[rows, k])?)?;
    let w = field.place(w, count(&[k, n])?)?;
    let bias = field.place(bias, n)?;
    let y = field.result(y, count(&[rows, n])?, &[&x, &w, &bias])?;
    let [rows, k, n] = [rows, k, n].map(|size| size as usize);
    let y = field.write(&y);
    let (x, w, bias) = (field.read(&x), field.read(&w), field.read(&bias));
    // SAFETY: every place was checked, and `y` overlaps none of the others.
    unsafe {
        for row in 0..rows {
            std::ptr::copy_nonoverlapping(bias, y.add(row * n), n);
        }
        multiply([rows, n, k], y, n, x, w, n);
        clamp(y, rows * n, low, high);
    }
    Ok(())
}

/// `y[count, m, n] = a[count, m, k] · b[count, k, n]`.
#[expect(clippy::too_many_arguments, reason = "an imported function takes every size it needs")]
fn products(
    mut caller: Caller<'_, Budget>,
    a: i32,
    b: i32,
    y: i32,
    blocks: i32,
    m: i32,
    k: i32,
    n: i32,
) -> wasmtime::Result<()> {
    let mut field = Field::of(&mut caller)?;
    let [blocks, m, k, n] = [blocks, m, k, n].map(size);
    work(&[blocks, m, k, n])?;
    let a = field.place(a, count(&[blocks, m, k])?)?;
    let b = field.place(b, count(&[blocks, k, n])?)?;
    let y = field.result(y, count(&[blocks, m, n])?, &[&a, &b])?;
    let [blocks, m, k, n] = [blocks, m, k, n].map(|size| size as usize);
    let y = field.write(&y);
    let (a, b) = (field.read(&a), field.read(&b));
    // SAFETY: every place was checked, and `y` overlaps none of the others.
    unsafe {
        y.write_bytes(0, blocks * m * n);
        for block in 0..blocks {
            let (a, b) = (a.add(block * m * k), b.add(block * k * n));
            multiply([m, n, k], y.add(block * m * n), n, a, b, n);
        }
    }
    Ok(())
}

/// The sizes of a convolution, in the order of the kernels' table.
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

    fn taps(&self) -> usize {
        self.channels_in / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// Whether the image is the matrix already.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1]
            && self.strides == [1, 1]
            && self.pads == [0, 0]
            && self.result == self.image
    }
}

/// `y[rows, channels_out, result]` from `x[rows, channels_in, image]`, `w[channels_out, taps]` and
/// `bias[channels_out]`; `shape` is the table of sizes.
#[expect(clippy::too_many_arguments, reason = "an imported function takes every size it needs")]
fn conv(
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
    work(&[&[rows], &taps_sizes[..], &result_sizes].concat())?;
    let taps = s.taps();
    if taps > GATHERED {
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
    if taps == 0 || s.result.contains(&0) || s.strides.contains(&0) {
        return Err(trap("a convolution without a window or a result"));
    }
    let pixels = s.result[0] * s.result[1];
    let fits = (taps + s.channels_out / s.groups).saturating_mul(pixels) <= GATHERED;
    // SAFETY: every place was checked, and `y` overlaps none of the others.
    unsafe {
        if pixels < SMALL_IMAGE && rows > 1 && fits {
            small_images(&s, rows as usize, x, w, bias, y, gathered);
        } else {
            large_images(&s, rows as usize, x, w, bias, y, gathered);
        }
        clamp(y, rows as usize * s.channels_out * pixels, low, high);
    }
    Ok(())
}

/// One image after another, as many pixels at a time as fit the cache.
///
/// # Safety
/// The addresses are valid for as many numbers as the sizes say, and `y` overlaps no operand.
unsafe fn large_images(
    s: &Sizes,
    rows: usize,
    x: *const f32,
    w: *const f32,
    bias: *const f32,
    y: *mut f32,
    gathered: &mut Vec<f32>,
) {
    let (image, pixels, taps) = (s.image[0] * s.image[1], s.result[0] * s.result[1], s.taps());
    let (group_in, group_out) = (s.channels_in / s.groups, s.channels_out / s.groups);
    // Whole vectors, where there is room for more than one.
    let at_once = (GATHERED / taps).max(1);
    let at_once = if at_once > 32 { at_once / 32 * 32 } else { at_once };
    unsafe {
        for row in 0..rows {
            let y = y.add(row * s.channels_out * pixels);
            for channel in 0..s.channels_out {
                let start = bias.add(channel).read();
                std::slice::from_raw_parts_mut(y.add(channel * pixels), pixels).fill(start);
            }
            for group in 0..s.groups {
                let x = x.add((row * s.channels_in + group * group_in) * image);
                let w = w.add(group * group_out * taps);
                let y = y.add(group * group_out * pixels);
                if s.is_pointwise() {
                    multiply([group_out, pixels, taps], y, pixels, w, x, pixels);
                    continue;
                }
                let x = std::slice::from_raw_parts(x, group_in * image);
                for first in (0..pixels).step_by(at_once) {
                    let width = at_once.min(pixels - first);
                    gathered.resize(taps * width, 0.0);
                    gather(s, x, gathered, [width, 0], first..first + width);
                    let to = y.add(first);
                    multiply([group_out, width, taps], to, pixels, w, gathered.as_ptr(), width);
                }
            }
        }
    }
}

/// Several images side by side, because the product of one would be too narrow to be fast.
///
/// # Safety
/// The addresses are valid for as many numbers as the sizes say, and `y` overlaps no operand.
unsafe fn small_images(
    s: &Sizes,
    rows: usize,
    x: *const f32,
    w: *const f32,
    bias: *const f32,
    y: *mut f32,
    gathered: &mut Vec<f32>,
) {
    let (image, pixels, taps) = (s.image[0] * s.image[1], s.result[0] * s.result[1], s.taps());
    let (group_in, group_out) = (s.channels_in / s.groups, s.channels_out / s.groups);
    let at_once = (GATHERED / (taps + group_out) / pixels).max(1);
    unsafe {
        for first in (0..rows).step_by(at_once) {
            let images = at_once.min(rows - first);
            let width = images * pixels;
            gathered.resize((taps + group_out) * width, 0.0);
            for group in 0..s.groups {
                let (columns, sums) = gathered.split_at_mut(taps * width);
                for index in 0..images {
                    let from = ((first + index) * s.channels_in + group * group_in) * image;
                    let x = std::slice::from_raw_parts(x.add(from), group_in * image);
                    gather(s, x, columns, [width, index * pixels], 0..pixels);
                }
                for (channel, line) in sums.chunks_exact_mut(width).enumerate() {
                    line.fill(bias.add(group * group_out + channel).read());
                }
                let w = w.add(group * group_out * taps);
                let to = sums.as_mut_ptr();
                multiply([group_out, width, taps], to, width, w, columns.as_ptr(), width);
                for index in 0..images {
                    let block = (first + index) * s.channels_out + group * group_out;
                    for (channel, line) in sums.chunks_exact(width).enumerate() {
                        let from = line[index * pixels..].as_ptr();
                        let to = y.add((block + channel) * pixels);
                        std::ptr::copy_nonoverlapping(from, to, pixels);
                    }
                }
            }
        }
    }
}

/// What some pixels need: for each tap a part of a line of `length` numbers, from `offset` on.
fn gather(
    s: &Sizes,
    x: &[f32],
    to: &mut [f32],
    [length, offset]: [usize; 2],
    wanted: Range<usize>,
) {
    let (first, width) = (wanted.start, wanted.len());
    let [height, columns] = s.image;
    let out_columns = s.result[1];
    let [kernel_height, kernel_width] = s.kernel;
    for (tap, line) in to.chunks_exact_mut(length).enumerate() {
        let line = &mut line[offset..offset + width];
        if s.is_pointwise() {
            line.copy_from_slice(&x[tap * height * columns + first..][..width]);
            continue;
        }
        let (channel, place) =
            (tap / (kernel_height * kernel_width), tap % (kernel_height * kernel_width));
        let down = place / kernel_width * s.dilations[0];
        let across = place % kernel_width * s.dilations[1];
        let plane = &x[channel * height * columns..][..height * columns];
        let mut done = 0;
        while done < width {
            let (row, column) = ((first + done) / out_columns, (first + done) % out_columns);
            let count = (out_columns - column).min(width - done);
            let part = &mut line[done..done + count];
            done += count;
            let y = (row * s.strides[0] + down).wrapping_sub(s.pads[0]);
            if y >= height {
                part.fill(0.0);
                continue;
            }
            let image = &plane[y * columns..][..columns];
            // Of the part's windows those that lie inside the image are one piece.
            let (stride, pad) = (s.strides[1], s.pads[1]);
            let before = column * stride + across;
            let left = pad.saturating_sub(before).div_ceil(stride).min(count);
            let start = (before + left * stride).saturating_sub(pad);
            let inside = columns.saturating_sub(start).div_ceil(stride).min(count - left);
            part[..left].fill(0.0);
            part[left + inside..].fill(0.0);
            let image = image.get(start..).unwrap_or(&[]);
            let inner = &mut part[left..left + inside];
            if stride == 1 {
                inner.copy_from_slice(&image[..inside]);
            } else {
                for (value, pixel) in inner.iter_mut().zip(image.iter().step_by(stride)) {
                    *value = *pixel;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut all = vec![9.0; 9 * 6];

        gather(&sizes, &x, &mut all, [6, 0], 0..6);

        // The first tap lies above and to the left.
        assert_eq!(all[..6], [0.0, 0.0, 0.0, 0.0, 1.0, 2.0]);
        assert_eq!(all[4 * 6..5 * 6], x);
        assert_eq!(all[8 * 6..], [5.0, 6.0, 0.0, 0.0, 0.0, 0.0]);

        // With steps of two the windows that lie outside are zeros still.
        let apart = Sizes { strides: [2, 2], result: [1, 2], ..sizes };
        let mut steps = vec![9.0; 9 * 2];
        gather(&apart, &x, &mut steps, [2, 0], 0..2);
        for tap in 0..9 {
            assert_eq!(steps[tap * 2..][..2], [all[tap * 6], all[tap * 6 + 2]]);
        }
        let sizes = Sizes { strides: [1, 1], result: [2, 3], ..apart };

        // A part gives the same columns.
        let mut part = vec![9.0; 9 * 2];
        gather(&sizes, &x, &mut part, [2, 0], 3..5);
        for tap in 0..9 {
            assert_eq!(part[tap * 2..][..2], all[tap * 6 + 3..][..2]);
        }
    }
}
