//! The table that the request-response service answers.
//!
//! A classifier gives `Scored Labels` and its probabilities, another model one column per value.
//! Cells are text, whatever their column's type; a missing value is `null`.

use engine::{Tensor, TensorData};
use shared::{ElementType, Label, Role, Signature};

use super::{answer, write};

/// Whether names and types are wanted beside the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Values,
    NamesAndTypes,
}

struct Column<'a> {
    name: String,
    kind: &'static str,
    cells: Cells<'a>,
}

enum Cells<'a> {
    /// Every `width`-th element from `offset` on.
    Of { data: &'a TensorData, offset: usize, width: usize },
    /// The class with the largest of `width` probabilities.
    Likeliest { data: &'a TensorData, width: usize, classes: &'a [Label] },
}

/// Writes the whole answer.
pub(super) fn write(out: &mut Vec<u8>, signature: &Signature, outputs: &[Tensor], detail: Detail) {
    let columns = columns(signature, outputs);
    let rows = outputs.first().map_or(0, |output| match output.shape().first() {
        Some(rows) => *rows as usize,
        None => 1,
    });
    out.extend_from_slice(br#"{"Results":{"output1":{"type":"table","value":{"#);
    if detail == Detail::NamesAndTypes {
        out.extend_from_slice(br#""ColumnNames":"#);
        write::list(out, columns.len(), |out, column| write::text(out, &columns[column].name));
        out.extend_from_slice(br#","ColumnTypes":"#);
        write::list(out, columns.len(), |out, column| write::text(out, columns[column].kind));
        out.push(b',');
    }
    out.extend_from_slice(br#""Values":"#);
    write::list(out, rows, |out, row| {
        write::list(out, columns.len(), |out, column| columns[column].cells.write(out, row));
    });
    out.extend_from_slice(b"}}}}");
}

fn columns<'a>(signature: &'a Signature, outputs: &'a [Tensor]) -> Vec<Column<'a>> {
    let find = |role| signature.output_with(role).map(|(index, spec)| (spec, &outputs[index]));
    let (label, probabilities) = (find(Role::Label), find(Role::Probabilities));
    if label.is_none() && probabilities.is_none() {
        return signature
            .outputs
            .iter()
            .zip(outputs)
            .flat_map(|(spec, output)| values(&spec.name, output))
            .collect();
    }
    let mut columns = Vec::new();
    let classes = probabilities.and_then(|(spec, _)| spec.classes.as_deref()).unwrap_or_default();
    if let Some((_, output)) = probabilities {
        let (data, width) = (output.data(), width(output));
        for offset in 0..width {
            let name = match classes.get(offset) {
                Some(Label::Int(class)) => class.to_string(),
                Some(Label::Text(class)) => class.clone(),
                None => offset.to_string(),
            };
            columns.push(Column {
                name: format!("Scored Probabilities for Class \"{name}\""),
                kind: "Double",
                cells: Cells::Of { data, offset, width },
            });
        }
    }
    let label = match (label, probabilities) {
        (Some((_, output)), _) => Some(Column {
            name: "Scored Labels".to_owned(),
            kind: kind(output.element_type()),
            cells: Cells::Of { data: output.data(), offset: 0, width: width(output) },
        }),
        (None, Some((_, output))) => Some(Column {
            name: "Scored Labels".to_owned(),
            kind: if matches!(classes.first(), Some(Label::Text(_))) { "String" } else { "Int64" },
            cells: Cells::Likeliest { data: output.data(), width: width(output), classes },
        }),
        (None, None) => None,
    };
    columns.extend(label);
    if let [_, second, _] = columns.as_mut_slice() {
        // Of two classes only the second is told, and after the label.
        second.name = "Scored Probabilities".to_owned();
        columns.remove(0);
        columns.swap(0, 1);
    }
    columns
}

/// One column for each value of a row.
fn values<'a>(name: &str, output: &'a Tensor) -> Vec<Column<'a>> {
    let width = width(output);
    let column = |offset| Column {
        name: if width == 1 { name.to_owned() } else { format!("{name}[{offset}]") },
        kind: kind(output.element_type()),
        cells: Cells::Of { data: output.data(), offset, width },
    };
    (0..width).map(column).collect()
}

fn width(output: &Tensor) -> usize {
    output.shape().get(1..).map_or(1, write::elements)
}

fn kind(element_type: ElementType) -> &'static str {
    match element_type {
        ElementType::Bool => "Boolean",
        ElementType::Int8
        | ElementType::Int16
        | ElementType::Int32
        | ElementType::Uint8
        | ElementType::Uint16 => "Int32",
        ElementType::Int64 | ElementType::Uint32 | ElementType::Uint64 => "Int64",
        ElementType::Float16
        | ElementType::Bfloat16
        | ElementType::Float32
        | ElementType::Float64 => "Double",
        ElementType::String => "String",
    }
}

impl Cells<'_> {
    fn write(&self, out: &mut Vec<u8>, row: usize) {
        match self {
            Self::Of { data, offset, width } => cell(out, data, row * width + offset),
            Self::Likeliest { data, width, classes } => {
                let place = answer::largest(data, row * width, *width);
                match classes.get(place) {
                    Some(Label::Int(class)) => write::text(out, &class.to_string()),
                    Some(Label::Text(class)) => write::text(out, class),
                    None => write::text(out, &place.to_string()),
                }
            }
        }
    }
}

fn cell(out: &mut Vec<u8>, data: &TensorData, index: usize) {
    match data {
        // An output with fewer rows than the first has nothing to say here.
        _ if index >= data.len() => out.extend_from_slice(b"null"),
        TensorData::String(_) => write::value(out, data, index),
        TensorData::Bool(values) => write::text(out, if values[index] { "True" } else { "False" }),
        _ => {
            let begin = out.len();
            out.push(b'"');
            write::value(out, data, index);
            if out[begin + 1..] == *b"null" {
                out.remove(begin);
            } else {
                out.push(b'"');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn table(outputs: Value, tensors: &[Tensor], detail: Detail) -> Value {
        let signature: Signature =
            serde_json::from_value(json!({"contract": 1, "inputs": [], "outputs": outputs}))
                .unwrap();
        let mut out = Vec::new();
        write(&mut out, &signature, tensors, detail);
        let mut answer: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(answer["Results"]["output1"]["type"], "table");
        answer["Results"]["output1"]["value"].take()
    }

    #[test]
    fn two_classes_have_one_probability_after_the_label() {
        let outputs = json!([
            {"name": "label", "type": "int64", "shape": ["rows"], "role": "label"},
            {"name": "p", "type": "float32", "shape": ["rows", 2], "role": "probabilities", "classes": [0, 1]}
        ]);
        let tensors = [
            Tensor::new(vec![2], TensorData::Int64(vec![0, 1])).unwrap(),
            Tensor::new(vec![2, 2], TensorData::Float32(vec![0.75, 0.25, 0.5, f32::NAN])).unwrap(),
        ];

        assert_eq!(
            table(outputs.clone(), &tensors, Detail::NamesAndTypes),
            json!({"ColumnNames": ["Scored Labels", "Scored Probabilities"], "ColumnTypes": ["Int64", "Double"],
                "Values": [["0", "0.25"], ["1", null]]})
        );
        assert_eq!(
            table(outputs, &tensors, Detail::Values),
            json!({"Values": [["0", "0.25"], ["1", null]]})
        );
    }

    #[test]
    fn more_classes_have_their_probabilities_before_the_label() {
        let outputs = json!([
            {"name": "p", "type": "float64", "shape": ["rows", 3], "role": "probabilities", "classes": ["a", "b", "c"]},
            {"name": "label", "type": "string", "shape": ["rows"], "role": "label"}
        ]);
        let tensors = [
            Tensor::new(vec![1, 3], TensorData::Float64(vec![0.5, 0.25, 0.25])).unwrap(),
            Tensor::new(vec![1], TensorData::String(vec!["a".to_owned()])).unwrap(),
        ];

        assert_eq!(
            table(outputs, &tensors, Detail::NamesAndTypes),
            json!({"ColumnNames": ["Scored Probabilities for Class \"a\"", "Scored Probabilities for Class \"b\"",
                    "Scored Probabilities for Class \"c\"", "Scored Labels"],
                "ColumnTypes": ["Double", "Double", "Double", "String"],
                "Values": [["0.5", "0.25", "0.25", "a"]]})
        );
    }

    #[test]
    fn other_models_have_a_column_for_each_value() {
        let outputs = json!([
            {"name": "y", "type": "int32", "shape": ["rows", 1], "role": "value"},
            {"name": "flags", "type": "bool", "shape": ["rows", 2]}
        ]);
        let tensors = [
            Tensor::new(vec![1, 1], TensorData::Int32(vec![5])).unwrap(),
            Tensor::new(vec![1, 2], TensorData::Bool(vec![true, false])).unwrap(),
        ];

        assert_eq!(
            table(outputs, &tensors, Detail::NamesAndTypes),
            json!({"ColumnNames": ["y", "flags[0]", "flags[1]"], "ColumnTypes": ["Int32", "Boolean", "Boolean"],
                "Values": [["5", "True", "False"]]})
        );
    }
}
