//! Tensors as bytes: little-endian, row-major, without padding; truth values as one byte, text as
//! its length in four bytes and its bytes.

use engine::TensorData;
use shared::ElementType;

/// Exactly `elements` elements; `None` when the bytes are more, fewer or not of the type.
pub(super) fn read(element_type: ElementType, elements: usize, bytes: &[u8]) -> Option<TensorData> {
    if element_type != ElementType::String {
        let data = TensorData::read_le(element_type, bytes)?;
        return (data.len() == elements).then_some(data);
    }
    let mut rest = bytes;
    let mut texts = Vec::with_capacity(elements.min(bytes.len() / 4));
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        texts.push(std::str::from_utf8(text).ok()?.to_owned());
        rest = after;
    }
    (texts.len() == elements).then_some(TensorData::String(texts))
}

/// Appends all elements.
pub(super) fn write(out: &mut Vec<u8>, data: &TensorData) {
    macro_rules! numbers {
        ($($variant:ident)+) => {
            match data {
                TensorData::Bool(values) => out.extend(values.iter().map(|value| u8::from(*value))),
                TensorData::String(texts) => {
                    for text in texts {
                        // A text came out of 32-bit memory, so its length fits.
                        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                        out.extend_from_slice(text.as_bytes());
                    }
                }
                $(TensorData::$variant(values) => {
                    for value in values {
                        out.extend_from_slice(&value.to_le_bytes());
                    }
                })+
            }
        };
    }
    numbers!(Int8 Int16 Int32 Int64 Uint8 Uint16 Uint32 Uint64 Float16 Bfloat16 Float32 Float64);
}
