//! Text within a plan: every element is a span, an address and a length, so that reordering, choosing
//! and joining text moves eight bytes an element and never a letter.
//!
//! Letters that a kernel makes lie in the memory behind everything the plan has placed. An
//! [`Arena`] hands it out; every run begins it anew, so a reused instance does not grow.
//!
//! # Invariants
//! - Letters are UTF-8: the host has checked what comes in.
//! - A kernel that needs memory answers [`OUT_OF_MEMORY`] when there is none left.

use crate::murmur::murmur;

/// What `run` answers when text does not fit the memory.
pub const OUT_OF_MEMORY: i32 = 16;

/// One text.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Its first letter.
    pub start: *const u8,
    /// In bytes.
    pub length: usize,
}

impl Span {
    /// # Safety
    /// The letters outlive the answer.
    #[inline(always)]
    pub(crate) unsafe fn bytes<'a>(self) -> &'a [u8] {
        // SAFETY: the caller's; an empty span may point anywhere.
        match self.length {
            0 => &[],
            length => unsafe { core::slice::from_raw_parts(self.start, length) },
        }
    }

    /// # Safety
    /// As for [`Span::bytes`], and the letters are UTF-8.
    #[inline(always)]
    pub(crate) unsafe fn text<'a>(self) -> &'a str {
        // SAFETY: the caller's.
        unsafe { core::str::from_utf8_unchecked(self.bytes()) }
    }
}

/// Memory for new letters.
#[repr(C)]
#[derive(Debug)]
pub struct Arena {
    next: *mut u8,
    end: *mut u8,
}

impl Arena {
    /// Room for `bytes` bytes, which [`Arena::keep`] may shorten.
    fn room(&mut self, bytes: usize) -> Option<*mut u8> {
        let left = self.end as usize - self.next as usize;
        if bytes > left {
            self.grow(bytes - left)?;
        }
        Some(self.next)
    }

    /// Keeps the first `bytes` bytes of the room that was asked for last.
    fn keep(&mut self, bytes: usize) {
        self.next = self.next.wrapping_add(bytes);
    }

    #[cfg(target_arch = "wasm32")]
    fn grow(&mut self, bytes: usize) -> Option<()> {
        const PAGE: usize = 65_536;
        let pages = bytes.div_ceil(PAGE);
        // The address behind the last byte must not be 2^32, which is 0.
        let enough = core::arch::wasm32::memory_size::<0>().checked_add(pages)? < PAGE;
        if !enough || core::arch::wasm32::memory_grow::<0>(pages) == usize::MAX {
            return None;
        }
        self.end = (core::arch::wasm32::memory_size::<0>() * PAGE) as *mut u8;
        Some(())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn grow(&mut self, _: usize) -> Option<()> {
        None
    }

    #[cfg(test)]
    pub(crate) fn of(memory: &mut [u8]) -> Self {
        let range = memory.as_mut_ptr_range();
        Self { next: range.start, end: range.end }
    }
}

/// Begins a run's arena at `free`, the first address that nothing is placed at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn text_begin(free: *mut u8, arena: *mut Arena) {
    #[cfg(target_arch = "wasm32")]
    let end = (core::arch::wasm32::memory_size::<0>() * 65_536) as *mut u8;
    #[cfg(not(target_arch = "wasm32"))]
    let end = free;
    // SAFETY: the kernels' contract.
    unsafe { *arena = Arena { next: free, end } }
}

/// The spans of a text input: text `i` is `letters[offsets[i]..offsets[i + 1]]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn text_spans(
    offsets: *const u32,
    letters: *const u8,
    count: usize,
    spans: *mut Span,
) {
    // SAFETY: the kernels' contract; the host has checked that offsets never fall.
    unsafe {
        for i in 0..count {
            let (start, end) = (*offsets.add(i) as usize, *offsets.add(i + 1) as usize);
            *spans.add(i) = Span { start: letters.add(start), length: end - start };
        }
    }
}

/// The spans of labels: label `i` of the table is `letters[starts[i]..starts[i + 1]]`.
///
/// An index outside of the table's `length` counts as its first entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn label_spans(
    indices: *const i32,
    count: usize,
    starts: *const u32,
    letters: *const u8,
    length: usize,
    spans: *mut Span,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            let label = usize::try_from(*indices.add(i)).unwrap_or(0);
            let label = if label < length { label } else { 0 };
            let (start, end) = (*starts.add(label) as usize, *starts.add(label + 1) as usize);
            *spans.add(i) = Span { start: letters.add(start), length: end - start };
        }
    }
}

/// Writes text one after another, as the contract lays it out; `place` receives where the letters are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write_text(
    spans: *const Span,
    count: usize,
    arena: *mut Arena,
    offsets: *mut u32,
    place: *mut *const u8,
) -> i32 {
    // SAFETY: the kernels' contract.
    unsafe {
        let mut total = 0_u32;
        *offsets = 0;
        for i in 0..count {
            let Some(end) = total.checked_add((*spans.add(i)).length as u32) else {
                return OUT_OF_MEMORY;
            };
            total = end;
            *offsets.add(i + 1) = total;
        }
        let Some(letters) = (*arena).room(total as usize) else { return OUT_OF_MEMORY };
        for i in 0..count {
            let span = *spans.add(i);
            let to = letters.add(*offsets.add(i) as usize);
            core::ptr::copy_nonoverlapping(span.bytes().as_ptr(), to, span.length);
        }
        (*arena).keep(total as usize);
        *place = letters;
    }
    0
}

/// Text in lower (`upper` 0) or upper case, letter by letter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn change_case(
    spans: *const Span,
    count: usize,
    arena: *mut Arena,
    upper: i32,
    changed: *mut Span,
) -> i32 {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            let span = *spans.add(i);
            // A letter takes at most three times its bytes in the other case.
            let Some(bytes) = span.length.checked_mul(3) else { return OUT_OF_MEMORY };
            let Some(start) = (*arena).room(bytes) else { return OUT_OF_MEMORY };
            let mut length = 0;
            let mut push = |letter: char| {
                let mut units = [0; 4];
                let units = letter.encode_utf8(&mut units).as_bytes();
                if length + units.len() <= bytes {
                    let to = start.add(length);
                    core::ptr::copy_nonoverlapping(units.as_ptr(), to, units.len());
                    length += units.len();
                }
            };
            for letter in span.text().chars() {
                if upper != 0 {
                    letter.to_uppercase().for_each(&mut push);
                } else {
                    letter.to_lowercase().for_each(&mut push);
                }
            }
            (*arena).keep(length);
            *changed.add(i) = Span { start, length };
        }
    }
    0
}

/// `y[i] = a[i] + b[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn concat_text(
    a: *const Span,
    b: *const Span,
    count: usize,
    arena: *mut Arena,
    y: *mut Span,
) -> i32 {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            let (left, right) = (*a.add(i), *b.add(i));
            let Some(length) = left.length.checked_add(right.length) else { return OUT_OF_MEMORY };
            let Some(start) = (*arena).room(length) else { return OUT_OF_MEMORY };
            core::ptr::copy_nonoverlapping(left.bytes().as_ptr(), start, left.length);
            core::ptr::copy_nonoverlapping(
                right.bytes().as_ptr(),
                start.add(left.length),
                right.length,
            );
            (*arena).keep(length);
            *y.add(i) = Span { start, length };
        }
    }
    0
}

/// `index[i]` = position of text `i` in an ascending table, or `length` when it is not there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn find_text(
    spans: *const Span,
    count: usize,
    key_offsets: *const u32,
    key_letters: *const u8,
    length: usize,
    index: *mut i32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        let table = Table { offsets: key_offsets, letters: key_letters, length };
        for i in 0..count {
            let found = table.find((*spans.add(i)).bytes());
            *index.add(i) = found.unwrap_or(length) as i32;
        }
    }
}

/// Texts in ascending order.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) offsets: *const u32,
    pub(crate) letters: *const u8,
    pub(crate) length: usize,
}

impl Table {
    /// The position of a text.
    ///
    /// # Safety
    /// The table is one.
    pub(crate) unsafe fn find(self, wanted: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let middle = low + (high - low) / 2;
            // SAFETY: the caller's.
            let key = unsafe {
                let start = *self.offsets.add(middle) as usize;
                let end = *self.offsets.add(middle + 1) as usize;
                core::slice::from_raw_parts(self.letters.add(start), end - start)
            };
            match key.cmp(wanted) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
                core::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}

/// 1 where two texts are the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn equal_text(a: *const Span, b: *const Span, count: usize, y: *mut u8) {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            *y.add(i) = u8::from((*a.add(i)).bytes() == (*b.add(i)).bytes());
        }
    }
}

/// Text as numbers; answers 1, as a run does whose input is not acceptable, where it is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parse_f64(spans: *const Span, count: usize, y: *mut f64) -> i32 {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            let Ok(number) = (*spans.add(i)).text().trim().parse::<f64>() else { return 1 };
            *y.add(i) = number;
        }
    }
    0
}

/// As [`parse_f64`], rounded once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parse_f32(spans: *const Span, count: usize, y: *mut f32) -> i32 {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            let Ok(number) = (*spans.add(i)).text().trim().parse::<f32>() else { return 1 };
            *y.add(i) = number;
        }
    }
    0
}

/// As [`parse_f64`], for whole numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parse_i64(spans: *const Span, count: usize, y: *mut i64) -> i32 {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            let Ok(number) = (*spans.add(i)).text().trim().parse::<i64>() else { return 1 };
            *y.add(i) = number;
        }
    }
    0
}

/// Whole numbers as text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn format_i64(
    x: *const i64,
    count: usize,
    arena: *mut Arena,
    y: *mut Span,
) -> i32 {
    const LONGEST: usize = 20;
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            let Some(start) = (*arena).room(LONGEST) else { return OUT_OF_MEMORY };
            let (mut digits, mut first) = ([0_u8; LONGEST], LONGEST);
            let number = *x.add(i);
            let mut rest = number.unsigned_abs();
            loop {
                first -= 1;
                digits[first] = b'0' + (rest % 10) as u8;
                rest /= 10;
                if rest == 0 {
                    break;
                }
            }
            if number < 0 {
                first -= 1;
                digits[first] = b'-';
            }
            let length = LONGEST - first;
            core::ptr::copy_nonoverlapping(digits.as_ptr().add(first), start, length);
            (*arena).keep(length);
            *y.add(i) = Span { start, length };
        }
    }
    0
}

/// MurmurHash3 (x86, 32 bits) of every text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn murmur_text(spans: *const Span, count: usize, seed: i32, y: *mut u32) {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            *y.add(i) = murmur((*spans.add(i)).bytes(), seed as u32);
        }
    }
}

/// MurmurHash3 (x86, 32 bits) of the bytes of every number of `width` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn murmur_bytes(
    x: *const u8,
    count: usize,
    width: usize,
    seed: i32,
    y: *mut u32,
) {
    // SAFETY: the kernels' contract.
    unsafe {
        for i in 0..count {
            let bytes = core::slice::from_raw_parts(x.add(i * width), width);
            *y.add(i) = murmur(bytes, seed as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(texts: &[&str]) -> Vec<Span> {
        texts.iter().map(|text| Span { start: text.as_ptr(), length: text.len() }).collect()
    }

    fn read(spans: &[Span]) -> Vec<String> {
        spans.iter().map(|span| unsafe { span.text() }.to_owned()).collect()
    }

    #[test]
    fn text_comes_in_and_goes_out_as_the_contract_lays_it_out() {
        let mut in_between = spans(&["", "", ""]);
        let mut memory = [0_u8; 16];
        let mut arena = Arena::of(&mut memory);
        let (mut offsets, mut place) = ([9_u32; 4], core::ptr::null());

        let status = unsafe {
            let (starts, letters) = ([0_u32, 1, 3, 4], b"abbz");
            text_spans(starts.as_ptr(), letters.as_ptr(), 3, in_between.as_mut_ptr());
            in_between.swap(0, 2);
            write_text(in_between.as_ptr(), 3, &mut arena, offsets.as_mut_ptr(), &mut place)
        };

        assert_eq!((status, offsets), (0, [0, 1, 3, 4]));
        assert_eq!(unsafe { core::slice::from_raw_parts(place, 4) }, b"zbba");
    }

    #[test]
    fn letters_change_case_in_every_alphabet() {
        let mut memory = [0_u8; 64];
        let mut changed = spans(&["", "", ""]);

        let mut arena = Arena::of(&mut memory);
        let texts = spans(&["Grün", "ΑΒΓ", ""]);
        unsafe { change_case(texts.as_ptr(), 3, &mut arena, 0, changed.as_mut_ptr()) };
        assert_eq!(read(&changed), ["grün", "αβγ", ""]);

        let mut arena = Arena::of(&mut memory);
        unsafe { change_case(texts.as_ptr(), 3, &mut arena, 1, changed.as_mut_ptr()) };
        assert_eq!(read(&changed), ["GRÜN", "ΑΒΓ", ""]);
    }

    #[test]
    fn where_there_is_no_room_the_run_says_so() {
        let mut memory = [0_u8; 3];
        let mut y = spans(&[""]);
        let (a, b) = (spans(&["ab"]), spans(&["cd"]));

        let status = unsafe {
            concat_text(a.as_ptr(), b.as_ptr(), 1, &mut Arena::of(&mut memory), y.as_mut_ptr())
        };

        assert_eq!(status, OUT_OF_MEMORY);
    }

    #[test]
    fn text_is_found_in_an_ascending_table_or_not_at_all() {
        let mut index = [9; 3];
        let texts = spans(&["a", "bb", "z"]);

        unsafe {
            let (keys, letters) = ([0, 1, 3], b"abb");
            find_text(texts.as_ptr(), 3, keys.as_ptr(), letters.as_ptr(), 2, index.as_mut_ptr());
        }

        assert_eq!(index, [0, 1, 2]);
    }

    #[test]
    fn whole_numbers_are_written_and_read_to_their_limits() {
        let numbers = [0, -1, i64::MAX, i64::MIN];
        let mut memory = [0_u8; 120];
        let mut written = spans(&[""; 4]);
        let mut read_back = [7_i64; 4];

        unsafe {
            let arena = &mut Arena::of(&mut memory);
            format_i64(numbers.as_ptr(), 4, arena, written.as_mut_ptr());
            parse_i64(written.as_ptr(), 4, read_back.as_mut_ptr());
        }

        assert_eq!(read(&written)[3], "-9223372036854775808");
        assert_eq!(read_back, numbers);
        let none = spans(&["1.5e"]);
        assert_eq!(unsafe { parse_f32(none.as_ptr(), 1, [0.0].as_mut_ptr()) }, 1);
    }
}
