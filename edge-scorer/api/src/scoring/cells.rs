//! One JSON value, or one field of CSV, into one element of a tensor.
//!
//! # Invariants
//! - A number is a JSON number or text holding one. `null` is NaN in floating-point columns and an
//!   error in others. Nothing is cut or wrapped: what does not fit its type is an error.
//! - CSV has no types and leaves a number out in its own ways; infinities may be written there.

use engine::{TensorData, f32_to_bf16, f32_to_f16};

use super::json::{JsonError, Kind, Number, Scanner};

/// Why a value does not go into its column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum CellError {
    Json(JsonError),
    /// What is wrong with it, in words that end a sentence.
    Value(&'static str),
}

impl From<JsonError> for CellError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// Reads a value into `data` at `index`: appends where that is the end, else replaces.
pub(super) fn put(
    data: &mut TensorData,
    index: usize,
    scanner: &mut Scanner<'_>,
) -> Result<(), CellError> {
    match data {
        TensorData::Float32(values) => set(values, index, single(float(scanner)?)?),
        TensorData::Float64(values) => set(values, index, double(float(scanner)?)?),
        TensorData::Float16(values) => {
            let value = single(float(scanner)?)?;
            let half = f32_to_f16(value);
            if half & 0x7fff == 0x7c00 {
                return Err(CellError::Value("is too large for float16"));
            }
            set(values, index, half);
        }
        TensorData::Bfloat16(values) => set(values, index, f32_to_bf16(single(float(scanner)?)?)),
        TensorData::Int8(values) => set(values, index, integer(scanner)?),
        TensorData::Int16(values) => set(values, index, integer(scanner)?),
        TensorData::Int32(values) => set(values, index, integer(scanner)?),
        TensorData::Int64(values) => set(values, index, integer(scanner)?),
        TensorData::Uint8(values) => set(values, index, integer(scanner)?),
        TensorData::Uint16(values) => set(values, index, integer(scanner)?),
        TensorData::Uint32(values) => set(values, index, integer(scanner)?),
        TensorData::Uint64(values) => set(values, index, integer(scanner)?),
        TensorData::Bool(values) => set(values, index, truth(scanner)?),
        TensorData::String(values) => set(values, index, text(scanner)?),
    }
    Ok(())
}

/// Appends a field of CSV to `data`.
pub(super) fn push_field(data: &mut TensorData, field: &str) -> Result<(), CellError> {
    match data {
        TensorData::Float32(values) => values.push(single_field(field)?),
        TensorData::Float64(values) => values.push(float_field(field)?),
        TensorData::Float16(values) => {
            let value = single_field(field)?;
            let half = f32_to_f16(value);
            if half & 0x7fff == 0x7c00 && value.is_finite() {
                return Err(CellError::Value("is too large for float16"));
            }
            values.push(half);
        }
        TensorData::Bfloat16(values) => values.push(f32_to_bf16(single_field(field)?)),
        TensorData::Int8(values) => values.push(integer_field(field)?),
        TensorData::Int16(values) => values.push(integer_field(field)?),
        TensorData::Int32(values) => values.push(integer_field(field)?),
        TensorData::Int64(values) => values.push(integer_field(field)?),
        TensorData::Uint8(values) => values.push(integer_field(field)?),
        TensorData::Uint16(values) => values.push(integer_field(field)?),
        TensorData::Uint32(values) => values.push(integer_field(field)?),
        TensorData::Uint64(values) => values.push(integer_field(field)?),
        TensorData::Bool(values) => {
            let truth = truth_of(&field.trim().to_ascii_lowercase());
            values.push(truth.ok_or(CellError::Value("is neither true nor false"))?);
        }
        TensorData::String(values) => values.push(field.to_owned()),
    }
    Ok(())
}

/// Appends `count` elements that will be replaced.
pub(super) fn make_room(data: &mut TensorData, count: usize) {
    macro_rules! grow {
        ($($variant:ident)+) => {
            match data {
                $(TensorData::$variant(values) => values.resize(values.len() + count, Default::default()),)+
            }
        };
    }
    grow!(Bool Int8 Int16 Int32 Int64 Uint8 Uint16 Uint32 Uint64 Float16 Bfloat16 Float32 Float64 String);
}

fn set<T>(values: &mut Vec<T>, index: usize, value: T) {
    match values.get_mut(index) {
        Some(place) => *place = value,
        None => values.push(value),
    }
}

/// A floating-point value; NaN for `null`, infinite where it is too large for any type.
fn float(scanner: &mut Scanner<'_>) -> Result<f64, CellError> {
    match scanner.peek()? {
        Kind::Number => Ok(scanner.number()?.to_f64()),
        Kind::Null => {
            scanner.null()?;
            Ok(f64::NAN)
        }
        Kind::Text => quoted(&scanner.text()?, |number| number.to_f64()),
        _ => Err(CellError::Value("is not a number")),
    }
}

fn double(value: f64) -> Result<f64, CellError> {
    if value.is_infinite() {
        return Err(CellError::Value("is too large for float64"));
    }
    Ok(value)
}

fn single(value: f64) -> Result<f32, CellError> {
    let narrow = value as f32;
    if narrow.is_infinite() {
        return Err(CellError::Value("is too large for float32"));
    }
    Ok(narrow)
}

/// How CSV files leave a number out.
fn is_missing(field: &str) -> bool {
    field.is_empty()
        || ["nan", "na", "n/a", "null"].iter().any(|word| word.eq_ignore_ascii_case(field))
}

fn float_field(field: &str) -> Result<f64, CellError> {
    let field = field.trim();
    if is_missing(field) {
        return Ok(f64::NAN);
    }
    let value: f64 = field.parse().map_err(|_| CellError::Value("is not a number"))?;
    // What was written as an infinity stays one; a number that became one was too large.
    if value.is_infinite() && field.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(CellError::Value("is too large for float64"));
    }
    Ok(value)
}

fn single_field(field: &str) -> Result<f32, CellError> {
    let value = float_field(field)?;
    if value.is_finite() { single(value) } else { Ok(value as f32) }
}

fn integer_field<T: TryFrom<i128>>(field: &str) -> Result<T, CellError> {
    let field = field.trim();
    if is_missing(field) {
        return Err(CellError::Value("is missing, which only floating-point columns take"));
    }
    let field = field.strip_prefix('+').unwrap_or(field);
    whole(quoted(field, |number| number.to_integer())?)
}

fn integer<T: TryFrom<i128>>(scanner: &mut Scanner<'_>) -> Result<T, CellError> {
    let value = match scanner.peek()? {
        Kind::Number => scanner.number()?.to_integer(),
        Kind::Text => quoted(&scanner.text()?, |number| number.to_integer())?,
        Kind::Null => {
            return Err(CellError::Value("is null, which only floating-point columns take"));
        }
        _ => return Err(CellError::Value("is not a number")),
    };
    whole(value)
}

fn whole<T: TryFrom<i128>>(value: Option<i128>) -> Result<T, CellError> {
    let value = value.ok_or(CellError::Value("is not a whole number of the column's type"))?;
    T::try_from(value).map_err(|_| CellError::Value("is out of the range of the column's type"))
}

/// A number that somebody put into quotes.
fn quoted<T>(text: &str, read: impl FnOnce(Number<'_>) -> T) -> Result<T, CellError> {
    let refuse = CellError::Value("is text and not a number");
    let mut scanner = Scanner::new(text);
    if scanner.peek() != Ok(Kind::Number) {
        return Err(refuse);
    }
    let number = scanner.number().map_err(|_| refuse)?;
    scanner.end().map_err(|_| refuse)?;
    Ok(read(number))
}

fn truth(scanner: &mut Scanner<'_>) -> Result<bool, CellError> {
    let known = match scanner.peek()? {
        Kind::Bool => Some(scanner.bool()?),
        Kind::Number => match scanner.number()?.to_integer() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Kind::Text => truth_of(&scanner.text()?),
        _ => None,
    };
    known.ok_or(CellError::Value("is neither true nor false"))
}

fn truth_of(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "1" => Some(true),
        "false" | "False" | "0" => Some(false),
        _ => None,
    }
}

fn text(scanner: &mut Scanner<'_>) -> Result<String, CellError> {
    match scanner.peek()? {
        Kind::Text => Ok(scanner.text()?.into_owned()),
        Kind::Null => Err(CellError::Value("is null, which only floating-point columns take")),
        _ => Err(CellError::Value("is not text")),
    }
}

#[cfg(test)]
mod tests {
    use shared::ElementType;

    use super::*;

    fn read(element_type: ElementType, json: &str) -> Result<TensorData, CellError> {
        let mut data = TensorData::with_capacity(element_type, 1);
        put(&mut data, 0, &mut Scanner::new(json)).map(|()| data)
    }

    #[test]
    fn numbers_may_be_in_quotes() {
        assert_eq!(read(ElementType::Float32, "\" 2.5 \""), Ok(TensorData::Float32(vec![2.5])));
        assert_eq!(read(ElementType::Int64, "\"-7\""), Ok(TensorData::Int64(vec![-7])));
        for bad in ["\"\"", "\"two\"", "\"1 2\"", "\"NaN\"", "\"0x10\"", "true", "[1]", "{}"] {
            for element_type in [ElementType::Float64, ElementType::Int8] {
                assert!(matches!(read(element_type, bad), Err(CellError::Value(_))), "{bad}");
            }
        }
    }

    #[test]
    fn null_is_nan_where_there_is_a_nan() {
        for element_type in [
            ElementType::Float32,
            ElementType::Float64,
            ElementType::Float16,
            ElementType::Bfloat16,
        ] {
            let bits = match read(element_type, "null").unwrap() {
                TensorData::Float32(values) => values[0],
                TensorData::Float64(values) => values[0] as f32,
                TensorData::Float16(values) => engine::f16_to_f32(values[0]),
                TensorData::Bfloat16(values) => engine::bf16_to_f32(values[0]),
                other => panic!("{other:?}"),
            };
            assert!(bits.is_nan());
        }
        for element_type in [ElementType::Int32, ElementType::Bool, ElementType::String] {
            assert!(matches!(read(element_type, "null"), Err(CellError::Value(_))));
        }
    }

    #[test]
    fn what_does_not_fit_its_type_is_refused() {
        for (element_type, least, most, beyond) in [
            (ElementType::Int8, "-128", "127", "128"),
            (ElementType::Uint8, "0", "255", "-1"),
            (ElementType::Int16, "-32768", "32767", "-32769"),
            (ElementType::Uint16, "0", "65535", "65536"),
            (ElementType::Int32, "-2147483648", "2147483647", "2147483648"),
            (ElementType::Uint32, "0", "4294967295", "4294967296"),
            (
                ElementType::Int64,
                "-9223372036854775808",
                "9223372036854775807",
                "9223372036854775808",
            ),
            (ElementType::Uint64, "0", "18446744073709551615", "18446744073709551616"),
        ] {
            assert!(read(element_type, least).is_ok(), "{element_type} {least}");
            assert!(read(element_type, most).is_ok(), "{element_type} {most}");
            assert!(read(element_type, beyond).is_err(), "{element_type} {beyond}");
            assert!(read(element_type, "1.5").is_err(), "{element_type}");
            assert!(read(element_type, "1.0").is_ok(), "{element_type}");
        }
        assert!(read(ElementType::Float32, "3.5e38").is_err());
        assert!(read(ElementType::Float64, "3.5e38").is_ok());
        assert!(read(ElementType::Float64, "1e999").is_err());
        assert!(read(ElementType::Float16, "65520").is_err());
        assert!(read(ElementType::Float16, "65519").is_ok());
    }

    #[test]
    fn csv_may_leave_a_number_out_and_write_an_infinity() {
        let field = |element_type, field: &str| {
            let mut data = TensorData::with_capacity(element_type, 1);
            push_field(&mut data, field).map(|()| data)
        };
        for missing in ["", " ", "NaN", "null", "n/a"] {
            let Ok(TensorData::Float32(values)) = field(ElementType::Float32, missing) else {
                panic!("{missing} is no error here");
            };
            assert!(values[0].is_nan());
            assert!(field(ElementType::Int64, missing).is_err(), "{missing}");
        }
        assert_eq!(
            field(ElementType::Float32, "-inf"),
            Ok(TensorData::Float32(vec![f32::NEG_INFINITY]))
        );
        assert!(field(ElementType::Float64, "1e999").is_err());
        assert!(field(ElementType::Float32, "1e39").is_err());
        assert!(field(ElementType::Float16, "70000").is_err());
        assert_eq!(field(ElementType::Int8, " +7 "), Ok(TensorData::Int8(vec![7])));
        assert!(field(ElementType::Int8, "7.5").is_err());
        assert_eq!(field(ElementType::Bool, "TRUE"), Ok(TensorData::Bool(vec![true])));
        assert_eq!(field(ElementType::String, " a"), Ok(TensorData::String(vec![" a".to_owned()])));
    }

    #[test]
    fn truth_values_come_in_several_spellings() {
        for (json, value) in
            [("true", true), ("0", false), ("\"True\"", true), ("\"false\"", false)]
        {
            assert_eq!(read(ElementType::Bool, json), Ok(TensorData::Bool(vec![value])));
        }
        for bad in ["2", "\"yes\"", "0.5", "[]"] {
            assert!(read(ElementType::Bool, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn text_columns_take_text_only() {
        assert_eq!(
            read(ElementType::String, "\"5\""),
            Ok(TensorData::String(vec!["5".to_owned()]))
        );
        assert!(read(ElementType::String, "5").is_err());
    }
}
