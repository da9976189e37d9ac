//! Attributes of a node, read with care: they may be missing or of another type.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto};
use tract_onnx::prelude::DatumType;

fn find<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// A list of floats; empty when absent. A tensor attribute of the same name with `_as_tensor`
/// is not looked at.
pub(crate) fn floats<'a>(node: &'a NodeProto, name: &str) -> &'a [f32] {
    find(node, name).map_or(&[], |attribute| &attribute.floats)
}

/// A list of integers; empty when absent.
pub(crate) fn ints<'a>(node: &'a NodeProto, name: &str) -> &'a [i64] {
    find(node, name).map_or(&[], |attribute| &attribute.ints)
}

/// A list of texts; empty when absent.
pub(crate) fn strings(node: &NodeProto, name: &str) -> Result<Vec<String>, String> {
    find(node, name)
        .map_or(&[][..], |attribute| &attribute.strings)
        .iter()
        .map(|bytes| String::from_utf8(bytes.clone()).map_err(|_| format!("`{name}` is not UTF-8")))
        .collect()
}

/// A text; `default` when absent.
pub(crate) fn string(node: &NodeProto, name: &str, default: &str) -> Result<String, String> {
    match find(node, name) {
        Some(attribute) => {
            String::from_utf8(attribute.s.clone()).map_err(|_| format!("`{name}` is not UTF-8"))
        }
        None => Ok(default.to_owned()),
    }
}

/// An integer, where present.
pub(crate) fn int(node: &NodeProto, name: &str) -> Option<i64> {
    find(node, name).map(|attribute| attribute.i)
}

/// A tensor, where present.
pub(crate) fn tensor<'a>(
    node: &'a NodeProto,
    name: &str,
) -> Option<&'a tract_onnx::pb::TensorProto> {
    find(node, name).and_then(|attribute| attribute.t.as_ref())
}

/// Elements of a tensor attribute, integers of every width as `i64`.
pub(crate) enum TensorValues {
    Ints(Vec<i64>, DatumType),
    Texts(Vec<String>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
}

/// The elements of a tensor attribute; its size has been checked by `import/screen`.
pub(crate) fn tensor_values(
    tensor: &tract_onnx::pb::TensorProto,
    name: &str,
) -> Result<TensorValues, String> {
    let raw = &tensor.raw_data;
    macro_rules! numbers {
        ($type:ty, $width:literal, $list:ident) => {
            if raw.is_empty() {
                tensor.$list.iter().map(|value| *value as $type).collect::<Vec<$type>>()
            } else {
                raw.as_chunks::<$width>().0.iter().map(|v| <$type>::from_le_bytes(*v)).collect()
            }
        };
    }
    let wide = |values: Vec<i64>, datum_type| Ok(TensorValues::Ints(values, datum_type));
    match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float) => Ok(TensorValues::Floats(numbers!(f32, 4, float_data))),
        Ok(DataType::Double) => Ok(TensorValues::Doubles(numbers!(f64, 8, double_data))),
        Ok(DataType::Int64) => wide(numbers!(i64, 8, int64_data), DatumType::I64),
        Ok(DataType::Int32) => {
            let values = numbers!(i32, 4, int32_data);
            wide(values.into_iter().map(i64::from).collect(), DatumType::I32)
        }
        Ok(DataType::Int16) => {
            let values = numbers!(i16, 2, int32_data);
            wide(values.into_iter().map(i64::from).collect(), DatumType::I16)
        }
        Ok(DataType::String) => tensor
            .string_data
            .iter()
            .map(|text| {
                String::from_utf8(text.clone()).map_err(|_| format!("`{name}` is not UTF-8"))
            })
            .collect::<Result<_, _>>()
            .map(TensorValues::Texts),
        _ => Err(format!("`{name}` is of a type that is not supported")),
    }
}

/// A float, where present.
pub(crate) fn float(node: &NodeProto, name: &str) -> Option<f32> {
    find(node, name).map(|attribute| attribute.f)
}
