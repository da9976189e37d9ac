//! Memory for tensors: handed out upwards, given back all at once, or from a mark on by a loop.

use crate::Failure;

/// Every tensor starts at a multiple of this.
const ALIGNMENT: usize = 64;

/// Zeroed room for `bytes` bytes.
pub(crate) fn allocate(bytes: usize) -> Result<*mut u8, Failure> {
    let address = place(bytes)?;
    unsafe { core::ptr::write_bytes(address, 0, bytes) };
    Ok(address)
}

#[cfg(target_arch = "wasm32")]
mod memory {
    use core::arch::wasm32::{memory_grow, memory_size};
    use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    const PAGE: usize = 65_536;
    static NEXT: AtomicUsize = AtomicUsize::new(0);

    /// Forgets every tensor; what follows is placed from `start` on.
    #[unsafe(no_mangle)]
    extern "C" fn arena_reset(start: usize) {
        NEXT.store(start, Relaxed);
    }

    /// Room for `bytes` bytes, 0 where there is none.
    #[unsafe(no_mangle)]
    extern "C" fn arena_allocate(bytes: usize) -> usize {
        super::place(bytes).map_or(0, |address| address as usize)
    }

    /// Where the next tensor will be.
    #[unsafe(no_mangle)]
    extern "C" fn arena_next() -> usize {
        NEXT.load(Relaxed)
    }

    pub(crate) fn next() -> usize {
        NEXT.load(Relaxed)
    }

    /// Moves all from `from` on down to `to`, and gives back what lies behind.
    pub(super) fn shift(from: usize, to: usize) {
        let end = NEXT.load(Relaxed);
        unsafe { core::ptr::copy(from as *const u8, to as *mut u8, end - from) };
        NEXT.store(end - (from - to), Relaxed);
    }

    pub(super) fn place(bytes: usize) -> Result<*mut u8, Failure> {
        let start =
            NEXT.load(Relaxed).checked_next_multiple_of(ALIGNMENT).ok_or(Failure::NoMemory)?;
        let end = start.checked_add(bytes).ok_or(Failure::NoMemory)?;
        let pages = end.div_ceil(PAGE);
        let missing = pages.saturating_sub(memory_size::<0>());
        if missing > 0 && memory_grow::<0>(missing) == usize::MAX {
            return Err(Failure::NoMemory);
        }
        NEXT.store(end, Relaxed);
        Ok(start as *mut u8)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod memory {
    use super::*;

    /// Natively nothing is given back: whatever there is lies before.
    pub(crate) fn next() -> usize {
        usize::MAX
    }

    pub(super) fn shift(_: usize, _: usize) {}

    /// Natively a test takes what it needs from the heap and leaves it there.
    pub(super) fn place(bytes: usize) -> Result<*mut u8, Failure> {
        let layout = core::alloc::Layout::from_size_align(bytes.max(1), ALIGNMENT)
            .map_err(|_| Failure::NoMemory)?;
        let address = unsafe { std::alloc::alloc(layout) };
        if address.is_null() { Err(Failure::NoMemory) } else { Ok(address) }
    }
}

pub(crate) use memory::next;
use memory::{place, shift};

/// What is to stay of everything behind a mark: copied to the end of the arena, then moved to the mark.
pub(crate) struct Block {
    /// From here on everything goes that is not kept.
    mark: usize,
    start: usize,
}

impl Block {
    /// What is allocated from now on belongs to the block.
    pub(crate) fn begin(mark: usize) -> Self {
        // Natively both are at the end of everything.
        let aligned =
            |place: usize| place.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX);
        Self { mark: aligned(mark), start: aligned(next()) }
    }

    /// Where something of the block will lie.
    pub(crate) fn target<T>(&self, pointer: *const T) -> *const T {
        pointer.wrapping_byte_sub(self.start - self.mark)
    }

    /// Copies bytes that lie behind the mark into the block; answers where they will lie.
    pub(crate) fn keep(&self, data: *const u8, bytes: usize) -> Result<*const u8, Failure> {
        if (data as usize) < self.mark || data.is_null() {
            return Ok(data);
        }
        let copy = place(bytes)?;
        unsafe { core::ptr::copy_nonoverlapping(data, copy, bytes) };
        Ok(self.target(copy))
    }

    /// Where what is allocated next will lie.
    pub(crate) fn reached(&self) -> usize {
        next() - (self.start - self.mark)
    }

    pub(crate) fn settle(self) {
        shift(self.start, self.mark);
    }
}
