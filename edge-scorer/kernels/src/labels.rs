//! Labels: from indices to the numbers or the text that they stand for.

/// `y[i] = table[indices[i]]`; an index outside of the table counts as its first entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pick_i64(
    indices: *const i32,
    count: usize,
    table: *const i64,
    length: usize,
    y: *mut i64,
) {
    // SAFETY: the kernels' contract; the index is checked.
    unsafe {
        for i in 0..count {
            *y.add(i) = *table.add(within(*indices.add(i), length));
        }
    }
}

/// `y[i] = table[indices[i]]` for numbers of type `f32`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pick_f32(
    indices: *const i32,
    count: usize,
    table: *const f32,
    length: usize,
    y: *mut f32,
) {
    // SAFETY: the kernels' contract; the index is checked.
    unsafe {
        for i in 0..count {
            *y.add(i) = *table.add(within(*indices.add(i), length));
        }
    }
}

/// `y[i] = table[indices[i]]` for numbers of two bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pick_2(
    indices: *const i32,
    count: usize,
    table: *const u16,
    length: usize,
    y: *mut u16,
) {
    // SAFETY: the kernels' contract; the index is checked.
    unsafe {
        for i in 0..count {
            *y.add(i) = *table.add(within(*indices.add(i), length));
        }
    }
}

/// Indices as `i32`; one outside of `length` entries counts as 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn indices_within(x: *const i64, count: usize, length: usize, y: *mut i32) {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            let index = *x.add(i);
            *y.add(i) = if (0..length as i64).contains(&index) { index as i32 } else { 0 };
        }
    }
}

#[inline(always)]
fn within(index: i32, length: usize) -> usize {
    match usize::try_from(index) {
        Ok(index) if index < length => index,
        _ => 0,
    }
}

/// Writes the text of each label: `offsets` has one more entry than there are labels.
///
/// Label `i` of the table is `letters[starts[i]..starts[i + 1]]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spell_labels(
    indices: *const i32,
    count: usize,
    starts: *const u32,
    letters: *const u8,
    offsets: *mut u32,
    text: *mut u8,
) {
    // SAFETY: the kernels' contract: the indices come from a step that keeps them in the table.
    unsafe {
        let mut end = 0_u32;
        *offsets = 0;
        for i in 0..count {
            let label = *indices.add(i) as usize;
            let (start, stop) = (*starts.add(label), *starts.add(label + 1));
            let length = stop - start;
            core::ptr::copy_nonoverlapping(
                letters.add(start as usize),
                text.add(end as usize),
                length as usize,
            );
            end += length;
            *offsets.add(i + 1) = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_spelled_one_after_another() {
        let (mut offsets, mut text) = ([9_u32; 4], [0_u8; 12]);

        unsafe {
            spell_labels(
                [1, 0, 1].as_ptr(),
                3,
                [0, 2, 6].as_ptr(),
                b"noyeah".as_ptr(),
                offsets.as_mut_ptr(),
                text.as_mut_ptr(),
            );
        }

        assert_eq!(offsets, [0, 4, 6, 10]);
        assert_eq!(&text[..10], b"yeahnoyeah");
    }

    #[test]
    fn an_index_out_of_the_table_is_its_first_entry() {
        let mut y = [0_i64; 3];

        unsafe { pick_i64([1, -1, 7].as_ptr(), 3, [10, 20].as_ptr(), 2, y.as_mut_ptr()) };

        assert_eq!(y, [20, 10, 10]);
    }
}
