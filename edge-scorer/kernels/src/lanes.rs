//! Four `f32` lanes behind one vocabulary, so that each kernel is written once.
//!
//! A kernel is a generic function over [`Lanes`]; its exported wrappers pick the implementation:
//! [`Portable`] (simd128: multiply, then add) and [`Relaxed`] (relaxed-simd: fused) on wasm32,
//! [`Scalar`] elsewhere, which is what native tests run against plain loops.
//!
//! # Invariants
//! - Everything here is `#[inline(always)]`: the intrinsics reach machine code only inside a
//!   wrapper that enables their target feature.
//! - No operation panics and none allocates.

use crate::tile::Sums;

/// Four lanes of `f32`. Loads and stores need no alignment.
pub(crate) trait Lanes: Copy {
    /// # Safety
    /// `p` must be valid for reading four `f32`.
    unsafe fn load(p: *const f32) -> Self;
    /// # Safety
    /// `p` must be valid for reading one `f32`.
    unsafe fn load_splat(p: *const f32) -> Self;
    /// # Safety
    /// `p` must be valid for writing four `f32`.
    unsafe fn store(self, p: *mut f32);
    fn splat(value: f32) -> Self;
    fn to_array(self) -> [f32; 4];
    /// Lane `N` in every lane.
    fn lane<const N: usize>(self) -> Self;
    /// Lanes 0 and 2 of `self`, then of `other`.
    fn evens(self, other: Self) -> Self;
    /// Lanes 1 and 3 of `self`, then of `other`.
    fn odds(self, other: Self) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// NaN if either operand is NaN.
    fn min(self, other: Self) -> Self;
    /// NaN if either operand is NaN.
    fn max(self, other: Self) -> Self;
    /// `low` in the lanes where `self < low`: one instruction, unlike [`Self::max`]. NaN in `self`
    /// stays, NaN in `low` does not count.
    fn at_least(self, low: Self) -> Self;
    /// `high` in the lanes where `high < self`, else as [`Self::at_least`].
    fn at_most(self, high: Self) -> Self;
    fn abs(self) -> Self;
    fn neg(self) -> Self;
    fn floor(self) -> Self;
    /// To the nearest integer, ties to even.
    fn nearest(self) -> Self;
    /// `self * factor + addend`, fused or not.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `yes` in the lanes where `self < bound`, else `no`; `no` where either is NaN.
    fn where_less(self, bound: Self, yes: Self, no: Self) -> Self;
    /// `2^self` for integral lanes in -126..=127; anything else gives an arbitrary number.
    fn exp2_integral(self) -> Self;
    /// Splits positive normal lanes into a mantissa in [1/√2, √2) and an integral exponent.
    fn split_exponent(self) -> (Self, Self);
    /// The magnitude of `self` with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// [`crate::tile::tile`], out of line.
    ///
    /// # Safety
    /// `a` holds `4 · k` numbers and `b` `8 · k`.
    unsafe fn tile(a: *const f32, b: *const f32, k: usize, sums: *mut Sums);
}

/// Bits of 1/√2, where [`Lanes::split_exponent`] cuts.
const HALF_SQRT2_BITS: u32 = 0x3f35_04f3;

#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::{Portable, Relaxed};

#[cfg(target_arch = "wasm32")]
mod wasm {
    use core::arch::wasm32::{
        f32x4_abs, f32x4_add, f32x4_convert_i32x4, f32x4_div, f32x4_extract_lane, f32x4_floor,
        f32x4_lt, f32x4_max, f32x4_min, f32x4_mul, f32x4_nearest, f32x4_neg, f32x4_pmax,
        f32x4_pmin, f32x4_relaxed_madd, f32x4_splat, f32x4_sub, i32x4_shl, i32x4_shr,
        i32x4_shuffle, i32x4_splat, i32x4_sub, v128, v128_and, v128_bitselect, v128_load,
        v128_load32_splat, v128_store,
    };

    use super::{HALF_SQRT2_BITS, Lanes};
    use crate::tile::{Sums, tile};

    /// simd128 alone: bit-identical in every engine.
    #[derive(Clone, Copy)]
    pub(crate) struct Portable(pub(crate) v128);

    /// simd128 with fused multiply-add where the machine has it.
    #[derive(Clone, Copy)]
    pub(crate) struct Relaxed(pub(crate) v128);

    macro_rules! lanes {
        ($name:ident, $tile:ident, $a:ident, $b:ident, $c:ident => $mul_add:expr) => {
            impl Lanes for $name {
                #[inline(always)]
                unsafe fn load(p: *const f32) -> Self {
                    unsafe { Self(v128_load(p.cast())) }
                }
                #[inline(always)]
                unsafe fn load_splat(p: *const f32) -> Self {
                    unsafe { Self(v128_load32_splat(p.cast())) }
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut f32) {
                    unsafe { v128_store(p.cast(), self.0) }
                }
                #[inline(always)]
                fn splat(value: f32) -> Self {
                    Self(f32x4_splat(value))
                }
                #[inline(always)]
                fn to_array(self) -> [f32; 4] {
                    [
                        f32x4_extract_lane::<0>(self.0),
                        f32x4_extract_lane::<1>(self.0),
                        f32x4_extract_lane::<2>(self.0),
                        f32x4_extract_lane::<3>(self.0),
                    ]
                }
                #[inline(always)]
                fn lane<const N: usize>(self) -> Self {
                    Self(match N {
                        0 => i32x4_shuffle::<0, 0, 0, 0>(self.0, self.0),
                        1 => i32x4_shuffle::<1, 1, 1, 1>(self.0, self.0),
                        2 => i32x4_shuffle::<2, 2, 2, 2>(self.0, self.0),
                        _ => i32x4_shuffle::<3, 3, 3, 3>(self.0, self.0),
                    })
                }
                #[inline(always)]
                fn evens(self, other: Self) -> Self {
                    Self(i32x4_shuffle::<0, 2, 4, 6>(self.0, other.0))
                }
                #[inline(always)]
                fn odds(self, other: Self) -> Self {
                    Self(i32x4_shuffle::<1, 3, 5, 7>(self.0, other.0))
                }
                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    Self(f32x4_add(self.0, other.0))
                }
                #[inline(always)]
                fn sub(self, other: Self) -> Self {
                    Self(f32x4_sub(self.0, other.0))
                }
                #[inline(always)]
                fn mul(self, other: Self) -> Self {
                    Self(f32x4_mul(self.0, other.0))
                }
                #[inline(always)]
                fn div(self, other: Self) -> Self {
                    Self(f32x4_div(self.0, other.0))
                }
                #[inline(always)]
                fn min(self, other: Self) -> Self {
                    Self(f32x4_min(self.0, other.0))
                }
                #[inline(always)]
                fn max(self, other: Self) -> Self {
                    Self(f32x4_max(self.0, other.0))
                }
                #[inline(always)]
                fn at_least(self, low: Self) -> Self {
                    Self(f32x4_pmax(self.0, low.0))
                }
                #[inline(always)]
                fn at_most(self, high: Self) -> Self {
                    Self(f32x4_pmin(self.0, high.0))
                }
                #[inline(always)]
                fn abs(self) -> Self {
                    Self(f32x4_abs(self.0))
                }
                #[inline(always)]
                fn neg(self) -> Self {
                    Self(f32x4_neg(self.0))
                }
                #[inline(always)]
                fn floor(self) -> Self {
                    Self(f32x4_floor(self.0))
                }
                #[inline(always)]
                fn nearest(self) -> Self {
                    Self(f32x4_nearest(self.0))
                }
                #[inline(always)]
                fn mul_add(self, factor: Self, addend: Self) -> Self {
                    let ($a, $b, $c) = (self.0, factor.0, addend.0);
                    Self($mul_add)
                }
                #[inline(always)]
                fn where_less(self, bound: Self, yes: Self, no: Self) -> Self {
                    Self(v128_bitselect(yes.0, no.0, f32x4_lt(self.0, bound.0)))
                }
                #[inline(always)]
                fn exp2_integral(self) -> Self {
                    // In a number near 1.5·2^23 the last bits count units.
                    Self(i32x4_shl(f32x4_add(self.0, f32x4_splat(12_582_912.0 + 127.0)), 23))
                }
                #[inline(always)]
                fn split_exponent(self) -> (Self, Self) {
                    let cut = i32x4_splat(HALF_SQRT2_BITS as i32);
                    let e = i32x4_shr(i32x4_sub(self.0, cut), 23);
                    let mantissa = i32x4_sub(self.0, i32x4_shl(e, 23));
                    (Self(mantissa), Self(f32x4_convert_i32x4(e)))
                }
                #[inline(always)]
                fn copysign(self, sign: Self) -> Self {
                    let mask = i32x4_splat(i32::MIN);
                    Self(v128_bitselect(v128_and(sign.0, mask), self.0, mask))
                }
                #[inline(always)]
                unsafe fn tile(a: *const f32, b: *const f32, k: usize, sums: *mut Sums) {
                    unsafe { $tile(a, b, k, sums) }
                }
            }
        };
    }

    #[inline(never)]
    #[target_feature(enable = "simd128")]
    unsafe fn portable_tile(a: *const f32, b: *const f32, k: usize, sums: *mut Sums) {
        unsafe { tile::<Portable>(a, b, k, sums) }
    }

    #[inline(never)]
    #[target_feature(enable = "simd128,relaxed-simd")]
    unsafe fn relaxed_tile(a: *const f32, b: *const f32, k: usize, sums: *mut Sums) {
        unsafe { tile::<Relaxed>(a, b, k, sums) }
    }

    lanes!(Portable, portable_tile, a, b, c => f32x4_add(f32x4_mul(a, b), c));
    lanes!(Relaxed, relaxed_tile, a, b, c => f32x4_relaxed_madd(a, b, c));
}

/// Four plain numbers: what native builds run.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy)]
pub(crate) struct Scalar([f32; 4]);

#[cfg(not(target_arch = "wasm32"))]
impl Scalar {
    #[inline(always)]
    fn each(self, f: impl Fn(f32) -> f32) -> Self {
        Self(self.0.map(f))
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(core::array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Lanes for Scalar {
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        unsafe { Self(p.cast::<[f32; 4]>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn load_splat(p: *const f32) -> Self {
        unsafe { Self([p.read(); 4]) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        unsafe { p.cast::<[f32; 4]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 4])
    }
    #[inline(always)]
    fn to_array(self) -> [f32; 4] {
        self.0
    }
    #[inline(always)]
    fn lane<const N: usize>(self) -> Self {
        Self([self.0[N % 4]; 4])
    }
    #[inline(always)]
    fn evens(self, other: Self) -> Self {
        Self([self.0[0], self.0[2], other.0[0], other.0[2]])
    }
    #[inline(always)]
    fn odds(self, other: Self) -> Self {
        Self([self.0[1], self.0[3], other.0[1], other.0[3]])
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a.is_nan() || a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a.is_nan() || a > b { a } else { b })
    }
    #[inline(always)]
    fn at_least(self, low: Self) -> Self {
        self.zip(low, |a, b| if a < b { b } else { a })
    }
    #[inline(always)]
    fn at_most(self, high: Self) -> Self {
        self.zip(high, |a, b| if b < a { b } else { a })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.each(libm::fabsf)
    }
    #[inline(always)]
    fn neg(self) -> Self {
        self.each(|a| -a)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        self.each(libm::floorf)
    }
    #[inline(always)]
    fn nearest(self) -> Self {
        self.each(libm::rintf)
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        self.mul(factor).add(addend)
    }
    #[inline(always)]
    fn where_less(self, bound: Self, yes: Self, no: Self) -> Self {
        Self(core::array::from_fn(|lane| {
            if self.0[lane] < bound.0[lane] { yes.0[lane] } else { no.0[lane] }
        }))
    }
    #[inline(always)]
    fn exp2_integral(self) -> Self {
        self.each(|a| f32::from_bits(((a as i32).wrapping_add(127) as u32) << 23))
    }
    #[inline(always)]
    fn split_exponent(self) -> (Self, Self) {
        let exponent = self.0.map(|a| a.to_bits().wrapping_sub(HALF_SQRT2_BITS) as i32 >> 23);
        let mantissa = core::array::from_fn(|lane| {
            f32::from_bits(self.0[lane].to_bits().wrapping_sub((exponent[lane] as u32) << 23))
        });
        (Self(mantissa), Self(exponent.map(|e| e as f32)))
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        self.zip(sign, libm::copysignf)
    }
    #[inline(always)]
    unsafe fn tile(a: *const f32, b: *const f32, k: usize, sums: *mut Sums) {
        unsafe { crate::tile::tile::<Self>(a, b, k, sums) }
    }
}

/// Loads the first `n` lanes, at most four; the lanes after them repeat the last.
///
/// # Safety
/// `n` is at least 1 and `from` is valid for reading that many numbers.
#[inline(always)]
pub(crate) unsafe fn load_first<L: Lanes>(from: *const f32, n: usize) -> L {
    unsafe {
        if n >= 4 {
            return L::load(from);
        }
        let last = n - 1;
        let four = [0, 1, 2, 3].map(|lane: usize| from.add(lane.min(last)).read());
        L::load(four.as_ptr())
    }
}

/// Exports one generic kernel under its portable and its relaxed name.
///
/// `kernel!(name, name_relaxed, generic(arg: type, …))` defines two `extern "C"` functions that
/// call `generic::<L>(arg, …)`. Natively both run the scalar lanes.
macro_rules! kernel {
    ($(#[$doc:meta])* $portable:ident, $relaxed:ident, $generic:ident($($arg:ident: $ty:ty),* $(,)?)) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
        pub unsafe extern "C" fn $portable($($arg: $ty),*) {
            #[cfg(target_arch = "wasm32")]
            unsafe { $generic::<crate::lanes::Portable>($($arg),*) }
            #[cfg(not(target_arch = "wasm32"))]
            unsafe { $generic::<crate::lanes::Scalar>($($arg),*) }
        }

        $(#[$doc])*
        #[unsafe(no_mangle)]
        #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128,relaxed-simd"))]
        pub unsafe extern "C" fn $relaxed($($arg: $ty),*) {
            #[cfg(target_arch = "wasm32")]
            unsafe { $generic::<crate::lanes::Relaxed>($($arg),*) }
            #[cfg(not(target_arch = "wasm32"))]
            unsafe { $generic::<crate::lanes::Scalar>($($arg),*) }
        }
    };
}

pub(crate) use kernel;
