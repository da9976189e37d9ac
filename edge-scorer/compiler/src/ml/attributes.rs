//! Attributes of a node, read with care: they may be missing or of another type.

use tract_onnx::pb::{AttributeProto, NodeProto};

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

/// A float, where present.
pub(crate) fn float(node: &NodeProto, name: &str) -> Option<f32> {
    find(node, name).map(|attribute| attribute.f)
}

/// Whether the attribute is there at all.
pub(crate) fn has(node: &NodeProto, name: &str) -> bool {
    find(node, name).is_some()
}
