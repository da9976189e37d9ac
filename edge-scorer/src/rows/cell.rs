//! One value of a row, on its way into a typed tensor.
//!
//! # Invariants
//! - Nothing is rounded silently: fractions in integer columns and numbers outside the type are refused.
//! - A missing value becomes NaN in a floating-point column and is refused elsewhere.

use engine::TensorData;
use serde_json::{Number, Value};

/// A value as it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    Null,
    Bool(bool),
    Number(&'a Number),
    Text(&'a str),
}

/// Where cells come from: CSV has no types and spells missing values in its own ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    Json,
    Csv,
}

impl<'a> Cell<'a> {
    /// `None` for arrays and objects.
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(truth) => Some(Self::Bool(*truth)),
            Value::Number(number) => Some(Self::Number(number)),
            Value::String(text) => Some(Self::Text(text)),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Appends the value as the tensor's type, or says why it cannot.
    pub(crate) fn append_to(self, data: &mut TensorData, notation: Notation) -> Result<(), String> {
        macro_rules! integer {
            ($values:expr, $kind:literal) => {{
                let whole = self.integer()?;
                let value =
                    whole.try_into().map_err(|_| format!("{whole} is outside {}", $kind))?;
                $values.push(value);
            }};
        }
        match data {
            TensorData::Bool(values) => values.push(self.truth()?),
            TensorData::Int8(values) => integer!(values, "int8"),
            TensorData::Int16(values) => integer!(values, "int16"),
            TensorData::Int32(values) => integer!(values, "int32"),
            TensorData::Int64(values) => integer!(values, "int64"),
            TensorData::Uint8(values) => integer!(values, "uint8"),
            TensorData::Uint16(values) => integer!(values, "uint16"),
            TensorData::Uint32(values) => integer!(values, "uint32"),
            TensorData::Uint64(values) => integer!(values, "uint64"),
            TensorData::Float16(values) => {
                values.push(engine::f32_to_f16(self.float32(notation, "float16", 65_504.0)?));
            }
            TensorData::Bfloat16(values) => {
                values.push(engine::f32_to_bf16(self.float32(notation, "bfloat16", f32::MAX)?));
            }
            TensorData::Float32(values) => {
                values.push(self.float32(notation, "float32", f32::MAX)?);
            }
            TensorData::Float64(values) => values.push(self.float(notation)?),
            TensorData::String(values) => match self {
                Self::Text(text) => values.push(text.to_owned()),
                _ => return Err(format!("{} is not text", self.shown())),
            },
        }
        Ok(())
    }

    fn float32(self, notation: Notation, kind: &str, largest: f32) -> Result<f32, String> {
        let wide = self.float(notation)?;
        let narrow = wide as f32;
        // An infinity that was written as one stays; a number that became one is out of range.
        if wide.is_finite() && (narrow.is_infinite() || narrow.abs() > largest) {
            return Err(format!("{wide} is outside {kind}"));
        }
        Ok(narrow)
    }

    fn float(self, notation: Notation) -> Result<f64, String> {
        let not_a_number = || format!("{} is not a number", self.shown());
        match self {
            Self::Null => Ok(f64::NAN),
            Self::Bool(_) => Err(not_a_number()),
            Self::Number(number) => number.as_f64().ok_or_else(not_a_number),
            Self::Text(text) => {
                let text = text.trim();
                if notation == Notation::Csv && is_missing(text) {
                    return Ok(f64::NAN);
                }
                let value: f64 = text.parse().map_err(|_| not_a_number())?;
                if notation == Notation::Json && !value.is_finite() {
                    return Err(format!("{}; use null for a missing value", not_a_number()));
                }
                Ok(value)
            }
        }
    }

    fn integer(self) -> Result<i128, String> {
        let not_whole = || format!("{} is not a whole number", self.shown());
        let whole = |value: f64| {
            // Above 2^53 a float no longer says which integer was meant.
            (value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0)
                .then_some(value as i128)
        };
        match self {
            Self::Number(number) => number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from))
                .or_else(|| number.as_f64().and_then(whole)),
            Self::Text(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| text.parse().ok().and_then(whole))
            }
            Self::Null | Self::Bool(_) => None,
        }
        .ok_or_else(not_whole)
    }

    fn truth(self) -> Result<bool, String> {
        match self {
            Self::Bool(truth) => Some(truth),
            Self::Number(number) => match number.as_u64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Self::Text(text) => match text.trim() {
                "0" => Some(false),
                "1" => Some(true),
                word => word.to_ascii_lowercase().parse().ok(),
            },
            Self::Null => None,
        }
        .ok_or_else(|| format!("{} is neither true nor false", self.shown()))
    }

    /// As it was written, shortened.
    fn shown(self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(truth) => truth.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text("") => "an empty value".to_owned(),
            Self::Text(text) if text.chars().count() > 40 => {
                format!("`{}…`", text.chars().take(40).collect::<String>())
            }
            Self::Text(text) => format!("`{text}`"),
        }
    }
}

/// How CSV files leave a number out.
fn is_missing(text: &str) -> bool {
    text.is_empty()
        || ["nan", "na", "n/a", "null"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::ElementType;

    use super::*;

    fn read(value: Value, element_type: ElementType) -> Result<TensorData, String> {
        let mut data = TensorData::with_capacity(element_type, 1);
        Cell::of(&value).unwrap().append_to(&mut data, Notation::Json)?;
        Ok(data)
    }

    #[test]
    fn a_number_may_be_written_as_text() {
        assert_eq!(read(json!("2"), ElementType::Int64), Ok(TensorData::Int64(vec![2])));
        assert_eq!(read(json!("2.5"), ElementType::Float32), Ok(TensorData::Float32(vec![2.5])));
        assert_eq!(read(json!(2.0), ElementType::Uint8), Ok(TensorData::Uint8(vec![2])));
    }

    #[test]
    fn what_does_not_fit_the_column_is_refused() {
        for (value, element_type) in [
            (json!(2.5), ElementType::Int32),
            (json!(300), ElementType::Uint8),
            (json!(-1), ElementType::Uint64),
            (json!(1e300), ElementType::Float32),
            (json!(70_000), ElementType::Float16),
            (json!("NaN"), ElementType::Float32),
            (json!(true), ElementType::Float32),
            (json!("twelve"), ElementType::Float64),
            (json!(null), ElementType::Int64),
            (json!(null), ElementType::String),
            (json!(5), ElementType::String),
            (json!("yes"), ElementType::Bool),
        ] {
            assert!(read(value.clone(), element_type).is_err(), "{value} as {element_type}");
        }
    }

    #[test]
    fn null_in_a_floating_point_column_is_not_a_number() {
        let Ok(TensorData::Float64(values)) = read(json!(null), ElementType::Float64) else {
            panic!("a missing value is no error here");
        };

        assert!(values[0].is_nan());
    }

    #[test]
    fn integers_are_read_exactly() {
        let largest = read(json!(u64::MAX), ElementType::Uint64);
        assert_eq!(largest, Ok(TensorData::Uint64(vec![u64::MAX])));

        let text = read(json!("-9223372036854775808"), ElementType::Int64);
        assert_eq!(text, Ok(TensorData::Int64(vec![i64::MIN])));
    }

    #[test]
    fn csv_may_leave_a_number_out() {
        for missing in ["", " ", "NaN", "null"] {
            let mut data = TensorData::with_capacity(ElementType::Float32, 1);
            Cell::Text(missing).append_to(&mut data, Notation::Csv).unwrap();
            assert!(data != data.clone(), "NaN differs from itself");
        }
    }
}
