//! Memory for tensors: handed out upwards, given back all at once.

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

    /// Natively a test takes what it needs from the heap and leaves it there.
    pub(super) fn place(bytes: usize) -> Result<*mut u8, Failure> {
        let layout = core::alloc::Layout::from_size_align(bytes.max(1), ALIGNMENT)
            .map_err(|_| Failure::NoMemory)?;
        let address = unsafe { std::alloc::alloc(layout) };
        if address.is_null() { Err(Failure::NoMemory) } else { Ok(address) }
    }
}

use memory::place;
