//! Columns of tables: scaling, normalising, filling in, choosing, putting side by side.

use libm::sqrtf;

/// `y = (x - offset) · scale`, column by column.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scale_columns(
    x: *const f32,
    count: usize,
    columns: usize,
    offset: *const f32,
    scale: *const f32,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let offset = core::slice::from_raw_parts(offset, columns);
        let scale = core::slice::from_raw_parts(scale, columns);
        for r in 0..count {
            let from = core::slice::from_raw_parts(x.add(r * columns), columns);
            let to = core::slice::from_raw_parts_mut(y.add(r * columns), columns);
            for c in 0..columns {
                to[c] = (from[c] - offset[c]) * scale[c];
            }
        }
    }
}

/// Divides every row by its largest value (0), the sum of its magnitudes (1) or its length (2).
///
/// A row whose divisor is 0 stays as it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn normalize_rows(
    x: *const f32,
    count: usize,
    columns: usize,
    norm: i32,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for r in 0..count {
            let from = core::slice::from_raw_parts(x.add(r * columns), columns);
            let to = core::slice::from_raw_parts_mut(y.add(r * columns), columns);
            let divisor = match norm {
                0 => from.iter().copied().fold(f32::MIN, f32::max),
                1 => from.iter().map(|value| value.abs()).sum(),
                _ => sqrtf(from.iter().map(|value| value * value).sum()),
            };
            for (to, from) in to.iter_mut().zip(from) {
                *to = if divisor == 0.0 { *from } else { from / divisor };
            }
        }
    }
}

/// Puts `fill` of the column where a value is missing: NaN if `missing` is NaN, else equal to it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn impute_columns(
    x: *const f32,
    count: usize,
    columns: usize,
    missing: f32,
    fill: *const f32,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for r in 0..count {
            for c in 0..columns {
                let value = *x.add(r * columns + c);
                let is_missing = value == missing || missing.is_nan() && value.is_nan();
                *y.add(r * columns + c) = if is_missing { *fill.add(c) } else { value };
            }
        }
    }
}

/// As [`impute_columns`], for integers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn impute_columns_i64(
    x: *const i64,
    count: usize,
    columns: usize,
    missing: *const i64,
    fill: *const i64,
    y: *mut i64,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for r in 0..count {
            for c in 0..columns {
                let value = *x.add(r * columns + c);
                *y.add(r * columns + c) = if value == *missing { *fill.add(c) } else { value };
            }
        }
    }
}

/// 1 where a value is above `threshold`, else 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn binarize(x: *const f32, count: usize, threshold: f32, y: *mut f32) {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            *y.add(i) = if *x.add(i) > threshold { 1.0 } else { 0.0 };
        }
    }
}

/// Copies chosen columns of `width` bytes each: `y[r][i] = x[r][indices[i]]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn choose_columns(
    x: *const u8,
    count: usize,
    columns: usize,
    indices: *const u32,
    chosen: usize,
    width: usize,
    y: *mut u8,
) {
    // SAFETY: the kernels' contract: the compiler has checked the indices.
    unsafe {
        let indices = core::slice::from_raw_parts(indices, chosen);
        for r in 0..count {
            for (i, index) in indices.iter().enumerate() {
                let from = x.add((r * columns + *index as usize) * width);
                core::ptr::copy_nonoverlapping(from, y.add((r * chosen + i) * width), width);
            }
        }
    }
}

/// Copies `count` blocks of `bytes` bytes; source and target advance by their own strides.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_blocks(
    x: *const u8,
    count: usize,
    bytes: usize,
    x_stride: usize,
    y: *mut u8,
    y_stride: usize,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            core::ptr::copy_nonoverlapping(x.add(i * x_stride), y.add(i * y_stride), bytes);
        }
    }
}

/// Index of the largest (`sign` 1) or smallest (`sign` -1) of `length` values, `inner` apart.
///
/// Of equal values the first counts, or the last if `last` is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn arg_extreme(
    x: *const f32,
    outer: usize,
    length: usize,
    inner: usize,
    sign: f32,
    last: i32,
    y: *mut i64,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for o in 0..outer {
            for i in 0..inner {
                let start = o * length * inner + i;
                let (mut best, mut best_value) = (0, *x.add(start) * sign);
                for k in 1..length {
                    let value = *x.add(start + k * inner) * sign;
                    if value > best_value || last != 0 && value == best_value {
                        (best, best_value) = (k, value);
                    }
                }
                *y.add(o * inner + i) = best as i64;
            }
        }
    }
}

/// `index[i]` = position of `x[i]` in ascending `keys`, or `length` when it is not there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn find_i64(
    x: *const i64,
    count: usize,
    keys: *const i64,
    length: usize,
    index: *mut i32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let keys = core::slice::from_raw_parts(keys, length);
        for i in 0..count {
            *index.add(i) = keys.binary_search(&*x.add(i)).unwrap_or(length) as i32;
        }
    }
}

/// `index[i]` = position of `x[i]` in `keys`, or `length`; NaN is found where a key is NaN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn find_f32(
    x: *const f32,
    count: usize,
    keys: *const f32,
    length: usize,
    index: *mut i32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let keys = core::slice::from_raw_parts(keys, length);
        for i in 0..count {
            let value = *x.add(i);
            let same = |key: &f32| *key == value || key.is_nan() && value.is_nan();
            *index.add(i) = keys.iter().position(same).unwrap_or(length) as i32;
        }
    }
}

/// As [`find_f32`], for `f64`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn find_f64(
    x: *const f64,
    count: usize,
    keys: *const f64,
    length: usize,
    index: *mut i32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let keys = core::slice::from_raw_parts(keys, length);
        for i in 0..count {
            let value = *x.add(i);
            let same = |key: &f64| *key == value || key.is_nan() && value.is_nan();
            *index.add(i) = keys.iter().position(same).unwrap_or(length) as i32;
        }
    }
}

/// `1.0` in column `index[i]` of `columns`, zeros elsewhere; an index of `columns` is unknown.
///
/// Answers 1 for an unknown index when `strict` is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn one_hot(
    index: *const i32,
    count: usize,
    place: *const u32,
    columns: usize,
    strict: i32,
    y: *mut f32,
) -> i32 {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            let row = core::slice::from_raw_parts_mut(y.add(i * columns), columns);
            row.fill(0.0);
            let found = *index.add(i) as usize;
            if found < columns {
                row[*place.add(found) as usize] = 1.0;
            } else if strict != 0 {
                return 1;
            }
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_are_filled_by_column() {
        let mut y = [0.0; 4];

        unsafe {
            impute_columns(
                [1.0, f32::NAN, f32::NAN, 4.0].as_ptr(),
                2,
                2,
                f32::NAN,
                [7.0, 8.0].as_ptr(),
                y.as_mut_ptr(),
            );
        }

        assert_eq!(y, [1.0, 8.0, 7.0, 4.0]);
    }

    #[test]
    fn a_row_of_zeros_has_no_length_to_divide_by() {
        let mut y = [9.0; 4];

        unsafe { normalize_rows([0.0, 0.0, 3.0, 4.0].as_ptr(), 2, 2, 2, y.as_mut_ptr()) };

        assert_eq!(y, [0.0, 0.0, 0.6, 0.8]);
    }

    #[test]
    fn of_equal_values_the_first_is_the_largest() {
        let mut y = [9_i64; 2];

        unsafe {
            arg_extreme([1.0, 3.0, 3.0, 2.0, 0.0, 2.0].as_ptr(), 2, 3, 1, 1.0, 0, y.as_mut_ptr())
        };

        assert_eq!(y, [1, 0]);
    }
}
