//! Element types: their ONNX numbers, their conversions and their arithmetic.
//!
//! # Invariants
//! - Integers wrap, division by zero answers 0, conversions saturate: nothing traps.
//! - `float16` and `bfloat16` compute in single precision and round to the nearest, ties to even.

pub(crate) const FLOAT: u32 = 1;
pub(crate) const UINT8: u32 = 2;
pub(crate) const INT8: u32 = 3;
pub(crate) const UINT16: u32 = 4;
pub(crate) const INT16: u32 = 5;
pub(crate) const INT32: u32 = 6;
pub(crate) const INT64: u32 = 7;
pub(crate) const STRING: u32 = 8;
pub(crate) const BOOL: u32 = 9;
pub(crate) const FLOAT16: u32 = 10;
pub(crate) const DOUBLE: u32 = 11;
pub(crate) const UINT32: u32 = 12;
pub(crate) const UINT64: u32 = 13;
pub(crate) const BFLOAT16: u32 = 16;

/// Bytes of one element; 0 for text and for what is no type.
pub(crate) fn width(kind: u32) -> usize {
    match kind {
        BOOL | UINT8 | INT8 => 1,
        UINT16 | INT16 | FLOAT16 | BFLOAT16 => 2,
        FLOAT | INT32 | UINT32 => 4,
        DOUBLE | INT64 | UINT64 => 8,
        _ => 0,
    }
}

pub(crate) fn is_float(kind: u32) -> bool {
    matches!(kind, FLOAT | DOUBLE | FLOAT16 | BFLOAT16)
}

/// A type of elements that are not text.
pub(crate) trait Element: Copy + Default + PartialEq + 'static {
    const KIND: u32;
    fn to_f64(self) -> f64;
    /// The nearest value there is.
    fn from_f64(value: f64) -> Self;
    fn to_i64(self) -> i64;
    /// The low bits.
    fn from_i64(value: i64) -> Self;
}

/// An element that can be computed with.
pub(crate) trait Number: Element + PartialOrd {
    const IS_FLOAT: bool;
    const ONE: Self;
    /// Below or equal to every number.
    const LEAST: Self;
    /// Above or equal to every number.
    const GREATEST: Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// The remainder with the sign of the dividend.
    fn remainder(self, other: Self) -> Self;
    /// The remainder with the sign of the divisor.
    fn modulo(self, other: Self) -> Self;
    fn is_nan(self) -> bool;
    fn least(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }
    fn greatest(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }
}

/// A truth value: 0 or 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Bool(pub(crate) u8);

#[derive(Debug, Clone, Copy, Default)]
#[repr(transparent)]
pub(crate) struct F16(pub(crate) u16);

#[derive(Debug, Clone, Copy, Default)]
#[repr(transparent)]
pub(crate) struct Bf16(pub(crate) u16);

impl Element for Bool {
    const KIND: u32 = BOOL;
    fn to_f64(self) -> f64 {
        self.0.into()
    }
    fn from_f64(value: f64) -> Self {
        Self((value != 0.0).into())
    }
    fn to_i64(self) -> i64 {
        self.0.into()
    }
    fn from_i64(value: i64) -> Self {
        Self((value != 0).into())
    }
}

macro_rules! integers {
    ($($type:ty: $kind:ident),+) => {$(
        impl Element for $type {
            const KIND: u32 = $kind;
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            fn to_i64(self) -> i64 {
                self as i64
            }
            fn from_i64(value: i64) -> Self {
                value as $type
            }
        }

        impl Number for $type {
            const IS_FLOAT: bool = false;
            const ONE: Self = 1;
            const LEAST: Self = <$type>::MIN;
            const GREATEST: Self = <$type>::MAX;
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            fn div(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_div(other) }
            }
            fn remainder(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_rem(other) }
            }
            fn modulo(self, other: Self) -> Self {
                let rest = self.remainder(other);
                let differ = (rest < <$type>::default()) != (other < <$type>::default());
                if rest != 0 && differ { rest.wrapping_add(other) } else { rest }
            }
            fn is_nan(self) -> bool {
                false
            }
        }
    )+};
}

integers! {
    i8: INT8, i16: INT16, i32: INT32, i64: INT64,
    u8: UINT8, u16: UINT16, u32: UINT32, u64: UINT64
}

macro_rules! floats_of {
    ($($type:ty: $kind:ident, $rem:path);+) => {$(
        impl Element for $type {
            const KIND: u32 = $kind;
            fn to_f64(self) -> f64 {
                self.into()
            }
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            fn to_i64(self) -> i64 {
                self as i64
            }
            fn from_i64(value: i64) -> Self {
                value as $type
            }
        }

        impl Number for $type {
            const IS_FLOAT: bool = true;
            const ONE: Self = 1.0;
            const LEAST: Self = <$type>::NEG_INFINITY;
            const GREATEST: Self = <$type>::INFINITY;
            fn add(self, other: Self) -> Self {
                self + other
            }
            fn sub(self, other: Self) -> Self {
                self - other
            }
            fn mul(self, other: Self) -> Self {
                self * other
            }
            fn div(self, other: Self) -> Self {
                self / other
            }
            fn remainder(self, other: Self) -> Self {
                $rem(self, other)
            }
            fn modulo(self, other: Self) -> Self {
                let rest = $rem(self, other);
                if rest != 0.0 && (rest < 0.0) != (other < 0.0) { rest + other } else { rest }
            }
            fn is_nan(self) -> bool {
                self != self
            }
        }
    )+};
}

floats_of! { f32: FLOAT, libm::fmodf; f64: DOUBLE, libm::fmod }

macro_rules! halves {
    ($($type:ident: $kind:ident, $infinity:literal, $one:literal);+) => {$(
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.to_f32() == other.to_f32()
            }
        }

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
                self.to_f32().partial_cmp(&other.to_f32())
            }
        }

        impl Element for $type {
            const KIND: u32 = $kind;
            fn to_f64(self) -> f64 {
                self.to_f32().into()
            }
            fn from_f64(value: f64) -> Self {
                Self::from_f32(value as f32)
            }
            fn to_i64(self) -> i64 {
                self.to_f32() as i64
            }
            fn from_i64(value: i64) -> Self {
                Self::from_f32(value as f32)
            }
        }

        impl Number for $type {
            const IS_FLOAT: bool = true;
            const ONE: Self = Self($one);
            const LEAST: Self = Self(0x8000 | $infinity);
            const GREATEST: Self = Self($infinity);
            fn add(self, other: Self) -> Self {
                Self::from_f32(self.to_f32() + other.to_f32())
            }
            fn sub(self, other: Self) -> Self {
                Self::from_f32(self.to_f32() - other.to_f32())
            }
            fn mul(self, other: Self) -> Self {
                Self::from_f32(self.to_f32() * other.to_f32())
            }
            fn div(self, other: Self) -> Self {
                Self::from_f32(self.to_f32() / other.to_f32())
            }
            fn remainder(self, other: Self) -> Self {
                Self::from_f32(self.to_f32().remainder(other.to_f32()))
            }
            fn modulo(self, other: Self) -> Self {
                Self::from_f32(self.to_f32().modulo(other.to_f32()))
            }
            fn is_nan(self) -> bool {
                (self.0 & 0x7fff) > $infinity
            }
        }
    )+};
}

halves! { F16: FLOAT16, 0x7c00, 0x3c00; Bf16: BFLOAT16, 0x7f80, 0x3f80 }

impl Bf16 {
    pub(crate) fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }

    pub(crate) fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        if value.is_nan() {
            return Self((bits >> 16) as u16 | 0x40);
        }
        Self((bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16)
    }
}

impl F16 {
    pub(crate) fn to_f32(self) -> f32 {
        let bits = u32::from(self.0);
        let sign = (bits & 0x8000) << 16;
        let (exponent, fraction) = ((bits >> 10) & 0x1f, bits & 0x3ff);
        let magnitude = match exponent {
            // Subnormals count in steps of 2^-24.
            0 => return f32::from_bits(sign | (fraction as f32 * 5.960_464_5e-8).to_bits()),
            0x1f => 0x7f80_0000 | (fraction << 13),
            _ => ((exponent + 112) << 23) | (fraction << 13),
        };
        f32::from_bits(sign | magnitude)
    }

    pub(crate) fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let sign = ((bits >> 16) & 0x8000) as u16;
        let magnitude = bits & 0x7fff_ffff;
        if magnitude > 0x7f80_0000 {
            return Self(sign | 0x7e00);
        }
        // 65520 and above round to infinity.
        if magnitude >= 0x477f_f000 {
            return Self(sign | 0x7c00);
        }
        if magnitude < 0x3880_0000 {
            // Subnormal: adding 0.5 puts the unit of the last place at 2^-24, and rounds.
            let rounded = f32::from_bits(magnitude) + 0.5;
            return Self(sign | (rounded.to_bits() - 0x3f00_0000) as u16);
        }
        let rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
        Self(sign | ((rounded - 0x3800_0000) >> 13) as u16)
    }
}

/// Evaluates the body with `$t` as the type that an element type's number stands for.
macro_rules! dispatch {
    ($kind:expr; [$($type:ty),+]; $t:ident => $body:expr) => {
        match $kind {
            $(<$type as $crate::number::Element>::KIND => {
                #[allow(dead_code, reason = "a body may not name its type")]
                type $t = $type;
                $body
            })+
            _ => Err($crate::Failure::Unsupported),
        }
    };
}

/// For the four types of floats.
macro_rules! floats {
    ($kind:expr; $t:ident => $body:expr) => {
        dispatch!($kind; [f32, f64, $crate::number::F16, $crate::number::Bf16]; $t => $body)
    };
}

/// For every type of numbers.
macro_rules! numbers {
    ($kind:expr; $t:ident => $body:expr) => {
        dispatch!($kind; [
            f32, f64, i64, i32, u8, i8, u16, i16, u32, u64,
            $crate::number::F16, $crate::number::Bf16
        ]; $t => $body)
    };
}

/// For every type of integers.
macro_rules! whole_numbers {
    ($kind:expr; $t:ident => $body:expr) => {
        dispatch!($kind; [i64, i32, u8, i8, u16, i16, u32, u64]; $t => $body)
    };
}

/// For every type but text.
macro_rules! elements {
    ($kind:expr; $t:ident => $body:expr) => {
        dispatch!($kind; [
            f32, f64, i64, i32, u8, i8, u16, i16, u32, u64,
            $crate::number::F16, $crate::number::Bf16, $crate::number::Bool
        ]; $t => $body)
    };
}

/// For unsigned integers as wide as the type, to move elements without looking at them.
macro_rules! widths {
    ($kind:expr; $t:ident => $body:expr) => {
        match $crate::number::width($kind) {
            1 => {
                type $t = u8;
                $body
            }
            2 => {
                type $t = u16;
                $body
            }
            4 => {
                type $t = u32;
                $body
            }
            8 => {
                type $t = u64;
                $body
            }
            _ => Err($crate::Failure::Unsupported),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_to_the_nearest_and_ties_to_even() {
        for (single, bits) in [
            (1.0, 0x3c00),
            (-2.0, 0xc000),
            (65_504.0, 0x7bff),
            (65_519.0, 0x7bff),
            (65_520.0, 0x7c00),
            (5.960_464_5e-8, 0x0001),
            (2.980_232_2e-8, 0x0000),
            (1.0 + 1.0 / 2048.0, 0x3c00),
            (1.0 + 3.0 / 2048.0, 0x3c02),
            (f32::INFINITY, 0x7c00),
        ] {
            assert_eq!(F16::from_f32(single).0, bits, "{single}");
        }
        assert!(F16::from_f32(f32::NAN).is_nan());
        assert!(Bf16::from_f32(f32::NAN).is_nan());
        assert_eq!(Bf16::from_f32(1.0 + 1.0 / 256.0).0, 0x3f80);
        assert_eq!(Bf16::from_f32(1.0 + 3.0 / 256.0).0, 0x3f82);
    }

    #[test]
    fn every_half_is_read_back_as_it_was_written() {
        for bits in 0..=u16::MAX {
            let half = F16(bits);
            if !half.is_nan() {
                assert_eq!(F16::from_f32(half.to_f32()).0, bits);
            }
        }
    }

    #[test]
    fn whole_numbers_answer_whatever_they_are_divided_by() {
        assert_eq!((7_i32.div(0), i32::MIN.div(-1), 7_u8.remainder(0)), (0, i32::MIN, 0));
        assert_eq!(((-7_i32).modulo(3), (-7_i32).remainder(3), 7_i32.modulo(-3)), (2, -1, -2));
        assert_eq!(
            (<i32 as Element>::from_f64(1e20), <u8 as Element>::from_f64(-1.0)),
            (i32::MAX, 0)
        );
    }
}
