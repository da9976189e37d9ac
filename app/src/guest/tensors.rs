//! Between a request document and the bytes of tensors: little-endian, row-major, without padding.
//!
//! # Invariants
//! - Bytes have exactly the size that the signature and the rows ask for, or nothing is written.
//! - The answer has the shape of the server's for the same document (`predict_proba`, `predict`, or
//!   the outputs by name), so that the two can stand side by side.

use serde_json::{Map, Number, Value, json};
use shared::{Dim, ElementType, Role, Signature, TensorSpec};

use crate::format::short_of_32;

/// Most rows of one call where the signature does not say.
const ROWS: u32 = 4096;
/// Most bytes of one tensor.
const BYTES: u64 = 256 << 20;

/// Why a document cannot be run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Only `{"data": [row…]}` is read here.
    Document,
    /// A row of the wrong kind or length.
    Row(usize),
    /// An element type or a shape that this page does not read.
    Signature(String),
    TooLarge,
}

/// An input as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filled {
    /// The elements, or the offsets of texts.
    pub(super) bytes: Vec<u8>,
    /// The bytes of texts.
    pub(super) text: Option<Vec<u8>>,
}

/// One run of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) rows: i32,
    pub(super) inputs: Vec<Filled>,
}

/// What each output holds after a run: its bytes, and the bytes of its texts.
pub(super) type Outputs = Vec<(Vec<u8>, Vec<u8>)>;

/// The runs that a document takes.
pub(super) fn encode(signature: &Signature, document: &Value) -> Result<Vec<Call>, Unfit> {
    let rows = document.get("data").and_then(Value::as_array).ok_or(Unfit::Document)?;
    let most = match signature.symbols.as_slice() {
        [] => 1,
        [rows] if rows.name == "rows" => rows.max.min(ROWS),
        other => {
            let names: Vec<&str> = other.iter().map(|it| it.name.as_str()).collect();
            return Err(Unfit::Signature(names.join(", ")));
        }
    };
    let most = usize::try_from(most.max(1)).unwrap_or(1);
    rows.chunks(most)
        .enumerate()
        .map(|(chunk, rows)| {
            let inputs = (0..signature.inputs.len())
                .map(|place| fill(signature, place, rows, chunk * most))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Call { rows: i32::try_from(rows.len()).map_err(|_| Unfit::TooLarge)?, inputs })
        })
        .collect()
}

fn fill(
    signature: &Signature,
    place: usize,
    rows: &[Value],
    first: usize,
) -> Result<Filled, Unfit> {
    let spec = &signature.inputs[place];
    let per_row = elements_per_row(spec)?;
    let (mut bytes, mut text, mut offsets) = (Vec::new(), Vec::new(), vec![0_u32]);
    for (at, row) in rows.iter().enumerate() {
        let bad = || Unfit::Row(first + at);
        let mut flat = Vec::new();
        flatten(part(signature, place, row).ok_or_else(bad)?, &mut flat);
        if flat.len() as u64 != per_row {
            return Err(bad());
        }
        for value in flat {
            if spec.element_type == ElementType::String {
                text.extend_from_slice(value.as_str().ok_or_else(bad)?.as_bytes());
                offsets.push(u32::try_from(text.len()).map_err(|_| Unfit::TooLarge)?);
            } else {
                write(spec.element_type, value, &mut bytes).ok_or_else(bad)?;
            }
        }
        if bytes.len() as u64 > BYTES {
            return Err(Unfit::TooLarge);
        }
    }
    if spec.element_type == ElementType::String {
        let bytes = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        return Ok(Filled { bytes, text: Some(text) });
    }
    Ok(Filled { bytes, text: None })
}

/// The part of a row that belongs to an input.
fn part<'a>(signature: &Signature, place: usize, row: &'a Value) -> Option<&'a Value> {
    if signature.inputs.len() == 1 {
        return row.is_array().then_some(row);
    }
    match row {
        Value::Object(members) => members.get(&signature.inputs[place].name),
        Value::Array(cells) => cells.get(place),
        _ => None,
    }
}

fn flatten<'a>(value: &'a Value, out: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, out)),
        other => out.push(other),
    }
}

/// Elements of one row; the first axis is the batch where it is symbolic, or one call is one row.
fn elements_per_row(spec: &TensorSpec) -> Result<u64, Unfit> {
    spec.shape
        .iter()
        .enumerate()
        .try_fold(1_u64, |product, (axis, dim)| match dim {
            Dim::Fixed(n) => product.checked_mul(*n),
            Dim::Named(name) if axis == 0 && name == "rows" => Some(product),
            Dim::Named(_) => None,
        })
        .ok_or_else(|| Unfit::Signature(spec.name.clone()))
}

#[expect(clippy::cast_possible_truncation, reason = "the model's own type")]
fn write(element_type: ElementType, value: &Value, out: &mut Vec<u8>) -> Option<()> {
    let text = value.as_str().and_then(|text| text.parse::<Number>().ok());
    let number = value.as_number().cloned().or(text);
    let float = || match value {
        Value::Null => Some(f64::NAN),
        _ => number.as_ref().and_then(Number::as_f64),
    };
    let integer = || number.as_ref().and_then(Number::as_i64);
    match element_type {
        ElementType::Float32 => out.extend((float()? as f32).to_le_bytes()),
        ElementType::Float64 => out.extend(float()?.to_le_bytes()),
        ElementType::Int64 => out.extend(integer()?.to_le_bytes()),
        ElementType::Int32 => out.extend(i32::try_from(integer()?).ok()?.to_le_bytes()),
        ElementType::Int16 => out.extend(i16::try_from(integer()?).ok()?.to_le_bytes()),
        ElementType::Int8 => out.extend(i8::try_from(integer()?).ok()?.to_le_bytes()),
        ElementType::Uint64 => {
            out.extend(number.as_ref().and_then(Number::as_u64)?.to_le_bytes());
        }
        ElementType::Uint32 => out.extend(u32::try_from(integer()?).ok()?.to_le_bytes()),
        ElementType::Uint16 => out.extend(u16::try_from(integer()?).ok()?.to_le_bytes()),
        ElementType::Uint8 => out.extend(u8::try_from(integer()?).ok()?.to_le_bytes()),
        ElementType::Bool => out.push(u8::from(match value {
            Value::Bool(on) => *on,
            _ => integer()? != 0,
        })),
        ElementType::String | ElementType::Float16 | ElementType::Bfloat16 => return None,
    }
    Some(())
}

fn width(element_type: ElementType) -> Option<usize> {
    Some(match element_type {
        ElementType::Bool | ElementType::Int8 | ElementType::Uint8 => 1,
        ElementType::Int16 | ElementType::Uint16 => 2,
        ElementType::Int32 | ElementType::Uint32 | ElementType::Float32 => 4,
        ElementType::Int64 | ElementType::Uint64 | ElementType::Float64 => 8,
        ElementType::String | ElementType::Float16 | ElementType::Bfloat16 => return None,
    })
}

/// Bytes to read of an output; of texts, the bytes of their offsets.
pub(super) fn output_bytes(spec: &TensorSpec, rows: i32) -> Result<usize, Unfit> {
    let batched = matches!(spec.shape.first(), Some(Dim::Named(name)) if name == "rows");
    let rows = if batched { u64::try_from(rows).unwrap_or(0) } else { 1 };
    let elements = elements_per_row(spec)?.checked_mul(rows).ok_or(Unfit::TooLarge)?;
    let bytes = if spec.element_type == ElementType::String {
        (elements + 1) * 4
    } else {
        let width = width(spec.element_type).ok_or_else(|| Unfit::Signature(spec.name.clone()))?;
        elements.checked_mul(width as u64).ok_or(Unfit::TooLarge)?
    };
    if bytes > BYTES { Err(Unfit::TooLarge) } else { Ok(bytes as usize) }
}

/// The answer of all runs together.
pub(super) fn answer(signature: &Signature, runs: &[(i32, Outputs)]) -> Result<Value, Unfit> {
    let rows_of = |place: usize| -> Result<Vec<Value>, Unfit> {
        let spec = &signature.outputs[place];
        let mut rows = Vec::new();
        for (count, outputs) in runs {
            let (bytes, text) = outputs.get(place).ok_or(Unfit::Document)?;
            rows.extend(read_rows(spec, *count, bytes, text)?);
        }
        Ok(rows)
    };
    if let Some((place, _)) = signature.output_with(Role::Probabilities) {
        return Ok(json!({ "predict_proba": rows_of(place)? }));
    }
    for role in [Role::Value, Role::Label] {
        if let Some((place, _)) = signature.output_with(role) {
            return Ok(json!({ "predict": rows_of(place)? }));
        }
    }
    let members = signature
        .outputs
        .iter()
        .enumerate()
        .map(|(place, spec)| Ok((spec.name.clone(), Value::Array(rows_of(place)?))))
        .collect::<Result<Map<_, _>, Unfit>>()?;
    Ok(Value::Object(members))
}

fn read_rows(spec: &TensorSpec, rows: i32, bytes: &[u8], text: &[u8]) -> Result<Vec<Value>, Unfit> {
    let values = if spec.element_type == ElementType::String {
        texts(bytes, text)
    } else {
        let width = width(spec.element_type).ok_or_else(|| Unfit::Signature(spec.name.clone()))?;
        bytes.chunks_exact(width).map(|chunk| read(spec.element_type, chunk)).collect()
    };
    let rows = usize::try_from(rows).unwrap_or(0).max(1);
    let per_row = values.len() / rows;
    Ok(values
        .chunks(per_row.max(1))
        .map(|row| match row {
            [one]
                if spec.shape.len() <= 1
                    || per_row == 1 && spec.role != Some(Role::Probabilities) =>
            {
                one.clone()
            }
            many => Value::Array(many.to_vec()),
        })
        .collect())
}

fn texts(offsets: &[u8], text: &[u8]) -> Vec<Value> {
    let ends: Vec<usize> = offsets
        .chunks_exact(4)
        .map(|it| u32::from_le_bytes([it[0], it[1], it[2], it[3]]) as usize)
        .collect();
    ends.windows(2)
        .map(|pair| {
            let slice = text.get(pair[0]..pair[1]).unwrap_or_default();
            Value::from(String::from_utf8_lossy(slice).into_owned())
        })
        .collect()
}

fn read(element_type: ElementType, chunk: &[u8]) -> Value {
    let mut wide = [0_u8; 8];
    wide[..chunk.len()].copy_from_slice(chunk);
    let unsigned = u64::from_le_bytes(wide);
    // Shifted up and down again, so that the sign comes along.
    let shift = 64 - 8 * chunk.len() as u32;
    let signed = (unsigned << shift).cast_signed() >> shift;
    match element_type {
        ElementType::Float32 => finite(short_of_32(f32::from_bits(unsigned as u32))),
        ElementType::Float64 => finite(f64::from_bits(unsigned)),
        ElementType::Bool => Value::Bool(unsigned != 0),
        ElementType::Int8 | ElementType::Int16 | ElementType::Int32 | ElementType::Int64 => {
            Value::from(signed)
        }
        _ => Value::from(unsigned),
    }
}

/// What is no number is `null`.
fn finite(value: f64) -> Value {
    if value.is_finite() { Value::from(value) } else { Value::Null }
}

/// The largest difference of two answers' numbers; `None` where they differ in anything else.
pub(crate) fn difference(left: &Value, right: &Value) -> Option<f64> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => Some((a.as_f64()? - b.as_f64()?).abs()),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).try_fold(0.0_f64, |most, (a, b)| Some(most.max(difference(a, b)?)))
        }
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => a
            .iter()
            .try_fold(0.0_f64, |most, (name, a)| Some(most.max(difference(a, b.get(name)?)?))),
        (a, b) => (a == b).then_some(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(value: Value) -> Signature {
        serde_json::from_value(value).unwrap()
    }

    fn classifier() -> Signature {
        signature(json!({"contract": 1, "symbols": [{"name": "rows", "min": 1, "max": 2}],
            "inputs": [{"name": "X", "type": "float32", "shape": ["rows", 2]}],
            "outputs": [
                {"name": "label", "type": "int64", "shape": ["rows"], "role": "label"},
                {"name": "p", "type": "float32", "shape": ["rows", 2], "role": "probabilities"}]}))
    }

    #[test]
    fn rows_beyond_one_call_make_another() {
        let document = json!({"data": [[1, null], [2.5, "3"], [4, 5]]});

        let calls = encode(&classifier(), &document).unwrap();

        assert_eq!(calls.iter().map(|call| call.rows).collect::<Vec<_>>(), [2, 1]);
        let first: Vec<f32> = calls[0].inputs[0]
            .bytes
            .chunks_exact(4)
            .map(|it| f32::from_le_bytes(it.try_into().unwrap()))
            .collect();
        assert_eq!(first[0], 1.0);
        assert!(first[1].is_nan());
        assert_eq!(first[2..], [2.5, 3.0]);
    }

    #[test]
    fn probabilities_come_back_as_the_server_writes_them() {
        let floats = |values: &[f32]| values.iter().flat_map(|it| it.to_le_bytes()).collect();
        let labels = [0_i64, 1].iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
        let runs = vec![(2, vec![(labels, vec![]), (floats(&[0.998, 0.002, 0.1, 0.9]), vec![])])];

        let answer = answer(&classifier(), &runs).unwrap();

        assert_eq!(answer.to_string(), r#"{"predict_proba":[[0.998,0.002],[0.1,0.9]]}"#);
        assert_eq!(output_bytes(&classifier().outputs[1], 2), Ok(16));
    }

    #[test]
    fn texts_are_offsets_and_bytes() {
        let signature = signature(json!({"contract": 1,
            "symbols": [{"name": "rows", "min": 1, "max": 9}],
            "inputs": [{"name": "t", "type": "string", "shape": ["rows", 1]}],
            "outputs": [{"name": "t", "type": "string", "shape": ["rows"], "role": "label"}]}));

        let calls = encode(&signature, &json!({"data": [["ab"], ["한"]]})).unwrap();

        let filled = &calls[0].inputs[0];
        assert_eq!(filled.bytes, [0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0]);
        let text = filled.text.clone().unwrap();
        let back = answer(&signature, &[(2, vec![(filled.bytes.clone(), text)])]).unwrap();
        assert_eq!(back, json!({"predict": ["ab", "한"]}));
    }

    #[test]
    fn a_row_that_does_not_fit_is_named() {
        let unfit = |document: Value| encode(&classifier(), &document).unwrap_err();

        assert_eq!(unfit(json!({"input_df": []})), Unfit::Document);
        assert_eq!(unfit(json!({"data": [[1, 2], [1, 2], [1]]})), Unfit::Row(2));
        assert_eq!(unfit(json!({"data": [["x", 2]]})), Unfit::Row(0));
    }

    #[test]
    fn signed_numbers_keep_their_sign() {
        assert_eq!(read(ElementType::Int8, &[0xff]), json!(-1));
        assert_eq!(read(ElementType::Uint8, &[0xff]), json!(255));
        assert_eq!(read(ElementType::Int64, &(-7_i64).to_le_bytes()), json!(-7));
    }

    #[test]
    fn answers_are_compared_number_by_number() {
        let left = json!({"predict_proba": [[0.25, 0.75]]});

        assert_eq!(difference(&left, &json!({"predict_proba": [[0.25, 0.5]]})), Some(0.25));
        assert_eq!(difference(&left, &json!({"predict": [1]})), None);
    }
}
