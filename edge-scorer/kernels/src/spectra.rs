//! Discrete Fourier transforms and the tables of signal processing.
//!
//! A transform of a length that is a power of two goes by halves; any other by its definition, over
//! a table of the circle.

use core::f64::consts::TAU;

/// What one transform is.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct TransformShape {
    /// Lines before the axis.
    pub outer: u32,
    /// Numbers along the axis of the source.
    pub from: u32,
    /// Length of the transform: what is missing is 0, what is too much is cut off.
    pub length: u32,
    /// Numbers along the axis of the result.
    pub to: u32,
    /// Lines behind the axis.
    pub inner: u32,
    /// 1 for real numbers, 2 for complex ones.
    pub parts_in: u32,
    /// The same for the result.
    pub parts_out: u32,
    /// 1 if back from frequencies.
    pub inverse: u32,
    /// 1 if the source holds the first half of a symmetric spectrum.
    pub half_spectrum: u32,
}

/// `y[outer, to, inner, parts_out]` from `x[outer, from, inner, parts_in]`.
///
/// `scratch` holds `6 · length` numbers of `f64`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn transform_f32(
    x: *const f32,
    y: *mut f32,
    scratch: *mut f64,
    shape: *const TransformShape,
) {
    unsafe {
        let s = &*shape;
        let (from, length, inner) = (s.from as usize, s.length as usize, s.inner as usize);
        let (parts_in, parts_out) = (s.parts_in as usize, s.parts_out as usize);
        let to = s.to as usize;
        circle(scratch.add(4 * length), length, s.inverse == 1);
        for line in 0..s.outer as usize * inner {
            let (outer, column) = (line / inner, line % inner);
            let number = |index: usize| {
                let at = ((outer * from + index) * inner + column) * parts_in;
                let imaginary = if parts_in == 2 { x.add(at + 1).read() } else { 0.0 };
                [f64::from(x.add(at).read()), f64::from(imaginary)]
            };
            for index in 0..length {
                let mirrored = s.half_spectrum == 1 && index > length / 2;
                let source = if mirrored { length - index } else { index };
                let [real, imaginary] = if source < from { number(source) } else { [0.0; 2] };
                scratch.add(2 * index).write(real);
                scratch.add(2 * index + 1).write(if mirrored { -imaginary } else { imaginary });
            }
            let result = transform(scratch, length);
            let factor = if s.inverse == 1 { 1.0 / length as f64 } else { 1.0 };
            for index in 0..to {
                let at = ((outer * to + index) * inner + column) * parts_out;
                for part in 0..parts_out {
                    let value = result.add(2 * index + part).read() * factor;
                    y.add(at + part).write(value as f32);
                }
            }
        }
    }
}

/// Frames of a signal, weighed by a window, each transformed: `y[batch, frames, to, 2]` from
/// `x[batch, from, parts]`.
///
/// `window` of 0 weighs nothing. `scratch` holds `6 · length` numbers of `f64`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn frames_f32(
    x: *const f32,
    window: *const f32,
    y: *mut f32,
    scratch: *mut f64,
    batch: usize,
    from: usize,
    parts: usize,
    frames: usize,
    step: usize,
    length: usize,
    window_length: usize,
    to: usize,
) {
    unsafe {
        circle(scratch.add(4 * length), length, false);
        for frame in 0..batch * frames {
            let (signal, first) = (frame / frames, frame % frames * step);
            for index in 0..length {
                let weight = match window.is_null() {
                    true => 1.0,
                    false if index < window_length => f64::from(window.add(index).read()),
                    false => 0.0,
                };
                for part in 0..2 {
                    let is_there = first + index < from && part < parts;
                    let at = (signal * from + first + index) * parts + part;
                    let value = if is_there { f64::from(x.add(at).read()) } else { 0.0 };
                    scratch.add(2 * index + part).write(value * weight);
                }
            }
            let result = transform(scratch, length);
            for index in 0..2 * to {
                y.add(frame * to * 2 + index).write(result.add(index).read() as f32);
            }
        }
    }
}

/// `e^(∓2πi·n/length)` for each `n`.
#[inline(always)]
unsafe fn circle(to: *mut f64, length: usize, inverse: bool) {
    let turn = if inverse { TAU } else { -TAU };
    for index in 0..length {
        let angle = turn * index as f64 / length as f64;
        unsafe {
            to.add(2 * index).write(libm::cos(angle));
            to.add(2 * index + 1).write(libm::sin(angle));
        }
    }
}

/// Transforms the first `2 · length` numbers of `scratch`, with the circle behind the fourth length;
/// answers where the result is.
#[inline(always)]
unsafe fn transform(scratch: *mut f64, length: usize) -> *const f64 {
    unsafe {
        let circle = scratch.add(4 * length).cast_const();
        let (mut a, mut b) = (scratch, scratch.add(2 * length));
        if !length.is_power_of_two() {
            for k in 0..length {
                let (mut real, mut imaginary) = (0.0, 0.0);
                let mut angle = 0;
                for n in 0..length {
                    let (c, s) = (circle.add(2 * angle).read(), circle.add(2 * angle + 1).read());
                    let (re, im) = (a.add(2 * n).read(), a.add(2 * n + 1).read());
                    real += re * c - im * s;
                    imaginary += re * s + im * c;
                    angle += k;
                    if angle >= length {
                        angle -= length;
                    }
                }
                b.add(2 * k).write(real);
                b.add(2 * k + 1).write(imaginary);
            }
            return b;
        }
        // Stockham: sorts as it goes, from one half of the scratch into the other.
        let (mut half, mut stride) = (length / 2, 1);
        while half >= 1 {
            for p in 0..half {
                let (c, s) =
                    (circle.add(2 * p * stride).read(), circle.add(2 * p * stride + 1).read());
                for q in 0..stride {
                    let at = |n: usize| (a.add(2 * n).read(), a.add(2 * n + 1).read());
                    let (u, v) = (at(q + stride * p), at(q + stride * (p + half)));
                    let (re, im) = (u.0 - v.0, u.1 - v.1);
                    let to = b.add(2 * (q + stride * 2 * p));
                    to.write(u.0 + v.0);
                    to.add(1).write(u.1 + v.1);
                    let to = b.add(2 * (q + stride * (2 * p + 1)));
                    to.write(re * c - im * s);
                    to.add(1).write(re * s + im * c);
                }
            }
            half /= 2;
            stride *= 2;
            core::mem::swap(&mut a, &mut b);
        }
        a
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    fn shape(length: u32) -> TransformShape {
        TransformShape {
            outer: 2,
            from: length,
            length,
            to: length,
            inner: 1,
            parts_in: 2,
            parts_out: 2,
            inverse: 0,
            half_spectrum: 0,
        }
    }

    #[test]
    fn there_and_back_is_where_it_was() {
        for length in [1, 2, 6, 8, 15, 32] {
            let x = noise(4 * length, 1);
            let [mut spectrum, mut back] = [vec![9.0; 4 * length], vec![9.0; 4 * length]];
            let mut scratch = vec![f64::NAN; 6 * length];

            unsafe {
                let (there, scratch) = (shape(length as u32), scratch.as_mut_ptr());
                let home = TransformShape { inverse: 1, ..there };
                transform_f32(x.as_ptr(), spectrum.as_mut_ptr(), scratch, &raw const there);
                transform_f32(spectrum.as_ptr(), back.as_mut_ptr(), scratch, &raw const home);
            }

            for (a, b) in x.iter().zip(&back) {
                assert!((a - b).abs() < 1e-5, "{a} is not {b} for {length}");
            }
            let sum: f32 = x.chunks(2).take(length).map(|number| number[0]).sum();
            assert!((spectrum[0] - sum).abs() < 1e-5, "the first frequency is the sum");
        }
    }

    #[test]
    fn a_frame_is_the_transform_of_its_part() {
        let x = noise(20, 1);
        let (mut frames, mut one) = (vec![9.0; 4 * 5 * 2], vec![9.0; 16]);
        let mut scratch = vec![f64::NAN; 48];

        unsafe {
            let (y, scratch) = (frames.as_mut_ptr(), scratch.as_mut_ptr());
            frames_f32(x.as_ptr(), core::ptr::null(), y, scratch, 1, 20, 1, 4, 4, 8, 8, 5);
            let part = TransformShape { outer: 1, parts_in: 1, ..shape(8) };
            transform_f32(x.as_ptr().add(8), one.as_mut_ptr(), scratch, &raw const part);
        }

        assert!(frames[20..30].iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
