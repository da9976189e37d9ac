//! Rows and tensors as documents, without HTTP: what the scoring routes share with whoever scores
//! files.
//!
//! # Invariants
//! - A document that is taken here is taken there, with the same tensors and the same refusals.

use std::{
    fmt,
    io::{self, Write},
};

use engine::Tensor;
use shared::Signature;

use crate::scoring::{frame::Frame, inference, json::Scanner, refusal::Refusal, rows, sheet};

pub use crate::scoring::{
    sheet::{Header, column_name},
    write::{plain, row},
};

/// Why a document is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct InputError {
    /// The row, from 0.
    pub row: Option<u64>,
    /// The column's name.
    pub column: Option<String>,
    /// What is wrong, the place included.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Refusal> for InputError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { message, detail, .. } = refusal;
        Self { row: detail.row, column: detail.column, message, advice: detail.message }
    }
}

/// Reads a JSON list of rows into one tensor for each input.
pub fn read_json_rows(json: &[u8], signature: &Signature) -> Result<Vec<Tensor>, InputError> {
    let read = || {
        let mut scanner = Scanner::of_body(json)?;
        let inputs = rows::read(&mut scanner, &Frame::of(signature), None)?;
        scanner.end()?;
        Ok::<_, Refusal>(inputs.tensors)
    };
    read().map_err(InputError::from)
}

/// Reads CSV into one tensor for each input.
pub fn read_csv_rows(
    csv: &[u8],
    header: Header,
    signature: &Signature,
) -> Result<Vec<Tensor>, InputError> {
    let inputs = sheet::read(csv, header, &Frame::of(signature))?;
    Ok(inputs.tensors)
}

/// An Open Inference Protocol request; its half-precision values may be JSON numbers.
#[derive(Debug)]
pub struct TensorRequest(inference::Asked);

impl TensorRequest {
    /// Reads the request.
    pub fn read(json: &[u8], signature: &Signature) -> Result<Self, InputError> {
        Ok(Self(inference::read(json, &[], signature, inference::Halves::Numbers)?))
    }

    /// In the order of the signature's inputs.
    pub fn inputs(&self) -> &[Tensor] {
        &self.0.inputs
    }

    /// The outputs that were asked for, as a document.
    pub fn answer(&self, signature: &Signature, outputs: &[Tensor]) -> Vec<u8> {
        inference::write(&self.0, None, signature, outputs).body
    }
}

/// Writes a header and the rows of every batch, each of which holds one tensor for every output
/// and in each of them the same number of rows.
pub fn write_csv(
    out: impl Write,
    signature: &Signature,
    batches: &[Vec<Tensor>],
) -> io::Result<()> {
    let outputs: Vec<_> = signature.outputs.iter().collect();
    sheet::write(out, &outputs, batches.iter().map(|batch| batch.iter().collect()))
}
