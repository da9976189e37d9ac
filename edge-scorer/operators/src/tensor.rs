//! What is known of a tensor while a model runs: type, dimensions, and where its elements are.

use core::ops::Deref;

use crate::Failure;
use crate::number::{Element, INT32, INT64, STRING, width};

/// Most axes of a tensor.
pub(crate) const MAX_RANK: usize = 8;

/// A descriptor; the compiler lays out one for every value of the graph.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Tensor {
    /// Element type by ONNX' number; 0 where nothing is.
    pub kind: u32,
    pub rank: usize,
    pub dims: [usize; MAX_RANK],
    /// The elements, row-major; for text n + 1 `u32` offsets.
    pub data: *const u8,
    /// The UTF-8 bytes of text.
    pub text: *const u8,
}

/// A shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dims {
    rank: usize,
    dims: [usize; MAX_RANK],
}

impl PartialEq for Dims {
    fn eq(&self, other: &Self) -> bool {
        // What lies behind the last axis does not count.
        **self == **other
    }
}

impl Deref for Dims {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank]
    }
}

impl core::ops::DerefMut for Dims {
    fn deref_mut(&mut self) -> &mut [usize] {
        &mut self.dims[..self.rank]
    }
}

impl Dims {
    pub(crate) const SCALAR: Self = Self { rank: 0, dims: [0; MAX_RANK] };

    /// From as many dimensions as a tensor may have.
    pub(crate) fn of(dims: &[usize]) -> Result<Self, Failure> {
        let mut all = Self::SCALAR;
        for dim in dims {
            all.push(*dim)?;
        }
        Ok(all)
    }

    /// `rank` dimensions, all of them `dim`.
    pub(crate) fn filled(rank: usize, dim: usize) -> Result<Self, Failure> {
        if rank > MAX_RANK {
            return Err(Failure::Unsupported);
        }
        Ok(Self { rank, dims: [dim; MAX_RANK] })
    }

    pub(crate) fn push(&mut self, dim: usize) -> Result<(), Failure> {
        let slot = self.dims.get_mut(self.rank).ok_or(Failure::Unsupported)?;
        *slot = dim;
        self.rank += 1;
        Ok(())
    }

    pub(crate) fn insert(&mut self, axis: usize, dim: usize) -> Result<(), Failure> {
        if axis > self.rank {
            return Err(Failure::Unacceptable);
        }
        self.push(dim)?;
        self.dims[axis..self.rank].rotate_right(1);
        Ok(())
    }

    pub(crate) fn remove(&mut self, axis: usize) {
        self.dims[axis..self.rank].rotate_left(1);
        self.rank -= 1;
    }

    /// Number of elements, if it can be counted.
    pub(crate) fn count(&self) -> Result<usize, Failure> {
        product(self).ok_or(Failure::NoMemory)
    }

    /// Elements from one index of each axis to the next.
    pub(crate) fn strides(&self) -> [usize; MAX_RANK] {
        let mut strides = [0; MAX_RANK];
        let mut step = 1_usize;
        for axis in (0..self.rank).rev() {
            strides[axis] = step;
            step = step.wrapping_mul(self.dims[axis]);
        }
        strides
    }

    /// The shape that both broadcast to.
    pub(crate) fn joined(&self, other: &Self) -> Result<Self, Failure> {
        let rank = self.rank.max(other.rank);
        let mut all = Self::filled(rank, 1)?;
        for axis in 0..rank {
            let dim = |dims: &Self| match (axis + dims.rank).checked_sub(rank) {
                Some(axis) => dims.dims[axis],
                None => 1,
            };
            all.dims[axis] = match (dim(self), dim(other)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return Err(Failure::Unacceptable),
            };
        }
        Ok(all)
    }

    /// Strides to walk this shape by when it is broadcast to `target`; 0 along what is repeated.
    pub(crate) fn broadcast_strides(&self, target: &Self) -> Result<[usize; MAX_RANK], Failure> {
        let own = self.strides();
        let mut strides = [0; MAX_RANK];
        let missing = target.rank.checked_sub(self.rank).ok_or(Failure::Unacceptable)?;
        for axis in 0..self.rank {
            if self.dims[axis] == target.dims[axis + missing] {
                strides[axis + missing] = own[axis];
            } else if self.dims[axis] != 1 {
                return Err(Failure::Unacceptable);
            }
        }
        Ok(strides)
    }

    /// `axis` counted from the end where it is negative.
    pub(crate) fn axis(&self, axis: i64) -> Result<usize, Failure> {
        axis_of(axis, self.rank)
    }
}

/// `axis` of `rank` axes, counted from the end where it is negative.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Result<usize, Failure> {
    let axis = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    let axis = axis.and_then(|axis| usize::try_from(axis).ok());
    axis.filter(|axis| *axis < rank).ok_or(Failure::Unacceptable)
}

/// The product, if it can be counted.
pub(crate) fn product(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim))
}

/// Visits an index of a tensor for every index of `dims` in row-major order, by strides.
pub(crate) fn walk<const N: usize>(
    dims: &Dims,
    strides: [&[usize; MAX_RANK]; N],
    mut visit: impl FnMut([usize; N]),
) {
    let Some(mut left) = product(dims) else { return };
    let mut index = [0_usize; MAX_RANK];
    let mut at = [0_usize; N];
    while left > 0 {
        visit(at);
        left -= 1;
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            for (at, strides) in at.iter_mut().zip(&strides) {
                *at = at.wrapping_add(strides[axis]);
            }
            if index[axis] < dims[axis] {
                break;
            }
            for (at, strides) in at.iter_mut().zip(&strides) {
                *at = at.wrapping_sub(strides[axis].wrapping_mul(dims[axis]));
            }
            index[axis] = 0;
        }
    }
}

impl Tensor {
    /// Nothing.
    pub const ABSENT: Self = Self {
        kind: 0,
        rank: 0,
        dims: [0; MAX_RANK],
        data: core::ptr::null(),
        text: core::ptr::null(),
    };

    pub(crate) fn dims(&self) -> Dims {
        Dims { rank: self.rank.min(MAX_RANK), dims: self.dims }
    }

    pub(crate) fn set_dims(&mut self, dims: &Dims) {
        (self.rank, self.dims) = (dims.rank, dims.dims);
    }

    /// Number of elements; that of a tensor which exists can be counted.
    pub(crate) fn count(&self) -> usize {
        product(&self.dims()).unwrap_or(0)
    }

    pub(crate) fn axis(&self, axis: i64) -> Result<usize, Failure> {
        axis_of(axis, self.rank)
    }

    pub(crate) fn is_text(&self) -> bool {
        self.kind == STRING
    }

    /// The elements, if they are of this type.
    pub(crate) fn slice<T: Element>(&self) -> Result<&[T], Failure> {
        if self.kind == T::KIND { Ok(self.as_slice()) } else { Err(Failure::Unsupported) }
    }

    /// The elements as values of a type that is as wide.
    pub(crate) fn as_slice<T: Copy>(&self) -> &[T] {
        let count = self.count();
        if count == 0 || width(self.kind) != size_of::<T>() {
            return &[];
        }
        unsafe { core::slice::from_raw_parts(self.data.cast(), count) }
    }

    /// Element `index` of an integer tensor of either common width.
    pub(crate) fn integer(&self, index: usize) -> Result<i64, Failure> {
        let value = match self.kind {
            INT64 => self.as_slice::<i64>().get(index).copied(),
            INT32 => self.as_slice::<i32>().get(index).map(|value| i64::from(*value)),
            _ => return Err(Failure::Unsupported),
        };
        value.ok_or(Failure::Unacceptable)
    }

    /// Bytes of all strings together.
    pub(crate) fn text_bytes(&self) -> usize {
        if !self.is_text() || self.text.is_null() {
            return 0;
        }
        let offsets: *const u32 = self.data.cast();
        unsafe { offsets.add(self.count()).read() as usize }
    }

    /// Bytes of string `index`; nothing where there is no such string.
    pub(crate) fn string(&self, index: usize) -> &[u8] {
        let count = self.count();
        if !self.is_text() || index >= count {
            return &[];
        }
        let offsets: &[u32] = unsafe { core::slice::from_raw_parts(self.data.cast(), count + 1) };
        let (begin, end) = (offsets[index] as usize, offsets[index + 1] as usize);
        if end <= begin || self.text.is_null() {
            return &[];
        }
        unsafe { core::slice::from_raw_parts(self.text.add(begin), end - begin) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_join_as_numpy_joins_them() {
        let dims = |dims: &[usize]| Dims::of(dims).unwrap();

        assert_eq!(dims(&[3, 1]).joined(&dims(&[2, 1, 4])).unwrap(), dims(&[2, 3, 4]));
        assert_eq!(dims(&[0]).joined(&dims(&[1])).unwrap(), dims(&[0]));
        assert_eq!(dims(&[2]).joined(&dims(&[3])), Err(Failure::Unacceptable));
        assert_eq!(Dims::of(&[1; 9]), Err(Failure::Unsupported));
        assert_eq!(dims(&[usize::MAX, 2]).count(), Err(Failure::NoMemory));
    }

    #[test]
    fn a_row_that_is_repeated_is_visited_again_for_every_row() {
        let (row, target) = (Dims::of(&[1, 3]).unwrap(), Dims::of(&[2, 3]).unwrap());
        let strides = row.broadcast_strides(&target).unwrap();

        let mut visited = Vec::new();
        walk(&target, [&strides], |[at]| visited.push(at));

        assert_eq!(visited, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn an_axis_counts_from_either_end_and_must_be_there() {
        assert_eq!((axis_of(-1, 3), axis_of(0, 3)), (Ok(2), Ok(0)));
        assert_eq!(
            (axis_of(3, 3), axis_of(-4, 3)),
            (Err(Failure::Unacceptable), Err(Failure::Unacceptable))
        );
        assert_eq!(axis_of(i64::MIN, 3), Err(Failure::Unacceptable));
    }
}
