//! Tensor elements as JSON: the shortest decimals that read back, integers exactly, `null` for what
//! JSON cannot say; and as words for CSV and tables.

use std::borrow::Cow;

use engine::{TensorData, bf16_to_f32, f16_to_f32};
use serde_json::ser::{CompactFormatter, Formatter as _};

/// Appends element `index`, which must exist, as JSON.
pub(super) fn value(out: &mut Vec<u8>, data: &TensorData, index: usize) {
    match data {
        TensorData::Float32(values) => single(out, values[index]),
        TensorData::Float64(values) => double(out, values[index]),
        TensorData::Float16(values) => single(out, f16_to_f32(values[index])),
        TensorData::Bfloat16(values) => single(out, bf16_to_f32(values[index])),
        TensorData::Int8(values) => integer(out, values[index]),
        TensorData::Int16(values) => integer(out, values[index]),
        TensorData::Int32(values) => integer(out, values[index]),
        TensorData::Int64(values) => integer(out, values[index]),
        TensorData::Uint8(values) => integer(out, values[index]),
        TensorData::Uint16(values) => integer(out, values[index]),
        TensorData::Uint32(values) => integer(out, values[index]),
        TensorData::Uint64(values) => {
            // Writing to memory cannot fail, here and below.
            let _ = CompactFormatter.write_u64(out, values[index]);
        }
        TensorData::Bool(values) => {
            out.extend_from_slice(if values[index] { b"true" } else { b"false" });
        }
        TensorData::String(values) => text(out, &values[index]),
    }
}

/// Element `index`, which must exist, as words: text bare, NaN and infinities by name.
pub fn plain(data: &TensorData, index: usize) -> Cow<'_, str> {
    let special = match data {
        TensorData::String(values) => return Cow::Borrowed(&values[index]),
        TensorData::Float32(values) => f64::from(values[index]),
        TensorData::Float64(values) => values[index],
        TensorData::Float16(values) => f64::from(f16_to_f32(values[index])),
        TensorData::Bfloat16(values) => f64::from(bf16_to_f32(values[index])),
        _ => 0.0,
    };
    if !special.is_finite() {
        return Cow::Owned(special.to_string());
    }
    let mut text = Vec::with_capacity(16);
    value(&mut text, data, index);
    Cow::Owned(String::from_utf8(text).unwrap_or_default())
}

/// Appends one row as JSON: a value where it has one, else arrays nested like `shape`.
pub fn row(out: &mut Vec<u8>, data: &TensorData, row: usize, shape: &[u64]) {
    let length = elements(shape);
    if length == 1 {
        value(out, data, row * length);
    } else {
        nested(out, data, row * length, shape);
    }
}

/// Elements of a row of this shape.
pub(super) fn elements(shape: &[u64]) -> usize {
    shape.iter().map(|dim| *dim as usize).product()
}

fn nested(out: &mut Vec<u8>, data: &TensorData, begin: usize, shape: &[u64]) {
    let Some((first, rest)) = shape.split_first() else {
        value(out, data, begin);
        return;
    };
    let step = elements(rest);
    list(out, *first as usize, |out, index| nested(out, data, begin + index * step, rest));
}

/// Appends an array of `count` things.
pub(super) fn list(out: &mut Vec<u8>, count: usize, mut write: impl FnMut(&mut Vec<u8>, usize)) {
    out.push(b'[');
    for index in 0..count {
        if index > 0 {
            out.push(b',');
        }
        write(out, index);
    }
    out.push(b']');
}

/// Appends text in quotes.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(out, text);
}

fn integer(out: &mut Vec<u8>, value: impl Into<i64>) {
    let _ = CompactFormatter.write_i64(out, value.into());
}

fn single(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() {
        let _ = CompactFormatter.write_f32(out, value);
    } else {
        out.extend_from_slice(b"null");
    }
}

fn double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        let _ = CompactFormatter.write_f64(out, value);
    } else {
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(data: &TensorData, shape: &[u64]) -> String {
        let mut out = Vec::new();
        row(&mut out, data, 0, shape);
        String::from_utf8(out).unwrap()
    }

    /// The digits of a decimal without the zeros at its ends.
    fn significant(text: &str) -> String {
        let mantissa = text.split('e').next().unwrap();
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        digits.trim_matches('0').to_owned()
    }

    #[test]
    fn a_float32_is_never_widened() {
        assert_eq!(written(&TensorData::Float32(vec![0.1]), &[]), "0.1");
        assert_eq!(written(&TensorData::Float32(vec![0.998, 0.002]), &[2]), "[0.998,0.002]");
        let mut seed = 3_u32;
        for _ in 0..100_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = f32::from_bits(seed);
            let text = written(&TensorData::Float32(vec![value]), &[]);
            if value.is_finite() {
                assert_eq!(text.parse::<f32>().unwrap().to_bits(), value.to_bits(), "{text}");
                // Of two decimals as short and as near either may be taken.
                let shortest = significant(&format!("{value:e}")).len();
                assert_eq!(significant(&text).len(), shortest, "{text}");
            } else {
                assert_eq!(text, "null");
            }
        }
    }

    #[test]
    fn integers_are_exact() {
        assert_eq!(written(&TensorData::Uint64(vec![u64::MAX]), &[1]), "18446744073709551615");
        assert_eq!(written(&TensorData::Int64(vec![i64::MIN]), &[1]), "-9223372036854775808");
    }

    #[test]
    fn one_value_per_row_is_no_array() {
        assert_eq!(written(&TensorData::Bool(vec![true]), &[1, 1]), "true");
        assert_eq!(written(&TensorData::String(vec!["a\"ü".to_owned()]), &[]), "\"a\\\"ü\"");
    }

    #[test]
    fn rows_are_nested_as_their_shape_says() {
        let data = TensorData::Int8((0..6).collect());

        assert_eq!(written(&data, &[2, 3]), "[[0,1,2],[3,4,5]]");
        assert_eq!(written(&data, &[3, 1, 2]), "[[[0,1]],[[2,3]],[[4,5]]]");
        assert_eq!(written(&data, &[0]), "[]");
    }
}
