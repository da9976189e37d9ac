//! Reductions along the middle axis of `x[outer, len, inner]`.

macro_rules! reductions {
    ($($name:ident: $type:ty, $start:expr, |$sum:ident, $x:ident| $next:expr, $join:expr;)*) => {$(
        /// `y[outer, inner]` from `x[outer, len, inner]`.
        #[unsafe(no_mangle)]
        #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
        pub unsafe extern "C" fn $name(
            x: *const $type, y: *mut $type, outer: usize, len: usize, inner: usize,
        ) {
            for block in 0..outer {
                unsafe {
                    let x = x.add(block * len * inner);
                    let y = y.add(block * inner);
                    if inner == 1 {
                        // Eight at a time: faster, and closer to the exact sum.
                        let mut parts: [$type; 8] = [$start; 8];
                        let whole = len - len % 8;
                        let mut row = 0;
                        while row < whole {
                            for (lane, part) in parts.iter_mut().enumerate() {
                                let ($sum, $x) = (*part, x.add(row + lane).read());
                                *part = $next;
                            }
                            row += 8;
                        }
                        for (lane, part) in parts.iter_mut().take(len - whole).enumerate() {
                            let ($sum, $x) = (*part, x.add(whole + lane).read());
                            *part = $next;
                        }
                        let [first, rest @ ..] = parts;
                        y.write(rest.into_iter().fold(first, $join));
                        continue;
                    }
                    for column in 0..inner {
                        y.add(column).write($start);
                    }
                    for row in 0..len {
                        for column in 0..inner {
                            let ($sum, $x) = (y.add(column).read(), x.add(row * inner + column).read());
                            y.add(column).write($next);
                        }
                    }
                }
            }
        }
    )*};
}

reductions! {
    sum_f32: f32, 0.0, |sum, x| sum + x, |sum, x| sum + x;
    prod_f32: f32, 1.0, |sum, x| sum * x, |sum, x| sum * x;
    max_of_f32: f32, f32::NEG_INFINITY, |sum, x| if x > sum || x.is_nan() { x } else { sum }, |sum, x| if x > sum || x.is_nan() { x } else { sum };
    min_of_f32: f32, f32::INFINITY, |sum, x| if x < sum || x.is_nan() { x } else { sum }, |sum, x| if x < sum || x.is_nan() { x } else { sum };
    sum_squares_f32: f32, 0.0, |sum, x| sum + x * x, |sum, x| sum + x;
    sum_f64: f64, 0.0, |sum, x| sum + x, |sum, x| sum + x;
    prod_f64: f64, 1.0, |sum, x| sum * x, |sum, x| sum * x;
    max_of_f64: f64, f64::NEG_INFINITY, |sum, x| if x > sum || x.is_nan() { x } else { sum }, |sum, x| if x > sum || x.is_nan() { x } else { sum };
    min_of_f64: f64, f64::INFINITY, |sum, x| if x < sum || x.is_nan() { x } else { sum }, |sum, x| if x < sum || x.is_nan() { x } else { sum };
    sum_squares_f64: f64, 0.0, |sum, x| sum + x * x, |sum, x| sum + x;
    sum_i32: i32, 0, |sum, x| sum.wrapping_add(x), |sum, x| sum.wrapping_add(x);
    prod_i32: i32, 1, |sum, x| sum.wrapping_mul(x), |sum, x| sum.wrapping_mul(x);
    max_of_i32: i32, i32::MIN, |sum, x| sum.max(x), |sum, x| sum.max(x);
    min_of_i32: i32, i32::MAX, |sum, x| sum.min(x), |sum, x| sum.min(x);
    sum_i64: i64, 0, |sum, x| sum.wrapping_add(x), |sum, x| sum.wrapping_add(x);
    prod_i64: i64, 1, |sum, x| sum.wrapping_mul(x), |sum, x| sum.wrapping_mul(x);
    max_of_i64: i64, i64::MIN, |sum, x| sum.max(x), |sum, x| sum.max(x);
    min_of_i64: i64, i64::MAX, |sum, x| sum.min(x), |sum, x| sum.min(x);
    max_of_u8: u8, 0, |sum, x| sum.max(x), |sum, x| sum.max(x);
    min_of_u8: u8, 255, |sum, x| sum.min(x), |sum, x| sum.min(x);
}

macro_rules! positions {
    ($($name:ident: $type:ty, |$x:ident, $best:ident| $better:expr;)*) => {$(
        /// `y[outer, inner]`: where along the middle axis of `x[outer, len, inner]` the best number
        /// is; of equals the first, or the last if `last` is not 0.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            x: *const $type, y: *mut i64, outer: usize, len: usize, inner: usize, last: i32,
        ) {
            for block in 0..outer {
                for column in 0..inner {
                    unsafe {
                        let x = x.add(block * len * inner + column);
                        let (mut $best, mut place) = (x.read(), 0);
                        for row in 1..len {
                            let $x = x.add(row * inner).read();
                            if $better || (last != 0 && $x == $best) {
                                $best = $x;
                                place = row;
                            }
                        }
                        y.add(block * inner + column).write(place as i64);
                    }
                }
            }
        }
    )*};
}

positions! {
    arg_max_f32: f32, |x, best| x > best;
    arg_min_f32: f32, |x, best| x < best;
    arg_max_f64: f64, |x, best| x > best;
    arg_min_f64: f64, |x, best| x < best;
    arg_max_i32: i32, |x, best| x > best;
    arg_min_i32: i32, |x, best| x < best;
    arg_max_i64: i64, |x, best| x > best;
    arg_min_i64: i64, |x, best| x < best;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    #[test]
    fn sums_and_extremes_along_any_axis_agree_with_their_definition() {
        for (outer, len, inner) in [(2, 19, 1), (3, 5, 4), (1, 8, 1), (2, 1, 3), (1, 3, 1)] {
            let x = noise(outer * len * inner, 11);
            let n = outer * inner;
            let (mut sum, mut squares, mut max) = (vec![9.0; n], vec![9.0; n], vec![9.0; n]);

            unsafe {
                sum_f32(x.as_ptr(), sum.as_mut_ptr(), outer, len, inner);
                sum_squares_f32(x.as_ptr(), squares.as_mut_ptr(), outer, len, inner);
                max_of_f32(x.as_ptr(), max.as_mut_ptr(), outer, len, inner);
            }

            for (index, (block, column)) in
                (0..outer).flat_map(|block| (0..inner).map(move |c| (block, c))).enumerate()
            {
                let values = (0..len).map(|row| x[(block * len + row) * inner + column]);
                assert!((sum[index] - values.clone().sum::<f32>()).abs() < 1e-5);
                assert!((squares[index] - values.clone().map(|v| v * v).sum::<f32>()).abs() < 1e-5);
                assert_eq!(max[index], values.fold(f32::NEG_INFINITY, f32::max));
            }
        }
    }

    #[test]
    fn of_equal_numbers_the_first_or_the_last_is_found() {
        let x = [1.0, 3.0, 3.0, 0.0];
        let (mut first, mut last) = (9, 9);

        unsafe {
            arg_max_f32(x.as_ptr(), &raw mut first, 1, 4, 1, 0);
            arg_max_f32(x.as_ptr(), &raw mut last, 1, 4, 1, 1);
        }

        assert_eq!((first, last), (1, 2));
    }
}
