//! The Open Inference Protocol: tensors by name, as JSON or as bytes behind the JSON.
//!
//! A request is read into [`Asked`] (its tensors in the signature's order) and answered from the
//! outputs; raw tensors both ways, without methods.
//!
//! # Invariants
//! - Names and types match the signature exactly; sizes add up, or the request is refused.

use std::borrow::Cow;

use engine::{Tensor, TensorData};
use shared::{Dim, ElementType, Signature, TensorSpec};

use super::{
    cells::CellError,
    json::{Kind, Scanner},
    nested::Shape,
    refusal::Refusal,
    write,
};

mod binary;

/// How half-precision values may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halves {
    /// As binary data only, as the protocol has it.
    Binary,
    /// As JSON numbers too, where there is no binary data.
    Numbers,
}

/// A request, read.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    pub(super) id: Option<String>,
    /// In the order of the signature's inputs.
    pub(crate) inputs: Vec<Tensor>,
    /// What is wanted, in this order.
    pub(super) outputs: Vec<Wanted>,
}

/// An output that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) index: usize,
    pub(super) binary: bool,
}

/// One input of a request, before its tensor is read.
#[derive(Default)]
struct Given<'a> {
    name: Option<Cow<'a, str>>,
    datatype: Option<Cow<'a, str>>,
    shape: Option<Vec<u64>>,
    data: Option<Scanner<'a>>,
    binary_bytes: Option<u64>,
}

/// The protocol's name of a type.
pub(super) fn datatype(element_type: ElementType) -> &'static str {
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

impl Halves {
    /// Whether a type has no JSON form.
    fn only_binary(self, element_type: ElementType) -> bool {
        self == Self::Binary && matches!(element_type, ElementType::Float16 | ElementType::Bfloat16)
    }
}

/// Inputs or outputs as the metadata shows them; −1 stands for what is not fixed.
pub(super) fn metadata(tensors: &[TensorSpec]) -> Vec<serde_json::Value> {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(n) => i64::try_from(*n).unwrap_or(i64::MAX),
        Dim::Named(_) => -1,
    };
    tensors
        .iter()
        .map(|tensor| {
            serde_json::json!({
                "name": tensor.name,
                "datatype": datatype(tensor.element_type),
                "shape": tensor.shape.iter().map(dim).collect::<Vec<_>>(),
            })
        })
        .collect()
}

/// Reads a request: its JSON part, and the bytes that follow it.
pub(crate) fn read(
    json: &[u8],
    bytes: &[u8],
    signature: &Signature,
    halves: Halves,
) -> Result<Asked, Refusal> {
    let mut scanner = Scanner::of_body(json)?;
    if scanner.peek()? != Kind::Object {
        return Err(refuse("the request is not an object"));
    }
    let (mut id, mut given, mut wanted, mut all_binary) = (None, None, None, false);
    let mut members = scanner.object()?;
    while let Some(key) = scanner.key(&mut members)? {
        match &*key {
            "id" if scanner.peek()? == Kind::Text => id = Some(scanner.text()?.into_owned()),
            "inputs" => given = Some(read_inputs(&mut scanner)?),
            "outputs" => wanted = Some(scanner.skip()?),
            "parameters" => {
                all_binary = parameters(&mut scanner)?.binary_output.unwrap_or(all_binary);
            }
            _ => {
                scanner.skip()?;
            }
        }
    }
    scanner.end()?;
    let given = given.ok_or_else(|| refuse("the request has no `inputs`"))?;
    let inputs = arrange(given, bytes, signature, halves)?;
    let every = || {
        let wanted = |index| Wanted { index, binary: all_binary };
        (0..signature.outputs.len()).map(wanted).collect()
    };
    let outputs = match wanted {
        None => every(),
        Some(mut wanted) => match wanted.peek()? {
            Kind::Array => read_outputs(&mut wanted, signature, all_binary)?,
            Kind::Null => every(),
            _ => return Err(refuse("`outputs` is not an array")),
        },
    };
    for wanted in &outputs {
        let spec = &signature.outputs[wanted.index];
        if halves.only_binary(spec.element_type) && !wanted.binary {
            return Err(refuse(format!(
                "the output `{}` is {}, which is answered as binary data only",
                spec.name,
                datatype(spec.element_type)
            )));
        }
    }
    Ok(Asked { id, inputs, outputs })
}

#[derive(Default)]
struct Parameters {
    /// Of an input.
    binary_bytes: Option<u64>,
    /// Of an output, or of the request.
    binary_output: Option<bool>,
}

fn parameters(scanner: &mut Scanner<'_>) -> Result<Parameters, Refusal> {
    let mut found = Parameters::default();
    if scanner.peek()? != Kind::Object {
        scanner.skip()?;
        return Ok(found);
    }
    let mut members = scanner.object()?;
    while let Some(key) = scanner.key(&mut members)? {
        match (&*key, scanner.peek()?) {
            ("binary_data_size", Kind::Number) => {
                let size = scanner.number()?.to_integer().and_then(|size| u64::try_from(size).ok());
                let size = size.ok_or_else(|| refuse("`binary_data_size` is not a size"))?;
                found.binary_bytes = Some(size);
            }
            ("binary_data" | "binary_data_output", Kind::Bool) => {
                found.binary_output = Some(scanner.bool()?);
            }
            ("binary_data_size" | "binary_data" | "binary_data_output", _) => {
                return Err(refuse(format!("the parameter `{key}` is of the wrong type")));
            }
            _ => {
                scanner.skip()?;
            }
        }
    }
    Ok(found)
}

fn read_inputs<'a>(scanner: &mut Scanner<'a>) -> Result<Vec<Given<'a>>, Refusal> {
    if scanner.peek()? != Kind::Array {
        return Err(refuse("`inputs` is not an array"));
    }
    let mut inputs = Vec::new();
    let mut members = scanner.array()?;
    while scanner.next(&mut members)? {
        if scanner.peek()? != Kind::Object {
            return Err(refuse("an input is not an object"));
        }
        let mut given = Given::default();
        let mut object = scanner.object()?;
        while let Some(key) = scanner.key(&mut object)? {
            match (&*key, scanner.peek()?) {
                ("name", Kind::Text) => given.name = Some(scanner.text()?),
                ("datatype", Kind::Text) => given.datatype = Some(scanner.text()?),
                ("shape", Kind::Array) => given.shape = Some(read_shape(scanner)?),
                ("data", _) => given.data = Some(scanner.skip()?),
                ("parameters", _) => given.binary_bytes = parameters(scanner)?.binary_bytes,
                ("name" | "datatype" | "shape", _) => {
                    return Err(refuse(format!("an input's `{key}` is of the wrong type")));
                }
                _ => {
                    scanner.skip()?;
                }
            }
        }
        inputs.push(given);
    }
    Ok(inputs)
}

fn read_shape(scanner: &mut Scanner<'_>) -> Result<Vec<u64>, Refusal> {
    let mut shape = Vec::new();
    let mut dims = scanner.array()?;
    while scanner.next(&mut dims)? {
        let dim = match scanner.peek()? {
            Kind::Number => scanner.number()?.to_integer().and_then(|dim| u64::try_from(dim).ok()),
            _ => None,
        };
        shape.push(dim.ok_or_else(|| refuse("a shape holds something that is no dimension"))?);
    }
    Ok(shape)
}

fn read_outputs(
    scanner: &mut Scanner<'_>,
    signature: &Signature,
    all_binary: bool,
) -> Result<Vec<Wanted>, Refusal> {
    let mut outputs: Vec<Wanted> = Vec::new();
    let mut members = scanner.array()?;
    while scanner.next(&mut members)? {
        if scanner.peek()? != Kind::Object {
            return Err(refuse("an output is not an object"));
        }
        let (mut name, mut binary) = (None, all_binary);
        let mut object = scanner.object()?;
        while let Some(key) = scanner.key(&mut object)? {
            match (&*key, scanner.peek()?) {
                ("name", Kind::Text) => name = Some(scanner.text()?),
                ("parameters", _) => {
                    binary = parameters(scanner)?.binary_output.unwrap_or(binary);
                }
                _ => {
                    scanner.skip()?;
                }
            }
        }
        let name = name.ok_or_else(|| refuse("an output has no name"))?;
        let index = signature.outputs.iter().position(|output| output.name == name);
        let index = index.ok_or_else(|| refuse(format!("the model has no output `{name}`")))?;
        if outputs.iter().any(|wanted| wanted.index == index) {
            return Err(refuse(format!("the output `{name}` is asked for twice")));
        }
        outputs.push(Wanted { index, binary });
    }
    Ok(outputs)
}

/// Reads each tensor and puts them into the signature's order.
fn arrange(
    given: Vec<Given<'_>>,
    mut bytes: &[u8],
    signature: &Signature,
    halves: Halves,
) -> Result<Vec<Tensor>, Refusal> {
    let mut tensors: Vec<Option<Tensor>> = signature.inputs.iter().map(|_| None).collect();
    for input in given {
        let name = input.name.as_deref().ok_or_else(|| refuse("an input has no name"))?;
        let index = signature.inputs.iter().position(|spec| spec.name == name);
        let index = index.ok_or_else(|| {
            let names: Vec<_> = signature.inputs.iter().map(|spec| spec.name.as_str()).collect();
            refuse(format!("the model has no input `{name}`, it takes {}", names.join(", ")))
        })?;
        if tensors[index].is_some() {
            return Err(refuse(format!("the input `{name}` is there twice")));
        }
        let spec = &signature.inputs[index];
        tensors[index] = Some(input.read(spec, &mut bytes, halves)?);
    }
    if !bytes.is_empty() {
        return Err(refuse(format!("{} bytes follow the last tensor", bytes.len())));
    }
    tensors
        .into_iter()
        .zip(&signature.inputs)
        .map(|(tensor, spec)| {
            tensor.ok_or_else(|| refuse(format!("the input `{}` is missing", spec.name)))
        })
        .collect()
}

impl Given<'_> {
    fn read(self, spec: &TensorSpec, bytes: &mut &[u8], halves: Halves) -> Result<Tensor, Refusal> {
        let name = &spec.name;
        let wanted = datatype(spec.element_type);
        if self.datatype.as_deref() != Some(wanted) {
            return Err(refuse(format!("the input `{name}` is of datatype {wanted}")));
        }
        let shape = self.shape.ok_or_else(|| refuse(format!("the input `{name}` has no shape")))?;
        check_shape(spec, &shape)?;
        let elements = shape.iter().try_fold(1_u64, |product, dim| product.checked_mul(*dim));
        let elements = elements
            .and_then(|elements| usize::try_from(elements).ok())
            .ok_or_else(|| refuse(format!("the shape of the input `{name}` is too large")))?;
        let data = match (self.data, self.binary_bytes) {
            (None, Some(size)) => {
                let size = usize::try_from(size).ok().and_then(|size| bytes.split_at_checked(size));
                let (own, rest) = size.ok_or_else(|| {
                    refuse(format!("the binary data ends inside of the input `{name}`"))
                })?;
                *bytes = rest;
                binary::read(spec.element_type, elements, own).ok_or_else(|| {
                    refuse(format!(
                        "the binary data of the input `{name}` is not {elements} elements of {wanted}"
                    ))
                })?
            }
            (Some(_), None) if halves.only_binary(spec.element_type) => {
                return Err(refuse(format!(
                    "{wanted} is taken as binary data only, see the input `{name}`"
                )));
            }
            (Some(mut data), None) => json_data(spec, &shape, elements, &mut data)?,
            (Some(_), Some(_)) => {
                return Err(refuse(format!("the input `{name}` has `data` and binary data")));
            }
            (None, None) => return Err(refuse(format!("the input `{name}` has no data"))),
        };
        Tensor::new(shape, data)
            .map_err(|_| refuse(format!("the data of the input `{name}` do not fill its shape")))
    }
}

fn json_data(
    spec: &TensorSpec,
    shape: &[u64],
    elements: usize,
    scanner: &mut Scanner<'_>,
) -> Result<TensorData, Refusal> {
    let name = &spec.name;
    if scanner.peek()? != Kind::Array {
        return Err(refuse(format!("the data of the input `{name}` are not an array")));
    }
    // What was announced is not trusted with memory.
    let mut data = TensorData::with_capacity(spec.element_type, elements.min(4_096));
    let found = Shape::read(scanner, &mut data).map_err(|error| match error {
        CellError::Json(error) => Refusal::from(error),
        CellError::Value(problem) => {
            let row_len = elements.checked_div(shape.first().map_or(1, |rows| *rows as usize));
            let row = data.len().checked_div(row_len.unwrap_or(1)).unwrap_or(0);
            Refusal::at(row as u64, Some(name), problem, "send a value of the input's datatype")
        }
    })?;
    let flat = matches!(found.dims(), [length] if *length == elements as u64);
    if !flat && found.dims() != shape && elements > 0 {
        return Err(refuse(format!(
            "the data of the input `{name}` do not fill its shape {shape:?}"
        )));
    }
    Ok(data)
}

/// Fixed dimensions are what the signature says; the first may be a multiple of it, for the rows of
/// a model that takes one at a time.
fn check_shape(spec: &TensorSpec, shape: &[u64]) -> Result<(), Refusal> {
    let fits = spec.shape.len() == shape.len()
        && spec.shape.iter().zip(shape).enumerate().all(|(axis, (dim, found))| match dim {
            Dim::Fixed(n) => n == found || (axis == 0 && *n > 0 && found.is_multiple_of(*n)),
            Dim::Named(_) => true,
        });
    if fits {
        return Ok(());
    }
    let wanted: Vec<_> = spec
        .shape
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(n) => n.to_string(),
            Dim::Named(_) => "-1".to_owned(),
        })
        .collect();
    Err(refuse(format!(
        "the input `{}` is of shape [{}], not {shape:?}",
        spec.name,
        wanted.join(", ")
    )))
}

fn refuse(message: impl Into<String>) -> Refusal {
    Refusal::new(message, "compare the request with the model's metadata")
}

/// An answer: its JSON part and the binary tensors that follow it.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// Bytes of the JSON part, where something follows.
    pub(super) json_bytes: Option<usize>,
}

/// Writes the outputs that were asked for; `model` and its version are named where they are known.
pub(crate) fn write(
    asked: &Asked,
    model: Option<(&str, u64)>,
    signature: &Signature,
    outputs: &[Tensor],
) -> Answer {
    let mut json = Vec::with_capacity(256);
    let mut tail = Vec::new();
    json.push(b'{');
    if let Some((model, version)) = model {
        json.extend_from_slice(b"\"model_name\":");
        write::text(&mut json, model);
        json.extend_from_slice(b",\"model_version\":");
        write::text(&mut json, &version.to_string());
        json.push(b',');
    }
    if let Some(id) = &asked.id {
        json.extend_from_slice(b"\"id\":");
        write::text(&mut json, id);
        json.push(b',');
    }
    json.extend_from_slice(b"\"outputs\":");
    write::list(&mut json, asked.outputs.len(), |json, place| {
        let wanted = asked.outputs[place];
        let (spec, output) = (&signature.outputs[wanted.index], &outputs[wanted.index]);
        json.extend_from_slice(b"{\"name\":");
        write::text(json, &spec.name);
        json.extend_from_slice(b",\"shape\":");
        let shape = TensorData::Uint64(output.shape().to_vec());
        write::list(json, shape.len(), |json, axis| write::value(json, &shape, axis));
        json.extend_from_slice(b",\"datatype\":");
        write::text(json, datatype(spec.element_type));
        if wanted.binary {
            let begin = tail.len();
            binary::write(&mut tail, output.data());
            json.extend_from_slice(b",\"parameters\":{\"binary_data_size\":");
            json.extend_from_slice((tail.len() - begin).to_string().as_bytes());
            json.extend_from_slice(b"}}");
        } else {
            json.extend_from_slice(b",\"data\":");
            let data = output.data();
            write::list(json, data.len(), |json, index| write::value(json, data, index));
            json.push(b'}');
        }
    });
    json.push(b'}');
    let json_bytes = asked.outputs.iter().any(|wanted| wanted.binary).then_some(json.len());
    json.extend_from_slice(&tail);
    Answer { body: json, json_bytes }
}

#[cfg(test)]
mod tests;
