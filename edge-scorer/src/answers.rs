//! Writes what a module answered: a table for people, JSON or CSV for programs.
//!
//! # Invariants
//! - `float32` is written as the shortest decimal that reads back to the same `float32`.
//! - JSON writes NaN and infinities as `null`; CSV writes them as words that our CSV reader takes.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use engine::{Tensor, TensorData};
use shared::{Signature, TensorSpec};

use crate::arguments::AnswerFormat;

/// An output with more values a row than this is abbreviated in a table.
const TABLE_VALUES: usize = 10;

/// An output that does not have one part per row.
#[derive(Debug, thiserror::Error)]
#[error(
    "the output `{output}` has the shape {shape:?}, which is not one value or list a row; score an Open Inference Protocol document instead"
)]
pub(crate) struct NotRows {
    output: String,
    shape: Vec<u64>,
}

/// One batch's answers.
pub(crate) struct Answers {
    rows: usize,
    outputs: Vec<Tensor>,
}

impl Answers {
    /// `outputs` in the signature's order, each with `rows` as its first dimension.
    pub(crate) fn new(
        rows: usize,
        outputs: Vec<Tensor>,
        signature: &Signature,
    ) -> Result<Self, NotRows> {
        for (spec, tensor) in signature.outputs.iter().zip(&outputs) {
            if tensor.shape().first() != Some(&(rows as u64)) {
                let shape = tensor.shape().to_vec();
                return Err(NotRows { output: spec.name.clone(), shape });
            }
        }
        Ok(Self { rows, outputs })
    }
}

/// Writes every batch in `format`.
pub(crate) fn write(
    out: &mut impl Write,
    format: AnswerFormat,
    signature: &Signature,
    batches: &[Answers],
) -> io::Result<()> {
    match format {
        AnswerFormat::Json => write_json(out, signature, batches),
        AnswerFormat::Csv => write_csv(out, signature, batches),
        AnswerFormat::Table => write_table(out, signature, batches),
    }
}

fn write_json(out: &mut impl Write, signature: &Signature, batches: &[Answers]) -> io::Result<()> {
    let names: Vec<String> = signature
        .outputs
        .iter()
        .map(|output| serde_json::Value::from(output.name.as_str()).to_string())
        .collect();
    write!(out, "[")?;
    let mut separator = "\n";
    for batch in batches {
        for row in 0..batch.rows {
            write!(out, "{separator}  {{")?;
            separator = ",\n";
            for (place, (name, tensor)) in names.iter().zip(&batch.outputs).enumerate() {
                let comma = if place > 0 { ", " } else { "" };
                write!(out, "{comma}{name}: ")?;
                let values = row_values(batch, tensor);
                // One value per row is a scalar, not a list of one.
                let shape = if values == 1 { &[] } else { tensor.shape().get(1..).unwrap_or(&[]) };
                write_nested(out, tensor.data(), shape, row * values)?;
            }
            write!(out, "}}")?;
        }
    }
    let end = if separator == "\n" { "]" } else { "\n]" };
    writeln!(out, "{end}")
}

/// The elements from `first` on, as nested lists of this shape.
fn write_nested(
    out: &mut impl Write,
    data: &TensorData,
    shape: &[u64],
    first: usize,
) -> io::Result<()> {
    let Some((length, inner)) = shape.split_first() else {
        return write_element(out, data, first);
    };
    let stride: u64 = inner.iter().product();
    write!(out, "[")?;
    for part in 0..*length {
        if part > 0 {
            write!(out, ", ")?;
        }
        write_nested(out, data, inner, first + (part * stride) as usize)?;
    }
    write!(out, "]")
}

fn write_csv(out: &mut impl Write, signature: &Signature, batches: &[Answers]) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let header = signature.outputs.iter().enumerate().flat_map(|(index, output)| {
        let values = values_per_row(batches, index, output);
        (0..values).map(move |value| column_name(output, value, values))
    });
    writer.write_record(header)?;
    for batch in batches {
        for row in 0..batch.rows {
            for tensor in &batch.outputs {
                let values = row_values(batch, tensor);
                for element in row * values..(row + 1) * values {
                    writer.write_field(element_text(tensor.data(), element))?;
                }
            }
            writer.write_record(None::<&[u8]>)?;
        }
    }
    writer.flush()
}

fn write_table(out: &mut impl Write, signature: &Signature, batches: &[Answers]) -> io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let mut header = vec!["row".to_owned()];
    for (index, output) in signature.outputs.iter().enumerate() {
        let values = values_per_row(batches, index, output);
        header.extend((0..values.min(TABLE_VALUES)).map(|value| table_name(output, value, values)));
        if values > TABLE_VALUES {
            header.push(format!("… {} more", values - TABLE_VALUES));
        }
    }
    table.set_header(header);
    let mut number = 0_u64;
    for batch in batches {
        for row in 0..batch.rows {
            let mut cells = vec![number.to_string()];
            number += 1;
            for tensor in &batch.outputs {
                let values = row_values(batch, tensor);
                let shown = values.min(TABLE_VALUES);
                cells.extend(
                    (0..shown).map(|value| element_text(tensor.data(), row * values + value)),
                );
                if values > shown {
                    cells.push("…".to_owned());
                }
            }
            table.add_row(cells);
        }
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "{}", table.trim_fmt())
}

fn row_values(batch: &Answers, tensor: &Tensor) -> usize {
    tensor.data().len().checked_div(batch.rows).unwrap_or(0)
}

/// What the batches say, and without any what the signature says.
fn values_per_row(batches: &[Answers], index: usize, output: &TensorSpec) -> usize {
    let counted =
        batches.first().and_then(|batch| Some(row_values(batch, batch.outputs.get(index)?)));
    let declared = || output.row_len().and_then(|length| usize::try_from(length).ok());
    counted.or_else(declared).unwrap_or(1)
}

fn column_name(output: &TensorSpec, value: usize, values: usize) -> String {
    if values == 1 { output.name.clone() } else { format!("{}[{value}]", output.name) }
}

/// A class's name says more to people than its place.
fn table_name(output: &TensorSpec, value: usize, values: usize) -> String {
    match output.classes.as_ref().and_then(|classes| classes.get(value)) {
        Some(shared::Label::Int(class)) => format!("{}[{class}]", output.name),
        Some(shared::Label::Text(class)) => format!("{}[{class}]", output.name),
        None => column_name(output, value, values),
    }
}

/// Writes one element as JSON.
pub(crate) fn write_element(
    out: &mut impl Write,
    data: &TensorData,
    index: usize,
) -> io::Result<()> {
    macro_rules! json {
        ($value:expr) => {
            // A missing element becomes `null`, as NaN does.
            serde_json::to_writer(&mut *out, &$value)?
        };
    }
    match data {
        TensorData::Bool(values) => json!(values.get(index)),
        TensorData::Int8(values) => json!(values.get(index)),
        TensorData::Int16(values) => json!(values.get(index)),
        TensorData::Int32(values) => json!(values.get(index)),
        TensorData::Int64(values) => json!(values.get(index)),
        TensorData::Uint8(values) => json!(values.get(index)),
        TensorData::Uint16(values) => json!(values.get(index)),
        TensorData::Uint32(values) => json!(values.get(index)),
        TensorData::Uint64(values) => json!(values.get(index)),
        TensorData::Float16(values) => {
            json!(values.get(index).map(|bits| engine::f16_to_f32(*bits)));
        }
        TensorData::Bfloat16(values) => {
            json!(values.get(index).map(|bits| engine::bf16_to_f32(*bits)));
        }
        TensorData::Float32(values) => json!(values.get(index)),
        TensorData::Float64(values) => json!(values.get(index)),
        TensorData::String(values) => json!(values.get(index)),
    }
    Ok(())
}

/// One element as words for CSV and tables: text bare, NaN and infinities by name.
fn element_text(data: &TensorData, index: usize) -> String {
    let special = match data {
        TensorData::String(values) => return values.get(index).cloned().unwrap_or_default(),
        TensorData::Float32(values) => values.get(index).map(|value| f64::from(*value)),
        TensorData::Float64(values) => values.get(index).copied(),
        TensorData::Float16(values) => {
            values.get(index).map(|bits| f64::from(engine::f16_to_f32(*bits)))
        }
        TensorData::Bfloat16(values) => {
            values.get(index).map(|bits| f64::from(engine::bf16_to_f32(*bits)))
        }
        _ => None,
    };
    if let Some(value) = special.filter(|value| !value.is_finite()) {
        return value.to_string();
    }
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = write_element(&mut text, data, index);
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rows::tests::taking;

    fn signature() -> Signature {
        let mut signature = taking(json!([]));
        signature.outputs = serde_json::from_value(json!([
            {"name": "label", "type": "string", "shape": ["rows"]},
            {"name": "p", "type": "float32", "shape": ["rows", 2], "classes": ["no", "yes"]},
        ]))
        .unwrap();
        signature
    }

    fn answers() -> Vec<Answers> {
        let outputs = vec![
            Tensor::new(vec![2], TensorData::String(vec!["a,b".into(), "c".into()])).unwrap(),
            Tensor::new(vec![2, 2], TensorData::Float32(vec![0.1, 0.9, f32::NAN, 1.0])).unwrap(),
        ];
        vec![Answers::new(2, outputs, &signature()).unwrap()]
    }

    fn written(format: AnswerFormat, batches: &[Answers]) -> String {
        let mut out = Vec::new();
        write(&mut out, format, &signature(), batches).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_is_a_list_of_objects_keyed_by_output() {
        let text = written(AnswerFormat::Json, &answers());

        assert_eq!(
            text,
            "[\n  {\"label\": \"a,b\", \"p\": [0.1, 0.9]},\n  {\"label\": \"c\", \"p\": [null, 1.0]}\n]\n"
        );
        assert_eq!(written(AnswerFormat::Json, &[]), "[]\n");
    }

    #[test]
    fn csv_has_a_header_and_a_column_for_each_value() {
        let text = written(AnswerFormat::Csv, &answers());

        assert_eq!(text, "label,p[0],p[1]\n\"a,b\",0.1,0.9\nc,NaN,1.0\n");
        assert_eq!(written(AnswerFormat::Csv, &[]), "label,p[0],p[1]\n");
    }

    #[test]
    fn a_table_names_the_classes_and_counts_the_rows() {
        let text = written(AnswerFormat::Table, &answers());

        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("p[no]") && lines[0].contains("p[yes]"), "{text}");
        assert_eq!(lines.len(), 3);
        assert!(lines[2].trim_start().starts_with('1'), "{text}");
    }

    #[test]
    fn nested_outputs_keep_their_shape_and_single_values_are_scalars() {
        let mut signature = taking(json!([]));
        signature.outputs = serde_json::from_value(json!([
            {"name": "m", "type": "int64", "shape": ["rows", 2, 2]},
            {"name": "v", "type": "float32", "shape": ["rows", 1]},
        ]))
        .unwrap();
        let outputs = vec![
            Tensor::new(vec![1, 2, 2], TensorData::Int64(vec![1, 2, 3, 4])).unwrap(),
            Tensor::new(vec![1, 1], TensorData::Float32(vec![16777216.0])).unwrap(),
        ];
        let batch = Answers::new(1, outputs, &signature).unwrap();

        let mut out = Vec::new();
        write_json(&mut out, &signature, &[batch]).unwrap();

        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\"m\": [[1, 2], [3, 4]], \"v\": 16777216.0}"), "{text}");
    }

    #[test]
    fn an_output_that_is_not_one_part_per_row_is_refused() {
        let outputs = vec![
            Tensor::new(vec![2], TensorData::String(vec!["a".into(), "b".into()])).unwrap(),
            Tensor::new(vec![1, 2], TensorData::Float32(vec![0.1, 0.9])).unwrap(),
        ];

        assert!(Answers::new(2, outputs, &signature()).is_err());
    }
}
