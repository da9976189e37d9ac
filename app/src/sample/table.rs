//! A table that somebody pasted, as the request document of its rows.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use serde_json::{Value, json};

use super::{BadValue, Column, document_of_rows, read_value};

/// Most rows that are taken from a pasted table.
const ROWS: usize = 10_000;

/// Why a table cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadTable {
    Empty,
    TooLong,
    /// A row has another number of cells than there are columns.
    Width {
        row: usize,
        cells: usize,
        columns: usize,
    },
    /// A heading that the model does not know.
    Heading(String),
    Cell {
        row: usize,
        column: String,
        bad: BadValue,
    },
}

/// Reads comma- or tab-separated text; a first line that is not data is taken as headings.
pub(crate) fn document_of_table(
    columns: &[Column],
    one_input: bool,
    text: &str,
) -> Result<Value, BadTable> {
    let mut records = records(text)?;
    if records.is_empty() {
        return Err(BadTable::Empty);
    }
    let order = headings(columns, &records[0])?;
    if order.is_some() {
        records.remove(0);
    }
    let order: Vec<usize> = order.unwrap_or_else(|| (0..columns.len()).collect());
    let mut rows = Vec::with_capacity(records.len());
    for (place, cells) in records.iter().enumerate() {
        let row = place + 1;
        if cells.len() != order.len() {
            return Err(BadTable::Width { row, cells: cells.len(), columns: order.len() });
        }
        let mut values = vec![Value::Null; columns.len()];
        for (cell, &at) in cells.iter().zip(&order) {
            let column = &columns[at];
            values[at] = read_value(column, cell).map_err(|bad| BadTable::Cell {
                row,
                column: column.name.clone(),
                bad,
            })?;
        }
        rows.push(values);
    }
    if rows.is_empty() {
        return Err(BadTable::Empty);
    }
    Ok(json!({ "data": document_of_rows(columns, one_input, rows) }))
}

/// Where each heading's column stands; `None` where the first line is data.
fn headings(columns: &[Column], first: &[String]) -> Result<Option<Vec<usize>>, BadTable> {
    let place = |cell: &String| columns.iter().position(|it| it.name == cell.trim());
    let found: Vec<Option<usize>> = first.iter().map(place).collect();
    let readable = first.len() == columns.len()
        && columns.iter().zip(first).all(|(column, cell)| read_value(column, cell).is_ok());
    if found.iter().all(Option::is_none) && readable {
        return Ok(None);
    }
    let mut order = Vec::with_capacity(found.len());
    for (at, cell) in found.iter().zip(first) {
        match at {
            Some(at) if !order.contains(at) => order.push(*at),
            _ => return Err(BadTable::Heading(cell.trim().to_owned())),
        }
    }
    if order.len() != columns.len() {
        return Err(BadTable::Width { row: 0, cells: order.len(), columns: columns.len() });
    }
    Ok(Some(order))
}

fn records(text: &str) -> Result<Vec<Vec<String>>, BadTable> {
    let tabs = text.lines().next().is_some_and(|line| line.contains('\t'));
    let mut reader: Reader =
        ReaderBuilder::new().delimiter(if tabs { b'\t' } else { b',' }).build();
    let mut rest = text.trim_start_matches('\u{feff}').as_bytes();
    let mut fields = vec![0_u8; text.len() + 1];
    let mut ends = vec![0_usize; 4096];
    let mut records = Vec::new();
    // How much of the record under way is there: the end of the text comes as a call of its own.
    let (mut filled, mut ended) = (0, 0);
    loop {
        let (result, read, wrote, count) =
            reader.read_record(rest, &mut fields[filled..], &mut ends[ended..]);
        rest = &rest[read..];
        filled += wrote;
        ended += count;
        match result {
            ReadRecordResult::Record => {
                let mut start = 0;
                let cells: Vec<String> = ends[..ended]
                    .iter()
                    .map(|&end| {
                        let cell = String::from_utf8_lossy(&fields[start..end]).into_owned();
                        start = end;
                        cell
                    })
                    .collect();
                (filled, ended) = (0, 0);
                if cells.len() > 1 || cells.iter().any(|cell| !cell.trim().is_empty()) {
                    records.push(cells);
                }
                if records.len() > ROWS + 1 {
                    return Err(BadTable::TooLong);
                }
            }
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                return Err(BadTable::TooLong);
            }
            ReadRecordResult::End => return Ok(records),
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::ElementType;

    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, element_type| Column {
            name: name.to_owned(),
            element_type,
            example: String::new(),
        };
        vec![column("age", ElementType::Float32), column("city", ElementType::String)]
    }

    #[test]
    fn headings_in_any_order_name_the_columns() {
        let text = "city,age\r\n\"Seoul, Korea\",41\nTaipei,\n";

        let document = document_of_table(&columns(), true, text).unwrap();

        assert_eq!(document, json!({"data": [[41, "Seoul, Korea"], [null, "Taipei"]]}));
    }

    #[test]
    fn without_headings_the_columns_have_the_models_order() {
        let document = document_of_table(&columns(), false, "41\tSeoul\n42\tBusan").unwrap();

        assert_eq!(
            document,
            json!({"data": [{"age": 41, "city": "Seoul"}, {"age": 42, "city": "Busan"}]})
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_row_and_column() {
        let wrong = |text: &str| document_of_table(&columns(), true, text).unwrap_err();

        assert_eq!(wrong("  \n"), BadTable::Empty);
        assert_eq!(wrong("age,town\n1,x"), BadTable::Heading("town".into()));
        assert_eq!(wrong("1,x\n2"), BadTable::Width { row: 2, cells: 1, columns: 2 });
        assert_eq!(
            wrong("1,x\nold,y"),
            BadTable::Cell { row: 2, column: "age".into(), bad: BadValue::NotANumber }
        );
    }
}
