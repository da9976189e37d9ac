//! One node of the graph: its tensors and its attributes, as the compiler laid them out.

use crate::number::{BOOL, Element, STRING, width};
use crate::tensor::{Dims, Tensor};
use crate::{Failure, arena};

/// A node, in memory that is never written.
#[derive(Debug)]
#[repr(C)]
pub struct Node {
    inputs: *const *const Tensor,
    input_count: usize,
    outputs: *const *mut Tensor,
    output_count: usize,
    attributes: *const Attribute,
    attribute_count: usize,
    /// Version of the operator set that the node belongs to.
    pub opset: usize,
}

/// A name and a list of values.
#[derive(Debug)]
#[repr(C)]
pub struct Attribute {
    name: *const u8,
    name_bytes: usize,
    /// ONNX' number of the attribute's type, that of the list for single values.
    kind: usize,
    data: *const u8,
    /// Values; bytes of text.
    count: usize,
}

/// ONNX' numbers of attribute types.
const TEXT: usize = 3;
const TENSOR: usize = 4;
const FLOATS: usize = 6;
const INTS: usize = 7;
const TEXTS: usize = 8;

impl Node {
    pub(crate) fn input_count(&self) -> usize {
        self.input_count
    }

    pub(crate) fn output_count(&self) -> usize {
        self.output_count
    }

    /// An input that must be there.
    pub(crate) fn input(&self, index: usize) -> Result<&Tensor, Failure> {
        self.optional(index).ok_or(Failure::Unsupported)
    }

    /// An input that may be left out.
    pub(crate) fn optional(&self, index: usize) -> Option<&Tensor> {
        if index >= self.input_count {
            return None;
        }
        let tensor = unsafe { self.inputs.add(index).read().as_ref() };
        tensor.filter(|tensor| tensor.kind != 0)
    }

    /// Whether anybody wants output `index`.
    pub(crate) fn wants(&self, index: usize) -> bool {
        self.descriptor(index).is_some()
    }

    #[expect(clippy::mut_from_ref, reason = "outputs are disjoint from everything else")]
    fn descriptor(&self, index: usize) -> Option<&mut Tensor> {
        if index >= self.output_count {
            return None;
        }
        unsafe { self.outputs.add(index).read().as_mut() }
    }

    /// What output `index` is described as now.
    pub(crate) fn taken(&self, index: usize) -> Result<&Tensor, Failure> {
        self.descriptor(index).map(|tensor| &*tensor).ok_or(Failure::Unsupported)
    }

    /// Room for output `index`, all zero; room for nobody where it is not wanted.
    #[expect(clippy::mut_from_ref, reason = "every call answers fresh memory")]
    pub(crate) fn output<T: Element>(&self, index: usize, dims: Dims) -> Result<&mut [T], Failure> {
        let address = self.describe(index, T::KIND, dims)?;
        Ok(unsafe { core::slice::from_raw_parts_mut(address.cast(), dims.count()?) })
    }

    /// As [`Node::output`], for a type that is only known to be as wide as `T`.
    #[expect(clippy::mut_from_ref, reason = "every call answers fresh memory")]
    pub(crate) fn output_like<T: Copy>(
        &self,
        index: usize,
        kind: u32,
        dims: Dims,
    ) -> Result<&mut [T], Failure> {
        if width(kind) != size_of::<T>() {
            return Err(Failure::Unsupported);
        }
        let address = self.describe(index, kind, dims)?;
        Ok(unsafe { core::slice::from_raw_parts_mut(address.cast(), dims.count()?) })
    }

    fn describe(&self, index: usize, kind: u32, dims: Dims) -> Result<*mut u8, Failure> {
        let bytes = dims.count()?.checked_mul(width(kind)).ok_or(Failure::NoMemory)?;
        let data = arena::allocate(bytes)?;
        if let Some(descriptor) = self.descriptor(index) {
            *descriptor = Tensor { kind, data, ..Tensor::ABSENT };
            descriptor.set_dims(&dims);
        }
        Ok(data)
    }

    /// Output `index` is `tensor`, perhaps under another shape; nothing is copied.
    pub(crate) fn share(&self, index: usize, tensor: &Tensor, dims: Dims) -> Result<(), Failure> {
        if dims.count()? != tensor.count() {
            return Err(Failure::Unacceptable);
        }
        if let Some(descriptor) = self.descriptor(index) {
            *descriptor = *tensor;
            descriptor.set_dims(&dims);
        }
        Ok(())
    }

    /// Output `index` is text, string by string.
    pub(crate) fn output_text<'a>(
        &self,
        index: usize,
        dims: Dims,
        string: impl Fn(usize) -> &'a [u8],
    ) -> Result<(), Failure> {
        let count = dims.count()?;
        let mut bytes = 0_u32;
        for item in 0..count {
            let length = u32::try_from(string(item).len()).map_err(|_| Failure::NoMemory)?;
            bytes = bytes.checked_add(length).ok_or(Failure::NoMemory)?;
        }
        let places = count.checked_add(1).and_then(|places| places.checked_mul(4));
        let offsets: *mut u32 = arena::allocate(places.ok_or(Failure::NoMemory)?)?.cast();
        let text = arena::allocate(bytes as usize)?;
        let mut end = 0;
        for item in 0..count {
            let string = string(item);
            unsafe {
                core::ptr::copy_nonoverlapping(string.as_ptr(), text.add(end), string.len());
                end += string.len();
                offsets.add(item + 1).write(end as u32);
            }
        }
        if let Some(descriptor) = self.descriptor(index) {
            *descriptor = Tensor { kind: STRING, data: offsets.cast(), text, ..Tensor::ABSENT };
            descriptor.set_dims(&dims);
        }
        Ok(())
    }

    /// A single truth value as output `index`.
    pub(crate) fn output_bool(&self, index: usize, value: bool) -> Result<(), Failure> {
        self.output_like::<u8>(index, BOOL, Dims::SCALAR)?.fill(u8::from(value));
        Ok(())
    }

    /// Zeroed room that is no tensor.
    #[expect(clippy::mut_from_ref, reason = "every call answers fresh memory")]
    pub(crate) fn room<T: Copy>(&self, count: usize) -> Result<&mut [T], Failure> {
        let bytes = count.checked_mul(size_of::<T>()).ok_or(Failure::NoMemory)?;
        let address = arena::allocate(bytes)?;
        Ok(unsafe { core::slice::from_raw_parts_mut(address.cast(), count) })
    }

    fn attribute(&self, name: &str, kind: usize) -> Option<&Attribute> {
        (0..self.attribute_count).map(|index| unsafe { &*self.attributes.add(index) }).find(
            |attribute| {
                attribute.kind == kind
                    && unsafe { core::slice::from_raw_parts(attribute.name, attribute.name_bytes) }
                        == name.as_bytes()
            },
        )
    }

    pub(crate) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.values(name, INTS)
    }

    pub(crate) fn floats(&self, name: &str) -> Option<&[f32]> {
        self.values(name, FLOATS)
    }

    fn values<T>(&self, name: &str, kind: usize) -> Option<&[T]> {
        let attribute = self.attribute(name, kind)?;
        Some(match attribute.count {
            0 => &[],
            count => unsafe { core::slice::from_raw_parts(attribute.data.cast(), count) },
        })
    }

    pub(crate) fn int(&self, name: &str, default: i64) -> i64 {
        self.ints(name).and_then(|values| values.first().copied()).unwrap_or(default)
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name, i64::from(default)) != 0
    }

    pub(crate) fn float(&self, name: &str, default: f32) -> f32 {
        self.floats(name).and_then(|values| values.first().copied()).unwrap_or(default)
    }

    pub(crate) fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a [u8] {
        let Some(attribute) = self.attribute(name, TEXT) else { return default.as_bytes() };
        match attribute.count {
            0 => &[],
            count => unsafe { core::slice::from_raw_parts(attribute.data, count) },
        }
    }

    /// How many strings a list of text has, and each of them.
    pub(crate) fn texts(&self, name: &str) -> Option<&Tensor> {
        let attribute = self.attribute(name, TEXTS)?;
        Some(unsafe { &*attribute.data.cast() })
    }

    pub(crate) fn tensor(&self, name: &str) -> Option<&Tensor> {
        let attribute = self.attribute(name, TENSOR)?;
        Some(unsafe { &*attribute.data.cast() })
    }

    /// A list of whole numbers that newer operator sets take as an input and older as an attribute.
    pub(crate) fn numbers(&self, input: usize, name: &str) -> Result<Option<&[i64]>, Failure> {
        match self.optional(input) {
            None => Ok(self.ints(name)),
            Some(tensor) if tensor.kind == crate::number::INT64 => Ok(Some(tensor.slice()?)),
            Some(tensor) => {
                let room = self.room::<i64>(tensor.count())?;
                for (index, slot) in room.iter_mut().enumerate() {
                    *slot = tensor.integer(index)?;
                }
                Ok(Some(room))
            }
        }
    }
}
