//! Images at other places than their pixels: resizing, sampling along a grid, regions of interest.
//!
//! Resizing is separable. For each axis [`resize_plan`] writes, for every place of the result, which
//! places of the source it is made of and with what weights; [`resize_f32`] and its kin go along one
//! axis after another. The plan is made at run time, so that sizes may be known only then.
//!
//! # Invariants
//! - No place outside the source is read, whatever a grid, a scale or a region says.

use crate::space::unravel;

/// How places of the result lie in the source, as 32-bit numbers of a table of the plan.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ResizeMode {
    /// 0: nearest, 1: linear, 2: cubic.
    pub kind: u32,
    /// 0 half pixel, 1 asymmetric, 2 align corners, 3 PyTorch's half pixel, 4 a region of the
    /// source, 5 symmetric half pixel.
    pub transformation: u32,
    /// 0: round half down, 1: round half up, 2: down, 3: up.
    pub nearest: u32,
    /// 1 if places outside the source have no weight.
    pub exclude_outside: u32,
    /// 1 if a smaller result looks at all that lies between its places.
    pub antialias: u32,
    /// Weights of a place.
    pub taps: u32,
    /// The cubic's coefficient.
    pub cubic: f32,
}

/// Fills `indices[to · taps]` and `weights[to · taps]` for one axis; an index of -1 lies outside.
///
/// `scale` and the region's `start` and `end` may be 0: the ratio of the lengths, and all of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn resize_plan(
    indices: *mut i32,
    weights: *mut f32,
    from: usize,
    to: usize,
    scale: *const f32,
    start: *const f32,
    end: *const f32,
    mode: *const ResizeMode,
) {
    unsafe {
        let mode = &*mode;
        let scale = match scale.is_null() {
            true => to as f64 / from as f64,
            false => f64::from(scale.read()),
        };
        let region =
            |p: *const f32, other: f64| if p.is_null() { other } else { f64::from(p.read()) };
        let region = [region(start, 0.0), region(end, 1.0)];
        let taps = mode.taps as usize;
        for place in 0..to {
            let indices = indices.add(place * taps);
            let weights = weights.add(place * taps);
            let at = source(mode, place as f64, scale, from as f64, to as f64, region);
            let outside = mode.transformation == 4 && !(at >= 0.0 && at <= from as f64 - 1.0);
            // One less than a whole number, so that the ratio is in (0, 1].
            let base = libm::ceil(at) - 1.0;
            let ratio = at - base;
            if mode.kind == 0 {
                let right = match mode.nearest {
                    _ if ratio == 1.0 => true,
                    0 => ratio > 0.5,
                    1 => ratio >= 0.5,
                    2 => false,
                    _ => true,
                };
                let index = if right { base + 1.0 } else { base };
                let index = index.clamp(0.0, from as f64 - 1.0) as i32;
                indices.write(if outside { -1 } else { index });
                weights.write(1.0);
                continue;
            }
            let first = 1 - (taps / 2) as i64;
            let mut total = 0.0;
            for tap in 0..taps {
                let index = base as i64 + first + tap as i64;
                let distance = (first + tap as i64) as f64 - ratio;
                let squeezed = if mode.antialias == 1 { scale.min(1.0) } else { 1.0 };
                let mut weight = weight(mode, libm::fabs(distance * squeezed));
                if mode.exclude_outside == 1 && (index < 0 || index >= from as i64) {
                    weight = 0.0;
                }
                total += weight;
                weights.add(tap).write(weight as f32);
                let index = index.clamp(0, from as i64 - 1) as i32;
                indices.add(tap).write(if outside { -1 } else { index });
            }
            if (mode.exclude_outside == 1 || mode.antialias == 1) && total != 0.0 {
                for tap in 0..taps {
                    let weight = f64::from(weights.add(tap).read()) / total;
                    weights.add(tap).write(weight as f32);
                }
            }
        }
    }
}

/// Where a place of the result lies in the source.
#[inline(always)]
fn source(mode: &ResizeMode, place: f64, scale: f64, from: f64, to: f64, region: [f64; 2]) -> f64 {
    let length = scale * from;
    match mode.transformation {
        1 => place / scale,
        2 if length == 1.0 => 0.0,
        2 => place * (from - 1.0) / (length - 1.0),
        3 if length == 1.0 => -0.5,
        4 => {
            let [start, end] = region;
            let inside = match length == 1.0 {
                true => (end - start) * (from - 1.0) / 2.0,
                false => place * (end - start) * (from - 1.0) / (length - 1.0),
            };
            inside + start * (from - 1.0)
        }
        5 => {
            let offset = from / 2.0 * (1.0 - to / length);
            offset + (place + 0.5) / scale - 0.5
        }
        _ => (place + 0.5) / scale - 0.5,
    }
}

/// The weight of a pixel at a distance.
#[inline(always)]
fn weight(mode: &ResizeMode, distance: f64) -> f64 {
    match mode.kind {
        1 => (1.0 - distance).max(0.0),
        _ => cubic(distance, f64::from(mode.cubic)),
    }
}

#[inline(always)]
fn cubic(x: f64, a: f64) -> f64 {
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

/// Along the middle axis of `x[outer, from, inner]`: `y[outer, to, inner]`, by a plan of
/// [`resize_plan`]; `outside` is what lies outside the source.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub unsafe extern "C" fn resize_f32(
    x: *const f32,
    y: *mut f32,
    indices: *const i32,
    weights: *const f32,
    outer: usize,
    from: usize,
    to: usize,
    inner: usize,
    taps: usize,
    outside: f32,
) {
    for block in 0..outer {
        for place in 0..to {
            unsafe {
                let y = y.add((block * to + place) * inner);
                let start = if indices.add(place * taps).read() < 0 { outside } else { 0.0 };
                for i in 0..inner {
                    y.add(i).write(start);
                }
                for tap in place * taps..(place + 1) * taps {
                    let index = indices.add(tap).read();
                    if index < 0 {
                        break;
                    }
                    let weight = weights.add(tap).read();
                    let x = x.add((block * from + index as usize) * inner);
                    for i in 0..inner {
                        y.add(i).write(y.add(i).read() + weight * x.add(i).read());
                    }
                }
            }
        }
    }
}

/// As [`resize_f32`] for elements of `bytes` bytes that are taken as they are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn resize_nearest(
    x: *const u8,
    y: *mut u8,
    indices: *const i32,
    outer: usize,
    from: usize,
    to: usize,
    inner: usize,
    bytes: usize,
) {
    let bytes = inner * bytes;
    for block in 0..outer {
        for place in 0..to {
            unsafe {
                let index = indices.add(place).read().max(0) as usize;
                let x = x.add((block * from + index) * bytes);
                core::ptr::copy_nonoverlapping(x, y.add((block * to + place) * bytes), bytes);
            }
        }
    }
}

/// Sizes and settings of a sampling along a grid, as 32-bit numbers of a table of the plan.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct GridShape {
    /// Images.
    pub batch: u32,
    /// Channels.
    pub channels: u32,
    /// Axes of an image: 2 or 3.
    pub axes: u32,
    /// Sizes of a source plane, three axes.
    pub input: [u32; 3],
    /// Places of a result plane.
    pub places: u32,
    /// 0: nearest, 1: linear, 2: cubic.
    pub kind: u32,
    /// 0: zeros, 1: the border, 2: a reflection.
    pub padding: u32,
    /// 1 if -1 and 1 are the centres of the outer pixels.
    pub align_corners: u32,
}

/// `y[batch, channels, places]`: `x[batch, channels, input]` at `grid[batch, places, axes]`, whose
/// last number is the first axis.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn grid_sample_f32(
    x: *const f32,
    grid: *const f32,
    y: *mut f32,
    shape: *const GridShape,
) {
    unsafe {
        let s = &*shape;
        let (axes, places) = (s.axes as usize, s.places as usize);
        let [depth, height, width] = s.input.map(|size| size as usize);
        let plane = depth * height * width;
        for image in 0..s.batch as usize {
            for place in 0..places {
                let at = grid.add((image * places + place) * axes);
                let mut lines = [Taps::whole(); 3];
                for axis in 0..axes {
                    // Grids name the last axis first.
                    let to = 2 - axis;
                    lines[to] = taps(s, at.add(axis).read(), s.input[to] as usize);
                }
                for channel in 0..s.channels as usize {
                    let block = image * s.channels as usize + channel;
                    let x = x.add(block * plane);
                    let mut sum = 0.0;
                    for (z, z_weight) in lines[0].iter() {
                        for (row, y_weight) in lines[1].iter() {
                            for (column, x_weight) in lines[2].iter() {
                                let at = (z * height + row) * width + column;
                                sum += z_weight * y_weight * x_weight * x.add(at).read();
                            }
                        }
                    }
                    y.add(block * places + place).write(sum);
                }
            }
        }
    }
}

/// Up to four places of an axis, with their weights.
#[derive(Clone, Copy)]
struct Taps {
    count: usize,
    index: [usize; 4],
    weight: [f32; 4],
}

impl Taps {
    /// The only place of an axis of size 1.
    #[inline(always)]
    fn whole() -> Self {
        Self { count: 1, index: [0; 4], weight: [1.0, 0.0, 0.0, 0.0] }
    }

    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = (usize, f32)> + '_ {
        self.index.iter().copied().zip(self.weight).take(self.count)
    }
}

#[inline(always)]
fn taps(s: &GridShape, at: f32, length: usize) -> Taps {
    let size = length as f32;
    let (low, high) = if s.align_corners == 1 { (0.0, size - 1.0) } else { (-0.5, size - 0.5) };
    let mut at = match s.align_corners {
        1 => (at + 1.0) / 2.0 * (size - 1.0),
        _ => ((at + 1.0) * size - 1.0) / 2.0,
    };
    if s.kind == 0 {
        at = libm::rintf(at);
    }
    if at.is_nan() {
        at = -1.0;
    }
    // Whatever is further away is as far as this.
    at = at.clamp(-2e9, 2e9);
    if at < low || at > high {
        at = match s.padding {
            1 => at.clamp(0.0, size - 1.0),
            2 => reflect(at, low, high),
            _ => at,
        };
    }
    let base = libm::floorf(at);
    let ratio = at - base;
    let (first, count, weight) = match s.kind {
        0 => (at, 1, [1.0, 0.0, 0.0, 0.0]),
        1 => (base, 2, [1.0 - ratio, ratio, 0.0, 0.0]),
        _ => {
            let weight = [1, 0, -1, -2]
                .map(|step| cubic(libm::fabs(f64::from(ratio) + f64::from(step)), -0.75) as f32);
            (base - 1.0, 4, weight)
        }
    };
    let mut taps = Taps { count, index: [0; 4], weight };
    for tap in 0..count {
        let place = first + tap as f32;
        let inside = match s.padding {
            2 => reflect(place, low, high),
            _ => place,
        };
        if s.padding == 0 && !(place >= 0.0 && place < size) {
            taps.weight[tap] = 0.0;
        }
        taps.index[tap] = inside.clamp(0.0, size - 1.0) as usize;
    }
    taps
}

#[inline(always)]
fn reflect(x: f32, low: f32, high: f32) -> f32 {
    let range = high - low;
    if range <= 0.0 {
        return low;
    }
    let beyond = if x < low {
        low - x
    } else if x > high {
        x - high
    } else {
        return x;
    };
    let turns = libm::floorf(beyond / range);
    let rest = beyond - turns * range;
    let is_even = turns % 2.0 == 0.0;
    if (x < low) == is_even { low + rest } else { high - rest }
}

/// The grid of an affine map: `y[batch, places, axes]` from `theta[batch, axes, axes + 1]`, over
/// planes of these sizes (depth 1 for two axes).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn affine_grid_f32(
    theta: *const f32,
    y: *mut f32,
    batch: usize,
    axes: usize,
    depth: usize,
    height: usize,
    width: usize,
    align_corners: usize,
) {
    let sizes = [depth as u32, height as u32, width as u32];
    let places = depth * height * width;
    for image in 0..batch {
        for place in 0..places {
            let index = unravel(place, &sizes);
            // The last axis first, then 1.
            let mut point = [1.0_f64; 4];
            for axis in 0..axes {
                let (index, size) = (index[2 - axis] as f64, f64::from(sizes[2 - axis]));
                point[axis] = match align_corners {
                    1 if size == 1.0 => -1.0,
                    1 => 2.0 * index / (size - 1.0) - 1.0,
                    _ => (2.0 * index + 1.0) / size - 1.0,
                };
            }
            point[axes] = 1.0;
            for row in 0..axes {
                let mut sum = 0.0;
                for (column, coordinate) in point.iter().enumerate().take(axes + 1) {
                    let factor =
                        unsafe { theta.add((image * axes + row) * (axes + 1) + column).read() };
                    sum += f64::from(factor) * coordinate;
                }
                unsafe { y.add((image * places + place) * axes + row).write(sum as f32) };
            }
        }
    }
}

/// Sizes and settings of a pooling of regions, as 32-bit numbers of a table of the plan.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct RegionShape {
    /// Images.
    pub batch: u32,
    /// Channels.
    pub channels: u32,
    /// Rows of an image.
    pub height: u32,
    /// Columns of an image.
    pub width: u32,
    /// Regions.
    pub regions: u32,
    /// Rows of a result.
    pub out_height: u32,
    /// Columns of a result.
    pub out_width: u32,
    /// Samples of a bin along an axis; 0: as many as it has pixels.
    pub sampling: u32,
    /// 1 for the largest sample, 0 for their mean.
    pub largest: u32,
    /// 1 if pixels lie at halves.
    pub half_pixel: u32,
    /// From a region's numbers to pixels.
    pub scale: f32,
}

/// Most samples of a bin along an axis: what a region asks for is bounded.
const MOST_SAMPLES: f32 = 64.0;

/// `y[regions, channels, out_height, out_width]` from `x` at `regions[regions, 4]` of the images
/// `images[regions]`. Answers 1, as a run does whose input is not acceptable, for an image outside.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn roi_align_f32(
    x: *const f32,
    regions: *const f32,
    images: *const i64,
    y: *mut f32,
    shape: *const RegionShape,
) -> i32 {
    unsafe {
        let s = &*shape;
        let (height, width) = (s.height as usize, s.width as usize);
        let (rows, columns) = (s.out_height as usize, s.out_width as usize);
        for region in 0..s.regions as usize {
            let image = images.add(region).read();
            if image < 0 || image >= i64::from(s.batch) {
                return 1;
            }
            let shift = if s.half_pixel == 1 { 0.5 } else { 0.0 };
            let [left, top, right, bottom] =
                [0, 1, 2, 3].map(|i| regions.add(region * 4 + i).read() * s.scale - shift);
            let least = if s.half_pixel == 1 { f32::NEG_INFINITY } else { 1.0 };
            let bin_height = (bottom - top).max(least) / rows as f32;
            let bin_width = (right - left).max(least) / columns as f32;
            let samples = |size: f32| match s.sampling {
                0 => libm::ceilf(size).clamp(0.0, MOST_SAMPLES) as usize,
                samples => samples as usize,
            };
            let (down, across) = (samples(bin_height), samples(bin_width));
            for channel in 0..s.channels as usize {
                let plane =
                    x.add((image as usize * s.channels as usize + channel) * height * width);
                for bin in 0..rows * columns {
                    let (row, column) = ((bin / columns) as f32, (bin % columns) as f32);
                    let (mut total, mut is_first) = (0.0, true);
                    for sample in 0..down * across {
                        let (iy, ix) = ((sample / across) as f32, (sample % across) as f32);
                        let y = top + row * bin_height + (iy + 0.5) * bin_height / down as f32;
                        let x = left + column * bin_width + (ix + 0.5) * bin_width / across as f32;
                        let corners = corners(plane, height, width, y, x);
                        if s.largest == 1 {
                            let value = corners.into_iter().fold(f32::NEG_INFINITY, f32::max);
                            total = if is_first { value } else { total.max(value) };
                            is_first = false;
                        } else {
                            total += corners.into_iter().sum::<f32>();
                        }
                    }
                    if s.largest != 1 {
                        total /= (down * across).max(1) as f32;
                    }
                    let block = region * s.channels as usize + channel;
                    y.add(block * rows * columns + bin).write(total);
                }
            }
        }
    }
    0
}

/// The four pixels around a point, each times its weight; 0 for points outside.
#[inline(always)]
unsafe fn corners(plane: *const f32, height: usize, width: usize, y: f32, x: f32) -> [f32; 4] {
    if !(y >= -1.0 && y <= height as f32 && x >= -1.0 && x <= width as f32) {
        return [0.0; 4];
    }
    let edge = |at: f32, length: usize| {
        let at = at.max(0.0);
        let low = at as usize;
        match low + 1 < length {
            true => (low, low + 1, at - low as f32),
            false => (length - 1, length - 1, 0.0),
        }
    };
    let (top, bottom, down) = edge(y, height);
    let (left, right, across) = edge(x, width);
    let pixel = |row: usize, column: usize| unsafe { plane.add(row * width + column).read() };
    [
        (1.0 - down) * (1.0 - across) * pixel(top, left),
        (1.0 - down) * across * pixel(top, right),
        down * (1.0 - across) * pixel(bottom, left),
        down * across * pixel(bottom, right),
    ]
}

/// `y[regions, channels, out_height, out_width]`: the largest pixel of each bin of
/// `regions[regions, 5]`, an image and its corners. Answers 1 for an image outside.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn max_roi_pool_f32(
    x: *const f32,
    regions: *const f32,
    y: *mut f32,
    shape: *const RegionShape,
) -> i32 {
    unsafe {
        let s = &*shape;
        let (height, width) = (s.height as usize, s.width as usize);
        let (rows, columns) = (s.out_height as usize, s.out_width as usize);
        for region in 0..s.regions as usize {
            let at = regions.add(region * 5);
            let image = at.read();
            if !(image >= 0.0 && image < s.batch as f32) {
                return 1;
            }
            let [left, top, right, bottom] =
                [1, 2, 3, 4].map(|i| libm::roundf(at.add(i).read() * s.scale));
            let bin_height = (bottom - top + 1.0).max(1.0) / rows as f32;
            let bin_width = (right - left + 1.0).max(1.0) / columns as f32;
            let span = |index: usize, bin: f32, start: f32, length: usize| {
                let first = libm::floorf(index as f32 * bin) + start;
                let end = libm::ceilf((index + 1) as f32 * bin) + start;
                let inside = |at: f32| at.clamp(0.0, length as f32) as usize;
                (inside(first), inside(end))
            };
            for channel in 0..s.channels as usize {
                let block = image as usize * s.channels as usize + channel;
                let plane = x.add(block * height * width);
                for bin in 0..rows * columns {
                    let (first_row, last_row) = span(bin / columns, bin_height, top, height);
                    let (first, last) = span(bin % columns, bin_width, left, width);
                    let mut largest = f32::NEG_INFINITY;
                    for row in first_row..last_row {
                        for column in first..last {
                            largest = largest.max(plane.add(row * width + column).read());
                        }
                    }
                    let largest = if largest == f32::NEG_INFINITY { 0.0 } else { largest };
                    let block = region * s.channels as usize + channel;
                    y.add(block * rows * columns + bin).write(largest);
                }
            }
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAR: ResizeMode = ResizeMode {
        kind: 1,
        transformation: 0,
        nearest: 0,
        exclude_outside: 0,
        antialias: 0,
        taps: 2,
        cubic: -0.75,
    };

    fn resized(x: &[f32], to: usize, mode: ResizeMode) -> Vec<f32> {
        let taps = mode.taps as usize;
        let (mut indices, mut weights) = (vec![-9; to * taps], vec![f32::NAN; to * taps]);
        let mut y = vec![9.0; to];
        unsafe {
            let (indices, weights) = (indices.as_mut_ptr(), weights.as_mut_ptr());
            let none = core::ptr::null();
            resize_plan(indices, weights, x.len(), to, none, none, none, &raw const mode);
            let (x, y) = (x.as_ptr(), y.as_mut_ptr());
            let from = 4;
            resize_f32(x, y, indices, weights, 1, from, to, 1, taps, 0.0);
        }
        y
    }

    #[test]
    fn twice_as_many_places_lie_between_the_pixels() {
        let x = [1.0, 2.0, 3.0, 4.0];

        assert_eq!(resized(&x, 8, LINEAR), [1.0, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.0]);

        let nearest = ResizeMode { kind: 0, taps: 1, ..LINEAR };
        assert_eq!(resized(&x, 8, nearest), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
    }

    #[test]
    fn a_cubic_reproduces_the_pixels_it_hits() {
        let cubic = ResizeMode { kind: 2, transformation: 2, taps: 4, ..LINEAR };

        let y = resized(&[1.0, 5.0, -2.0, 4.0], 7, cubic);

        for (index, expected) in [(0, 1.0), (2, 5.0), (4, -2.0), (6, 4.0)] {
            assert!((y[index] - expected).abs() < 1e-6);
        }
    }

    fn sample(kind: u32, padding: u32, at: [f32; 2]) -> f32 {
        let shape = GridShape {
            batch: 1,
            channels: 1,
            axes: 2,
            input: [1, 2, 2],
            places: 1,
            kind,
            padding,
            align_corners: 1,
        };
        let (x, mut y) = ([1.0, 2.0, 3.0, 4.0], [9.0]);
        unsafe { grid_sample_f32(x.as_ptr(), at.as_ptr(), y.as_mut_ptr(), &raw const shape) };
        y[0]
    }

    #[test]
    fn a_grid_names_columns_first_and_may_lie_outside() {
        assert_eq!(sample(1, 0, [1.0, -1.0]), 2.0);
        assert_eq!(sample(1, 0, [0.0, 0.0]), 2.5);
        assert_eq!(sample(0, 1, [9.0, f32::INFINITY]), 4.0);
        assert_eq!(sample(1, 0, [9.0, 9.0]), 0.0);
        assert_eq!(sample(1, 2, [3.0, -1.0]), 2.0 - 1.0);
        assert!(sample(2, 0, [f32::NAN, 0.0]).is_finite());
    }

    #[test]
    fn the_identity_map_is_the_grid_itself() {
        let theta = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let mut y = [9.0; 8];

        unsafe { affine_grid_f32(theta.as_ptr(), y.as_mut_ptr(), 1, 2, 1, 2, 2, 1) };

        assert_eq!(y, [-1.0, -1.0, 1.0, -1.0, -1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_region_of_another_image_is_not_acceptable() {
        let shape = RegionShape {
            batch: 1,
            channels: 1,
            height: 2,
            width: 2,
            regions: 1,
            out_height: 1,
            out_width: 1,
            sampling: 2,
            largest: 0,
            half_pixel: 0,
            scale: 1.0,
        };
        let (x, region, mut y) = ([1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 1.0, 1.0], [9.0]);
        let mut align = |image: i64| unsafe {
            let (region, images) = (region.as_ptr(), [image]);
            roi_align_f32(x.as_ptr(), region, images.as_ptr(), y.as_mut_ptr(), &raw const shape)
        };

        assert_eq!([align(1), align(-1), align(0)], [1, 1, 0]);
        assert_eq!(y, [2.5]);
    }
}
