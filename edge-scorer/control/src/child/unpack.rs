//! Model archives: zip or tar.gz with exactly one `.onnx` or `.wasm`.
//!
//! Not done yet, and refused in words: the archive's bytes are kept, the model is registered, its
//! image fails.

use super::job::{Job, Refusal};

/// The model in an archive.
pub(crate) fn unpack(_job: &Job, _archive: &[u8]) -> Result<Vec<u8>, Refusal> {
    Err(Refusal::unsupported_model(
        "model archives (`unpack: true`) cannot be opened yet",
        "Upload the `.onnx` or `.wasm` file itself and register it without `unpack`.",
    ))
}
