//! The documents of MLflow's scoring server.
//!
//! | document | what it holds |
//! |---|---|
//! | `{"dataframe_split": {"columns", "index"?, "data"}}` | a table as pandas splits it |
//! | `{"dataframe_records": [{…}, …]}` | rows by column name |
//! | `{"instances": [row…]}` | rows, as TensorFlow Serving has them |
//! | `{"inputs": [row…]}` or `{"inputs": {"<name>": [value…], …}}` | rows, or whole columns by name |
//!
//! `params` may choose the `method`; every answer is `{"predictions": …}`.

use std::borrow::Cow;

use engine::TensorData;

use super::{
    cells::{self, CellError},
    document::{self, Dialect, Document},
    frame::{Frame, Layout},
    json::{Kind, Scanner},
    nested::Shape,
    refusal::Refusal,
    rows::{self, Inputs},
};

/// What a document must have one of.
pub(super) const MEMBERS: &str = "`dataframe_split`, `dataframe_records`, `inputs` and `instances`";

/// Reads a document.
pub(super) fn read(body: &[u8], frame: &Frame<'_>) -> Result<Document, Refusal> {
    let mut scanner = Scanner::of_body(body)?;
    if scanner.peek()? != Kind::Object {
        return Err(unknown("the document is not an object"));
    }
    let (mut found, mut method) = (None, None);
    let mut members = scanner.object()?;
    while let Some(key) = scanner.key(&mut members)? {
        let read = match &*key {
            "dataframe_split" => document::split_table(&mut scanner, "`dataframe_split`", frame)?,
            "dataframe_records" | "instances" => rows::read(&mut scanner, frame, None)?,
            "inputs" if scanner.peek()? == Kind::Object => columns(&mut scanner, frame)?,
            "inputs" => rows::read(&mut scanner, frame, None)?,
            "params" => {
                method = document::parameters(&mut scanner)?;
                continue;
            }
            _ => {
                scanner.skip()?;
                continue;
            }
        };
        if found.replace(read).is_some() {
            return Err(unknown("the document holds rows in more than one place"));
        }
    }
    scanner.end()?;
    let inputs =
        found.ok_or_else(|| unknown(format!("the document has none of the members {MEMBERS}")))?;
    Ok(Document { dialect: Dialect::Invocation, method, inputs })
}

fn unknown(message: impl Into<String>) -> Refusal {
    let mut refusal = Refusal::unknown_dialect(message);
    refusal.detail.message = format!("send an object with one of {MEMBERS}");
    refusal
}

/// Whole columns, or whole inputs, by name.
fn columns(scanner: &mut Scanner<'_>, frame: &Frame<'_>) -> Result<Inputs, Refusal> {
    let mut given: Vec<(Cow<'_, str>, Scanner<'_>)> = Vec::new();
    let mut members = scanner.object()?;
    while let Some(key) = scanner.key(&mut members)? {
        given.push((key, scanner.skip()?));
    }
    // The only input by its own name: its rows, nested or not.
    if let ([(name, rows)], [slot]) = (given.as_mut_slice(), frame.slots.as_slice())
        && **name == *slot.spec.name
    {
        return rows::read(rows, frame, None);
    }
    let names: Vec<_> = given.iter().map(|(name, _)| name.clone()).collect();
    let order = rows::header(&names, &frame.columns())?;
    let mut columns: Vec<Option<Column>> = (0..frame.width()).map(|_| None).collect();
    for ((name, values), column) in given.iter_mut().zip(&order) {
        columns[*column] = Some(Column::read(name, values, frame, *column)?);
    }
    let columns: Vec<Column> = columns.into_iter().flatten().collect();
    let rows = columns.first().map_or(0, |column| column.rows);
    if let Some((column, found)) =
        columns.iter().enumerate().find(|(_, column)| column.rows != rows)
    {
        return Err(Refusal::of_column(
            &frame.name(column),
            &format!("has {} values, where the first column has {rows}", found.rows),
            "send as many values for each column",
        ));
    }
    let shapes: Vec<Shape> = columns.iter().map(|column| column.row.clone()).collect();
    let data = columns.into_iter().map(|column| column.data);
    match frame.layout {
        Layout::Values(_) => {
            let parts: Vec<_> = data.collect();
            rows::assemble(frame, vec![interleaved(&parts, frame, rows)], &[], rows)
        }
        Layout::Inputs => rows::assemble(frame, data.collect(), &[], rows),
        Layout::Nested => rows::assemble(frame, data.collect(), &shapes, rows),
    }
}

/// One column of all rows.
struct Column {
    data: TensorData,
    rows: u64,
    /// The shape of one row, for inputs that are nested.
    row: Shape,
}

impl Column {
    fn read(
        name: &str,
        values: &mut Scanner<'_>,
        frame: &Frame<'_>,
        column: usize,
    ) -> Result<Self, Refusal> {
        let slot = &frame.slots[frame.place(column).0];
        let mut data = TensorData::with_capacity(slot.spec.element_type, 0);
        let mut column = Self { data: data.clone(), rows: 0, row: Shape::default() };
        if values.peek()? != Kind::Array {
            let advice = "send one array of values for each column";
            return Err(Refusal::of_column(name, "is not an array", advice));
        }
        let mut members = values.array()?;
        while values.next(&mut members)? {
            let row = column.rows;
            let refuse = |error| match error {
                CellError::Json(error) => Refusal::from(error),
                CellError::Value(problem) => {
                    Refusal::at(row, Some(name), problem, "send a value of the column's type")
                }
            };
            if frame.layout == Layout::Nested {
                let shape = Shape::read(values, &mut data).map_err(refuse)?;
                let first = (row > 0).then_some(&column.row);
                column.row = shape
                    .settle(slot.row_shape, slot.row_len, first)
                    .map_err(|_| refuse(CellError::Value("is not of the model's shape")))?;
            } else {
                cells::put(&mut data, row as usize, values).map_err(refuse)?;
            }
            column.rows += 1;
        }
        column.data = data;
        Ok(column)
    }
}

/// Columns of one input, row by row.
fn interleaved(parts: &[TensorData], frame: &Frame<'_>, rows: u64) -> TensorData {
    let mut data = TensorData::with_capacity(frame.slots[0].spec.element_type, 0);
    macro_rules! weave {
        ($($variant:ident)+) => {
            match &mut data {
                $(TensorData::$variant(values) => {
                    for row in 0..rows as usize {
                        for part in parts {
                            let TensorData::$variant(part) = part else { continue };
                            values.extend(part.get(row).cloned());
                        }
                    }
                })+
            }
        };
    }
    weave!(Bool Int8 Int16 Int32 Int64 Uint8 Uint16 Uint32 Uint64 Float16 Bfloat16 Float32 Float64 String);
    data
}

#[cfg(test)]
mod tests {
    use shared::{ErrorCode, Signature};

    use super::*;
    use crate::scoring::document::Method;

    fn read_document(inputs: &str, body: &str) -> Result<Document, Refusal> {
        let signature: Signature = serde_json::from_str(&format!(
            r#"{{"contract":1,"symbols":[{{"name":"rows","min":1,"max":9}}],"outputs":[],"inputs":[{inputs}]}}"#
        ))
        .unwrap();
        read(body.as_bytes(), &Frame::of(&signature))
    }

    const TWO: &str = r#"{"name":"X","type":"float32","shape":["rows",2],"columns":["a","b"]}"#;
    const MIXED: &str = r#"{"name":"age","type":"float32","shape":["rows",1]},{"name":"city","type":"string","shape":["rows",1]}"#;
    const IMAGE: &str = r#"{"name":"image","type":"float32","shape":["rows",2,1]}"#;

    #[test]
    fn every_document_holds_the_same_rows() {
        for body in [
            r#"{"dataframe_split":{"columns":["b","a"],"index":[0,1],"data":[[2,1],[4,3]]}}"#,
            r#"{"dataframe_records":[{"a":1,"b":2},{"b":4,"a":3}]}"#,
            r#"{"instances":[[1,2],[3,4]],"signature_name":"predict"}"#,
            r#"{"instances":[{"a":1,"b":2},{"a":3,"b":4}]}"#,
            r#"{"inputs":[[1,2],[3,4]]}"#,
            r#"{"inputs":{"b":[2,4],"a":[1,"3"]}}"#,
            r#"{"inputs":{"X":[[1,2],[3,4]]}}"#,
        ] {
            let document = read_document(TWO, body).unwrap_or_else(|e| panic!("{body}: {e:?}"));
            assert_eq!(document.dialect, Dialect::Invocation);
            assert_eq!(document.inputs.rows, 2, "{body}");
            let values = document.inputs.tensors[0].as_f32().unwrap();
            assert_eq!(values, [1.0, 2.0, 3.0, 4.0], "{body}");
        }
    }

    #[test]
    fn whole_inputs_come_by_name() {
        let mixed = r#"{"inputs":{"city":["Ulm","Bonn"],"age":[7,null]}}"#;
        let document = read_document(MIXED, mixed).unwrap();
        assert_eq!(document.inputs.tensors[1].as_strings().unwrap(), ["Ulm", "Bonn"]);

        let image = r#"{"inputs":{"image":[[[1],[2]],[[3],[4]]]}}"#;
        let document = read_document(IMAGE, image).unwrap();
        assert_eq!(document.inputs.tensors[0].shape(), [2, 2, 1]);
    }

    #[test]
    fn params_choose_the_method() {
        let body = r#"{"instances":[[1,2]],"params":{"method":"predict_proba"}}"#;

        assert_eq!(read_document(TWO, body).unwrap().method, Some(Method::PredictProba));
    }

    #[test]
    fn mistakes_are_reported_with_row_and_column() {
        for (inputs, body, row, column) in [
            (TWO, r#"{"inputs":{"a":[1,2],"b":[1]}}"#, None, Some("b")),
            (TWO, r#"{"inputs":{"a":[1,2]}}"#, None, Some("b")),
            (TWO, r#"{"inputs":{"a":[1],"b":[2],"c":[3]}}"#, None, Some("c")),
            (TWO, r#"{"inputs":{"a":[1,2],"b":[1,"x"]}}"#, Some(1), Some("b")),
            (TWO, r#"{"inputs":{"a":1,"b":[1]}}"#, None, Some("a")),
            (MIXED, r#"{"inputs":{"age":[1],"city":[5]}}"#, Some(0), Some("city")),
        ] {
            let refusal = read_document(inputs, body).unwrap_err();
            let found = (refusal.detail.row, refusal.detail.column.as_deref());
            assert_eq!(found, (row, column), "{body}: {}", refusal.message);
        }
        for body in ["[]", "{}", r#"{"data":[[1,2]]}"#, r#"{"inputs":[],"instances":[]}"#] {
            let refusal = read_document(TWO, body).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::UnknownDialect, "{body}");
            assert!(refusal.detail.message.contains("dataframe_split"), "{body}");
        }
    }
}
