//! From one element type to another, as ONNX's `Cast` does.

macro_rules! casts {
    ($($name:ident: $from:ty => $to:ty, $convert:expr;)+) => {
        $(
            #[doc = concat!("`", stringify!($from), "` to `", stringify!($to), "`.")]
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name(x: *const $from, count: usize, y: *mut $to) {
                let convert: fn($from) -> $to = $convert;
                // SAFETY: the kernels' contract.
                unsafe {
                    for i in 0..count {
                        *y.add(i) = convert(*x.add(i));
                    }
                }
            }
        )+
    };
}

casts! {
    cast_f64_f32: f64 => f32, |x| x as f32;
    cast_i64_f32: i64 => f32, |x| x as f32;
    cast_i32_f32: i32 => f32, |x| x as f32;
    cast_u8_f32: u8 => f32, f32::from;
    cast_f32_f64: f32 => f64, f64::from;
    cast_i64_f64: i64 => f64, |x| x as f64;
    cast_f32_i64: f32 => i64, |x| x as i64;
    cast_f64_i64: f64 => i64, |x| x as i64;
    cast_i32_i64: i32 => i64, i64::from;
    cast_u8_i64: u8 => i64, i64::from;
    cast_f32_i32: f32 => i32, |x| x as i32;
    cast_i64_i32: i64 => i32, |x| x as i32;
    cast_u8_i32: u8 => i32, i32::from;
    cast_f32_bool: f32 => u8, |x| u8::from(x != 0.0);
    cast_f64_bool: f64 => u8, |x| u8::from(x != 0.0);
    cast_i64_bool: i64 => u8, |x| u8::from(x != 0);
    cast_i32_bool: i32 => u8, |x| u8::from(x != 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_cut_off_towards_zero() {
        let mut y = [0_i64; 3];

        unsafe { cast_f32_i64([1.9, -1.9, 0.0].as_ptr(), 3, y.as_mut_ptr()) };

        assert_eq!(y, [1, -1, 0]);
    }

    #[test]
    fn any_number_but_zero_is_true() {
        let mut y = [9_u8; 3];

        unsafe { cast_f32_bool([0.0, -0.5, f32::NAN].as_ptr(), 3, y.as_mut_ptr()) };

        assert_eq!(y, [0, 1, 1]);
    }
}
