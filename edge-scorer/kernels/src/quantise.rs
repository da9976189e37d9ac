//! Numbers as scaled integers: quantisation, its inverse, and products of integers.
//!
//! A tensor is `[outer, len, inner]` around the axis that scales vary along. The scale of an element
//! is at `outer · so + (index / block) · sa + inner · si`: strides of 0 mean one scale for all.
//!
//! # Invariants
//! - Halves round to even; what is out of range becomes the nearest number in range.
//! - Products are exact: they add up in 32 bits, as ONNX has them, and wrap.

macro_rules! quantisations {
    ($($quantise:ident $dequantise:ident: $type:ty;)*) => {$(
        /// `y = saturate(round(x / scale) + zero)`; `zeros` of 0 means that they are all 0.
        #[unsafe(no_mangle)]
        #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
        pub unsafe extern "C" fn $quantise(
            x: *const f32, scales: *const f32, zeros: *const $type, y: *mut $type,
            outer: usize, len: usize, inner: usize,
            so: usize, sa: usize, si: usize, block: usize,
        ) {
            for (at, scale) in places(outer, len, inner, so, sa, si, block) {
                unsafe {
                    let zero = if zeros.is_null() { 0.0 } else { zeros.add(scale).read() as f32 };
                    let value = libm::rintf(x.add(at).read() / scales.add(scale).read()) + zero;
                    // `as` saturates.
                    y.add(at).write(value as $type);
                }
            }
        }

        /// `y = (x - zero) · scale`; `zeros` of 0 means that they are all 0.
        #[unsafe(no_mangle)]
        #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
        pub unsafe extern "C" fn $dequantise(
            x: *const $type, scales: *const f32, zeros: *const $type, y: *mut f32,
            outer: usize, len: usize, inner: usize,
            so: usize, sa: usize, si: usize, block: usize,
        ) {
            for (at, scale) in places(outer, len, inner, so, sa, si, block) {
                unsafe {
                    let zero = if zeros.is_null() { 0 } else { i64::from(zeros.add(scale).read()) };
                    let value = (i64::from(x.add(at).read()) - zero) as f32;
                    y.add(at).write(value * scales.add(scale).read());
                }
            }
        }
    )*};
}

quantisations! {
    quantise_u8 dequantise_u8: u8;
    quantise_i8 dequantise_i8: i8;
    quantise_u16 dequantise_u16: u16;
    quantise_i16 dequantise_i16: i16;
    quantise_i32 dequantise_i32: i32;
}

/// Every element's place and its scale's.
#[inline(always)]
fn places(
    outer: usize,
    len: usize,
    inner: usize,
    so: usize,
    sa: usize,
    si: usize,
    block: usize,
) -> impl Iterator<Item = (usize, usize)> {
    (0..outer).flat_map(move |o| {
        (0..len).flat_map(move |a| {
            let (first, scale) = ((o * len + a) * inner, o * so + a / block.max(1) * sa);
            (0..inner).map(move |i| (first + i, scale + i * si))
        })
    })
}

/// `y`, its scale and its zero point: the range of `x` and 0 over the 256 numbers of a byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn quantise_dynamic(
    x: *const f32,
    y: *mut u8,
    scale: *mut f32,
    zero: *mut u8,
    n: usize,
) {
    unsafe {
        let (mut low, mut high) = (0.0_f32, 0.0_f32);
        for i in 0..n {
            let value = x.add(i).read();
            low = low.min(value);
            high = high.max(value);
        }
        let step = if high == low { 1.0 / 255.0 } else { (high - low) / 255.0 };
        let origin = libm::rintf((-low / step).clamp(0.0, 255.0));
        scale.write(step);
        zero.write(origin as u8);
        for i in 0..n {
            y.add(i).write((libm::rintf(x.add(i).read() / step) + origin) as u8);
        }
    }
}

macro_rules! widenings {
    ($($name:ident: $type:ty;)*) => {$(
        /// `y = x - zero` for `x[outer, len, inner]`; zeros are `stride` apart along the middle
        /// axis, and `zeros` of 0 means that they are all 0.
        #[unsafe(no_mangle)]
        #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
        pub unsafe extern "C" fn $name(
            x: *const $type, zeros: *const $type, y: *mut i32,
            outer: usize, len: usize, inner: usize, stride: usize,
        ) {
            for block in 0..outer * len {
                unsafe {
                    let zero = match zeros.is_null() {
                        true => 0,
                        false => i32::from(zeros.add(block % len * stride).read()),
                    };
                    for at in block * inner..(block + 1) * inner {
                        y.add(at).write(i32::from(x.add(at).read()) - zero);
                    }
                }
            }
        }
    )*};
}

widenings! {
    widen_u8: u8;
    widen_i8: i8;
}

/// `y[count, m, n] = a[m, k] · b[k, n]` for operands that go on by `a_step` and `b_step` numbers from
/// one product to the next.
#[unsafe(no_mangle)]
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub unsafe extern "C" fn products_i32(
    a: *const i32,
    b: *const i32,
    y: *mut i32,
    count: usize,
    m: usize,
    k: usize,
    n: usize,
    a_step: usize,
    b_step: usize,
) {
    for index in 0..count {
        for row in 0..m {
            unsafe {
                let a = a.add(index * a_step + row * k);
                let b = b.add(index * b_step);
                let y = y.add((index * m + row) * n);
                for column in 0..n {
                    y.add(column).write(0);
                }
                for tap in 0..k {
                    let factor = a.add(tap).read();
                    let b = b.add(tap * n);
                    for column in 0..n {
                        let product = factor.wrapping_mul(b.add(column).read());
                        y.add(column).write(y.add(column).read().wrapping_add(product));
                    }
                }
            }
        }
    }
}

macro_rules! requantisations {
    ($($name:ident: $type:ty;)*) => {$(
        /// `y = saturate(round(x · row scale · column scale / scale) + zero)` for
        /// `x[outer, rows, columns]`; scales of rows and columns are `row_step` and `column_step`
        /// apart, and `zero` of 0 means 0.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            x: *const i32, row_scales: *const f32, column_scales: *const f32, scale: *const f32,
            zero: *const $type, y: *mut $type,
            outer: usize, rows: usize, columns: usize, row_step: usize, column_step: usize,
        ) {
            unsafe {
                let zero = if zero.is_null() { 0.0 } else { f32::from(zero.read()) };
                let scale = scale.read();
                for block in 0..outer * rows {
                    let row = row_scales.add(block % rows * row_step).read();
                    for column in 0..columns {
                        let at = block * columns + column;
                        let factor = row * column_scales.add(column * column_step).read() / scale;
                        let value = libm::rintf(x.add(at).read() as f32 * factor) + zero;
                        y.add(at).write(value as $type);
                    }
                }
            }
        }
    )*};
}

requantisations! {
    requantise_u8: u8;
    requantise_i8: i8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_to_even_and_the_rest_saturates() {
        let x = [0.5, 1.5, -0.5, 300.0, -300.0, f32::NAN];
        let mut y = [9_u8; 6];

        unsafe {
            let (x, y) = (x.as_ptr(), y.as_mut_ptr());
            quantise_u8(x, [1.0].as_ptr(), [10].as_ptr(), y, 1, 6, 1, 0, 0, 0, 1);
        }

        assert_eq!(y, [10, 12, 10, 255, 0, 0]);
    }

    #[test]
    fn blocks_of_an_axis_have_scales_of_their_own() {
        // [outer 2, len 4, inner 1], blocks of 2.
        let x = [1_i8, 2, 3, 4, 5, 6, 7, 8];
        let (scales, zeros) = ([1.0, 10.0, 100.0, 1000.0], [0, 1, 0, 1]);
        let mut y = [9.0; 8];

        unsafe {
            let (scales, zeros, y) = (scales.as_ptr(), zeros.as_ptr(), y.as_mut_ptr());
            dequantise_i8(x.as_ptr(), scales, zeros, y, 2, 4, 1, 2, 1, 1, 2);
        }

        assert_eq!(y, [1.0, 2.0, 20.0, 30.0, 500.0, 600.0, 6000.0, 7000.0]);
    }

    #[test]
    fn the_dynamic_range_takes_in_zero() {
        let x = [1.0, 2.0, 5.1];
        let (mut y, mut scale, mut zero) = ([9_u8; 3], [9.0], [9_u8]);

        unsafe {
            let (y, scale, zero) = (y.as_mut_ptr(), scale.as_mut_ptr(), zero.as_mut_ptr());
            quantise_dynamic(x.as_ptr(), y, scale, zero, 3);
        }

        assert_eq!((y, zero), ([50, 100, 255], [0]));
        assert!((scale[0] - 0.02_f32).abs() < 1e-7);
    }

    #[test]
    fn a_product_of_bytes_comes_back_as_bytes() {
        let (a, b, mut wide) = ([1_u8, 2, 3, 4], [5_i8, -6, 7, 8], [[0; 4]; 3]);

        let mut y = [9_i8; 4];
        unsafe {
            let [a_wide, b_wide, products] = &mut wide;
            let (a_wide, b_wide) = (a_wide.as_mut_ptr(), b_wide.as_mut_ptr());
            widen_u8(a.as_ptr(), [1].as_ptr(), a_wide, 1, 4, 1, 0);
            widen_i8(b.as_ptr(), core::ptr::null(), b_wide, 1, 4, 1, 0);
            products_i32(a_wide, b_wide, products.as_mut_ptr(), 1, 2, 2, 2, 0, 0);
            let (rows, columns, scale) = ([1.0, 0.5], [2.0], [1.0]);
            let (rows, columns, scale) = (rows.as_ptr(), columns.as_ptr(), scale.as_ptr());
            let (products, none) = (products.as_ptr(), core::ptr::null());
            requantise_i8(products, rows, columns, scale, none, y.as_mut_ptr(), 1, 2, 2, 1, 0);
        }

        assert_eq!(wide[2], [7, 8, 31, 12]);
        assert_eq!(y, [14, 16, 31, 12]);
    }
}
