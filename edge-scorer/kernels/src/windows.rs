//! Poolings of one to three dimensions and any element type, and what undoes them.
//!
//! The plain form; `pool.rs` is the fast form for flat images of `f32`.
//!
//! # Invariants
//! - An address of 0 for indices means that nobody wants them.
//! - NaN in a window gives NaN.

use crate::space::{Space, unravel};

/// Calls `visit` with the offset of every number of window `pixel` that lies inside the plane.
#[inline(always)]
fn window(s: &Space, pixel: usize, mut visit: impl FnMut(usize, [usize; 3])) {
    let [depth, height, width] = s.input.map(|size| size as usize);
    let [plane, row, column] = unravel(pixel, &s.output);
    for tap_z in 0..s.kernel[0] as usize {
        let Some(z) = s.position(0, plane, tap_z, depth) else { continue };
        for tap_y in 0..s.kernel[1] as usize {
            let Some(y) = s.position(1, row, tap_y, height) else { continue };
            for tap_x in 0..s.kernel[2] as usize {
                let Some(x) = s.position(2, column, tap_x, width) else { continue };
                visit((z * height + y) * width + x, [z, y, x]);
            }
        }
    }
}

macro_rules! maxima {
    ($($name:ident: $type:ty, $least:expr;)*) => {$(
        /// `y[planes, output]`: the largest number of each window of `x[planes, input]`, and where
        /// it lies: rows first, or columns first if `by_columns` is 1.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            x: *const $type, y: *mut $type, indices: *mut i64, space: *const Space,
            by_columns: usize,
        ) {
            unsafe {
                let s = &*space;
                let (plane_in, plane_out) = (s.plane_in(), s.plane_out());
                let [depth, height, _] = s.input.map(|size| size as usize);
                for plane in 0..s.batch as usize {
                    let from = x.add(plane * plane_in);
                    for pixel in 0..plane_out {
                        let mut best: $type = $least;
                        let mut place = 0;
                        let mut is_first = true;
                        window(s, pixel, |offset, [z, y, x]| {
                            let value = from.add(offset).read();
                            let is_nan = value != value;
                            if is_first || value > best || is_nan {
                                is_first = false;
                                best = value;
                                place = match by_columns {
                                    0 => offset,
                                    _ => z + depth * (y + height * x),
                                };
                            }
                        });
                        y.add(plane * plane_out + pixel).write(best);
                        if !indices.is_null() {
                            let index = (plane * plane_in + place) as i64;
                            indices.add(plane * plane_out + pixel).write(index);
                        }
                    }
                }
            }
        }
    )*};
}

maxima! {
    max_pool_any_f32: f32, f32::NEG_INFINITY;
    max_pool_any_f64: f64, f64::NEG_INFINITY;
    max_pool_any_i8: i8, i8::MIN;
    max_pool_any_u8: u8, u8::MIN;
}

/// `y[planes, output]`: the mean of each window, over the padding too if `count_padding` is 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn average_pool_any_f32(
    x: *const f32,
    y: *mut f32,
    space: *const Space,
    count_padding: usize,
) {
    unsafe {
        let s = &*space;
        let (plane_in, plane_out) = (s.plane_in(), s.plane_out());
        for pixel in 0..plane_out {
            let mut counted = 1;
            let index = unravel(pixel, &s.output);
            for (axis, index) in index.into_iter().enumerate() {
                // Rounding the output up adds no padding that counts.
                let length = s.pads[axis] as usize + s.input[axis] as usize;
                let end = length + s.pads_end[axis] as usize;
                let taps = (0..s.kernel[axis] as usize).filter(|tap| {
                    let start = index * s.strides[axis] as usize;
                    end > start + tap * s.dilations[axis] as usize
                });
                counted *= taps.count();
            }
            for plane in 0..s.batch as usize {
                let from = x.add(plane * plane_in);
                let (mut sum, mut inside) = (0.0, 0_usize);
                window(s, pixel, |offset, _| {
                    sum += from.add(offset).read();
                    inside += 1;
                });
                let count = if count_padding == 1 { counted } else { inside };
                y.add(plane * plane_out + pixel).write(sum / count.max(1) as f32);
            }
        }
    }
}

/// `y[planes, output]`: the `p`-norm of each window.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lp_pool_f32(x: *const f32, y: *mut f32, space: *const Space, p: f32) {
    unsafe {
        let s = &*space;
        let (plane_in, plane_out) = (s.plane_in(), s.plane_out());
        for plane in 0..s.batch as usize {
            let from = x.add(plane * plane_in);
            for pixel in 0..plane_out {
                let mut sum = 0.0;
                window(s, pixel, |offset, _| {
                    let size = libm::fabsf(from.add(offset).read());
                    sum += match p {
                        1.0 => size,
                        2.0 => size * size,
                        p => libm::powf(size, p),
                    };
                });
                let root = match p {
                    1.0 => sum,
                    2.0 => libm::sqrtf(sum),
                    p => libm::powf(sum, 1.0 / p),
                };
                y.add(plane * plane_out + pixel).write(root);
            }
        }
    }
}

/// Puts `n` maxima back to where they came from; everything else is 0.
///
/// `indices` count in tensors of planes of `space.input`; the result has planes of `space.output`,
/// at least as large. Answers 1, as a run does whose input is not acceptable, for an index outside.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn max_unpool_f32(
    x: *const f32,
    indices: *const i64,
    y: *mut f32,
    space: *const Space,
    n: usize,
) -> i32 {
    unsafe {
        let s = &*space;
        let (plane_in, plane_out, planes) = (s.plane_in(), s.plane_out(), s.batch as usize);
        for pixel in 0..planes * plane_out {
            y.add(pixel).write(0.0);
        }
        for i in 0..n {
            let index = indices.add(i).read();
            if index < 0 || index >= (planes * plane_in) as i64 {
                return 1;
            }
            let (plane, pixel) = (index as usize / plane_in, index as usize % plane_in);
            let [z, row, column] = unravel(pixel, &s.input);
            let [depth, height, width] = s.output.map(|size| size as usize);
            if z < depth && row < height && column < width {
                let to = plane * plane_out + (z * height + row) * width + column;
                y.add(to).write(x.add(i).read());
            }
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    fn space() -> Space {
        Space {
            batch: 2,
            channels_in: 1,
            channels_out: 1,
            groups: 1,
            input: [2, 4, 5],
            output: [1, 2, 3],
            kernel: [2, 3, 2],
            strides: [1, 2, 2],
            dilations: [1, 1, 1],
            pads: [0, 1, 0],
            pads_end: [0, 0, 1],
        }
    }

    #[test]
    fn maxima_are_handed_out_with_their_places() {
        let (s, x) = (space(), noise(80, 3));
        let (mut y, mut places) = (vec![9.0; 12], vec![-1; 12]);

        unsafe {
            let (y, places) = (y.as_mut_ptr(), places.as_mut_ptr());
            max_pool_any_f32(x.as_ptr(), y, places, &raw const s, 0);
        }

        for (largest, place) in y.iter().zip(&places) {
            assert_eq!(*largest, x[*place as usize]);
        }
        // The first window: rows -1 to 1 and columns 0 and 1 of both planes.
        let first = [0, 1, 5, 6, 20, 21, 25, 26].map(|at| x[at]);
        assert_eq!(y[0], first.into_iter().fold(f32::NEG_INFINITY, f32::max));
    }

    #[test]
    fn what_was_pooled_goes_back_to_its_place() {
        let (s, x) = (space(), noise(80, 3));
        let (mut y, mut places) = (vec![9.0; 12], vec![-1; 12]);
        let back = Space { output: s.input, ..s };
        let mut image = vec![9.0; 80];

        unsafe {
            max_pool_any_f32(x.as_ptr(), y.as_mut_ptr(), places.as_mut_ptr(), &raw const s, 0);
            let (y, image) = (y.as_ptr(), image.as_mut_ptr());
            assert_eq!(max_unpool_f32(y, places.as_ptr(), image, &raw const back, 12), 0);
            places[4] = 80;
            assert_eq!(max_unpool_f32(y, places.as_ptr(), image, &raw const back, 12), 1);
        }
    }

    #[test]
    fn padding_counts_only_where_it_was_asked_for() {
        let s = Space { batch: 1, input: [1, 1, 4], output: [1, 1, 3], ..space() };
        let s = Space { kernel: [1, 1, 2], pads: [0, 0, 1], strides: [1, 1, 2], ..s };
        let x = [2.0, 4.0, 6.0, 8.0];
        let mut y = [9.0; 3];

        unsafe { average_pool_any_f32(x.as_ptr(), y.as_mut_ptr(), &raw const s, 1) };
        assert_eq!(y, [1.0, 5.0, 4.0]);

        unsafe { average_pool_any_f32(x.as_ptr(), y.as_mut_ptr(), &raw const s, 0) };
        assert_eq!(y, [2.0, 5.0, 8.0]);
    }
}
