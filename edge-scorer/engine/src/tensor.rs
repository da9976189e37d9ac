//! Tensors on the host's side of the boundary, of every element type the contract knows.

use shared::ElementType;

/// Elements of one type, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorData {
    /// Truth values.
    Bool(Vec<bool>),
    /// Signed, 8 bits.
    Int8(Vec<i8>),
    /// Signed, 16 bits.
    Int16(Vec<i16>),
    /// Signed, 32 bits.
    Int32(Vec<i32>),
    /// Signed, 64 bits.
    Int64(Vec<i64>),
    /// Unsigned, 8 bits.
    Uint8(Vec<u8>),
    /// Unsigned, 16 bits.
    Uint16(Vec<u16>),
    /// Unsigned, 32 bits.
    Uint32(Vec<u32>),
    /// Unsigned, 64 bits.
    Uint64(Vec<u64>),
    /// Half precision, as bit patterns; see [`crate::f16_to_f32`].
    Float16(Vec<u16>),
    /// Upper halves of `float32`, as bit patterns; see [`crate::bf16_to_f32`].
    Bfloat16(Vec<u16>),
    /// Single precision.
    Float32(Vec<f32>),
    /// Double precision.
    Float64(Vec<f64>),
    /// Text.
    String(Vec<String>),
}

/// Evaluates `$body` with `$values` bound to the vector of whichever variant `$data` is.
macro_rules! with_values {
    ($data:expr, $values:ident => $body:expr) => {
        match $data {
            TensorData::Bool($values) => $body,
            TensorData::Int8($values) => $body,
            TensorData::Int16($values) => $body,
            TensorData::Int32($values) => $body,
            TensorData::Int64($values) => $body,
            TensorData::Uint8($values) => $body,
            TensorData::Uint16($values) => $body,
            TensorData::Uint32($values) => $body,
            TensorData::Uint64($values) => $body,
            TensorData::Float16($values) => $body,
            TensorData::Bfloat16($values) => $body,
            TensorData::Float32($values) => $body,
            TensorData::Float64($values) => $body,
            TensorData::String($values) => $body,
        }
    };
}

/// Elements and their shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<u64>,
    data: TensorData,
}

/// The shape does not multiply to the number of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the shape asks for another number of elements than the {0} given")]
pub struct ShapeMismatch(usize);

impl Tensor {
    /// From a shape, outermost dimension first, and as many elements as it asks for.
    pub fn new(shape: Vec<u64>, data: TensorData) -> Result<Self, ShapeMismatch> {
        let wanted = shape.iter().try_fold(1_u64, |product, dim| product.checked_mul(*dim));
        if wanted != Some(data.len() as u64) {
            return Err(ShapeMismatch(data.len()));
        }
        Ok(Self { shape, data })
    }

    /// Outermost dimension first.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// The elements, row-major.
    pub fn data(&self) -> &TensorData {
        &self.data
    }

    /// A copy of the rows of `range`, or of as many of them as there are.
    pub fn rows(&self, range: std::ops::Range<u64>) -> Self {
        let Some((rows, rest)) = self.shape.split_first() else { return self.clone() };
        let width: u64 = rest.iter().product();
        let begin = range.start.min(*rows);
        let end = range.end.clamp(begin, *rows);
        // Rows that exist are elements that exist, so the products fit.
        let elements = (begin * width) as usize..(end * width) as usize;
        let mut shape = self.shape.clone();
        shape[0] = end - begin;
        Self { shape, data: self.data.part(elements) }
    }

    /// Gives the parts away.
    pub fn into_parts(self) -> (Vec<u64>, TensorData) {
        (self.shape, self.data)
    }

    /// Type of one element.
    pub fn element_type(&self) -> ElementType {
        self.data.element_type()
    }

    /// The elements, if they are `float32`.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            TensorData::Float32(values) => Some(values),
            _ => None,
        }
    }

    /// The elements, if they are `int64`.
    pub fn as_i64(&self) -> Option<&[i64]> {
        match &self.data {
            TensorData::Int64(values) => Some(values),
            _ => None,
        }
    }

    /// The elements, if they are text.
    pub fn as_strings(&self) -> Option<&[String]> {
        match &self.data {
            TensorData::String(values) => Some(values),
            _ => None,
        }
    }
}

impl TensorData {
    /// No elements of `element_type`, with room for `capacity`.
    pub fn with_capacity(element_type: ElementType, capacity: usize) -> Self {
        match element_type {
            ElementType::Bool => Self::Bool(Vec::with_capacity(capacity)),
            ElementType::Int8 => Self::Int8(Vec::with_capacity(capacity)),
            ElementType::Int16 => Self::Int16(Vec::with_capacity(capacity)),
            ElementType::Int32 => Self::Int32(Vec::with_capacity(capacity)),
            ElementType::Int64 => Self::Int64(Vec::with_capacity(capacity)),
            ElementType::Uint8 => Self::Uint8(Vec::with_capacity(capacity)),
            ElementType::Uint16 => Self::Uint16(Vec::with_capacity(capacity)),
            ElementType::Uint32 => Self::Uint32(Vec::with_capacity(capacity)),
            ElementType::Uint64 => Self::Uint64(Vec::with_capacity(capacity)),
            ElementType::Float16 => Self::Float16(Vec::with_capacity(capacity)),
            ElementType::Bfloat16 => Self::Bfloat16(Vec::with_capacity(capacity)),
            ElementType::Float32 => Self::Float32(Vec::with_capacity(capacity)),
            ElementType::Float64 => Self::Float64(Vec::with_capacity(capacity)),
            ElementType::String => Self::String(Vec::with_capacity(capacity)),
        }
    }

    /// Type of one element.
    pub fn element_type(&self) -> ElementType {
        match self {
            Self::Bool(_) => ElementType::Bool,
            Self::Int8(_) => ElementType::Int8,
            Self::Int16(_) => ElementType::Int16,
            Self::Int32(_) => ElementType::Int32,
            Self::Int64(_) => ElementType::Int64,
            Self::Uint8(_) => ElementType::Uint8,
            Self::Uint16(_) => ElementType::Uint16,
            Self::Uint32(_) => ElementType::Uint32,
            Self::Uint64(_) => ElementType::Uint64,
            Self::Float16(_) => ElementType::Float16,
            Self::Bfloat16(_) => ElementType::Bfloat16,
            Self::Float32(_) => ElementType::Float32,
            Self::Float64(_) => ElementType::Float64,
            Self::String(_) => ElementType::String,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        with_values!(self, values => values.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of some elements, which must exist.
    fn part(&self, range: std::ops::Range<usize>) -> Self {
        macro_rules! part {
            ($($variant:ident)+) => {
                match self {
                    $(Self::$variant(values) => Self::$variant(values[range].to_vec()),)+
                }
            };
        }
        part!(Bool Int8 Int16 Int32 Int64 Uint8 Uint16 Uint32 Uint64 Float16 Bfloat16 Float32 Float64 String)
    }

    /// Appends a copy of `other`'s elements; false, and no change, when the types differ.
    pub(crate) fn append(&mut self, other: Self) -> bool {
        macro_rules! same {
            ($($variant:ident)+) => {
                match (self, other) {
                    $((Self::$variant(values), Self::$variant(more)) => values.extend(more),)+
                    _ => return false,
                }
            };
        }
        same!(Bool Int8 Int16 Int32 Int64 Uint8 Uint16 Uint32 Uint64 Float16 Bfloat16 Float32 Float64 String);
        true
    }

    /// Writes the elements `range` little-endian into `bytes`; false when they do not fit exactly,
    /// or when they are text, which does not lie in one piece.
    pub(crate) fn write_le(&self, range: std::ops::Range<usize>, bytes: &mut [u8]) -> bool {
        macro_rules! numbers {
            ($($variant:ident $width:literal)+) => {
                match self {
                    Self::Bool(values) => write_bools(values.get(range), bytes),
                    $(Self::$variant(values) => {
                        let Some(values) = values.get(range) else { return false };
                        if values.len() * $width != bytes.len() { return false }
                        let (slots, _) = bytes.as_chunks_mut::<$width>();
                        for (slot, value) in slots.iter_mut().zip(values) {
                            *slot = value.to_le_bytes();
                        }
                        true
                    })+
                    Self::String(_) => false,
                }
            };
        }
        numbers!(Int8 1 Int16 2 Int32 4 Int64 8 Uint8 1 Uint16 2 Uint32 4 Uint64 8
            Float16 2 Bfloat16 2 Float32 4 Float64 8)
    }

    /// Reads little-endian elements; `None` when the bytes are not whole elements, when a truth
    /// value is neither 0 nor 1, and for text.
    pub fn read_le(element_type: ElementType, bytes: &[u8]) -> Option<Self> {
        macro_rules! numbers {
            ($($variant:ident $number:ty, $width:literal);+) => {
                match element_type {
                    ElementType::Bool => Self::Bool(read_bools(bytes)?),
                    $(ElementType::$variant => {
                        let (chunks, rest) = bytes.as_chunks::<$width>();
                        if !rest.is_empty() { return None }
                        Self::$variant(chunks.iter().map(|chunk| <$number>::from_le_bytes(*chunk)).collect())
                    })+
                    ElementType::String => return None,
                }
            };
        }
        Some(
            numbers!(Int8 i8, 1; Int16 i16, 2; Int32 i32, 4; Int64 i64, 8; Uint8 u8, 1; Uint16 u16, 2;
            Uint32 u32, 4; Uint64 u64, 8; Float16 u16, 2; Bfloat16 u16, 2; Float32 f32, 4; Float64 f64, 8),
        )
    }
}

fn write_bools(values: Option<&[bool]>, bytes: &mut [u8]) -> bool {
    let Some(values) = values.filter(|values| values.len() == bytes.len()) else { return false };
    for (byte, value) in bytes.iter_mut().zip(values) {
        *byte = u8::from(*value);
    }
    true
}

fn read_bools(bytes: &[u8]) -> Option<Vec<bool>> {
    bytes
        .iter()
        .map(|byte| match byte {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_back_as_they_were_written() {
        let data = TensorData::Float64(vec![1.5, -0.0, f64::INFINITY]);
        let mut bytes = [0; 16];

        assert!(data.write_le(1..3, &mut bytes));

        let back = TensorData::read_le(ElementType::Float64, &bytes);
        assert_eq!(back, Some(TensorData::Float64(vec![-0.0, f64::INFINITY])));
        assert!(!data.write_le(0..3, &mut bytes), "three elements do not fit");
        assert!(
            TensorData::read_le(ElementType::Bool, &[0, 1, 2]).is_none(),
            "2 is no truth value"
        );
    }

    #[test]
    fn a_shape_must_multiply_to_the_number_of_elements() {
        assert!(Tensor::new(vec![2, 2], TensorData::Int8(vec![1, 2, 3, 4])).is_ok());
        assert!(Tensor::new(vec![3], TensorData::Int8(vec![1])).is_err());
        assert!(Tensor::new(vec![u64::MAX, 2], TensorData::Int8(vec![])).is_err());
        assert!(Tensor::new(vec![], TensorData::Int8(vec![1])).is_ok());
    }
}
