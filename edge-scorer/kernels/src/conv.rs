//! Two-dimensional convolution of channel-first images: `y = clamp(conv(x, W) + bias, low, high)`.
//!
//! Output pixels are taken [`COLUMNS`] at a time: the numbers they need are gathered into a panel
//! of `taps` rows (one row for each input channel and kernel position), which every output channel
//! then multiplies. Images that need padding are first copied into a padded one, so that gathering
//! never tests a border. Depthwise convolutions have no product to share and run directly.
//!
//! Weights are packed by the compiler into panels of [`ROWS`] output channels of one group: `ROWS`
//! biases followed by `taps` rows of `ROWS` weights, the last panel of a group padded with zeros.
//!
//! # Invariants
//! - The scratch area holds `conv_scratch` numbers; nothing in it outlives a call.
//! - Pixels and channels past the last are computed and never stored.
//!
//! # Deliberately absent
//! - One-dimensional convolution: it is the case of images one pixel high.
#![expect(clippy::too_many_arguments, reason = "a plan step passes every size it knows")]

use crate::{
    lanes::{Lanes, kernel},
    tile::{Sums, TILE_COLUMNS, TILE_ROWS, store_first, store_row},
};

/// Output channels of one packed panel.
pub const ROWS: usize = TILE_ROWS;

/// Output pixels of one gathered panel.
pub const COLUMNS: usize = TILE_COLUMNS;

/// Bytes of gathered panels that are kept while the weights pass by once.
const GATHERED_BYTES: usize = 256 * 1024;

/// The sizes of a convolution, as 32-bit numbers in the module's data.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ConvShape {
    /// Input channels.
    pub channels_in: u32,
    /// Input rows.
    pub height: u32,
    /// Input columns.
    pub width: u32,
    /// Output channels.
    pub channels_out: u32,
    /// Output rows.
    pub out_height: u32,
    /// Output columns.
    pub out_width: u32,
    /// Kernel rows.
    pub kernel_height: u32,
    /// Kernel columns.
    pub kernel_width: u32,
    /// Rows from one output to the next.
    pub stride_y: u32,
    /// Columns from one output to the next.
    pub stride_x: u32,
    /// Rows from one kernel position to the next.
    pub dilation_y: u32,
    /// Columns from one kernel position to the next.
    pub dilation_x: u32,
    /// Zero rows above.
    pub pad_top: u32,
    /// Zero columns to the left.
    pub pad_left: u32,
    /// Zero rows below that an output touches.
    pub pad_bottom: u32,
    /// Zero columns to the right that an output touches.
    pub pad_right: u32,
    /// Groups that input and output channels are divided into.
    pub groups: u32,
}

kernel! {
    /// `y[rows, channels_out, out_height, out_width]` from `x[rows, channels_in, height, width]`.
    ///
    /// `w` is packed as the module describes; `scratch` holds [`conv_scratch`] numbers.
    conv_f32, conv_f32_relaxed,
    conv(x: *const f32, w: *const f32, y: *mut f32, scratch: *mut f32, shape: *const ConvShape,
         rows: usize, low: f32, high: f32)
}

kernel! {
    /// [`conv_f32`] where each group has one input channel and one output channel.
    ///
    /// `w` is `channels · (1 + kernel_height · kernel_width)` numbers, each channel's bias first;
    /// `scratch` holds one padded image of one channel.
    depthwise_f32, depthwise_f32_relaxed,
    depthwise(x: *const f32, w: *const f32, y: *mut f32, scratch: *mut f32,
              shape: *const ConvShape, rows: usize, low: f32, high: f32)
}

impl ConvShape {
    #[inline(always)]
    fn taps(&self) -> usize {
        (self.channels_in / self.groups) as usize
            * self.kernel_height as usize
            * self.kernel_width as usize
    }

    #[inline(always)]
    fn padded_width(&self) -> usize {
        (self.pad_left + self.width + self.pad_right) as usize
    }

    #[inline(always)]
    fn padded_height(&self) -> usize {
        (self.pad_top + self.height + self.pad_bottom) as usize
    }

    #[inline(always)]
    fn is_padded(&self) -> bool {
        self.pad_top + self.pad_left + self.pad_bottom + self.pad_right > 0
    }

    #[inline(always)]
    fn pixels(&self) -> usize {
        self.out_height as usize * self.out_width as usize
    }

    /// Panels that are gathered before the weights pass by.
    #[inline(always)]
    fn panels_at_once(&self) -> usize {
        let panel_bytes = self.taps() * COLUMNS * 4;
        (GATHERED_BYTES / panel_bytes).clamp(1, self.pixels().div_ceil(COLUMNS))
    }
}

/// Numbers that [`conv_f32`] needs as scratch: the padded image, then the gathered panels.
pub fn conv_scratch(shape: &ConvShape) -> usize {
    let padded = if shape.is_padded() {
        shape.channels_in as usize * shape.padded_height() * shape.padded_width()
    } else {
        0
    };
    padded + shape.panels_at_once() * shape.taps() * COLUMNS
}

#[inline(always)]
unsafe fn conv<L: Lanes>(
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    scratch: *mut f32,
    shape: *const ConvShape,
    rows: usize,
    low: f32,
    high: f32,
) {
    let shape = unsafe { &*shape };
    let channels_in = shape.channels_in as usize;
    let image_len = channels_in * shape.height as usize * shape.width as usize;
    let padded_len = if shape.is_padded() {
        channels_in * shape.padded_height() * shape.padded_width()
    } else {
        0
    };
    let result_len = shape.channels_out as usize * shape.pixels();
    for row in 0..rows {
        unsafe {
            let mut image = x.add(row * image_len);
            if padded_len > 0 {
                pad(image, scratch, shape, channels_in);
                image = scratch;
            }
            let gathered = scratch.add(padded_len);
            let result = y.add(row * result_len);
            conv_image::<L>(image, w, result, gathered, shape, low, high);
        }
    }
}

/// Copies `channels` planes into planes with a border of zeros.
#[inline(always)]
unsafe fn pad(x: *const f32, padded: *mut f32, shape: &ConvShape, channels: usize) {
    let (height, width) = (shape.height as usize, shape.width as usize);
    let (padded_height, padded_width) = (shape.padded_height(), shape.padded_width());
    let (top, left) = (shape.pad_top as usize, shape.pad_left as usize);
    unsafe {
        padded.write_bytes(0, channels * padded_height * padded_width);
        for channel in 0..channels {
            let from = x.add(channel * height * width);
            let to = padded.add((channel * padded_height + top) * padded_width + left);
            for line in 0..height {
                core::ptr::copy_nonoverlapping(
                    from.add(line * width),
                    to.add(line * padded_width),
                    width,
                );
            }
        }
    }
}

#[inline(always)]
unsafe fn conv_image<L: Lanes>(
    image: *const f32,
    w: *const f32,
    y: *mut f32,
    gathered: *mut f32,
    shape: &ConvShape,
    low: f32,
    high: f32,
) {
    let groups = shape.groups as usize;
    let group_in = shape.channels_in as usize / groups;
    let group_out = shape.channels_out as usize / groups;
    let (taps, pixels) = (shape.taps(), shape.pixels());
    let plane = shape.padded_height() * shape.padded_width();
    let weight_panel = ROWS * (taps + 1);
    let group_panels = group_out.div_ceil(ROWS);
    let at_once = shape.panels_at_once();
    for group in 0..groups {
        let mut first = 0;
        while first < pixels {
            let panels = (pixels - first).div_ceil(COLUMNS).min(at_once);
            unsafe {
                for panel in 0..panels {
                    let from = image.add(group * group_in * plane);
                    let to = gathered.add(panel * taps * COLUMNS);
                    gather::<L>(from, to, shape, group_in, first + panel * COLUMNS, pixels);
                }
                for block in 0..group_panels {
                    let weights = w.add((group * group_panels + block) * weight_panel);
                    let channel = block * ROWS;
                    let result = y.add((group * group_out + channel) * pixels);
                    for panel in 0..panels {
                        let pixel = first + panel * COLUMNS;
                        let from = gathered.add(panel * taps * COLUMNS);
                        let mut sums: Sums = [0.0; ROWS * COLUMNS];
                        for row in 0..ROWS {
                            let bias = L::load_splat(weights.add(row));
                            let to = sums.as_mut_ptr().add(row * COLUMNS);
                            bias.store(to);
                            bias.store(to.add(4));
                        }
                        L::tile(weights.add(ROWS), from, taps, &raw mut sums);
                        for row in 0..ROWS.min(group_out - channel) {
                            let to = result.add(row * pixels + pixel);
                            store_row::<L>(&sums, row, to, pixels - pixel, [low, high]);
                        }
                    }
                }
            }
            first += panels * COLUMNS;
        }
    }
}

/// Gathers what the pixels from `first` on need: `taps` rows of [`COLUMNS`] numbers.
///
/// Pixels past the last repeat it, so that every address is inside the image.
#[inline(always)]
unsafe fn gather<L: Lanes>(
    image: *const f32,
    to: *mut f32,
    shape: &ConvShape,
    channels: usize,
    first: usize,
    pixels: usize,
) {
    let width = shape.padded_width();
    let plane = shape.padded_height() * width;
    let out_width = shape.out_width as usize;
    let mut offsets = [0_usize; COLUMNS];
    for (lane, offset) in offsets.iter_mut().enumerate() {
        let pixel = (first + lane).min(pixels - 1);
        let (line, column) = (pixel / out_width, pixel % out_width);
        *offset = line * shape.stride_y as usize * width + column * shape.stride_x as usize;
    }
    // Each half that lies side by side is copied as one vector.
    let adjacent = [0, 4].map(|lane| offsets[lane + 3] == offsets[lane] + 3);
    let mut to = to;
    for channel in 0..channels {
        for tap_y in 0..shape.kernel_height as usize {
            for tap_x in 0..shape.kernel_width as usize {
                unsafe {
                    let from = image.add(
                        channel * plane
                            + tap_y * shape.dilation_y as usize * width
                            + tap_x * shape.dilation_x as usize,
                    );
                    for (part, adjacent) in adjacent.iter().enumerate() {
                        let lane = part * 4;
                        if *adjacent {
                            L::load(from.add(offsets[lane])).store(to.add(lane));
                        } else {
                            for (lane, offset) in offsets.iter().enumerate().skip(lane).take(4) {
                                to.add(lane).write(from.add(*offset).read());
                            }
                        }
                    }
                    to = to.add(COLUMNS);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn depthwise<L: Lanes>(
    x: *const f32,
    w: *const f32,
    y: *mut f32,
    scratch: *mut f32,
    shape: *const ConvShape,
    rows: usize,
    low: f32,
    high: f32,
) {
    let shape = unsafe { &*shape };
    let channels = shape.channels_in as usize;
    let plane = shape.height as usize * shape.width as usize;
    let (out_width, pixels) = (shape.out_width as usize, shape.pixels());
    let taps = shape.taps();
    let (stride_y, stride_x) = (shape.stride_y as usize, shape.stride_x as usize);
    let (low, high) = (L::splat(low), L::splat(high));
    let width = shape.padded_width();
    for image in 0..rows * channels {
        let channel = image % channels;
        unsafe {
            let mut from = x.add(image * plane);
            if shape.is_padded() {
                pad(from, scratch, shape, 1);
                from = scratch;
            }
            let weights = w.add(channel * (taps + 1));
            let bias = L::load_splat(weights);
            let to = y.add(image * pixels);
            for line in 0..shape.out_height as usize {
                let from = from.add(line * stride_y * width);
                let to = to.add(line * out_width);
                let mut column = 0;
                while column < out_width {
                    let lanes = (out_width - column).min(4);
                    let from = from.add(column * stride_x);
                    let mut sum = bias;
                    let mut weight = weights.add(1);
                    for tap_y in 0..shape.kernel_height as usize {
                        for tap_x in 0..shape.kernel_width as usize {
                            let at = from.add(
                                tap_y * shape.dilation_y as usize * width
                                    + tap_x * shape.dilation_x as usize,
                            );
                            let values = strided::<L>(at, stride_x, lanes);
                            sum = L::load_splat(weight).mul_add(values, sum);
                            weight = weight.add(1);
                        }
                    }
                    store_first(sum.max(low).min(high), to.add(column), lanes);
                    column += 4;
                }
            }
        }
    }
}

/// Loads `lanes` numbers `stride` apart; the lanes after them repeat the first.
#[inline(always)]
unsafe fn strided<L: Lanes>(from: *const f32, stride: usize, lanes: usize) -> L {
    unsafe {
        if stride == 1 && lanes == 4 {
            return L::load(from);
        }
        let at = |lane: usize| from.add(if lane < lanes { lane * stride } else { 0 }).read();
        let four = [at(0), at(1), at(2), at(3)];
        L::load(four.as_ptr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    /// The definition, one output at a time. `weights` is `[channels_out, group_in, height, width]`.
    fn by_definition(shape: &ConvShape, x: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
        let s = shape;
        let [group_in, group_out] = [s.channels_in / s.groups, s.channels_out / s.groups];
        let mut y = Vec::new();
        for out in 0..s.channels_out {
            for (line, column) in
                (0..s.out_height).flat_map(|line| (0..s.out_width).map(move |c| (line, c)))
            {
                let mut sum = f64::from(bias[out as usize]);
                for channel in 0..group_in {
                    for tap_y in 0..s.kernel_height {
                        for tap_x in 0..s.kernel_width {
                            let iy = line * s.stride_y + tap_y * s.dilation_y;
                            let ix = column * s.stride_x + tap_x * s.dilation_x;
                            let (iy, ix) =
                                (iy.wrapping_sub(s.pad_top), ix.wrapping_sub(s.pad_left));
                            if iy < s.height && ix < s.width {
                                let plane = out / group_out * group_in + channel;
                                let x = x[((plane * s.height + iy) * s.width + ix) as usize];
                                let at = ((out * group_in + channel) * s.kernel_height + tap_y)
                                    * s.kernel_width
                                    + tap_x;
                                sum += f64::from(x) * f64::from(weights[at as usize]);
                            }
                        }
                    }
                }
                y.push(sum as f32);
            }
        }
        y
    }

    fn packed(shape: &ConvShape, weights: &[f32], bias: &[f32]) -> Vec<f32> {
        let (taps, group_out) = (shape.taps(), (shape.channels_out / shape.groups) as usize);
        let mut out = Vec::new();
        for group in 0..shape.groups as usize {
            for block in 0..group_out.div_ceil(ROWS) {
                for tap in 0..=taps {
                    for row in 0..ROWS {
                        let channel = group * group_out + block * ROWS + row;
                        out.push(match tap {
                            _ if block * ROWS + row >= group_out => 0.0,
                            0 => bias[channel],
                            _ => weights[channel * taps + tap - 1],
                        });
                    }
                }
            }
        }
        out
    }

    fn shape(
        [channels_in, height, width]: [u32; 3],
        channels_out: u32,
        [kernel_height, kernel_width]: [u32; 2],
        [stride_y, stride_x]: [u32; 2],
        [dilation_y, dilation_x]: [u32; 2],
        [pad_top, pad_left, pad_bottom, pad_right]: [u32; 4],
        groups: u32,
    ) -> ConvShape {
        let span_y = pad_top + height + pad_bottom - dilation_y * (kernel_height - 1) - 1;
        let span_x = pad_left + width + pad_right - dilation_x * (kernel_width - 1) - 1;
        ConvShape {
            channels_in,
            height,
            width,
            channels_out,
            out_height: span_y / stride_y + 1,
            out_width: span_x / stride_x + 1,
            kernel_height,
            kernel_width,
            stride_y,
            stride_x,
            dilation_y,
            dilation_x,
            pad_top,
            pad_left,
            pad_bottom,
            pad_right,
            groups,
        }
    }

    fn close(actual: &[f32], expected: &[f32], shape: &ConvShape) {
        for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
            assert!(
                (actual - expected).abs() <= 2e-5,
                "{actual} is not {expected} at {index} of {shape:?}"
            );
        }
    }

    #[test]
    fn every_kind_of_convolution_agrees_with_its_definition() {
        let shapes = [
            shape([3, 8, 8], 5, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
            shape([16, 13, 13], 6, [1, 1], [1, 1], [1, 1], [0; 4], 1),
            shape([3, 23, 19], 7, [3, 3], [2, 2], [1, 1], [0; 4], 1),
            shape([4, 9, 11], 6, [5, 3], [1, 2], [1, 2], [2, 1, 0, 3], 2),
            shape([2, 1, 20], 3, [1, 4], [1, 1], [1, 1], [0, 2, 0, 1], 1),
            shape([1, 3, 3], 1, [3, 3], [1, 1], [1, 1], [0; 4], 1),
            shape([40, 15, 15], 9, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 1),
        ];
        for shape in shapes {
            let rows = 2;
            let image = (shape.channels_in * shape.height * shape.width) as usize;
            let x: Vec<f32> = noise(rows * image, 5);
            let weights: Vec<f32> = noise(shape.channels_out as usize * shape.taps(), 7)
                .iter()
                .map(|w| w * 0.3)
                .collect();
            let bias = noise(shape.channels_out as usize, 9);
            let w = packed(&shape, &weights, &bias);
            let result = shape.channels_out as usize * shape.pixels();
            let mut y = vec![0.0; rows * result + 1];
            let mut scratch = vec![f32::NAN; conv_scratch(&shape)];

            unsafe {
                let (scratch, shape) = (scratch.as_mut_ptr(), &raw const shape);
                let (x, w, y) = (x.as_ptr(), w.as_ptr(), y.as_mut_ptr());
                conv_f32(x, w, y, scratch, shape, rows, f32::NEG_INFINITY, f32::INFINITY);
            }

            for row in 0..rows {
                let expected = by_definition(&shape, &x[row * image..][..image], &weights, &bias);
                close(&y[row * result..][..result], &expected, &shape);
            }
            assert_eq!(y[rows * result], 0.0, "nothing is written past the last image");
        }
    }

    #[test]
    fn depthwise_convolution_agrees_with_its_definition() {
        let shapes = [
            shape([3, 8, 8], 3, [3, 3], [1, 1], [1, 1], [1, 1, 1, 1], 3),
            shape([5, 9, 10], 5, [3, 3], [2, 2], [1, 1], [1, 1, 1, 1], 5),
            shape([2, 11, 7], 2, [2, 3], [1, 1], [2, 2], [0; 4], 2),
        ];
        for shape in shapes {
            let channels = shape.channels_in as usize;
            let x = noise(channels * (shape.height * shape.width) as usize, 5);
            let weights = noise(channels * shape.taps(), 7);
            let bias = noise(channels, 9);
            let taps = shape.taps();
            let w: Vec<f32> = (0..channels)
                .flat_map(|c| [&bias[c..][..1], &weights[c * taps..][..taps]].concat())
                .collect();
            let mut y = vec![0.0; channels * shape.pixels()];
            let mut scratch = vec![f32::NAN; shape.padded_height() * shape.padded_width()];

            unsafe {
                let (scratch, shape) = (scratch.as_mut_ptr(), &raw const shape);
                let (x, w, y) = (x.as_ptr(), w.as_ptr(), y.as_mut_ptr());
                depthwise_f32(x, w, y, scratch, shape, 1, -1.0, 1.0);
            }

            let expected: Vec<f32> = by_definition(&shape, &x, &weights, &bias)
                .iter()
                .map(|v| v.clamp(-1.0, 1.0))
                .collect();
            close(&y, &expected, &shape);
        }
    }
}
