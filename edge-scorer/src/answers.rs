//! Writes what a module answered: a table for people, JSON or CSV for programs.
//!
//! # Invariants
//! - `float32` is written as the shortest decimal that reads back to the same `float32`.
//! - JSON writes NaN and infinities as `null`; CSV writes them as words that our CSV reader takes.

use std::io::{self, Write};

use api::documents::{column_name, plain, row, write_csv};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use engine::Tensor;
use shared::{Signature, TensorSpec};

use crate::{
    arguments::AnswerFormat,
    failure::{Exit, Failure},
};

/// An output with more values a row than this is abbreviated in a table.
const TABLE_VALUES: usize = 10;

/// The outputs of one batch, if each of them has one part for each row.
pub(crate) fn by_row(
    rows: u64,
    outputs: Vec<Tensor>,
    signature: &Signature,
) -> Result<Vec<Tensor>, Failure> {
    for (spec, tensor) in signature.outputs.iter().zip(&outputs) {
        if tensor.shape().first() != Some(&rows) {
            let message = format!(
                "the output `{}` has the shape {:?}, which is not one value or list a row",
                spec.name,
                tensor.shape()
            );
            return Err(Failure::new(Exit::BadInput, message)
                .hint("score an Open Inference Protocol document instead"));
        }
    }
    Ok(outputs)
}

/// Writes every batch in `format`.
pub(crate) fn write(
    out: &mut impl Write,
    format: AnswerFormat,
    signature: &Signature,
    batches: &[Vec<Tensor>],
) -> io::Result<()> {
    match format {
        AnswerFormat::Json => write_json(out, signature, batches),
        AnswerFormat::Csv => write_csv(out, signature, batches),
        AnswerFormat::Table => write_table(out, signature, batches),
    }
}

fn write_json(
    out: &mut impl Write,
    signature: &Signature,
    batches: &[Vec<Tensor>],
) -> io::Result<()> {
    let names: Vec<String> = signature
        .outputs
        .iter()
        .map(|output| serde_json::Value::from(output.name.as_str()).to_string())
        .collect();
    write!(out, "[")?;
    let mut separator = "\n";
    let mut line = Vec::new();
    for batch in batches {
        for index in 0..rows_of(batch) {
            line.clear();
            line.extend_from_slice(separator.as_bytes());
            line.extend_from_slice(b"  {");
            separator = ",\n";
            for (place, (name, tensor)) in names.iter().zip(batch).enumerate() {
                if place > 0 {
                    line.extend_from_slice(b", ");
                }
                line.extend_from_slice(name.as_bytes());
                line.extend_from_slice(b": ");
                row(&mut line, tensor.data(), index, tensor.shape().get(1..).unwrap_or(&[]));
            }
            line.push(b'}');
            out.write_all(&line)?;
        }
    }
    let end = if separator == "\n" { "]" } else { "\n]" };
    writeln!(out, "{end}")
}

fn write_table(
    out: &mut impl Write,
    signature: &Signature,
    batches: &[Vec<Tensor>],
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let mut header = vec!["row".to_owned()];
    for (index, output) in signature.outputs.iter().enumerate() {
        let values = batches.first().and_then(|batch| Some(row_values(batch.get(index)?)));
        let values = values.unwrap_or(1);
        header.extend((0..values.min(TABLE_VALUES)).map(|value| table_name(output, value, values)));
        if values > TABLE_VALUES {
            header.push(format!("… {} more", values - TABLE_VALUES));
        }
    }
    table.set_header(header);
    let mut number = 0_u64;
    for batch in batches {
        for row in 0..rows_of(batch) {
            let mut cells = vec![number.to_string()];
            number += 1;
            for tensor in batch {
                let values = row_values(tensor);
                let shown = values.min(TABLE_VALUES);
                cells.extend(
                    (0..shown).map(|value| plain(tensor.data(), row * values + value).into_owned()),
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

fn rows_of(batch: &[Tensor]) -> usize {
    batch.first().and_then(|tensor| tensor.shape().first()).map_or(0, |rows| *rows as usize)
}

fn row_values(tensor: &Tensor) -> usize {
    tensor.shape().iter().skip(1).map(|dim| *dim as usize).product()
}

/// A class's name says more to people than its place.
fn table_name(output: &TensorSpec, value: usize, values: usize) -> String {
    match output.classes.as_ref().and_then(|classes| classes.get(value)) {
        Some(shared::Label::Int(class)) => format!("{}[{class}]", output.name),
        Some(shared::Label::Text(class)) => format!("{}[{class}]", output.name),
        None => column_name(&output.name, value, values),
    }
}

#[cfg(test)]
mod tests {
    use engine::TensorData;
    use serde_json::json;

    use super::*;

    fn giving(outputs: serde_json::Value) -> Signature {
        serde_json::from_value(json!({
            "contract": 1,
            "symbols": [{"name": "rows", "min": 1, "max": 4096}],
            "inputs": [],
            "outputs": outputs,
        }))
        .unwrap()
    }

    fn signature() -> Signature {
        giving(json!([
            {"name": "label", "type": "string", "shape": ["rows"]},
            {"name": "p", "type": "float32", "shape": ["rows", 2], "classes": ["no", "yes"]},
        ]))
    }

    fn answers() -> Vec<Vec<Tensor>> {
        let outputs = vec![
            Tensor::new(vec![2], TensorData::String(vec!["a,b".into(), "c".into()])).unwrap(),
            Tensor::new(vec![2, 2], TensorData::Float32(vec![0.1, 0.9, f32::NAN, 1.0])).unwrap(),
        ];
        vec![by_row(2, outputs, &signature()).unwrap()]
    }

    fn written(format: AnswerFormat, batches: &[Vec<Tensor>]) -> String {
        let mut out = Vec::new();
        write(&mut out, format, &signature(), batches).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_is_a_list_of_objects_keyed_by_output() {
        let text = written(AnswerFormat::Json, &answers());

        assert_eq!(
            text,
            "[\n  {\"label\": \"a,b\", \"p\": [0.1,0.9]},\n  {\"label\": \"c\", \"p\": [null,1.0]}\n]\n"
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
        let signature = giving(json!([
            {"name": "m", "type": "int64", "shape": ["rows", 2, 2]},
            {"name": "v", "type": "float32", "shape": ["rows", 1]},
        ]));
        let outputs = vec![
            Tensor::new(vec![1, 2, 2], TensorData::Int64(vec![1, 2, 3, 4])).unwrap(),
            Tensor::new(vec![1, 1], TensorData::Float32(vec![16777216.0])).unwrap(),
        ];
        let batch = by_row(1, outputs, &signature).unwrap();

        let mut out = Vec::new();
        write_json(&mut out, &signature, &[batch]).unwrap();

        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\"m\": [[1,2],[3,4]], \"v\": 16777216.0}"), "{text}");
    }

    #[test]
    fn an_output_that_is_not_one_part_per_row_is_refused() {
        let outputs = vec![
            Tensor::new(vec![2], TensorData::String(vec!["a".into(), "b".into()])).unwrap(),
            Tensor::new(vec![1, 2], TensorData::Float32(vec![0.1, 0.9])).unwrap(),
        ];

        assert!(by_row(2, outputs, &signature()).is_err());
    }
}
