//! Rows from JSON: a list of arrays or of objects, each value nested as the input's shape or flat.
//!
//! Rows are read one at a time, so a large file is never held as a tree.

use std::{cell::RefCell, collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::{Batches, Cell, InputError, InputLayout};

/// Reads a JSON list of rows into `batches`.
pub(crate) fn read(bytes: &[u8], batches: &mut Batches<'_>) -> Result<(), InputError> {
    let problem = RefCell::new(None);
    let mut document = serde_json::Deserializer::from_slice(bytes);
    let read = Rows { batches, problem: &problem }
        .deserialize(&mut document)
        .and_then(|()| document.end());
    match (problem.into_inner(), read) {
        (Some(problem), _) => Err(problem),
        (None, Err(error)) => Err(syntax_error(&error)),
        (None, Ok(())) => Ok(()),
    }
}

/// Says what a JSON parser could not read.
pub(crate) fn syntax_error(error: &serde_json::Error) -> InputError {
    let advice = if error.is_syntax() { "; a missing value is written null, not NaN" } else { "" };
    InputError::new(format!("not the JSON that was expected: {error}{advice}"))
}

/// One row as it was written. An object keeps the order of its keys.
enum Row {
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
    Single(Value),
}

struct Rows<'r, 'b, 'l> {
    batches: &'b mut Batches<'l>,
    problem: &'r RefCell<Option<InputError>>,
}

impl<'de> DeserializeSeed<'de> for Rows<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows, or an Open Inference Protocol document with `inputs`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut keys = None;
        let mut first_is_object = None;
        while let Some(row) = rows.next_element::<Row>()? {
            let is_object = matches!(row, Row::Object(_));
            let pushed = if *first_is_object.get_or_insert(is_object) == is_object {
                push_row(self.batches, row, &mut keys)
            } else {
                Err(InputError::new("all rows are arrays, or all are objects"))
            };
            if let Err(problem) = pushed {
                *self.problem.borrow_mut() = Some(problem.at_row(self.batches.next_row()));
                return Err(A::Error::custom("bad row"));
            }
        }
        Ok(())
    }
}

fn push_row(
    batches: &mut Batches<'_>,
    row: Row,
    keys: &mut Option<Vec<String>>,
) -> Result<(), InputError> {
    let layout = batches.layout();
    let mut cells = Vec::with_capacity(layout.columns.len());
    match &row {
        // A model with one value a row takes bare values.
        Row::Single(value) => flatten(value, &mut cells)?,
        Row::Array(values) => match layout.inputs.as_slice() {
            [input] => elements(values, input, &mut cells)?,
            inputs if inputs.len() == values.len() => {
                for (input, value) in inputs.iter().zip(values) {
                    one_input(value, input, &mut cells)?;
                }
            }
            _ => values.iter().try_for_each(|value| flatten(value, &mut cells))?,
        },
        Row::Object(members) => object_cells(batches, members, keys, &mut cells)?,
    }
    batches.push(cells.len(), cells.into_iter())
}

fn object_cells<'v>(
    batches: &Batches<'_>,
    members: &'v [(String, Value)],
    keys: &mut Option<Vec<String>>,
    cells: &mut Vec<Cell<'v>>,
) -> Result<(), InputError> {
    let layout = batches.layout();
    let mut by_name: HashMap<&str, &'v Value> = HashMap::with_capacity(members.len());
    for (name, value) in members {
        if by_name.insert(name, value).is_some() {
            return Err(InputError::new("the row has this key twice").at_column(name));
        }
    }

    // Whole inputs by name: what several inputs always are, and one of several dimensions may be.
    let by_input = layout.inputs.len() > 1
        || (layout.inputs.iter().all(|input| by_name.contains_key(input.name.as_str()))
            && by_name.values().all(|value| value.is_array()));
    let order: Vec<&str> = if by_input {
        layout.inputs.iter().map(|input| input.name.as_str()).collect()
    } else if layout.real_names {
        layout.columns.iter().map(|column| column.name.as_str()).collect()
    } else {
        let first =
            keys.get_or_insert_with(|| members.iter().map(|(name, _)| name.clone()).collect());
        first.iter().map(String::as_str).collect()
    };

    for (place, name) in order.iter().enumerate() {
        // A one-value input may be known by its column's name as well as by its own.
        let value = by_name.remove(name).or_else(|| {
            let column = layout.columns.get(place).filter(|_| by_input)?;
            (layout.columns.len() == order.len()).then(|| by_name.remove(column.name.as_str()))?
        });
        let Some(value) = value else {
            return Err(InputError::new("the row lacks this column").at_column(name));
        };
        match layout.inputs.get(place).filter(|_| by_input) {
            Some(input) => one_input(value, input, cells)?,
            None => cells.push(Cell::of(value).ok_or_else(|| {
                InputError::new("a list or an object where one value belongs").at_column(name)
            })?),
        }
    }
    match by_name.keys().min() {
        Some(name) => Err(InputError::new("the model has no such column").at_column(name)),
        None => Ok(()),
    }
}

/// One input's part of a row: a value, or a list that is flat or nested as the input's shape.
fn one_input<'v>(
    value: &'v Value,
    input: &InputLayout,
    cells: &mut Vec<Cell<'v>>,
) -> Result<(), InputError> {
    let read = match value {
        Value::Array(values) => elements(values, input, cells),
        single => flatten(single, cells),
    };
    read.map_err(|error| error.at_column(&input.name))
}

fn elements<'v>(
    values: &'v [Value],
    input: &InputLayout,
    cells: &mut Vec<Cell<'v>>,
) -> Result<(), InputError> {
    if !values.iter().any(Value::is_array) {
        // Flat.
        return values.iter().try_for_each(|value| flatten(value, cells));
    }
    nested(values, &input.row_shape, cells).map_err(|()| {
        InputError::new(format!(
            "the nested lists do not have the shape {:?}, nor are they one flat list",
            input.row_shape
        ))
    })
}

fn nested<'v>(values: &'v [Value], shape: &[u64], cells: &mut Vec<Cell<'v>>) -> Result<(), ()> {
    let (first, rest) = shape.split_first().ok_or(())?;
    if values.len() as u64 != *first {
        return Err(());
    }
    for value in values {
        match value {
            Value::Array(inner) => nested(inner, rest, cells)?,
            single if rest.is_empty() => cells.push(Cell::of(single).ok_or(())?),
            _ => return Err(()),
        }
    }
    Ok(())
}

/// A single value; lists do not belong here.
fn flatten<'v>(value: &'v Value, cells: &mut Vec<Cell<'v>>) -> Result<(), InputError> {
    let cell = Cell::of(value)
        .ok_or_else(|| InputError::new("a list or an object where one value belongs"))?;
    cells.push(cell);
    Ok(())
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor;

        impl<'de> Visitor<'de> for RowVisitor {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row: an array or an object")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Row, A::Error> {
                let mut row = Vec::new();
                while let Some(value) = values.next_element()? {
                    row.push(value);
                }
                Ok(Row::Array(row))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Row, A::Error> {
                let mut row = Vec::new();
                while let Some(member) = members.next_entry()? {
                    row.push(member);
                }
                Ok(Row::Object(row))
            }

            fn visit_unit<E>(self) -> Result<Row, E> {
                Ok(Row::Single(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Row, E> {
                Ok(Row::Single(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Row, E> {
                Ok(Row::Single(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Row, E> {
                Ok(Row::Single(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Row, E> {
                Ok(Row::Single(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Row, E> {
                Ok(Row::Single(value.into()))
            }
        }

        deserializer.deserialize_any(RowVisitor)
    }
}

#[cfg(test)]
mod tests {
    use engine::TensorData;
    use serde_json::json;

    use super::{super::tests::taking, *};
    use crate::rows::{Layout, Notation};

    fn rows(inputs: Value, text: &str) -> Result<Vec<f32>, InputError> {
        let layout = Layout::of(&taking(inputs)).unwrap();
        let mut batches = Batches::new(&layout, Notation::Json);
        read(text.as_bytes(), &mut batches)?;
        let mut values = Vec::new();
        for tensor in batches.finish()?.iter().flatten() {
            match tensor.data() {
                TensorData::Float32(part) => values.extend_from_slice(part),
                other => panic!("{other:?}"),
            }
        }
        Ok(values)
    }

    fn two_columns() -> Value {
        json!([{"name": "X", "type": "float32", "shape": ["rows", 2], "columns": ["a", "b"]}])
    }

    #[test]
    fn arrays_are_in_the_models_order_and_objects_in_any() {
        assert_eq!(rows(two_columns(), "[[1, \"2\"], [3, 4]]"), Ok(vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(rows(two_columns(), r#"[{"b": 2, "a": 1}]"#), Ok(vec![1.0, 2.0]));
        assert_eq!(rows(two_columns(), "[]"), Ok(vec![]));
    }

    #[test]
    fn keys_count_in_the_order_of_the_first_row_when_the_model_has_no_names() {
        let unnamed = json!([{"name": "X", "type": "float32", "shape": ["rows", 2]}]);

        let values = rows(unnamed, r#"[{"z": 1, "a": 2}, {"a": 4, "z": 3}]"#);

        assert_eq!(values, Ok(vec![1.0, 2.0, 3.0, 4.0]));
    }

    #[test]
    fn an_image_is_nested_or_flat() {
        let image = json!([{"name": "X", "type": "float32", "shape": ["rows", 1, 2, 2]}]);

        let nested = rows(image.clone(), "[[[[1, 2], [3, 4]]]]");
        let flat = rows(image.clone(), "[[1, 2, 3, 4]]");
        let named = rows(image.clone(), r#"[{"X": [[[1, 2], [3, 4]]]}]"#);
        let crooked = rows(image, "[[[[1, 2, 3], [4]]]]");

        assert_eq!(nested, Ok(vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!(flat, nested);
        assert_eq!(named, nested);
        assert!(crooked.unwrap_err().message.contains("[1, 2, 2]"));
    }

    #[test]
    fn several_inputs_are_matched_by_name() {
        let inputs = json!([
            {"name": "age", "type": "float32", "shape": ["rows", 1]},
            {"name": "height", "type": "float32", "shape": ["rows", 1]},
        ]);

        assert_eq!(rows(inputs.clone(), r#"[{"height": 2, "age": 1}]"#), Ok(vec![1.0, 2.0]));
        assert_eq!(rows(inputs.clone(), "[[1, 2]]"), Ok(vec![1.0, 2.0]));
        let missing = rows(inputs, r#"[{"height": 2}]"#).unwrap_err();
        assert_eq!((missing.row, missing.column.as_deref()), (Some(0), Some("age")));
    }

    #[test]
    fn a_model_of_one_value_takes_bare_values() {
        let one = json!([{"name": "X", "type": "float32", "shape": ["rows", 1]}]);

        assert_eq!(rows(one, "[1, 2.5, null]").unwrap()[..2], [1.0, 2.5]);
    }

    #[test]
    fn mistakes_are_reported_with_row_and_column() {
        for (text, row, column) in [
            ("[[1, 2], [3]]", Some(1), None),
            (r#"[{"a": 1}]"#, Some(0), Some("b")),
            (r#"[{"a": 1, "b": 2, "c": 3}]"#, Some(0), Some("c")),
            (r#"[{"a": 1, "b": 2, "a": 3}]"#, Some(0), Some("a")),
            (r#"[[1, 2], {"a": 1, "b": 2}]"#, Some(1), None),
            (r#"[[1, 2], [3, "x"]]"#, Some(1), Some("b")),
            ("[[1, 2], [3, NaN]]", None, None),
            (r#"{"data": [[1, 2]]}"#, None, None),
            ("[[1, 2]] trailing", None, None),
        ] {
            let error = rows(two_columns(), text).unwrap_err();

            assert_eq!((error.row, error.column.as_deref()), (row, column), "{text}: {error}");
        }
    }
}
