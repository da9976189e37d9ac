//! Pooling of channel-first images: maximum, average, and averages of whole images.
//!
//! Windows are cut at the border of the image, so there is no padded copy. Each output row is
//! first reduced over the window's rows, four columns at a time, into a line of scratch, and then
//! over the window's columns: four windows at a time where they lie inside the image.
//!
//! # Invariants
//! - A window that lies wholly in the padding gives -∞ (maximum) or 0 (average).
//! - NaN in a window gives NaN.
//!
//! # Deliberately absent
//! - Indices of maxima: no covered operator hands them out.

use core::ops::Range;

use crate::{
    lanes::{Lanes, kernel, load_first},
    tile::store_first,
};

/// The sizes of a pooling, as 32-bit numbers in the module's data.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PoolShape {
    /// Input rows.
    pub height: u32,
    /// Input columns.
    pub width: u32,
    /// Output rows.
    pub out_height: u32,
    /// Output columns.
    pub out_width: u32,
    /// Window rows.
    pub kernel_height: u32,
    /// Window columns.
    pub kernel_width: u32,
    /// Rows from one window to the next.
    pub stride_y: u32,
    /// Columns from one window to the next.
    pub stride_x: u32,
    /// Rows from one number of a window to the next.
    pub dilation_y: u32,
    /// Columns from one number of a window to the next.
    pub dilation_x: u32,
    /// Padding above.
    pub pad_top: u32,
    /// Padding to the left.
    pub pad_left: u32,
    /// Padding below, for averages that count it.
    pub pad_bottom: u32,
    /// Padding to the right, for averages that count it.
    pub pad_right: u32,
    /// 1 if an average divides by the padding in the window too.
    pub count_padding: u32,
}

kernel! {
    /// `y[planes, out_height, out_width]`: the largest number of each window of
    /// `x[planes, height, width]`; `scratch` holds `width` numbers.
    max_pool_f32, max_pool_f32_relaxed,
    max_pool(x: *const f32, y: *mut f32, scratch: *mut f32, shape: *const PoolShape, planes: usize)
}

kernel! {
    /// `y[planes, out_height, out_width]`: the mean of each window of `x[planes, height, width]`;
    /// `scratch` holds `width` numbers.
    average_pool_f32, average_pool_f32_relaxed,
    average_pool(x: *const f32, y: *mut f32, scratch: *mut f32, shape: *const PoolShape,
                 planes: usize)
}

/// Rows or columns that a window covers: the first inside the image, how many are, and how many
/// are inside the image or its padding.
#[derive(Clone, Copy)]
struct Span {
    first: usize,
    inside: usize,
    counted: usize,
}

/// Where window `index` of one axis lies.
#[inline(always)]
fn span(
    index: usize,
    [stride, kernel, dilation]: [u32; 3],
    [pad_before, length, pad_after]: [u32; 3],
) -> Span {
    let (stride, kernel, dilation) = (stride as usize, kernel as usize, dilation as usize);
    let (before, length, after) = (pad_before as usize, length as usize, pad_after as usize);
    // Positions count from the start of the padding.
    let start = index * stride;
    let skipped = before.saturating_sub(start).div_ceil(dilation).min(kernel);
    let first = start + skipped * dilation;
    let up_to = |end: usize| end.saturating_sub(first).div_ceil(dilation).min(kernel - skipped);
    let counted = (before + length + after).saturating_sub(start).div_ceil(dilation).min(kernel);
    Span { first: first.saturating_sub(before), inside: up_to(before + length), counted }
}

#[inline(always)]
unsafe fn max_pool<L: Lanes>(
    x: *const f32,
    y: *mut f32,
    scratch: *mut f32,
    shape: *const PoolShape,
    planes: usize,
) {
    unsafe { pool::<L, true>(x, y, scratch, &*shape, planes) }
}

#[inline(always)]
unsafe fn average_pool<L: Lanes>(
    x: *const f32,
    y: *mut f32,
    scratch: *mut f32,
    shape: *const PoolShape,
    planes: usize,
) {
    unsafe { pool::<L, false>(x, y, scratch, &*shape, planes) }
}

#[inline(always)]
unsafe fn pool<L: Lanes, const MAX: bool>(
    x: *const f32,
    y: *mut f32,
    scratch: *mut f32,
    shape: &PoolShape,
    planes: usize,
) {
    let (height, width) = (shape.height as usize, shape.width as usize);
    let (out_height, out_width) = (shape.out_height as usize, shape.out_width as usize);
    if shape.is_halving() {
        for plane in 0..planes {
            unsafe {
                let (from, to) =
                    (x.add(plane * height * width), y.add(plane * out_height * out_width));
                halve::<L, MAX>(from, to, width, [out_height, out_width]);
            }
        }
        return;
    }
    let down = [shape.stride_y, shape.kernel_height, shape.dilation_y];
    let across = [shape.stride_x, shape.kernel_width, shape.dilation_x];
    let nothing = if MAX { f32::NEG_INFINITY } else { 0.0 };
    let whole = whole(across, [shape.pad_left, shape.width], out_width);
    for plane in 0..planes {
        for line in 0..out_height {
            let rows = span(line, down, [shape.pad_top, shape.height, shape.pad_bottom]);
            unsafe {
                let to = y.add((plane * out_height + line) * out_width);
                if rows.inside == 0 {
                    for column in 0..out_width {
                        to.add(column).write(nothing);
                    }
                    continue;
                }
                let from = x.add(plane * height * width + rows.first * width);
                let skip = shape.dilation_y as usize * width;
                fold_rows::<L, MAX>(from, scratch, width, rows.inside, skip);
                let counted = if shape.count_padding != 0 { rows.counted } else { rows.inside };
                for column in (0..whole.start).chain(whole.end..out_width) {
                    let columns =
                        span(column, across, [shape.pad_left, shape.width, shape.pad_right]);
                    let mut value = nothing;
                    let mut at = columns.first;
                    for _ in 0..columns.inside {
                        let next = scratch.add(at).read();
                        value = if MAX { larger(value, next) } else { value + next };
                        at += shape.dilation_x as usize;
                    }
                    if !MAX {
                        let beside =
                            if shape.count_padding != 0 { columns.counted } else { columns.inside };
                        value /= (counted * beside).max(1) as f32;
                    }
                    to.add(column).write(value);
                }
                let mut column = whole.start;
                while column < whole.end {
                    let lanes = whole.end - column;
                    let from =
                        scratch.add(column * shape.stride_x as usize - shape.pad_left as usize);
                    let mut value = fold_columns::<L, MAX>(from, lanes, across);
                    if !MAX {
                        value = value.div(L::splat((counted * across[1] as usize) as f32));
                    }
                    store_first(value, to.add(column), lanes);
                    column += 4;
                }
            }
        }
    }
}

impl PoolShape {
    /// Whether the windows are the squares of two by two of an image, all of them inside.
    #[inline(always)]
    fn is_halving(&self) -> bool {
        let twos = [self.kernel_height, self.kernel_width, self.stride_y, self.stride_x];
        twos == [2; 4]
            && [self.dilation_y, self.dilation_x] == [1; 2]
            && [self.pad_top, self.pad_left] == [0; 2]
            && 2 * self.out_height <= self.height
            && 2 * self.out_width <= self.width
    }
}

/// The maximum or the mean of each square of two by two.
#[inline(always)]
unsafe fn halve<L: Lanes, const MAX: bool>(
    x: *const f32,
    y: *mut f32,
    width: usize,
    [out_height, out_width]: [usize; 2],
) {
    let fold = |a: L, b: L| if MAX { a.max(b) } else { a.add(b) };
    for line in 0..out_height {
        let mut column = 0;
        while column < out_width {
            let lanes = out_width - column;
            unsafe {
                let from = x.add(2 * (line * width + column));
                // The sum of two rows, and of two columns: the order of the other windows.
                let pair = |from: *const f32, lanes: usize| {
                    fold(load_first::<L>(from, lanes), load_first::<L>(from.add(width), lanes))
                };
                let left = pair(from, 2 * lanes);
                let right = if lanes > 2 { pair(from.add(4), 2 * lanes - 4) } else { left };
                let value = fold(left.evens(right), left.odds(right));
                let value = if MAX { value } else { value.div(L::splat(4.0)) };
                store_first(value, y.add(line * out_width + column), lanes);
            }
            column += 4;
        }
    }
}

/// The windows of an axis that lie wholly inside the image.
#[inline(always)]
fn whole(
    [stride, kernel, dilation]: [u32; 3],
    [pad_before, length]: [u32; 2],
    windows: usize,
) -> Range<usize> {
    let (stride, before) = (stride as usize, pad_before as usize);
    let reach = (kernel as usize).saturating_sub(1) * dilation as usize;
    let end = (before + length as usize).checked_sub(reach + 1).map_or(0, |last| last / stride + 1);
    let end = end.min(windows);
    before.div_ceil(stride).min(end)..end
}

/// The maximum or the sum of each of four windows side by side, or of the first `lanes`; the first
/// begins at `from`.
#[inline(always)]
unsafe fn fold_columns<L: Lanes, const MAX: bool>(
    from: *const f32,
    lanes: usize,
    [stride, kernel, dilation]: [u32; 3],
) -> L {
    let (stride, dilation) = (stride as usize, dilation as usize);
    let mut value = L::splat(if MAX { f32::NEG_INFINITY } else { 0.0 });
    for tap in 0..kernel as usize {
        unsafe {
            let at = from.add(tap * dilation);
            let next = if stride == 1 && lanes >= 4 {
                L::load(at)
            } else if stride == 2 && lanes > 4 {
                // The fifth window holds the eighth number.
                L::load(at).evens(L::load(at.add(4)))
            } else {
                let last = lanes.min(4) - 1;
                L::load(
                    [0, 1, 2, 3].map(|lane: usize| at.add(lane.min(last) * stride).read()).as_ptr(),
                )
            };
            value = if MAX { value.max(next) } else { value.add(next) };
        }
    }
    value
}

/// The larger number, or NaN.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() { b } else { a }
}

/// `to[column]` = the maximum or the sum of `rows` numbers, `skip` apart.
#[inline(always)]
unsafe fn fold_rows<L: Lanes, const MAX: bool>(
    from: *const f32,
    to: *mut f32,
    width: usize,
    rows: usize,
    skip: usize,
) {
    let mut column = 0;
    while column < width {
        let lanes = width - column;
        unsafe {
            let mut value = load_first::<L>(from.add(column), lanes);
            for row in 1..rows {
                let next = load_first::<L>(from.add(row * skip + column), lanes);
                value = if MAX { value.max(next) } else { value.add(next) };
            }
            store_first(value, to.add(column), lanes);
        }
        column += 4;
    }
}

kernel! {
    /// `y[planes]`: the mean of each `x[planes, len]`.
    mean_f32, mean_f32_relaxed, mean(x: *const f32, y: *mut f32, planes: usize, len: usize)
}

#[inline(always)]
unsafe fn mean<L: Lanes>(x: *const f32, y: *mut f32, planes: usize, len: usize) {
    for plane in 0..planes {
        unsafe {
            let from = x.add(plane * len);
            let (mut sums, mut i) = ([L::splat(0.0); 2], 0);
            while i + 8 <= len {
                sums[0] = sums[0].add(L::load(from.add(i)));
                sums[1] = sums[1].add(L::load(from.add(i + 4)));
                i += 8;
            }
            let [a, b, c, d] = sums[0].add(sums[1]).to_array();
            let mut total = (a + b) + (c + d);
            while i < len {
                total += from.add(i).read();
                i += 1;
            }
            y.add(plane).write(total / len as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    fn by_definition(s: &PoolShape, x: &[f32], max: bool) -> Vec<f32> {
        let mut y = Vec::new();
        for plane in x.chunks((s.height * s.width) as usize) {
            for (line, column) in
                (0..s.out_height).flat_map(|line| (0..s.out_width).map(move |c| (line, c)))
            {
                let (mut values, mut counted) = (Vec::new(), 0);
                for tap_y in 0..s.kernel_height {
                    for tap_x in 0..s.kernel_width {
                        let py = line * s.stride_y + tap_y * s.dilation_y;
                        let px = column * s.stride_x + tap_x * s.dilation_x;
                        if py < s.pad_top + s.height + s.pad_bottom
                            && px < s.pad_left + s.width + s.pad_right
                        {
                            counted += 1;
                        }
                        let (iy, ix) = (py.wrapping_sub(s.pad_top), px.wrapping_sub(s.pad_left));
                        if iy < s.height && ix < s.width {
                            values.push(plane[(iy * s.width + ix) as usize]);
                        }
                    }
                }
                let count = if s.count_padding == 1 { counted } else { values.len() };
                y.push(if max {
                    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
                } else {
                    values.iter().sum::<f32>() / count as f32
                });
            }
        }
        y
    }

    #[test]
    fn windows_of_every_kind_agree_with_their_definition() {
        let plain = PoolShape {
            height: 11,
            width: 9,
            out_height: 5,
            out_width: 4,
            kernel_height: 3,
            kernel_width: 3,
            stride_y: 2,
            stride_x: 2,
            dilation_y: 1,
            dilation_x: 1,
            pad_top: 0,
            pad_left: 0,
            pad_bottom: 0,
            pad_right: 0,
            count_padding: 0,
        };
        let padded = PoolShape {
            pad_top: 1,
            pad_left: 2,
            pad_bottom: 1,
            pad_right: 1,
            out_height: 6,
            out_width: 5,
            ..plain
        };
        let shapes = [
            plain,
            padded,
            PoolShape { count_padding: 1, ..padded },
            // `ceil_mode`: the last windows reach past the padding.
            PoolShape { out_height: 7, count_padding: 1, stride_x: 3, out_width: 4, ..padded },
            PoolShape { dilation_y: 2, dilation_x: 3, out_height: 4, out_width: 2, ..plain },
            PoolShape { stride_y: 1, stride_x: 1, out_height: 9, out_width: 7, ..plain },
            PoolShape { width: 31, out_width: 15, ..plain },
            PoolShape { width: 30, out_width: 14, dilation_x: 2, out_height: 5, ..plain },
            PoolShape { width: 30, out_width: 28, stride_x: 1, ..plain },
            PoolShape { width: 30, out_width: 10, kernel_width: 1, stride_x: 3, ..plain },
        ];
        let square = PoolShape { kernel_height: 2, kernel_width: 2, ..plain };
        let halves = (1..=19)
            .map(|width| PoolShape {
                height: 7,
                width,
                out_height: 3,
                out_width: width / 2,
                ..square
            })
            .filter(|shape| shape.out_width > 0);
        for shape in shapes.into_iter().chain(halves) {
            let planes = 3;
            let x = noise(planes * (shape.height * shape.width) as usize, 3);
            let n = planes * (shape.out_height * shape.out_width) as usize;
            let mut scratch = vec![f32::NAN; shape.width as usize];
            let (mut largest, mut mean) = (vec![0.0; n], vec![0.0; n]);

            unsafe {
                let (x, scratch, shape) = (x.as_ptr(), scratch.as_mut_ptr(), &raw const shape);
                max_pool_f32(x, largest.as_mut_ptr(), scratch, shape, planes);
                average_pool_f32(x, mean.as_mut_ptr(), scratch, shape, planes);
            }

            assert_eq!(largest, by_definition(&shape, &x, true), "{shape:?}");
            for (actual, expected) in mean.iter().zip(by_definition(&shape, &x, false)) {
                assert!((actual - expected).abs() < 1e-6, "{actual} is not {expected}: {shape:?}");
            }
        }
    }

    #[test]
    fn the_mean_of_a_plane_counts_every_number_once() {
        for len in [1, 3, 8, 13, 169] {
            let x = noise(2 * len, 4);
            let mut y = [0.0; 2];

            unsafe { mean_f32(x.as_ptr(), y.as_mut_ptr(), 2, len) };

            for (plane, y) in x.chunks(len).zip(y) {
                let expected = plane.iter().map(|v| f64::from(*v)).sum::<f64>() / len as f64;
                assert!((f64::from(y) - expected).abs() < 1e-6);
            }
        }
    }
}
