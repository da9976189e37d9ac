//! Rows from CSV: a header whose names are matched with the model's, or columns in the model's order.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord};

use super::{Batches, Cell, InputError};

/// Reads every record into `batches`.
pub(crate) fn read(
    bytes: &[u8],
    header: bool,
    batches: &mut Batches<'_>,
) -> Result<(), InputError> {
    // Programs that export CSV for spreadsheets begin with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().has_headers(header).flexible(true).from_reader(bytes);
    let order = if header {
        let names = reader.headers().map_err(|error| InputError::new(error.to_string()))?;
        Some(column_order(names, batches)?)
    } else {
        None
    };

    let mut record = StringRecord::new();
    loop {
        let row = batches.next_row();
        let more = reader
            .read_record(&mut record)
            .map_err(|error| InputError::new(error.to_string()).at_row(row))?;
        if !more {
            return Ok(());
        }
        match &order {
            None => batches.push(record.len(), record.iter().map(Cell::Text)),
            Some((width, _)) if record.len() != *width => Err(InputError::new(format!(
                "{} values, but the header names {width} columns",
                record.len()
            ))
            .at_row(row)),
            Some((_, order)) => {
                let field = |place: &usize| Cell::Text(record.get(*place).unwrap_or_default());
                batches.push(order.len(), order.iter().map(field))
            }
        }?;
    }
}

/// The number of fields, and for each of the model's columns its place among them.
fn column_order(
    header: &StringRecord,
    batches: &Batches<'_>,
) -> Result<(usize, Vec<usize>), InputError> {
    let layout = batches.layout();
    let columns = &layout.columns;
    let width = header.len();
    if !layout.real_names {
        if width != columns.len() {
            return Err(InputError::new(format!(
                "the header names {width} columns, but the model takes {}",
                columns.len()
            )));
        }
        if header.iter().all(|name| name.trim().parse::<f64>().is_ok()) {
            return Err(InputError::new(
                "the first line holds numbers, not names; give --no-header if it is a row",
            ));
        }
        return Ok((width, (0..width).collect()));
    }

    let mut places = HashMap::new();
    for (place, name) in header.iter().enumerate() {
        if places.insert(name.trim(), place).is_some() {
            return Err(InputError::new("the header names this column twice").at_column(name));
        }
    }
    let order = columns
        .iter()
        .map(|column| {
            places.remove(column.name.trim()).ok_or_else(|| {
                InputError::new("the header lacks this column of the model").at_column(&column.name)
            })
        })
        .collect::<Result<_, _>>()?;
    if let Some(unknown) = places.into_iter().min_by_key(|(_, place)| *place) {
        return Err(InputError::new("the model has no such column").at_column(unknown.0));
    }
    Ok((width, order))
}

#[cfg(test)]
mod tests {
    use engine::TensorData;
    use serde_json::json;

    use super::{super::tests::taking, *};
    use crate::rows::{Layout, Notation};

    fn rows(text: &str, header: bool, columns: Option<[&str; 2]>) -> Result<Vec<f32>, InputError> {
        let mut input = json!({"name": "X", "type": "float32", "shape": ["rows", 2]});
        if let Some(columns) = columns {
            input["columns"] = json!(columns);
        }
        let layout = Layout::of(&taking(json!([input]))).unwrap();
        let mut batches = Batches::new(&layout, Notation::Csv);
        read(text.as_bytes(), header, &mut batches)?;
        let batches = batches.finish()?;
        Ok(batches.first().map_or(Vec::new(), |batch| match batch[0].data() {
            TensorData::Float32(values) => values.clone(),
            other => panic!("{other:?}"),
        }))
    }

    #[test]
    fn columns_may_come_in_any_order_when_the_header_names_them() {
        let values = rows("\u{feff}b, a\n1,2\n3,4\n", true, Some(["a", "b"]));

        assert_eq!(values, Ok(vec![2.0, 1.0, 4.0, 3.0]));
    }

    #[test]
    fn any_header_will_do_for_a_model_without_names() {
        assert_eq!(rows("length,width\n1,2\n", true, None), Ok(vec![1.0, 2.0]));
        assert_eq!(rows("1,2\n3,4\n", false, None), Ok(vec![1.0, 2.0, 3.0, 4.0]));
    }

    #[test]
    fn a_missing_an_unknown_and_a_repeated_column_are_named() {
        let column = |text: &str| rows(text, true, Some(["a", "b"])).unwrap_err().column;

        assert_eq!(column("a\n1\n").as_deref(), Some("b"));
        assert_eq!(column("a,b,c\n1,2,3\n").as_deref(), Some("c"));
        assert_eq!(column("a,b,a\n1,2,3\n").as_deref(), Some("a"));
    }

    #[test]
    fn a_bad_value_is_reported_with_row_and_column() {
        let error = rows("a,b\n1,2\n3,four\n", true, Some(["a", "b"])).unwrap_err();

        assert_eq!(error.to_string(), "row 1, column `b`: `four` is not a number");
    }

    #[test]
    fn a_short_row_is_reported_with_its_number() {
        let error = rows("a,b\n1,2\n3\n", true, Some(["a", "b"])).unwrap_err();

        assert_eq!((error.row, error.column), (Some(1), None));
    }

    #[test]
    fn numbers_in_place_of_a_header_are_not_swallowed() {
        let error = rows("1,2\n3,4\n", true, None).unwrap_err();

        assert!(error.message.contains("--no-header"));
    }
}
