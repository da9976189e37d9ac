//! What bytes are that are not a model we can serve. The compiler recognises most of them; this is
//! for those that must not even reach it.

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A WebAssembly module.
    Wasm,
    /// A zip archive.
    Zip,
    /// A gzip stream.
    Gzip,
    /// Anything else: to be read as ONNX, which has no magic number.
    Other,
}

/// Looks at the first bytes.
pub(crate) fn format_of(bytes: &[u8]) -> Format {
    match bytes {
        [0, b'a', b's', b'm', ..] => Format::Wasm,
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Format::Zip,
        [0x1f, 0x8b, ..] => Format::Gzip,
        _ => Format::Other,
    }
}
