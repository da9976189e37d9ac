//! Recognises files that people take for ONNX models, and says what to do instead.

use crate::error::CompileError;

const SKL2ONNX: &str = "export it from Python with `skl2onnx.to_onnx(model, X[:1])`";
const TORCH: &str =
    "export it from Python with `torch.onnx.export(model, example, \"model.onnx\")`";
const TF2ONNX: &str = "convert it with `python -m tf2onnx.convert --output model.onnx`";
const ONNXMLTOOLS: &str = "convert it with `onnxmltools`";
const UNPACK: &str = "unpack it and send the .onnx file that is in it";

/// What the first bytes give away, if they belong to something that is surely not ONNX.
pub(crate) fn something_else(bytes: &[u8]) -> Option<CompileError> {
    let starts = |prefix: &[u8]| bytes.starts_with(prefix);
    let (found, hint) = if bytes.is_empty() {
        ("the file is empty", "send the .onnx file itself")
    } else if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
        if contains(bytes, b"data.pkl") {
            ("it is a PyTorch checkpoint", TORCH)
        } else if contains(bytes, b"config.json") {
            ("it is a Keras archive", TF2ONNX)
        } else {
            ("it is a zip archive", UNPACK)
        }
    } else if starts(b"\x1f\x8b") {
        ("it is compressed with gzip", UNPACK)
    } else if starts(b"\x80") && bytes.get(1).is_some_and(|version| (2..=5).contains(version)) {
        ("it is a Python pickle or joblib file", SKL2ONNX)
    } else if starts(b"ZF0x")
        || (starts(b"\x78") && matches!(bytes.get(1), Some(1 | 0x5e | 0x9c | 0xda)))
    {
        ("it is a compressed joblib file", SKL2ONNX)
    } else if starts(b"\x89HDF\r\n") {
        ("it is an HDF5 file, as Keras saves them", TF2ONNX)
    } else if bytes.get(4..8) == Some(b"TFL3") {
        ("it is a TensorFlow Lite model", TF2ONNX)
    } else if bytes.get(4..8) == Some(b"ORTM") {
        ("it is in ONNX Runtime's own format", "send the .onnx file it was made from")
    } else if starts(b"\0asm") {
        ("it is a WebAssembly module", "register it with the type application/wasm")
    } else if starts(b"tree\n") {
        ("it is a LightGBM text model", ONNXMLTOOLS)
    } else if starts(b"{") || starts(b"binf") || starts(b"\xef\xbb\xbf{") {
        ("it is JSON or an XGBoost model", ONNXMLTOOLS)
    } else if starts(b"<") {
        ("it is XML, perhaps PMML", "export the model to ONNX from the tool that trained it")
    } else if contains(&bytes[..bytes.len().min(4096)], b"saved_model")
        || contains(&bytes[..bytes.len().min(4096)], b"\x0a\x05serve")
    {
        ("it is a TensorFlow SavedModel", TF2ONNX)
    } else {
        return None;
    };
    Some(CompileError::NotOnnx { found, hint })
}

/// The error for bytes that are no protocol buffer of a model.
pub(crate) fn not_readable() -> CompileError {
    CompileError::NotOnnx {
        found: "its bytes are no ONNX model, or it is cut short",
        hint: "check the download or export the model again",
    }
}

/// Looks at the beginning and the end, where archives keep their names.
fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    const WINDOW: usize = 64 * 1024;
    let has = |part: &[u8]| part.windows(needle.len()).any(|window| window == needle);
    has(&bytes[..bytes.len().min(WINDOW)]) || has(&bytes[bytes.len().saturating_sub(WINDOW)..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_send_by_mistake_is_called_by_its_name() {
        for (bytes, name) in [
            (&b"\x80\x04\x95"[..], "pickle"),
            (b"PK\x03\x04....archive/data.pkl", "PyTorch"),
            (b"PK\x03\x04....", "zip"),
            (b"\x89HDF\r\n\x1a\n", "HDF5"),
            (b"{\"learner\":", "XGBoost"),
            (b"", "empty"),
        ] {
            let message = something_else(bytes).unwrap().to_string();

            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn a_model_is_not_mistaken_for_something_else() {
        assert!(something_else(&[8, 8, 18, 8, b's', b'k', b'l', b'2']).is_none());
    }
}
