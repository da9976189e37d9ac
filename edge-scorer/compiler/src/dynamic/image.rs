//! The memory that operators read: descriptors of tensors, nodes, attributes, constants.
//!
//! The layouts are those of `operators`' `Tensor`, `Node` and `Attribute` on wasm32; everything is
//! placed once, behind the operators' own memory, and becomes one data segment.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, TensorProto};

use crate::error::CompileError;

/// Bytes of a descriptor, and where in it what is.
pub(super) const TENSOR_BYTES: usize = 48;
pub(super) const KIND: u32 = 0;
pub(super) const RANK: u32 = 4;
pub(super) const DIMS: u32 = 8;
pub(super) const DATA: u32 = 40;
pub(super) const TEXT: u32 = 44;
/// Most axes of a tensor.
pub(super) const MAX_RANK: usize = 8;
/// Constants start on a cache line.
const ALIGNMENT: usize = 64;
/// Bytes of the state of a loop.
const STATE_BYTES: usize = 16;

/// Memory in the making.
pub(super) struct Image {
    base: usize,
    bytes: Vec<u8>,
}

impl Image {
    pub(super) fn new(base: usize) -> Self {
        Self { base, bytes: Vec::new() }
    }

    /// The first address behind it, and what lies in it.
    pub(super) fn finish(self) -> (usize, Vec<u8>) {
        ((self.base + self.bytes.len()).next_multiple_of(ALIGNMENT), self.bytes)
    }

    fn place(&mut self, bytes: &[u8], alignment: usize) -> u32 {
        let start = (self.base + self.bytes.len()).next_multiple_of(alignment);
        self.bytes.resize(start - self.base, 0);
        self.bytes.extend_from_slice(bytes);
        start as u32
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.place(&bytes, 8)
    }

    /// A descriptor that something will fill in.
    pub(super) fn empty_tensor(&mut self) -> u32 {
        self.place(&[0; TENSOR_BYTES], 8)
    }

    pub(super) fn loop_state(&mut self) -> u32 {
        self.place(&[0; STATE_BYTES], 8)
    }

    fn tensor_of(&mut self, kind: u32, dims: &[u32], data: u32, text: u32) -> u32 {
        let mut words = [0_u32; TENSOR_BYTES / 4];
        words[0] = kind;
        words[1] = dims.len() as u32;
        words[2..2 + dims.len()].copy_from_slice(dims);
        words[10] = data;
        words[11] = text;
        self.words(&words)
    }

    /// A constant with its descriptor.
    pub(super) fn tensor(&mut self, tensor: &TensorProto) -> Result<u32, CompileError> {
        let refuse =
            |what: &str| CompileError::invalid(format!("the constant `{}` {what}", tensor.name));
        let dims: Vec<u32> = tensor
            .dims
            .iter()
            .map(|dim| u32::try_from(*dim).map_err(|_| refuse("is too large")))
            .collect::<Result<_, _>>()?;
        if dims.len() > MAX_RANK {
            return Err(refuse("has more than eight axes"));
        }
        if tensor.data_type == DataType::String as i32 {
            return Ok(self.text_tensor(&tensor.string_data, &dims));
        }
        let bytes = element_bytes(tensor).ok_or_else(|| refuse("has an unknown element type"))?;
        let data = self.place(&bytes, ALIGNMENT);
        Ok(self.tensor_of(tensor.data_type as u32, &dims, data, 0))
    }

    fn text_tensor(&mut self, strings: &[Vec<u8>], dims: &[u32]) -> u32 {
        let mut offsets = vec![0_u32];
        let mut text = Vec::new();
        for string in strings {
            text.extend_from_slice(string);
            offsets.push(text.len() as u32);
        }
        let (offsets, text) = (self.words(&offsets), self.place(&text, 1));
        self.tensor_of(DataType::String as u32, dims, offsets, text)
    }

    /// A node, ready to be called with.
    pub(super) fn node(
        &mut self,
        inputs: &[u32],
        outputs: &[u32],
        attributes: &[AttributeProto],
        opset: i64,
    ) -> Result<u32, CompileError> {
        let (input_list, output_list) = (self.words(inputs), self.words(outputs));
        let mut entries = Vec::new();
        let mut count = 0;
        for attribute in attributes {
            if let Some((kind, data, values)) = self.attribute(attribute)? {
                let name = self.place(attribute.name.as_bytes(), 1);
                entries.extend([name, attribute.name.len() as u32, kind, data, values]);
                count += 1;
            }
        }
        let entries = self.words(&entries);
        Ok(self.words(&[
            input_list,
            inputs.len() as u32,
            output_list,
            outputs.len() as u32,
            entries,
            count,
            u32::try_from(opset).unwrap_or(0),
        ]))
    }

    /// Kind, address and number of an attribute's values; `None` for what no operator looks at.
    fn attribute(
        &mut self,
        attribute: &AttributeProto,
    ) -> Result<Option<(u32, u32, u32)>, CompileError> {
        let Ok(kind) = AttributeType::try_from(attribute.r#type) else { return Ok(None) };
        let floats = |image: &mut Self, values: &[f32]| {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (AttributeType::Floats as u32, image.place(&bytes, 8), values.len() as u32)
        };
        let ints = |image: &mut Self, values: &[i64]| {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (AttributeType::Ints as u32, image.place(&bytes, 8), values.len() as u32)
        };
        Ok(Some(match kind {
            AttributeType::Float => floats(self, &[attribute.f]),
            AttributeType::Floats => floats(self, &attribute.floats),
            AttributeType::Int => ints(self, &[attribute.i]),
            AttributeType::Ints => ints(self, &attribute.ints),
            AttributeType::String => {
                let text = self.place(&attribute.s, 1);
                (AttributeType::String as u32, text, attribute.s.len() as u32)
            }
            AttributeType::Strings => {
                let count = attribute.strings.len() as u32;
                let list = self.text_tensor(&attribute.strings, &[count]);
                (AttributeType::Strings as u32, list, count)
            }
            AttributeType::Tensor => match &attribute.t {
                Some(tensor) => (AttributeType::Tensor as u32, self.tensor(tensor)?, 1),
                None => return Ok(None),
            },
            _ => return Ok(None),
        }))
    }
}

/// The elements as the module contract lays them out; `screen` has counted them.
fn element_bytes(tensor: &TensorProto) -> Option<Vec<u8>> {
    let kind = DataType::try_from(tensor.data_type).ok()?;
    if !tensor.raw_data.is_empty() {
        return Some(tensor.raw_data.clone());
    }
    let narrow = |bytes: usize| -> Vec<u8> {
        tensor
            .int32_data
            .iter()
            .flat_map(|value| value.to_le_bytes().into_iter().take(bytes))
            .collect()
    };
    Some(match kind {
        DataType::Float => tensor.float_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::Double => tensor.double_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::Int64 => tensor.int64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::Uint64 => tensor.uint64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::Uint32 => {
            tensor.uint64_data.iter().flat_map(|v| (*v as u32).to_le_bytes()).collect()
        }
        DataType::Int32 => narrow(4),
        DataType::Int16 | DataType::Uint16 | DataType::Float16 | DataType::Bfloat16 => narrow(2),
        DataType::Int8 | DataType::Uint8 | DataType::Bool => narrow(1),
        _ => return None,
    })
}
