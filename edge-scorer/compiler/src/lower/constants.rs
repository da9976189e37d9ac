//! Constants of the graph as bytes and numbers.

use tract_onnx::prelude::{DatumType, TDim, Tensor};

use super::Refusal;

/// The bytes of a constant tensor of numbers, as they lie in memory.
pub(crate) fn constant_bytes(tensor: &Tensor) -> Result<Vec<u8>, Refusal> {
    match tensor.datum_type() {
        DatumType::TDim => {
            Ok(constant_i64(tensor)?.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
        DatumType::String => Err(Refusal::because("it takes numbers, and its input is text")),
        _ => Ok(tensor
            .try_as_plain_ram()
            .map_err(|error| Refusal::because(error.to_string()))?
            .as_bytes()
            .to_vec()),
    }
}

/// The elements of a constant tensor as `f32`.
pub(crate) fn constant_f32(tensor: &Tensor) -> Result<Vec<f32>, Refusal> {
    elements(tensor)
}

/// The elements of a constant tensor as `i64`.
pub(crate) fn constant_i64(tensor: &Tensor) -> Result<Vec<i64>, Refusal> {
    if tensor.datum_type() == DatumType::TDim {
        let dims: Vec<TDim> = elements(tensor)?;
        return dims
            .iter()
            .map(|dim| {
                dim.as_i64().ok_or_else(|| Refusal::because("a size is known only at run time"))
            })
            .collect();
    }
    elements(tensor)
}

/// The elements of a constant tensor of text.
pub(crate) fn constant_strings(tensor: &Tensor) -> Result<Vec<String>, Refusal> {
    elements(tensor)
}

fn elements<T: tract_onnx::prelude::Datum>(tensor: &Tensor) -> Result<Vec<T>, Refusal> {
    let refuse = |error: tract_onnx::prelude::TractError| Refusal::because(error.to_string());
    let cast = tensor.cast_to::<T>().map_err(refuse)?;
    Ok(cast.try_as_plain_ram().map_err(refuse)?.as_slice::<T>().map_err(refuse)?.to_vec())
}
