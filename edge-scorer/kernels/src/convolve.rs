//! Convolutions of one to three dimensions whose weights may be computed.
//!
//! The plain form: for each pair of channels and each tap, a multiple of one line of the image is
//! added to a line of the result. `conv.rs` is the fast form for constant weights.
//!
//! # Invariants
//! - A bias address of 0 means that there is none.

use crate::space::{Space, unravel};

macro_rules! convolutions {
    ($($conv:ident $transposed:ident: $type:ty, $zero:expr, |$sum:ident, $x:ident, $w:ident| $result:expr;)*) => {$(
        /// `y[batch, channels_out, output]` from `x[batch, channels_in, input]` and
        /// `w[channels_out, channels_in / groups, kernel]`.
        #[unsafe(no_mangle)]
        #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
        pub unsafe extern "C" fn $conv(
            x: *const $type, w: *const $type, bias: *const $type, y: *mut $type,
            space: *const Space,
        ) {
            unsafe {
                let s = &*space;
                let (taps, plane_in, plane_out) = (s.taps(), s.plane_in(), s.plane_out());
                let (channels_in, channels_out) = (s.channels_in as usize, s.channels_out as usize);
                let groups = s.groups.max(1) as usize;
                let (group_in, group_out) = (channels_in / groups, channels_out / groups);
                for image in 0..s.batch as usize {
                    for out in 0..channels_out {
                        let y = y.add((image * channels_out + out) * plane_out);
                        let start = if bias.is_null() { $zero } else { bias.add(out).read() };
                        for pixel in 0..plane_out {
                            y.add(pixel).write(start);
                        }
                        for channel in 0..group_in {
                            let first = out / group_out.max(1) * group_in;
                            let x = x.add((image * channels_in + first + channel) * plane_in);
                            let w = w.add((out * group_in + channel) * taps);
                            for tap in 0..taps {
                                let $w = w.add(tap).read();
                                lines(s, tap, &s.input, &s.output, |image, result, step, count| {
                                    let (from, to) = (x.add(image), y.add(result));
                                    for i in 0..count {
                                        let ($x, $sum) = (from.add(i * step).read(), to.add(i).read());
                                        to.add(i).write($result);
                                    }
                                });
                            }
                        }
                    }
                }
            }
        }

        /// The transpose of a convolution: `y[batch, channels_out, output]` from
        /// `x[batch, channels_in, input]` and `w[channels_in, channels_out / groups, kernel]`.
        #[unsafe(no_mangle)]
        #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
        pub unsafe extern "C" fn $transposed(
            x: *const $type, w: *const $type, bias: *const $type, y: *mut $type,
            space: *const Space,
        ) {
            unsafe {
                let s = &*space;
                let (taps, plane_in, plane_out) = (s.taps(), s.plane_in(), s.plane_out());
                let (channels_in, channels_out) = (s.channels_in as usize, s.channels_out as usize);
                let groups = s.groups.max(1) as usize;
                let (group_in, group_out) = (channels_in / groups, channels_out / groups);
                for image in 0..s.batch as usize {
                    for out in 0..channels_out {
                        let y = y.add((image * channels_out + out) * plane_out);
                        let start = if bias.is_null() { $zero } else { bias.add(out).read() };
                        for pixel in 0..plane_out {
                            y.add(pixel).write(start);
                        }
                        for channel in 0..group_in {
                            let from = out / group_out.max(1) * group_in + channel;
                            let x = x.add((image * channels_in + from) * plane_in);
                            let w = w.add((from * group_out + out % group_out.max(1)) * taps);
                            for tap in 0..taps {
                                let $w = w.add(tap).read();
                                // The convolution's windows are the transpose's input.
                                lines(s, tap, &s.output, &s.input, |result, image, step, count| {
                                    let (from, to) = (x.add(image), y.add(result));
                                    for i in 0..count {
                                        let $x = from.add(i).read();
                                        let $sum = to.add(i * step).read();
                                        to.add(i * step).write($result);
                                    }
                                });
                            }
                        }
                    }
                }
            }
        }
    )*};
}

convolutions! {
    conv_any_f32 conv_transposed_f32: f32, 0.0, |sum, x, w| x * w + sum;
    conv_any_f64 conv_transposed_f64: f64, 0.0, |sum, x, w| x * w + sum;
    conv_any_i32 conv_transposed_i32: i32, 0, |sum, x, w| x.wrapping_mul(w).wrapping_add(sum);
}

/// Every line of windows that tap `tap` meets inside the image: the offset of the first number in
/// the image and of the first window, the step between numbers, and how many there are.
#[inline(always)]
fn lines(
    s: &Space,
    tap: usize,
    image: &[u32; 3],
    windows: &[u32; 3],
    mut line: impl FnMut(usize, usize, usize, usize),
) {
    let [depth, height, width] = image.map(|size| size as usize);
    let [planes, rows, columns] = windows.map(|size| size as usize);
    let tap = s.tap(tap);
    let (first, end) = s.reach(2, tap[2], width, columns);
    if first >= end {
        return;
    }
    let Some(column) = s.position(2, first, tap[2], width) else { return };
    for plane in 0..planes {
        let Some(z) = s.position(0, plane, tap[0], depth) else { continue };
        for row in 0..rows {
            let Some(y) = s.position(1, row, tap[1], height) else { continue };
            let from = (z * height + y) * width + column;
            let to = (plane * rows + row) * columns + first;
            line(from, to, s.strides[2] as usize, end - first);
        }
    }
}

/// Adds blocks back into the image they were cut from: `y[batch, channels_out, output]` from
/// `x[batch, channels_out · taps, windows]`; `input` are the windows along each axis.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn col2im_f32(x: *const f32, y: *mut f32, space: *const Space) {
    unsafe {
        let s = &*space;
        let (taps, windows, plane) = (s.taps(), s.plane_in(), s.plane_out());
        for block in 0..s.batch as usize * s.channels_out as usize {
            let y = y.add(block * plane);
            for pixel in 0..plane {
                y.add(pixel).write(0.0);
            }
            for tap in 0..taps {
                let x = x.add((block * taps + tap) * windows);
                lines(s, tap, &s.output, &s.input, |image, window, step, count| {
                    for i in 0..count {
                        let to = y.add(image + i * step);
                        to.write(to.read() + x.add(window + i).read());
                    }
                });
            }
        }
    }
}

/// Two-dimensional convolution whose taps are moved by `offset[batch, offset_groups · taps · 2,
/// output]` and weighed by `mask[batch, offset_groups · taps, output]` (0: not weighed).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deform_conv_f32(
    x: *const f32,
    w: *const f32,
    offset: *const f32,
    bias: *const f32,
    mask: *const f32,
    y: *mut f32,
    space: *const Space,
    offset_groups: usize,
) {
    unsafe {
        let s = &*space;
        let (taps, plane_in, plane_out) = (s.taps(), s.plane_in(), s.plane_out());
        let (channels_in, channels_out) = (s.channels_in as usize, s.channels_out as usize);
        let groups = s.groups.max(1) as usize;
        let (group_in, group_out) = (channels_in / groups, channels_out / groups);
        let (height, width) = (s.input[1] as usize, s.input[2] as usize);
        for image in 0..s.batch as usize {
            for out in 0..channels_out {
                for pixel in 0..plane_out {
                    let [_, row, column] = unravel(pixel, &s.output);
                    let mut sum = if bias.is_null() { 0.0 } else { bias.add(out).read() };
                    for channel in 0..group_in {
                        let from = out / group_out.max(1) * group_in + channel;
                        let group = from * offset_groups / channels_in.max(1);
                        let plane = x.add((image * channels_in + from) * plane_in);
                        for tap in 0..taps {
                            let [_, tap_y, tap_x] = s.tap(tap);
                            let moved = (image * offset_groups + group) * taps + tap;
                            let at =
                                |part: usize| offset.add((moved * 2 + part) * plane_out + pixel);
                            let place = |axis: usize, index: usize, tap: usize| {
                                (index * s.strides[axis] as usize
                                    + tap * s.dilations[axis] as usize)
                                    as f32
                                    - s.pads[axis] as f32
                            };
                            let py = place(1, row, tap_y) + at(0).read();
                            let px = place(2, column, tap_x) + at(1).read();
                            let mut value = bilinear(plane, height, width, py, px);
                            if !mask.is_null() {
                                value *= mask.add(moved * plane_out + pixel).read();
                            }
                            sum += value * w.add((out * group_in + channel) * taps + tap).read();
                        }
                    }
                    y.add((image * channels_out + out) * plane_out + pixel).write(sum);
                }
            }
        }
    }
}

/// The value between four pixels; pixels outside the image are 0.
#[inline(always)]
pub(crate) unsafe fn bilinear(
    plane: *const f32,
    height: usize,
    width: usize,
    y: f32,
    x: f32,
) -> f32 {
    if !(y > -1.0 && x > -1.0 && y < height as f32 && x < width as f32) {
        return 0.0;
    }
    let (top, left) = (libm::floorf(y), libm::floorf(x));
    let (down, right) = (y - top, x - left);
    let pixel = |row: f32, column: f32| {
        if row < 0.0 || column < 0.0 || row >= height as f32 || column >= width as f32 {
            0.0
        } else {
            unsafe { plane.add(row as usize * width + column as usize).read() }
        }
    };
    pixel(top, left) * (1.0 - down) * (1.0 - right)
        + pixel(top, left + 1.0) * (1.0 - down) * right
        + pixel(top + 1.0, left) * down * (1.0 - right)
        + pixel(top + 1.0, left + 1.0) * down * right
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    fn space() -> Space {
        Space {
            batch: 2,
            channels_in: 4,
            channels_out: 6,
            groups: 2,
            input: [3, 5, 7],
            output: [3, 3, 4],
            kernel: [3, 2, 3],
            strides: [1, 2, 2],
            dilations: [1, 2, 1],
            pads: [1, 1, 1],
            pads_end: [1, 1, 1],
        }
    }

    /// Every pair of input and output that a tap joins: image, channels, pixels, and the weight.
    fn pairs(s: &Space, mut pair: impl FnMut([usize; 5], usize)) {
        let (group_in, group_out) = (s.channels_in / s.groups, s.channels_out / s.groups);
        for image in 0..s.batch as usize {
            for out in 0..s.channels_out as usize {
                for channel in 0..group_in as usize {
                    let from = out / group_out as usize * group_in as usize + channel;
                    for pixel in 0..s.plane_out() {
                        for tap in 0..s.taps() {
                            let (window, tap_at) = (unravel(pixel, &s.output), s.tap(tap));
                            let at: Option<Vec<usize>> = (0..3)
                                .map(|axis| {
                                    let length = s.input[axis] as usize;
                                    s.position(axis, window[axis], tap_at[axis], length)
                                })
                                .collect();
                            let Some(at) = at else { continue };
                            let [_, height, width] = s.input.map(|size| size as usize);
                            let input = (at[0] * height + at[1]) * width + at[2];
                            pair([image, out, from, pixel, input], channel * s.taps() + tap);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn three_dimensions_groups_and_borders_agree_with_the_definition() {
        let s = space();
        let (taps, group_in) = (s.taps(), 2);
        let x = noise(2 * 4 * s.plane_in(), 1);
        let (w, bias) = (noise(6 * group_in * taps, 2), noise(6, 3));
        let mut y = vec![9.0; 2 * 6 * s.plane_out()];

        unsafe {
            conv_any_f32(x.as_ptr(), w.as_ptr(), bias.as_ptr(), y.as_mut_ptr(), &raw const s)
        };

        let mut expected: Vec<f32> =
            (0..y.len()).map(|index| bias[index / s.plane_out() % 6]).collect();
        pairs(&s, |[image, out, from, pixel, input], weight| {
            expected[(image * 6 + out) * s.plane_out() + pixel] +=
                x[(image * 4 + from) * s.plane_in() + input] * w[out * group_in * taps + weight];
        });
        for (actual, expected) in y.iter().zip(expected) {
            assert!((actual - expected).abs() < 1e-5, "{actual} is not {expected}");
        }
    }

    #[test]
    fn the_transpose_sends_every_number_back_where_it_came_from() {
        let forward = space();
        let taps = forward.taps();
        // `w` of the transpose has input and output channels the other way round.
        let x = noise(2 * 6 * forward.plane_out(), 4);
        let w = noise(6 * 2 * taps, 5);
        let backward = Space {
            channels_in: 6,
            channels_out: 4,
            input: forward.output,
            output: forward.input,
            ..forward
        };
        let mut y = vec![9.0; 2 * 4 * forward.plane_in()];

        unsafe {
            let (x, w, y) = (x.as_ptr(), w.as_ptr(), y.as_mut_ptr());
            conv_transposed_f32(x, w, core::ptr::null(), y, &raw const backward);
        }

        let mut expected = vec![0.0; y.len()];
        pairs(&forward, |[image, out, from, pixel, input], weight| {
            expected[(image * 4 + from) * forward.plane_in() + input] +=
                x[(image * 6 + out) * forward.plane_out() + pixel] * w[out * 2 * taps + weight];
        });
        for (actual, expected) in y.iter().zip(expected) {
            assert!((actual - expected).abs() < 1e-5, "{actual} is not {expected}");
        }
    }

    #[test]
    fn a_deformed_convolution_that_moves_nothing_is_a_convolution() {
        let s = Space {
            batch: 1,
            channels_in: 2,
            channels_out: 3,
            groups: 1,
            input: [1, 5, 6],
            output: [1, 5, 6],
            kernel: [1, 3, 3],
            strides: [1; 3],
            dilations: [1; 3],
            pads: [0, 1, 1],
            pads_end: [0, 1, 1],
        };
        let (x, w) = (noise(2 * 30, 1), noise(3 * 2 * 9, 2));
        let offset = vec![0.0; 9 * 2 * 30];
        let (mut plain, mut deformed) = (vec![9.0; 90], vec![9.0; 90]);

        unsafe {
            let none = core::ptr::null();
            let (x, w, shape) = (x.as_ptr(), w.as_ptr(), &raw const s);
            conv_any_f32(x, w, none, plain.as_mut_ptr(), shape);
            deform_conv_f32(x, w, offset.as_ptr(), none, none, deformed.as_mut_ptr(), shape, 1);
        }

        for (plain, deformed) in plain.iter().zip(deformed) {
            assert!((plain - deformed).abs() < 1e-5);
        }
    }
}
