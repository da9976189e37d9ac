//! Two versions side by side: each property with both values, and whether they differ.

use shared::{Model, Signature, TensorSpec};

/// One line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) left: String,
    pub(crate) right: String,
}

impl Line {
    fn new(name: &str, left: impl Into<String>, right: impl Into<String>) -> Self {
        Self { name: name.to_owned(), left: left.into(), right: right.into() }
    }

    pub(crate) fn differs(&self) -> bool {
        self.left != self.right
    }
}

/// What [`lines`] calls its properties, in the reader's language.
pub(crate) struct Names<'a> {
    pub(crate) description: &'a str,
    pub(crate) tags: &'a str,
    pub(crate) size: &'a str,
    pub(crate) hash: &'a str,
    pub(crate) input: &'a str,
    pub(crate) output: &'a str,
}

/// The properties of two versions.
pub(crate) fn lines(
    names: &Names<'_>,
    left: (&Model, Option<&Signature>),
    right: (&Model, Option<&Signature>),
    size: impl Fn(u64) -> String,
) -> Vec<Line> {
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let tags = |model: &Model| model.tags.clone().unwrap_or_default().join(", ");
    let bytes = |model: &Model| model.size.map(&size).unwrap_or_default();
    let mut lines = vec![
        Line::new(names.description, text(&left.0.description), text(&right.0.description)),
        Line::new(names.tags, tags(left.0), tags(right.0)),
        Line::new(names.size, bytes(left.0), bytes(right.0)),
        Line::new(names.hash, text(&left.0.sha256), text(&right.0.sha256)),
    ];
    if left.1.is_some() || right.1.is_some() {
        let ports = |it: Option<&Signature>, of: fn(&Signature) -> &Vec<TensorSpec>| {
            it.map(of).cloned().unwrap_or_default()
        };
        for (name, of) in [
            (names.input, (|it| &it.inputs) as fn(&Signature) -> &Vec<TensorSpec>),
            (names.output, |it| &it.outputs),
        ] {
            tensors(name, &ports(left.1, of), &ports(right.1, of), &mut lines);
        }
    }
    lines
}

/// The inputs and outputs in which two signatures differ.
pub(crate) fn differing(
    input: &str,
    output: &str,
    left: &Signature,
    right: &Signature,
) -> Vec<String> {
    let mut lines = Vec::new();
    tensors(input, &left.inputs, &right.inputs, &mut lines);
    tensors(output, &left.outputs, &right.outputs, &mut lines);
    lines.into_iter().filter(Line::differs).map(|line| line.name).collect()
}

/// Tensors are compared by name: a renamed one is one that went and one that came.
fn tensors(kind: &str, left: &[TensorSpec], right: &[TensorSpec], lines: &mut Vec<Line>) {
    let mut names: Vec<&str> = left.iter().map(|it| it.name.as_str()).collect();
    names.extend(
        right
            .iter()
            .map(|it| it.name.as_str())
            .filter(|name| left.iter().all(|it| it.name != *name)),
    );
    let written = |side: &[TensorSpec], name: &str| {
        side.iter().find(|it| it.name == name).map(describe).unwrap_or_default()
    };
    for name in names {
        lines.push(Line::new(&format!("{kind} {name}"), written(left, name), written(right, name)));
    }
}

/// `float32 rows × 30`, with the number of named columns and of classes where there are some.
fn describe(tensor: &TensorSpec) -> String {
    let dims: Vec<String> = tensor
        .shape
        .iter()
        .map(|dim| match dim {
            shared::Dim::Fixed(n) => n.to_string(),
            shared::Dim::Named(name) => name.clone(),
        })
        .collect();
    let mut text = format!("{} {}", tensor.element_type, dims.join(" × "));
    if let Some(columns) = tensor.columns.as_ref().filter(|columns| !columns.is_empty()) {
        text.push_str(&format!(" [{}]", columns.join(", ")));
    }
    if let Some(classes) = &tensor.classes {
        let classes: Vec<String> = classes
            .iter()
            .map(|label| match label {
                shared::Label::Int(n) => n.to_string(),
                shared::Label::Text(text) => text.clone(),
            })
            .collect();
        text.push_str(&format!(" {{{}}}", classes.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAMES: Names<'_> = Names {
        description: "description",
        tags: "tags",
        size: "size",
        hash: "hash",
        input: "input",
        output: "output",
    };

    fn model(size: u64) -> Model {
        serde_json::from_value(json!({
            "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "name": "iris", "version": 1,
            "url": "", "mimeType": "", "description": null, "tags": ["demo"], "unpack": null,
            "createdAt": "", "sha256": "ab", "size": size
        }))
        .unwrap()
    }

    fn signature(shape: u64, name: &str) -> Signature {
        serde_json::from_value(json!({"contract": 1, "outputs": [], "inputs": [
            {"name": name, "type": "float32", "shape": ["rows", shape]}]}))
        .unwrap()
    }

    #[test]
    fn only_what_differs_is_said_to_differ() {
        let (left, right) = (signature(4, "X"), signature(5, "X"));

        let lines =
            lines(&NAMES, (&model(10), Some(&left)), (&model(20), Some(&right)), |n| n.to_string());

        let differing: Vec<&str> =
            lines.iter().filter(|line| line.differs()).map(|line| line.name.as_str()).collect();
        assert_eq!(differing, ["size", "input X"]);
    }

    #[test]
    fn a_renamed_input_went_and_came() {
        let (left, right) = (signature(4, "X"), signature(4, "Y"));

        let lines =
            lines(&NAMES, (&model(1), Some(&left)), (&model(1), Some(&right)), |n| n.to_string());

        let input = |name: &str| lines.iter().find(|line| line.name == name).unwrap();
        assert_eq!(input("input X").right, "");
        assert_eq!(input("input Y").left, "");
    }
}
