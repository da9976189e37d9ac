//! From a signature to a call: the form's columns, the request document, sample code.
//!
//! # Invariants
//! - What the form sends is what the sample code sends: both come from one document.
//! - A number is passed on as it was typed; nothing is rounded through a float here.

mod code;
mod table;

use serde_json::{Map, Value, json};
use shared::{ElementType, Role, Signature, TensorSpec};

use crate::format::parsed;

pub(crate) use code::{CodeLanguage, code};
pub(crate) use table::{BadTable, document_of_table};

/// Most fields that a form may have.
const FORM_COLUMNS: u64 = 64;
/// Most values that an example document spells out.
const EXAMPLE_VALUES: u64 = 4096;

/// One field of the form.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) element_type: ElementType,
    pub(crate) example: String,
}

/// Why a typed value cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadValue {
    NotANumber,
    NotAnInteger,
    NotABool,
    Missing,
}

/// The fields of a form for one row, or `None` where rows are too large for one.
pub(crate) fn columns(signature: &Signature) -> Option<Vec<Column>> {
    match signature.inputs.as_slice() {
        [input] => {
            let n = input.row_len().filter(|n| (1..=FORM_COLUMNS).contains(n))?;
            (0..usize::try_from(n).ok()?)
                .map(|i| Some(column(input, i, column_name(input, i))))
                .collect()
        }
        inputs => {
            let single = inputs.iter().all(|input| input.row_len() == Some(1));
            let fits = u64::try_from(inputs.len()).is_ok_and(|n| (1..=FORM_COLUMNS).contains(&n));
            (single && fits)
                .then(|| inputs.iter().map(|input| column(input, 0, input.name.clone())).collect())
        }
    }
}

fn column_name(input: &TensorSpec, i: usize) -> String {
    let known = input.columns.as_ref().and_then(|names| names.get(i));
    known.cloned().unwrap_or_else(|| format!("x{i}"))
}

fn column(input: &TensorSpec, i: usize, name: String) -> Column {
    let example = match input.example.as_ref().and_then(|row| row.get(i)) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) => String::new(),
        Some(value) => value.to_string(),
        None => zero(input.element_type).to_string().trim_matches('"').to_owned(),
    };
    Column { name, element_type: input.element_type, example }
}

fn zero(element_type: ElementType) -> Value {
    match element_type {
        ElementType::Bool => Value::Bool(false),
        ElementType::String => Value::String(String::new()),
        _ => Value::from(0),
    }
}

fn is_float(element_type: ElementType) -> bool {
    matches!(
        element_type,
        ElementType::Float16 | ElementType::Bfloat16 | ElementType::Float32 | ElementType::Float64
    )
}

/// Reads one typed value; an empty field of a floating-point column is a missing value.
pub(crate) fn read_value(column: &Column, text: &str) -> Result<Value, BadValue> {
    let trimmed = text.trim();
    match column.element_type {
        ElementType::String => Ok(Value::String(text.to_owned())),
        ElementType::Bool => match trimmed {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(BadValue::NotABool),
        },
        kind if trimmed.is_empty() => {
            if is_float(kind) {
                Ok(Value::Null)
            } else {
                Err(BadValue::Missing)
            }
        }
        kind => {
            let number = json_number(trimmed).ok_or(BadValue::NotANumber)?;
            if !(is_float(kind) || number.is_i64() || number.is_u64()) {
                return Err(BadValue::NotAnInteger);
            }
            Ok(Value::Number(number))
        }
    }
}

/// A JSON number out of what people type: `.5`, `5.` and `+5` are numbers to them.
fn json_number(text: &str) -> Option<serde_json::Number> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    parsed(text).and_then(serde_json::Number::from_f64)
}

/// The request document of one row of typed values.
pub(crate) fn document(signature: &Signature, columns: &[Column], values: &[Value]) -> Value {
    let one_input = signature.inputs.len() == 1;
    json!({ "data": document_of_rows(columns, one_input, vec![values.to_vec()]) })
}

/// Rows of typed values: arrays where there is one input, else objects by name.
fn document_of_rows(columns: &[Column], one_input: bool, rows: Vec<Vec<Value>>) -> Value {
    let row = |values: Vec<Value>| {
        if one_input {
            return Value::Array(values);
        }
        let names = columns.iter().map(|column| column.name.clone());
        Value::Object(names.zip(values).collect::<Map<_, _>>())
    };
    Value::Array(rows.into_iter().map(row).collect())
}

/// A document to start editing from; `None` where even an example would be too long to edit.
pub(crate) fn example_document(signature: &Signature) -> Option<Value> {
    let rows: Option<Vec<(String, Value)>> = signature
        .inputs
        .iter()
        .map(|input| {
            let n = input.row_len().filter(|n| *n <= EXAMPLE_VALUES)?;
            let values: Vec<Value> = match &input.example {
                Some(example) => example.clone(),
                None => (0..n).map(|_| zero(input.element_type)).collect(),
            };
            let value = match <[Value; 1]>::try_from(values) {
                Ok([value]) if signature.inputs.len() > 1 => value,
                Ok(value) => Value::Array(value.into()),
                Err(values) => Value::Array(values),
            };
            Some((input.name.clone(), value))
        })
        .collect();
    let mut rows = rows?;
    let row = match rows.len() {
        1 => rows.swap_remove(0).1,
        _ => Value::Object(rows.into_iter().collect()),
    };
    Some(json!({ "data": [row] }))
}

/// JSON with lists of plain values on one line, which is how rows are read and edited.
pub(crate) fn readable(value: &Value) -> String {
    let mut out = String::new();
    write_readable(value, "", &mut out);
    out
}

fn write_readable(value: &Value, indent: &str, out: &mut String) {
    let inner = format!("{indent}  ");
    match value {
        Value::Array(items) if items.iter().any(|item| item.is_array() || item.is_object()) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place == 0 { "\n" } else { ",\n" });
                out.push_str(&inner);
                write_readable(item, &inner, out);
            }
            out.push_str(&format!("\n{indent}]"));
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            out.push_str(&format!("[{}]", items.join(", ")));
        }
        Value::Object(members) if !members.is_empty() => {
            out.push('{');
            for (place, (name, member)) in members.iter().enumerate() {
                out.push_str(if place == 0 { "\n" } else { ",\n" });
                out.push_str(&format!("{inner}{}: ", Value::from(name.as_str())));
                write_readable(member, &inner, out);
            }
            out.push_str(&format!("\n{indent}}}"));
        }
        other => out.push_str(&other.to_string()),
    }
}

/// One class and its probability.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClassChance {
    pub(crate) class: String,
    pub(crate) chance: f64,
}

/// The first row's probabilities, where the answer holds some.
pub(crate) fn chances(signature: &Signature, answer: &str) -> Option<Vec<ClassChance>> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let row = answer.get("predict_proba")?.get(0)?.as_array()?;
    let classes =
        signature.output_with(Role::Probabilities).and_then(|(_, out)| out.classes.as_ref());
    row.iter()
        .enumerate()
        .map(|(i, chance)| {
            let class = match classes.and_then(|classes| classes.get(i)) {
                Some(shared::Label::Int(n)) => n.to_string(),
                Some(shared::Label::Text(text)) => text.clone(),
                None => i.to_string(),
            };
            Some(ClassChance { class, chance: chance.as_f64()? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(inputs: Value) -> Signature {
        let text = json!({"contract": 1, "inputs": inputs, "outputs": [
            {"name": "p", "type": "float32", "shape": ["rows", 2], "role": "probabilities", "classes": ["no", "yes"]}]});
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn a_form_has_the_models_columns_and_its_example() {
        let signature = signature(json!([{"name": "X", "type": "float32", "shape": ["rows", 2],
            "columns": ["age", "height"], "example": [41.5, null]}]));

        let columns = columns(&signature).unwrap();

        assert_eq!(columns[0].name, "age");
        assert_eq!(columns[0].example, "41.5");
        assert_eq!(columns[1].example, "");
        let values =
            [read_value(&columns[0], " .5 ").unwrap(), read_value(&columns[1], "").unwrap()];
        assert_eq!(document(&signature, &columns, &values), json!({"data": [[0.5, null]]}));
    }

    #[test]
    fn several_inputs_become_a_row_of_named_values() {
        let signature = signature(json!([
            {"name": "age", "type": "int64", "shape": ["rows", 1]},
            {"name": "city", "type": "string", "shape": ["rows", 1]}]));

        let columns = columns(&signature).unwrap();
        let values =
            [read_value(&columns[0], "41").unwrap(), read_value(&columns[1], "Seoul").unwrap()];

        assert_eq!(
            document(&signature, &columns, &values),
            json!({"data": [{"age": 41, "city": "Seoul"}]})
        );
        assert_eq!(read_value(&columns[0], "4.5"), Err(BadValue::NotAnInteger));
        assert_eq!(read_value(&columns[0], ""), Err(BadValue::Missing));
        assert_eq!(example_document(&signature), Some(json!({"data": [{"age": 0, "city": ""}]})));
    }

    #[test]
    fn an_image_is_no_form_and_too_long_to_edit() {
        let signature =
            signature(json!([{"name": "X", "type": "float32", "shape": [1, 3, 224, 224]}]));

        assert_eq!(columns(&signature), None);
        assert_eq!(example_document(&signature), None);
    }

    #[test]
    fn rows_stand_on_one_line_each_and_read_back_the_same() {
        let value = json!({"data": [[1, null], [2.5, "x"]], "method": "predict", "none": {}});

        let text = readable(&value);

        assert!(text.contains("    [1, null],\n    [2.5, \"x\"]\n  ]"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn probabilities_are_read_with_their_classes() {
        let signature = signature(json!([{"name": "X", "type": "float32", "shape": ["rows", 2]}]));

        let chances = chances(&signature, r#"{"predict_proba": [[0.25, 0.75]]}"#).unwrap();

        assert_eq!(chances[1], ClassChance { class: "yes".into(), chance: 0.75 });
        assert_eq!(super::chances(&signature, r#"{"predict": [1]}"#), None);
    }
}
