//! The geometry that convolutions and poolings of one to three dimensions share.
//!
//! Fewer dimensions are three with sizes of 1 in front. The numbers are a table of the plan: part of
//! the module's data where they are known, or written there by [`put_u32`] before the call.

/// Axes of an image.
pub(crate) const AXES: usize = 3;

/// The sizes of a sliding window, as 32-bit numbers.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Space {
    /// Images.
    pub batch: u32,
    /// Input channels of an image.
    pub channels_in: u32,
    /// Output channels of an image.
    pub channels_out: u32,
    /// Groups that input and output channels are divided into.
    pub groups: u32,
    /// Sizes of an input plane.
    pub input: [u32; AXES],
    /// Sizes of an output plane.
    pub output: [u32; AXES],
    /// Sizes of the window.
    pub kernel: [u32; AXES],
    /// From one window to the next.
    pub strides: [u32; AXES],
    /// From one number of a window to the next.
    pub dilations: [u32; AXES],
    /// Padding in front.
    pub pads: [u32; AXES],
    /// Padding behind that was asked for.
    pub pads_end: [u32; AXES],
}

impl Space {
    pub(crate) fn plane_in(&self) -> usize {
        volume(&self.input)
    }

    pub(crate) fn plane_out(&self) -> usize {
        volume(&self.output)
    }

    pub(crate) fn taps(&self) -> usize {
        volume(&self.kernel)
    }

    /// Where tap `tap` of window `index` along `axis` lies, if that is inside `length`.
    #[inline(always)]
    pub(crate) fn position(
        &self,
        axis: usize,
        index: usize,
        tap: usize,
        length: usize,
    ) -> Option<usize> {
        let at = (index * self.strides[axis] as usize + tap * self.dilations[axis] as usize)
            .wrapping_sub(self.pads[axis] as usize);
        (at < length).then_some(at)
    }

    /// The windows along `axis` whose tap `tap` lies inside `length`: the first, and one past the last.
    #[inline(always)]
    pub(crate) fn reach(
        &self,
        axis: usize,
        tap: usize,
        length: usize,
        windows: usize,
    ) -> (usize, usize) {
        let (stride, pad) = (self.strides[axis] as usize, self.pads[axis] as usize);
        let shift = tap * self.dilations[axis] as usize;
        let first = pad.saturating_sub(shift).div_ceil(stride);
        let end = (length + pad).saturating_sub(shift).div_ceil(stride);
        (first.min(windows), end.min(windows))
    }

    /// `[depth, height, width]` of tap number `tap`.
    #[inline(always)]
    pub(crate) fn tap(&self, tap: usize) -> [usize; AXES] {
        unravel(tap, &self.kernel)
    }
}

#[inline(always)]
pub(crate) fn volume(sizes: &[u32; AXES]) -> usize {
    sizes[0] as usize * sizes[1] as usize * sizes[2] as usize
}

/// The indices of element number `flat` of a block of these sizes.
#[inline(always)]
pub(crate) fn unravel(flat: usize, sizes: &[u32; AXES]) -> [usize; AXES] {
    let (height, width) = (sizes[1].max(1) as usize, sizes[2].max(1) as usize);
    [flat / width / height, flat / width % height, flat % width]
}

/// Writes one number of a table that is known only when a call is prepared.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn put_u32(to: *mut u32, value: u32) {
    unsafe { to.write(value) }
}
