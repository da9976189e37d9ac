//! Moving bytes without looking at them.

/// Copies `bytes` bytes from `from` to `to`, which do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_bytes(from: *const u8, bytes: usize, to: *mut u8) {
    // SAFETY: the plan placed both buffers with at least `bytes` bytes, apart from one another.
    unsafe { core::ptr::copy_nonoverlapping(from, to, bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_unchanged() {
        let from = [1_u8, 2, 3];
        let mut to = [0_u8; 3];

        unsafe { copy_bytes(from.as_ptr(), 3, to.as_mut_ptr()) };

        assert_eq!(to, from);
    }
}
