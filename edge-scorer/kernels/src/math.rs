//! Elementary functions over four lanes, within about two units in the last place.
//!
//! Each is a range reduction and a polynomial fitted to it (weighted minimax, in 30 digits, then
//! rounded to `f32`). NaN gives NaN; overflow gives infinity; underflow passes through subnormals.

use crate::lanes::Lanes;

/// `((c[n]·x + …)·x + c[1])·x + c[0]`.
#[inline(always)]
fn polynomial<L: Lanes>(x: L, coefficients: &[f32]) -> L {
    let (last, rest) = match coefficients.split_last() {
        Some((last, rest)) => (*last, rest),
        None => (0.0, coefficients),
    };
    let mut sum = L::splat(last);
    for coefficient in rest.iter().rev() {
        sum = sum.mul_add(x, L::splat(*coefficient));
    }
    sum
}

/// `e^x`.
#[inline(always)]
pub(crate) fn exp<L: Lanes>(x: L) -> L {
    // Beyond these the result is 0 or infinity, and the exponent below stays in range.
    let x = x.at_least(L::splat(-104.0)).at_most(L::splat(89.0));
    let n = x.mul(L::splat(core::f32::consts::LOG2_E)).nearest();
    // ln 2 in two parts, the first with few enough bits that its product with n is exact.
    let r = n.mul_add(L::splat(-0.693_359_4), x);
    let r = n.mul_add(L::splat(2.121_944_4e-4), r);
    let p = polynomial(r, &[0.5, 0.166_665_18, 0.041_666_206, 0.008_368_918, 0.001_395_054]);
    let e = p.mul_add(r.mul(r), r).add(L::splat(1.0));
    // Two factors: 2^n alone would overflow before the result does, or flush its subnormals.
    let half = n.mul(L::splat(0.5)).floor();
    e.mul(half.exp2_integral()).mul(n.sub(half).exp2_integral())
}

/// The natural logarithm: -∞ at 0, NaN below.
#[inline(always)]
pub(crate) fn log<L: Lanes>(x: L) -> L {
    let tiny = L::splat(f32::MIN_POSITIVE);
    let normal = x.where_less(tiny, x.mul(L::splat(8_388_608.0)), x);
    let shift = x.where_less(tiny, L::splat(-23.0), L::splat(0.0));
    let (mantissa, exponent) = normal.split_exponent();
    let exponent = exponent.add(shift);
    let f = mantissa.sub(L::splat(1.0));
    let p = polynomial(
        f,
        &[
            0.333_339_12,
            -0.250_013_4,
            0.199_630_22,
            -0.165_773_8,
            0.149_150_46,
            -0.142_693_95,
            0.087_021_56,
        ],
    );
    let square = f.mul(f);
    let tail = exponent.mul_add(L::splat(-2.121_944_4e-4), p.mul(f).mul(square));
    let tail = square.mul_add(L::splat(-0.5), tail);
    let result = exponent.mul_add(L::splat(0.693_359_4), f.add(tail));
    let zero = L::splat(0.0);
    let outside = x.where_less(zero, L::splat(f32::NAN), L::splat(f32::NEG_INFINITY));
    let result = zero.where_less(x, result, outside);
    // Infinity and NaN are their own logarithms.
    x.where_less(L::splat(f32::INFINITY), result, x)
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn sigmoid<L: Lanes>(x: L) -> L {
    let one = L::splat(1.0);
    one.div(one.add(exp(x.neg())))
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<L: Lanes>(x: L) -> L {
    let size = x.abs();
    let square = x.mul(x);
    let p = polynomial(
        square,
        &[-0.333_332_72, 0.133_311_52, -0.053_714_108, 0.020_551_72, -0.005_603_915],
    );
    let near = p.mul(square).mul_add(x, x);
    let (one, two) = (L::splat(1.0), L::splat(2.0));
    let far = one.sub(two.div(exp(size.mul(two)).add(one))).copysign(x);
    size.where_less(L::splat(0.625), near, far)
}

/// The error function.
#[inline(always)]
pub(crate) fn erf<L: Lanes>(x: L) -> L {
    let size = x.abs();
    let near = polynomial(
        x.mul(x),
        &[
            0.128_379_17,
            -0.376_126_26,
            0.112_836,
            -0.026_854_444,
            0.005_189_535_7,
            -8.020_842e-4,
            7.889_123e-5,
        ],
    );
    let near = near.mul_add(x, x);
    // Past 4 the result rounds to 1. The polynomial is -ln(1 - erf).
    let decay = polynomial(
        size.min(L::splat(4.0)),
        &[
            -1.884_684_9e-4,
            1.129_580_3,
            0.633_216_4,
            0.108_422_1,
            -0.025_210_341,
            0.004_205_285_6,
            -4.414_728e-4,
            2.169_762_4e-5,
        ],
    );
    let far = L::splat(1.0).sub(exp(decay.neg())).copysign(x);
    size.where_less(L::splat(1.0), near, far)
}
