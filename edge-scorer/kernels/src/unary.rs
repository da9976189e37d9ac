//! Operators of one tensor, element by element; `y` may be `x`.
//!
//! The functions that networks spend time in have SIMD versions in `activation.rs`; these are the
//! others. Two settings, `p` and `q`, are what the operator's definition says or are ignored.

/// Defines kernels `fn(x, n, y)`, and with `(p)` or `(p, q)` settings after `n`.
macro_rules! unary {
    ($($name:ident $(($($setting:ident),*))?: ($from:ty) -> $to:ty = |$x:ident| $result:expr;)*) => {$(
        /// Applies the operator to `n` elements.
        #[unsafe(no_mangle)]
        #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
        pub unsafe extern "C" fn $name(x: *const $from, n: usize, $($($setting: f32,)*)? y: *mut $to) {
            for i in 0..n {
                unsafe {
                    let $x = x.add(i).read();
                    y.add(i).write($result);
                }
            }
        }
    )*};
}

unary! {
    neg_f32: (f32) -> f32 = |x| -x;
    abs_f32: (f32) -> f32 = |x| libm::fabsf(x);
    sqrt_f32: (f32) -> f32 = |x| libm::sqrtf(x);
    rsqrt_f32: (f32) -> f32 = |x| 1.0 / libm::sqrtf(x);
    recip_f32: (f32) -> f32 = |x| 1.0 / x;
    square_f32: (f32) -> f32 = |x| x * x;
    floor_f32: (f32) -> f32 = |x| libm::floorf(x);
    ceil_f32: (f32) -> f32 = |x| libm::ceilf(x);
    round_f32: (f32) -> f32 = |x| libm::roundf(x);
    round_even_f32: (f32) -> f32 = |x| libm::rintf(x);
    sign_f32: (f32) -> f32 = |x| if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x };
    sin_f32: (f32) -> f32 = |x| libm::sinf(x);
    cos_f32: (f32) -> f32 = |x| libm::cosf(x);
    tan_f32: (f32) -> f32 = |x| libm::tanf(x);
    asin_f32: (f32) -> f32 = |x| libm::asinf(x);
    acos_f32: (f32) -> f32 = |x| libm::acosf(x);
    atan_f32: (f32) -> f32 = |x| libm::atanf(x);
    sinh_f32: (f32) -> f32 = |x| libm::sinhf(x);
    cosh_f32: (f32) -> f32 = |x| libm::coshf(x);
    asinh_f32: (f32) -> f32 = |x| libm::asinhf(x);
    acosh_f32: (f32) -> f32 = |x| libm::acoshf(x);
    atanh_f32: (f32) -> f32 = |x| libm::atanhf(x);
    leaky_relu_f32(alpha): (f32) -> f32 = |x| if x < 0.0 { x * alpha } else { x };
    pow_const_f32(exponent): (f32) -> f32 = |x| libm::powf(x, exponent);
    hard_swish_f32: (f32) -> f32 = |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0);
    silu_f32: (f32) -> f32 = |x| x / (1.0 + libm::expf(-x));
    gelu_f32: (f32) -> f32 = |x| 0.5 * x * (1.0 + libm::erff(x * core::f32::consts::FRAC_1_SQRT_2));
    gelu_tanh_f32: (f32) -> f32 = |x| {
        let inner = 0.797_884_6 * (x + 0.044_715 * x * x * x);
        0.5 * x * (1.0 + libm::tanhf(inner))
    };
    is_nan_f32: (f32) -> u8 = |x| u8::from(x.is_nan());
    is_inf_f32(negative, positive): (f32) -> u8 = |x| {
        u8::from((x == f32::INFINITY && positive != 0.0) || (x == f32::NEG_INFINITY && negative != 0.0))
    };

    neg_f64: (f64) -> f64 = |x| -x;
    abs_f64: (f64) -> f64 = |x| libm::fabs(x);
    sqrt_f64: (f64) -> f64 = |x| libm::sqrt(x);
    recip_f64: (f64) -> f64 = |x| 1.0 / x;
    square_f64: (f64) -> f64 = |x| x * x;
    floor_f64: (f64) -> f64 = |x| libm::floor(x);
    ceil_f64: (f64) -> f64 = |x| libm::ceil(x);
    round_even_f64: (f64) -> f64 = |x| libm::rint(x);
    exp_f64: (f64) -> f64 = |x| libm::exp(x);
    log_f64: (f64) -> f64 = |x| libm::log(x);
    tanh_f64: (f64) -> f64 = |x| libm::tanh(x);
    sigmoid_f64: (f64) -> f64 = |x| 1.0 / (1.0 + libm::exp(-x));
    sign_f64: (f64) -> f64 = |x| if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x };

    neg_i32: (i32) -> i32 = |x| x.wrapping_neg();
    abs_i32: (i32) -> i32 = |x| x.wrapping_abs();
    sign_i32: (i32) -> i32 = |x| x.signum();
    neg_i64: (i64) -> i64 = |x| x.wrapping_neg();
    abs_i64: (i64) -> i64 = |x| x.wrapping_abs();
    sign_i64: (i64) -> i64 = |x| x.signum();
    not_u8: (u8) -> u8 = |x| x ^ 1;
    flip_u8: (u8) -> u8 = |x| !x;
    flip_u16: (u16) -> u16 = |x| !x;
    flip_u32: (u32) -> u32 = |x| !x;
    flip_u64: (u64) -> u64 = |x| !x;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_may_run_in_place_and_with_settings() {
        let mut x = [-2.0, 0.0, 3.0];

        unsafe { leaky_relu_f32(x.as_ptr(), 3, 0.5, x.as_mut_ptr()) };
        assert_eq!(x, [-1.0, 0.0, 3.0]);

        unsafe { gelu_f32(x.as_ptr(), 3, x.as_mut_ptr()) };
        for (actual, expected) in x.iter().zip([-0.158_655_26_f32, 0.0, 2.995_950_3]) {
            assert!((actual - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn halves_round_to_even() {
        let x = [0.5_f32, 1.5, 2.5, -0.5];
        let mut y = [9.0; 4];

        unsafe { round_even_f32(x.as_ptr(), 4, y.as_mut_ptr()) };

        assert_eq!(y, [0.0, 2.0, 2.0, -0.0]);
    }
}
