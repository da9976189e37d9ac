//! Weighs a file before it is decoded: how much memory its messages will take.
//!
//! Two bytes of a protocol buffer are an empty message, and an empty node takes hundreds of bytes once it
//! is decoded. One pass over the wire format, which makes nothing, adds up what every message, text and
//! list element will take; a file that would swell out of all proportion is refused.
//!
//! # Deliberately absent
//! - Judging the encoding: what is broken ends the weighing, and the decoder says what is wrong.

use tract_onnx::pb;

use crate::error::CompileError;

/// What any model may take once it is decoded.
const BYTES: u64 = 256 << 20;
/// What each byte of a file may become on top of that: small numbers are the extreme of what exporters write.
const SWELLING: u64 = 16;
/// As prost has it; what nests deeper is not decoded.
const DEEPEST: usize = 100;

/// Refuses a file that swells.
pub(super) fn weigh(onnx: &[u8]) -> Result<(), CompileError> {
    let limit = BYTES.saturating_add(SWELLING.saturating_mul(onnx.len() as u64));
    let mut weight = 0;
    add(onnx, Kind::Model, 0, &mut weight);
    if weight > limit {
        return Err(CompileError::LimitExceeded {
            what: "bytes when it is decoded",
            actual: weight,
            limit,
        });
    }
    Ok(())
}

/// The messages that can be met many times.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Sparse,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Dimension,
    Annotation,
    Function,
    Training,
    Opset,
    Entry,
    /// Text or bytes in a list.
    Text,
    /// Numbers in a list.
    Numbers(u64),
}

impl Kind {
    /// What field `number` of this message holds, where it is a message or a list.
    fn field(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) => Self::Graph,
            (Self::Model, 8) | (Self::Function, 9) => Self::Opset,
            (Self::Model, 14)
            | (Self::Tensor, 13)
            | (Self::Annotation, 2)
            | (Self::Training, 3 | 4) => Self::Entry,
            (Self::Model, 20) => Self::Training,
            (Self::Model, 25) => Self::Function,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::Sparse, 1 | 2) => Self::Tensor,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::Sparse,
            (Self::Graph, 11..=13) => Self::ValueInfo,
            (Self::Graph, 14) => Self::Annotation,
            (Self::Node, 5) => Self::Attribute,
            (Self::Attribute, 6 | 11) | (Self::Training, 1 | 2) => Self::Graph,
            (Self::Attribute, 15) | (Self::ValueInfo, 2) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            (Self::Shape, 1) => Self::Dimension,
            (Self::Node, 1 | 2)
            | (Self::Attribute, 9)
            | (Self::Tensor, 6)
            | (Self::Function, 4..=6) => Self::Text,
            (Self::Attribute, 8) | (Self::Tensor, 1 | 7 | 10 | 11) | (Self::Sparse, 3) => {
                Self::Numbers(8)
            }
            (Self::Attribute, 7) | (Self::Tensor, 4 | 5) => Self::Numbers(4),
            _ => return None,
        })
    }

    /// Bytes of one, without what hangs from it.
    fn bytes(self) -> u64 {
        let bytes = match self {
            Self::Model => size_of::<pb::ModelProto>(),
            Self::Graph => size_of::<pb::GraphProto>(),
            Self::Node => size_of::<pb::NodeProto>(),
            Self::Attribute => size_of::<pb::AttributeProto>(),
            Self::Tensor => size_of::<pb::TensorProto>(),
            Self::Sparse => size_of::<pb::SparseTensorProto>(),
            Self::ValueInfo => size_of::<pb::ValueInfoProto>(),
            Self::Type => size_of::<pb::TypeProto>(),
            Self::TensorType | Self::Shape => 0,
            Self::Dimension => size_of::<pb::tensor_shape_proto::Dimension>(),
            Self::Annotation => size_of::<pb::TensorAnnotation>(),
            Self::Function => size_of::<pb::FunctionProto>(),
            Self::Training => size_of::<pb::TrainingInfoProto>(),
            Self::Opset => size_of::<pb::OperatorSetIdProto>(),
            Self::Entry => size_of::<pb::StringStringEntryProto>(),
            Self::Text => size_of::<String>(),
            Self::Numbers(width) => return width,
        };
        bytes as u64
    }
}

/// Adds up what the fields of `message` take.
fn add(mut message: &[u8], kind: Kind, depth: usize, weight: &mut u64) {
    *weight += kind.bytes();
    if depth > DEEPEST {
        return;
    }
    while let Some((number, wire)) = varint(&mut message).map(|tag| (tag >> 3, tag & 7)) {
        let field = kind.field(number);
        let skipped = match wire {
            0 => varint(&mut message).is_some(),
            1 => skip(&mut message, 8).is_some(),
            5 => skip(&mut message, 4).is_some(),
            2 => {
                let length = varint(&mut message).and_then(|length| usize::try_from(length).ok());
                let Some(part) = length.and_then(|length| skip(&mut message, length)) else {
                    return;
                };
                match field {
                    // A packed list: as many numbers as there are bytes that end one, or fewer.
                    Some(Kind::Numbers(width)) => *weight += width * part.len() as u64,
                    Some(Kind::Text) => *weight += Kind::Text.bytes() + part.len() as u64,
                    Some(kind) => add(part, kind, depth + 1, weight),
                    None => *weight += part.len() as u64,
                }
                continue;
            }
            // Groups, which ONNX has none of.
            _ => false,
        };
        if !skipped {
            return;
        }
        if let Some(Kind::Numbers(width)) = field {
            *weight += width;
        }
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Some(value);
        }
    }
    None
}

fn skip<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_empty_messages_is_refused_before_it_is_decoded() {
        // Four million nodes without anything in them.
        let graph = [0x0a, 0x00].repeat(4_000_000);
        let mut onnx = vec![0x3a];
        prost::encoding::encode_varint(graph.len() as u64, &mut onnx);
        onnx.extend(graph);

        let error = weigh(&onnx).unwrap_err();

        assert!(matches!(error, CompileError::LimitExceeded { .. }), "{error}");
    }

    #[test]
    fn models_as_exporters_write_them_weigh_little() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/models");
        for name in ["breast_cancer_forest", "digits_cnn", "wine_svc", "iris_logistic_text"] {
            let onnx = std::fs::read(format!("{folder}/{name}.onnx")).unwrap();

            assert!(weigh(&onnx).is_ok(), "{name}");
        }
    }

    #[test]
    fn bytes_without_meaning_are_weighed_to_their_end() {
        for bytes in [&b""[..], b"\xff\xff\xff", b"\x3a\xff\xff\xff\xff\x0f", b"\x3b\x3b", b"\x80"]
        {
            assert!(weigh(bytes).is_ok());
        }
    }
}
