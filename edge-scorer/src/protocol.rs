//! Open Inference Protocol documents, as files: any tensor model can be scored from a shell.
//!
//! # Invariants
//! - Names and types match the signature exactly, shapes up to its symbolic dimensions.
//! - An answer can be read back as a request's tensors: `null` is NaN, half-precision values are numbers.
//!
//! # Deliberately absent
//! - Binary tensors and model addresses: those belong to HTTP, and `api` has them.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use engine::{Tensor, TensorData};
use serde::Deserialize;
use serde_json::Value;
use shared::{Dim, ElementType, Signature, TensorSpec};

use crate::{
    answers::write_element,
    rows::{Cell, InputError, Notation, json::syntax_error},
};

/// A request, read and checked.
#[derive(Debug)]
pub(crate) struct Request {
    id: Option<Value>,
    /// In the signature's order.
    pub(crate) inputs: Vec<Tensor>,
    /// Which outputs to answer, in which order.
    outputs: Vec<usize>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    id: Option<Value>,
    inputs: Vec<DocumentTensor>,
    #[serde(default)]
    outputs: Option<Vec<RequestedOutput>>,
}

#[derive(Deserialize)]
struct DocumentTensor {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    #[serde(default)]
    data: Option<Value>,
}

#[derive(Deserialize)]
struct RequestedOutput {
    name: String,
}

/// Whether the JSON is a document with `inputs` rather than a list of rows.
pub(crate) fn is_document(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// Reads a request for a model with this signature.
pub(crate) fn read(bytes: &[u8], signature: &Signature) -> Result<Request, InputError> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| syntax_error(&error))?;
    let mut given = HashMap::new();
    for tensor in document.inputs {
        let name = tensor.name.clone();
        if given.insert(name.clone(), tensor).is_some() {
            return Err(InputError::new("the document has this input twice").at_column(&name));
        }
    }
    let mut symbols = HashMap::new();
    let inputs = signature
        .inputs
        .iter()
        .map(|spec| {
            let tensor = given.remove(&spec.name);
            let tensor = tensor.ok_or_else(|| InputError::new("the document lacks this input"));
            tensor
                .and_then(|tensor| tensor.check(spec, &mut symbols))
                .map_err(|error| error.at_column(&spec.name))
        })
        .collect::<Result<_, _>>()?;
    if let Some(unknown) = given.keys().min() {
        return Err(InputError::new("the model has no such input").at_column(unknown));
    }

    let outputs = match document.outputs.filter(|outputs| !outputs.is_empty()) {
        None => (0..signature.outputs.len()).collect(),
        Some(requested) => requested
            .iter()
            .map(|output| {
                let place = signature.outputs.iter().position(|spec| spec.name == output.name);
                place.ok_or_else(|| {
                    InputError::new(format!("the model has no output `{}`", output.name))
                })
            })
            .collect::<Result<_, _>>()?,
    };
    Ok(Request { id: document.id, inputs, outputs })
}

impl DocumentTensor {
    fn check<'s>(
        self,
        spec: &'s TensorSpec,
        symbols: &mut HashMap<&'s str, u64>,
    ) -> Result<Tensor, InputError> {
        let expected = datatype(spec.element_type);
        if !self.datatype.eq_ignore_ascii_case(expected) {
            let message = format!("the datatype is {}, the model takes {expected}", self.datatype);
            return Err(InputError::new(message));
        }
        let fits = spec.shape.len() == self.shape.len()
            && spec.shape.iter().zip(&self.shape).all(|(wanted, length)| match wanted {
                Dim::Fixed(wanted) => wanted == length,
                // The same symbol is the same length everywhere.
                Dim::Named(name) if name != "?" => {
                    *symbols.entry(name).or_insert(*length) == *length
                }
                Dim::Named(_) => true,
            });
        // A model without a symbolic batch is called once a row.
        let row_by_row =
            spec.shape.first() == Some(&Dim::Fixed(1))
                && spec.shape.len() == self.shape.len()
                && spec.shape.iter().zip(&self.shape).skip(1).all(
                    |(wanted, length)| matches!(wanted, Dim::Fixed(wanted) if wanted == length),
                );
        if !fits && !row_by_row {
            let message = format!("the shape {:?} does not fit the model's", self.shape);
            return Err(InputError::new(message));
        }

        let data = self.data.ok_or_else(|| {
            InputError::new("there is no `data`; binary tensors are understood over HTTP only")
        })?;
        let mut values = TensorData::with_capacity(spec.element_type, 0);
        append(&data, &mut values)
            .map_err(|message| InputError::new(format!("element {}: {message}", values.len())))?;
        let count = values.len();
        let shape = self.shape.clone();
        Tensor::new(self.shape, values).map_err(|_| {
            InputError::new(format!(
                "`data` has {count} elements, which is not the shape {shape:?}"
            ))
        })
    }
}

/// Appends data that is flat or nested in any way: the shape says how it lies.
fn append(data: &Value, values: &mut TensorData) -> Result<(), String> {
    match data {
        Value::Array(items) => items.iter().try_for_each(|item| append(item, values)),
        single => match Cell::of(single) {
            Some(cell) => cell.append_to(values, Notation::Json),
            None => Err("an object where a value belongs".to_owned()),
        },
    }
}

impl Request {
    /// Writes `{"outputs": […]}` in one line.
    pub(crate) fn write_answer(
        &self,
        out: &mut impl Write,
        signature: &Signature,
        outputs: &[Tensor],
    ) -> io::Result<()> {
        write!(out, "{{")?;
        if let Some(id) = &self.id {
            write!(out, "\"id\":{id},")?;
        }
        write!(out, "\"outputs\":[")?;
        for (place, index) in self.outputs.iter().enumerate() {
            let (Some(spec), Some(tensor)) = (signature.outputs.get(*index), outputs.get(*index))
            else {
                continue;
            };
            let comma = if place > 0 { "," } else { "" };
            let name = Value::from(spec.name.as_str());
            let datatype = datatype(spec.element_type);
            write!(out, "{comma}{{\"name\":{name},\"datatype\":\"{datatype}\",\"shape\":")?;
            serde_json::to_writer(&mut *out, tensor.shape())?;
            write!(out, ",\"data\":[")?;
            for element in 0..tensor.data().len() {
                if element > 0 {
                    write!(out, ",")?;
                }
                write_element(out, tensor.data(), element)?;
            }
            write!(out, "]}}")?;
        }
        writeln!(out, "]}}")
    }
}

fn datatype(element_type: ElementType) -> &'static str {
    match element_type {
        ElementType::Bool => "BOOL",
        ElementType::Int8 => "INT8",
        ElementType::Int16 => "INT16",
        ElementType::Int32 => "INT32",
        ElementType::Int64 => "INT64",
        ElementType::Uint8 => "UINT8",
        ElementType::Uint16 => "UINT16",
        ElementType::Uint32 => "UINT32",
        ElementType::Uint64 => "UINT64",
        ElementType::Float16 => "FP16",
        ElementType::Bfloat16 => "BF16",
        ElementType::Float32 => "FP32",
        ElementType::Float64 => "FP64",
        ElementType::String => "BYTES",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rows::tests::taking;

    fn signature() -> Signature {
        let mut signature = taking(json!([
            {"name": "X", "type": "float32", "shape": ["rows", 2]},
            {"name": "half", "type": "float16", "shape": ["rows"]},
        ]));
        signature.outputs = serde_json::from_value(json!([
            {"name": "Y", "type": "float32", "shape": ["rows", 2]},
            {"name": "text", "type": "string", "shape": ["rows"]},
        ]))
        .unwrap();
        signature
    }

    fn request(x: Value) -> Value {
        json!({"id": "7", "inputs": [
            {"name": "half", "shape": [1], "datatype": "FP16", "data": [0.5]},
            x,
        ]})
    }

    fn read_value(document: &Value) -> Result<Request, InputError> {
        read(document.to_string().as_bytes(), &signature())
    }

    #[test]
    fn inputs_may_come_in_any_order_flat_or_nested() {
        for data in [json!([1, null]), json!([[1, null]])] {
            let x = json!({"name": "X", "shape": [1, 2], "datatype": "FP32", "data": data});

            let request = read_value(&request(x)).unwrap();

            let values = request.inputs[0].as_f32().unwrap();
            assert!(values[0] == 1.0 && values[1].is_nan());
            assert_eq!(*request.inputs[1].data(), TensorData::Float16(vec![0x3800]));
        }
    }

    #[test]
    fn names_types_shapes_and_counts_must_fit() {
        let fine = json!({"name": "X", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]});
        assert!(read_value(&request(fine.clone())).is_ok());

        for (member, wrong) in [
            ("name", json!("Z")),
            ("shape", json!([1, 3])),
            ("shape", json!([2, 2])),
            ("datatype", json!("FP64")),
            ("data", json!([1])),
            ("data", json!([1, "x"])),
            ("data", Value::Null),
        ] {
            let mut x = fine.clone();
            x[member] = wrong.clone();
            assert!(read_value(&request(x)).is_err(), "{member} = {wrong}");
        }
    }

    #[test]
    fn the_answer_holds_the_outputs_asked_for_in_their_order() {
        let x = json!({"name": "X", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]});
        let mut document = request(x);
        document["outputs"] = json!([{"name": "text"}, {"name": "Y"}]);
        let request = read_value(&document).unwrap();
        let outputs = [
            Tensor::new(vec![1, 2], TensorData::Float32(vec![0.1, f32::NAN])).unwrap(),
            Tensor::new(vec![1], TensorData::String(vec!["a\"b".into()])).unwrap(),
        ];

        let mut answer = Vec::new();
        request.write_answer(&mut answer, &signature(), &outputs).unwrap();

        assert_eq!(
            String::from_utf8(answer).unwrap(),
            "{\"id\":\"7\",\"outputs\":[\
             {\"name\":\"text\",\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[\"a\\\"b\"]},\
             {\"name\":\"Y\",\"datatype\":\"FP32\",\"shape\":[1,2],\"data\":[0.1,null]}]}\n"
        );
    }
}
