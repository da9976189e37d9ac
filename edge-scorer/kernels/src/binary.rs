//! Operators of two tensors, element by element, with broadcasting.
//!
//! Every kernel walks four axes of the result; shapes with fewer have axes of size 1 in front,
//! and the compiler joins neighbouring axes that both operands walk alike. An operand that is
//! repeated along an axis has stride 0 there. The result is written without gaps.
//!
//! # Invariants
//! - Integer operators wrap, and division by zero answers 0: nothing a caller sends can trap.
//!
//! # Deliberately absent
//! - Explicit SIMD: the plain loops vectorise, and these operators wait for memory.

/// Defines kernels `fn(a, b, y, sizes…, strides of a…, strides of b…)`.
macro_rules! binary {
    ($($name:ident: ($from:ty) -> $to:ty = |$a:ident, $b:ident| $result:expr;)*) => {$(
        /// Applies the operator to every pair of elements.
        #[unsafe(no_mangle)]
        #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
        pub unsafe extern "C" fn $name(
            a: *const $from, b: *const $from, y: *mut $to,
            n0: usize, n1: usize, n2: usize, n3: usize,
            a0: usize, a1: usize, a2: usize, a3: usize,
            b0: usize, b1: usize, b2: usize, b3: usize,
        ) {
            let mut y = y;
            for i0 in 0..n0 {
                for i1 in 0..n1 {
                    for i2 in 0..n2 {
                        unsafe {
                            let a = a.add(i0 * a0 + i1 * a1 + i2 * a2);
                            let b = b.add(i0 * b0 + i1 * b1 + i2 * b2);
                            if a3 == 1 && b3 == 1 {
                                for i in 0..n3 {
                                    let ($a, $b) = (a.add(i).read(), b.add(i).read());
                                    y.add(i).write($result);
                                }
                            } else if a3 == 1 && b3 == 0 && n3 > 0 {
                                let $b = b.read();
                                for i in 0..n3 {
                                    let $a = a.add(i).read();
                                    y.add(i).write($result);
                                }
                            } else {
                                for i in 0..n3 {
                                    let ($a, $b) = (a.add(i * a3).read(), b.add(i * b3).read());
                                    y.add(i).write($result);
                                }
                            }
                            y = y.add(n3);
                        }
                    }
                }
            }
        }
    )*};
}

binary! {
    add_f32: (f32) -> f32 = |a, b| a + b;
    sub_f32: (f32) -> f32 = |a, b| a - b;
    mul_f32: (f32) -> f32 = |a, b| a * b;
    div_f32: (f32) -> f32 = |a, b| a / b;
    rem_f32: (f32) -> f32 = |a, b| libm::fmodf(a, b);
    pow_f32: (f32) -> f32 = |a, b| libm::powf(a, b);
    min_f32: (f32) -> f32 = |a, b| if a < b || a.is_nan() { a } else { b };
    max_f32: (f32) -> f32 = |a, b| if a > b || a.is_nan() { a } else { b };
    eq_f32: (f32) -> u8 = |a, b| u8::from(a == b);
    ne_f32: (f32) -> u8 = |a, b| u8::from(a != b);
    lt_f32: (f32) -> u8 = |a, b| u8::from(a < b);
    le_f32: (f32) -> u8 = |a, b| u8::from(a <= b);
    gt_f32: (f32) -> u8 = |a, b| u8::from(a > b);
    ge_f32: (f32) -> u8 = |a, b| u8::from(a >= b);

    add_f64: (f64) -> f64 = |a, b| a + b;
    sub_f64: (f64) -> f64 = |a, b| a - b;
    mul_f64: (f64) -> f64 = |a, b| a * b;
    div_f64: (f64) -> f64 = |a, b| a / b;
    rem_f64: (f64) -> f64 = |a, b| libm::fmod(a, b);
    pow_f64: (f64) -> f64 = |a, b| libm::pow(a, b);
    min_f64: (f64) -> f64 = |a, b| if a < b || a.is_nan() { a } else { b };
    max_f64: (f64) -> f64 = |a, b| if a > b || a.is_nan() { a } else { b };
    eq_f64: (f64) -> u8 = |a, b| u8::from(a == b);
    ne_f64: (f64) -> u8 = |a, b| u8::from(a != b);
    lt_f64: (f64) -> u8 = |a, b| u8::from(a < b);
    le_f64: (f64) -> u8 = |a, b| u8::from(a <= b);
    gt_f64: (f64) -> u8 = |a, b| u8::from(a > b);
    ge_f64: (f64) -> u8 = |a, b| u8::from(a >= b);

    and_u8: (u8) -> u8 = |a, b| a & b;
    or_u8: (u8) -> u8 = |a, b| a | b;
    xor_u8: (u8) -> u8 = |a, b| a ^ b;
    and_u16: (u16) -> u16 = |a, b| a & b;
    or_u16: (u16) -> u16 = |a, b| a | b;
    xor_u16: (u16) -> u16 = |a, b| a ^ b;
    and_u32: (u32) -> u32 = |a, b| a & b;
    or_u32: (u32) -> u32 = |a, b| a | b;
    xor_u32: (u32) -> u32 = |a, b| a ^ b;
    and_u64: (u64) -> u64 = |a, b| a & b;
    or_u64: (u64) -> u64 = |a, b| a | b;
    xor_u64: (u64) -> u64 = |a, b| a ^ b;
}

/// The operators that integers have.
macro_rules! integers {
    ($($type:ty: $add:ident $sub:ident $mul:ident $div:ident $rem:ident $min:ident $max:ident
        $eq:ident $ne:ident $lt:ident $le:ident $gt:ident $ge:ident;)*) => {$(
        binary! {
            $add: ($type) -> $type = |a, b| a.wrapping_add(b);
            $sub: ($type) -> $type = |a, b| a.wrapping_sub(b);
            $mul: ($type) -> $type = |a, b| a.wrapping_mul(b);
            $div: ($type) -> $type = |a, b| if b == 0 { 0 } else { a.wrapping_div(b) };
            $rem: ($type) -> $type = |a, b| if b == 0 { 0 } else { a.wrapping_rem(b) };
            $min: ($type) -> $type = |a, b| a.min(b);
            $max: ($type) -> $type = |a, b| a.max(b);
            $eq: ($type) -> u8 = |a, b| u8::from(a == b);
            $ne: ($type) -> u8 = |a, b| u8::from(a != b);
            $lt: ($type) -> u8 = |a, b| u8::from(a < b);
            $le: ($type) -> u8 = |a, b| u8::from(a <= b);
            $gt: ($type) -> u8 = |a, b| u8::from(a > b);
            $ge: ($type) -> u8 = |a, b| u8::from(a >= b);
        }
    )*};
}

integers! {
    i32: add_i32 sub_i32 mul_i32 div_i32 rem_i32 min_i32 max_i32
        eq_i32 ne_i32 lt_i32 le_i32 gt_i32 ge_i32;
    i64: add_i64 sub_i64 mul_i64 div_i64 rem_i64 min_i64 max_i64
        eq_i64 ne_i64 lt_i64 le_i64 gt_i64 ge_i64;
    i8: add_i8 sub_i8 mul_i8 div_i8 rem_i8 min_i8 max_i8
        eq_i8 ne_i8 lt_i8 le_i8 gt_i8 ge_i8;
    i16: add_i16 sub_i16 mul_i16 div_i16 rem_i16 min_i16 max_i16
        eq_i16 ne_i16 lt_i16 le_i16 gt_i16 ge_i16;
    u16: add_u16 sub_u16 mul_u16 div_u16 rem_u16 min_u16 max_u16
        eq_u16 ne_u16 lt_u16 le_u16 gt_u16 ge_u16;
    u32: add_u32 sub_u32 mul_u32 div_u32 rem_u32 min_u32 max_u32
        eq_u32 ne_u32 lt_u32 le_u32 gt_u32 ge_u32;
    u64: add_u64 sub_u64 mul_u64 div_u64 rem_u64 min_u64 max_u64
        eq_u64 ne_u64 lt_u64 le_u64 gt_u64 ge_u64;
    u8: add_u8 sub_u8 mul_u8 div_u8 rem_u8 min_u8 max_u8
        eq_u8 ne_u8 lt_u8 le_u8 gt_u8 ge_u8;
}

/// Defines kernels `fn(condition, a, b, y, sizes…, strides…)`.
macro_rules! choose {
    ($($name:ident: $type:ty;)*) => {$(
        /// `a` where the condition holds, else `b`; strides as for the other operators.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            condition: *const u8, a: *const $type, b: *const $type, y: *mut $type,
            n0: usize, n1: usize, n2: usize, n3: usize,
            c0: usize, c1: usize, c2: usize, c3: usize,
            a0: usize, a1: usize, a2: usize, a3: usize,
            b0: usize, b1: usize, b2: usize, b3: usize,
        ) {
            let mut y = y;
            for i0 in 0..n0 {
                for i1 in 0..n1 {
                    for i2 in 0..n2 {
                        for i3 in 0..n3 {
                            unsafe {
                                let c = condition.add(i0 * c0 + i1 * c1 + i2 * c2 + i3 * c3);
                                let a = a.add(i0 * a0 + i1 * a1 + i2 * a2 + i3 * a3);
                                let b = b.add(i0 * b0 + i1 * b1 + i2 * b2 + i3 * b3);
                                y.write(if c.read() != 0 { a.read() } else { b.read() });
                                y = y.add(1);
                            }
                        }
                    }
                }
            }
        }
    )*};
}

choose! {
    choose_1: u8;
    choose_4: u32;
    choose_8: u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_repeated_for_every_row_and_a_column_for_every_column() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let (row, column) = ([10.0, 20.0, 30.0], [100.0, 200.0]);
        let (mut sum, mut product) = ([0.0; 6], [0.0; 6]);

        unsafe {
            let (a, row, column) = (a.as_ptr(), row.as_ptr(), column.as_ptr());
            add_f32(a, row, sum.as_mut_ptr(), 1, 1, 2, 3, 0, 0, 3, 1, 0, 0, 0, 1);
            mul_f32(a, column, product.as_mut_ptr(), 1, 1, 2, 3, 0, 0, 3, 1, 0, 0, 1, 0);
        }

        assert_eq!(sum, [11.0, 22.0, 33.0, 14.0, 25.0, 36.0]);
        assert_eq!(product, [100.0, 200.0, 300.0, 800.0, 1000.0, 1200.0]);
    }

    #[test]
    fn integer_division_answers_whatever_it_is_given() {
        let (a, b) = ([7, i32::MIN, 5], [2, -1, 0]);
        let (mut quotient, mut rest) = ([9; 3], [9; 3]);

        unsafe {
            let (a, b) = (a.as_ptr(), b.as_ptr());
            div_i32(a, b, quotient.as_mut_ptr(), 1, 1, 1, 3, 0, 0, 0, 1, 0, 0, 0, 1);
            rem_i32(a, b, rest.as_mut_ptr(), 1, 1, 1, 3, 0, 0, 0, 1, 0, 0, 0, 1);
        }

        assert_eq!(quotient, [3, i32::MIN, 0]);
        assert_eq!(rest, [1, 0, 0]);
    }

    #[test]
    fn a_condition_chooses_between_a_tensor_and_a_number() {
        let (condition, a, b) = ([1, 0, 1], [1_u32, 2, 3], [9_u32]);
        let mut y = [0; 3];

        unsafe {
            let (c, a, b) = (condition.as_ptr(), a.as_ptr(), b.as_ptr());
            choose_4(c, a, b, y.as_mut_ptr(), 1, 1, 1, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0);
        }

        assert_eq!(y, [1, 9, 3]);
    }
}
