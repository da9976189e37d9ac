//! Moving elements: transpose, slice, repeat, concatenate and pad are one strided copy.
//!
//! A kernel walks five axes with a stride for each in the source and in the target; the compiler
//! puts offsets into the addresses. Strides count elements and may be 0 (repeat) or negative.

macro_rules! views {
    ($($copy:ident $fill:ident: $type:ty;)*) => {$(
        /// Copies every element of a five-axis view onto another of the same sizes.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $copy(
            x: *const $type, y: *mut $type,
            n0: usize, n1: usize, n2: usize, n3: usize, n4: usize,
            x0: isize, x1: isize, x2: isize, x3: isize, x4: isize,
            y0: isize, y1: isize, y2: isize, y3: isize, y4: isize,
        ) {
            for i0 in 0..n0 as isize {
                for i1 in 0..n1 as isize {
                    for i2 in 0..n2 as isize {
                        for i3 in 0..n3 as isize {
                            unsafe {
                                let x = x.offset(i0 * x0 + i1 * x1 + i2 * x2 + i3 * x3);
                                let y = y.offset(i0 * y0 + i1 * y1 + i2 * y2 + i3 * y3);
                                if x4 == 1 && y4 == 1 {
                                    core::ptr::copy_nonoverlapping(x, y, n4);
                                } else {
                                    for i4 in 0..n4 as isize {
                                        y.offset(i4 * y4).write(x.offset(i4 * x4).read());
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }

        /// Writes the element at `x` to `n` places from `y` on.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $fill(x: *const $type, y: *mut $type, n: usize) {
            unsafe {
                let value = x.read();
                for i in 0..n {
                    y.add(i).write(value);
                }
            }
        }
    )*};
}

views! {
    view_1 fill_1: u8;
    view_2 fill_2: u16;
    view_4 fill_4: u32;
    view_8 fill_8: u64;
}

macro_rules! gathers {
    ($($name:ident: $type:ty;)*) => {$(
        /// `y[outer, count, inner]`: for each index, that slice of the middle axis of
        /// `x[outer, len, inner]`. Negative indices count from the end.
        ///
        /// Answers 1, as a run does whose input is not acceptable, for an index out of range.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            x: *const $type, indices: *const i64, y: *mut $type,
            outer: usize, len: usize, inner: usize, count: usize,
        ) -> i32 {
            for block in 0..outer {
                for slot in 0..count {
                    unsafe {
                        let index = indices.add(slot).read();
                        let index = if index < 0 { index.wrapping_add(len as i64) } else { index };
                        if index < 0 || index >= len as i64 {
                            return 1;
                        }
                        core::ptr::copy_nonoverlapping(
                            x.add((block * len + index as usize) * inner),
                            y.add((block * count + slot) * inner),
                            inner,
                        );
                    }
                }
            }
            0
        }
    )*};
}

gathers! {
    gather_1: u8;
    gather_2: u16;
    gather_4: u32;
    gather_8: u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_transpose_reverse_and_repeat() {
        let x = [1_u32, 2, 3, 4, 5, 6];
        let mut y = [0; 6];

        unsafe {
            view_4(x.as_ptr(), y.as_mut_ptr(), 1, 1, 1, 3, 2, 0, 0, 0, 1, 3, 0, 0, 0, 2, 1);
        }
        assert_eq!(y, [1, 4, 2, 5, 3, 6], "the transpose of two rows");

        unsafe {
            let last = x.as_ptr().add(5);
            view_4(last, y.as_mut_ptr(), 1, 1, 1, 1, 6, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1);
        }
        assert_eq!(y, [6, 5, 4, 3, 2, 1], "reversed");

        unsafe { view_4(x.as_ptr(), y.as_mut_ptr(), 1, 1, 1, 2, 3, 0, 0, 0, 0, 1, 0, 0, 0, 3, 1) };
        assert_eq!(y, [1, 2, 3, 1, 2, 3], "repeated");
    }

    #[test]
    fn an_index_out_of_range_is_refused_and_a_negative_one_counts_from_the_end() {
        let x = [10_u64, 11, 20, 21, 30, 31];
        let mut y = [0; 4];

        let fine = unsafe { gather_8(x.as_ptr(), [-1, 0].as_ptr(), y.as_mut_ptr(), 1, 3, 2, 2) };
        assert_eq!((fine, y), (0, [30, 31, 10, 11]));

        for index in [3, -4, i64::MIN, i64::MAX] {
            let status =
                unsafe { gather_8(x.as_ptr(), &raw const index, y.as_mut_ptr(), 1, 3, 2, 1) };
            assert_eq!(status, 1, "{index}");
        }
    }
}
