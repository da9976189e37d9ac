//! Rows as CSV: a header whose names are matched with the model's, or columns in its order.
//!
//! An answer has a header and a column for each value: `<output>`, or `<output>[i]` where an output
//! has several values a row.
//!
//! # Invariants
//! - Every refusal names its row, and its column where there is one.
//! - NaN and infinities are written as words that the reader takes.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use csv::{ReaderBuilder, StringRecord};
use engine::{Tensor, TensorData};
use shared::{Signature, TensorSpec};

use super::{
    cells::{self, CellError},
    frame::{Columns, Frame},
    refusal::Refusal,
    rows::{self, Inputs},
    write,
};

/// Whether the first line names the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// It does.
    Present,
    /// It is a row.
    Absent,
}

/// Reads every record.
pub(crate) fn read(bytes: &[u8], header: Header, frame: &Frame<'_>) -> Result<Inputs, Refusal> {
    let columns = frame.flat_columns().ok_or_else(|| {
        Refusal::new(
            "the model's rows are not of one length, so that they are no lines of CSV",
            "send JSON with nested arrays, or an Open Inference Protocol document",
        )
    })?;
    // Programs that export CSV for spreadsheets begin with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let has_headers = header == Header::Present;
    let mut reader =
        ReaderBuilder::new().has_headers(has_headers).flexible(true).from_reader(bytes);
    let places = match header {
        Header::Present => {
            let names = reader.headers().map_err(|error| broken(&error, None))?;
            Some(places(names, &columns)?)
        }
        Header::Absent => None,
    };
    let width = columns.names.len();

    let mut data: Vec<_> = frame
        .slots
        .iter()
        .map(|slot| TensorData::with_capacity(slot.spec.element_type, 0))
        .collect();
    let mut record = StringRecord::new();
    let mut row = 0;
    while reader.read_record(&mut record).map_err(|error| broken(&error, Some(row)))? {
        if record.len() != width {
            let problem = format!("has {} values, where the model takes {width}", record.len());
            return Err(Refusal::at(row, None, &problem, rows::expected(&columns.names)));
        }
        let mut column = 0;
        for (slot, data) in frame.slots.iter().zip(&mut data) {
            for _ in 0..slot.row_len.unwrap_or_default() {
                let place = places.as_ref().map_or(column, |places| places[column]);
                let field = record.get(place).unwrap_or_default();
                cells::push_field(data, field)
                    .map_err(|error| refuse(row, &columns.names[column], field, error))?;
                column += 1;
            }
        }
        row += 1;
    }
    rows::assemble(frame, data, &[], row)
}

/// For each of the model's columns its place in the file.
fn places(header: &StringRecord, columns: &Columns<'_>) -> Result<Vec<usize>, Refusal> {
    let names: Vec<Cow<'_, str>> = header.iter().map(|name| name.trim().into()).collect();
    if !columns.named && names.iter().all(|name| name.parse::<f64>().is_ok()) && !names.is_empty() {
        return Err(Refusal::new(
            "the first line holds numbers, not names",
            "if it is a row, say so: `--no-header`, or `Content-Type: text/csv; header=absent`",
        ));
    }
    let mut places = vec![0; columns.names.len()];
    for (place, column) in rows::header(&names, columns)?.into_iter().enumerate() {
        places[column] = place;
    }
    Ok(places)
}

#[cold]
fn refuse(row: u64, column: &str, field: &str, error: CellError) -> Refusal {
    const SHOWN: usize = 40;
    let shown = match field.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &field[..end]),
        None => field.to_owned(),
    };
    let problem = match error {
        CellError::Value(problem) => format!("`{shown}` {problem}"),
        CellError::Json(error) => format!("`{shown}`: {error}"),
    };
    Refusal::at(row, Some(column), &problem, "send a value of the column's type")
}

#[cold]
fn broken(error: &csv::Error, row: Option<u64>) -> Refusal {
    let problem = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8".to_owned(),
        _ => format!("the body is not CSV: {error}"),
    };
    let advice = "send comma-separated lines in UTF-8";
    match row {
        Some(row) => Refusal::at(row, None, &problem, advice),
        None => Refusal::new(problem, advice),
    }
}

/// Writes a header and all rows of `batches`, each of which holds one tensor for every output.
pub(crate) fn write<'t>(
    out: impl Write,
    outputs: &[&TensorSpec],
    batches: impl Iterator<Item = Vec<&'t Tensor>> + Clone,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let first = batches.clone().next();
    let header = outputs.iter().enumerate().flat_map(|(index, spec)| {
        let known = first.as_ref().map(|batch| width(batch[index]));
        let values = known.unwrap_or_else(|| declared_width(spec));
        (0..values).map(move |value| column_name(&spec.name, value, values))
    });
    writer.write_record(header)?;
    for batch in batches {
        let rows = batch.first().map_or(0, |tensor| rows_of(tensor));
        for row in 0..rows {
            for tensor in &batch {
                let values = width(tensor);
                for element in row * values..(row + 1) * values {
                    writer.write_field(&*write::plain(tensor.data(), element))?;
                }
            }
            writer.write_record(None::<&[u8]>)?;
        }
    }
    writer.flush()
}

/// Every output of an answer, or the one of `only`.
pub(super) fn answer(
    signature: &Signature,
    only: Option<usize>,
    outputs: &[Tensor],
) -> Result<Vec<u8>, Refusal> {
    let wanted = |index: &usize| only.is_none_or(|only| only == *index);
    let chosen: Vec<usize> = (0..outputs.len()).filter(wanted).collect();
    let specs: Vec<_> = chosen.iter().map(|index| &signature.outputs[*index]).collect();
    let tensors: Vec<_> = chosen.iter().map(|index| &outputs[*index]).collect();
    let rows = tensors.first().map_or(0, |tensor| rows_of(tensor));
    if let Some(other) = tensors.iter().position(|tensor| rows_of(tensor) != rows) {
        return Err(Refusal::new(
            format!("the output `{}` has not one part for each row", specs[other].name),
            "ask for JSON, or use the Open Inference Protocol",
        ));
    }
    let mut out = Vec::with_capacity(1024);
    // Writing to memory cannot fail.
    let _ = write(&mut out, &specs, std::iter::once(tensors));
    Ok(out)
}

/// `<output>`, or `<output>[i]`.
pub fn column_name(output: &str, value: usize, values: usize) -> String {
    if values == 1 { output.to_owned() } else { format!("{output}[{value}]") }
}

fn rows_of(tensor: &Tensor) -> usize {
    tensor.shape().first().map_or(1, |rows| *rows as usize)
}

/// Values of a row.
fn width(tensor: &Tensor) -> usize {
    tensor.shape().get(1..).map_or(1, write::elements)
}

/// What the signature says, where there is no tensor to look at.
fn declared_width(spec: &TensorSpec) -> usize {
    spec.row_len().and_then(|length| usize::try_from(length).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(inputs: &str) -> Signature {
        serde_json::from_str(&format!(
            r#"{{"contract":1,"symbols":[{{"name":"rows","min":1,"max":9}}],"inputs":[{inputs}],
                "outputs":[{{"name":"label","type":"string","shape":["rows"]}},
                           {{"name":"p","type":"float32","shape":["rows",2]}}]}}"#
        ))
        .unwrap()
    }

    const NAMED: &str = r#"{"name":"X","type":"float32","shape":["rows",2],"columns":["a","b"]}"#;
    const COUNTED: &str = r#"{"name":"X","type":"float32","shape":["rows",2]}"#;
    const SEVERAL: &str = r#"{"name":"v","type":"int64","shape":["rows",2]},{"name":"city","type":"string","shape":["rows",1]}"#;

    fn table(inputs: &str, header: Header, text: &str) -> Result<Inputs, Refusal> {
        let signature = signature(inputs);
        read(text.as_bytes(), header, &Frame::of(&signature))
    }

    fn numbers(inputs: &str, header: Header, text: &str) -> Vec<f32> {
        table(inputs, header, text).unwrap().tensors[0].as_f32().unwrap().to_vec()
    }

    #[test]
    fn columns_may_come_in_any_order_when_the_header_names_them() {
        let text = "\u{feff}b, a\n1,2\n3,4\n";

        assert_eq!(numbers(NAMED, Header::Present, text), [2.0, 1.0, 4.0, 3.0]);
    }

    #[test]
    fn any_header_will_do_for_a_model_without_names() {
        assert_eq!(numbers(COUNTED, Header::Present, "length,width\n1,2\n"), [1.0, 2.0]);
        assert_eq!(numbers(COUNTED, Header::Absent, "1,2\n3,4\n"), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn a_model_of_several_inputs_has_a_column_for_each_value() {
        let text = "city,v[1],v[0]\n\"Ulm, Old\",2,1\n";

        let inputs = table(SEVERAL, Header::Present, text).unwrap();

        assert_eq!(inputs.tensors[0].as_i64().unwrap(), [1, 2]);
        assert_eq!(inputs.tensors[1].as_strings().unwrap(), ["Ulm, Old"]);
    }

    #[test]
    fn mistakes_are_reported_with_row_and_column() {
        for (inputs, text, row, column) in [
            (NAMED, "a\n1\n", None, Some("b")),
            (NAMED, "a,b,c\n1,2,3\n", None, Some("c")),
            (NAMED, "a,b,a\n1,2,3\n", None, Some("a")),
            (NAMED, "a,b\n1,2\n3\n", Some(1), None),
            (NAMED, "b,a\n1,2\nfour,3\n", Some(1), Some("b")),
            (SEVERAL, "v[0],v[1],city\n1,,x\n", Some(0), Some("v[1]")),
        ] {
            let refusal = table(inputs, Header::Present, text).unwrap_err();

            let found = (refusal.detail.row, refusal.detail.column.as_deref());
            assert_eq!(found, (row, column), "{text}: {}", refusal.message);
        }
        let refusal = table(NAMED, Header::Present, "b,a\n1,2\nfour,3\n").unwrap_err();
        assert_eq!(refusal.message, "row 1, column `b`: `four` is not a number");
    }

    #[test]
    fn numbers_in_place_of_a_header_are_not_swallowed() {
        let refusal = table(COUNTED, Header::Present, "1,2\n3,4\n").unwrap_err();

        assert!(refusal.detail.message.contains("--no-header"));
    }

    #[test]
    fn a_model_of_sequences_takes_no_csv() {
        let sequence = r#"{"name":"ids","type":"int64","shape":["rows","length"]}"#;

        assert!(table(sequence, Header::Absent, "1,2\n").is_err());
    }

    #[test]
    fn an_answer_has_a_header_and_a_column_for_each_value() {
        let signature = signature(NAMED);
        let outputs = [
            Tensor::new(vec![2], TensorData::String(vec!["a,b".into(), "c".into()])).unwrap(),
            Tensor::new(vec![2, 2], TensorData::Float32(vec![0.1, 0.9, f32::NAN, 1.0])).unwrap(),
        ];

        let all = String::from_utf8(answer(&signature, None, &outputs).unwrap()).unwrap();
        let one = String::from_utf8(answer(&signature, Some(0), &outputs).unwrap()).unwrap();

        assert_eq!(all, "label,p[0],p[1]\n\"a,b\",0.1,0.9\nc,NaN,1.0\n");
        assert_eq!(one, "label\n\"a,b\"\nc\n");
    }
}
