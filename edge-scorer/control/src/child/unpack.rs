//! Model archives: tar.gz with exactly one `.onnx` or `.wasm`.
//!
//! Runs in the child, in memory: nothing is written under a name that the archive chose, so there
//! is nothing to climb out of and no link to follow.
//!
//! # Deliberately absent
//! - zip: refused, with the way round it, until a reader for it is among the dependencies.
//! - External data files: a model with weights beside it is refused by the compiler, by name.

use std::io::Read;

use flate2::read::GzDecoder;

use super::{
    job::{Job, JobLimits, Refusal},
    recognise::{Format, format_of},
};

/// A tar is made of blocks of so many bytes.
const BLOCK: u64 = 512;

/// The model in an archive.
pub(crate) fn unpack(job: &Job, archive: &[u8]) -> Result<Vec<u8>, Refusal> {
    let limits = &job.limits;
    if archive.len() as u64 > limits.archive_packed_bytes {
        return Err(Refusal::limit(format!(
            "{} bytes of a packed archive",
            limits.archive_packed_bytes
        )));
    }
    match format_of(archive) {
        Format::Zip => Err(Refusal::unsupported_model(
            "zip archives cannot be opened here yet",
            "Pack the model as tar.gz, or upload the `.onnx` or `.wasm` file itself and register it without `unpack`.",
        )),
        Format::Gzip => from_tar(GzDecoder::new(archive), limits),
        Format::Wasm | Format::Other => Err(Refusal::unsupported_model(
            "`unpack` is true, and the bytes are neither a zip nor a tar.gz archive",
            "Register the model without `unpack`, or upload an archive.",
        )),
    }
}

fn from_tar(stream: impl Read, limits: &JobLimits) -> Result<Vec<u8>, Refusal> {
    // The stream itself must not go on for ever; each entry adds a header and padding.
    let overhead = limits.archive_entries.saturating_add(2).saturating_mul(2 * BLOCK);
    let bounded = stream.take(limits.archive_unpacked_bytes.saturating_add(1 + overhead));
    let mut archive = tar::Archive::new(bounded);
    let mut found = Found::default();
    for (index, entry) in archive.entries().map_err(|error| broken(&error))?.enumerate() {
        if index as u64 >= limits.archive_entries {
            return Err(too_many(limits));
        }
        let entry = entry.map_err(|error| broken(&error))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type().is_file() && is_model(&name) {
            found.add(name, read(entry, limits)?, limits)?;
        }
    }
    found.only()
}

/// The models of an archive so far.
#[derive(Default)]
struct Found {
    names: Vec<String>,
    bytes: Vec<u8>,
    unpacked: u64,
}

impl Found {
    fn add(&mut self, name: String, bytes: Vec<u8>, limits: &JobLimits) -> Result<(), Refusal> {
        self.unpacked += bytes.len() as u64;
        if self.unpacked > limits.archive_unpacked_bytes {
            return Err(too_large(limits));
        }
        self.names.push(name);
        self.bytes = bytes;
        Ok(())
    }

    fn only(self) -> Result<Vec<u8>, Refusal> {
        match self.names.as_slice() {
            [_] => Ok(self.bytes),
            [] => Err(Refusal::unsupported_model(
                "the archive holds no `.onnx` and no `.wasm` file",
                "Put exactly one of them into the archive.",
            )),
            names => Err(Refusal::unsupported_model(
                format!("the archive holds {} models: {}", names.len(), names.join(", ")),
                "Put exactly one `.onnx` or `.wasm` file into the archive.",
            )),
        }
    }
}

/// A model by its name; what operating systems leave beside files is not.
fn is_model(name: &str) -> bool {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let lower = file.to_ascii_lowercase();
    !file.starts_with('.')
        && !name.starts_with("__MACOSX/")
        && (lower.ends_with(".onnx") || lower.ends_with(".wasm"))
}

fn read(entry: impl Read, limits: &JobLimits) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut bounded = entry.take(limits.archive_unpacked_bytes.saturating_add(1));
    bounded.read_to_end(&mut bytes).map_err(|error| broken(&error))?;
    if bytes.len() as u64 > limits.archive_unpacked_bytes {
        return Err(too_large(limits));
    }
    Ok(bytes)
}

fn too_large(limits: &JobLimits) -> Refusal {
    Refusal::limit(format!("{} bytes of an unpacked archive", limits.archive_unpacked_bytes))
}

fn too_many(limits: &JobLimits) -> Refusal {
    Refusal::limit(format!("{} entries of an archive", limits.archive_entries))
}

fn broken(error: &dyn std::error::Error) -> Refusal {
    Refusal::unsupported_model(
        format!("the archive cannot be read: {error}"),
        "Pack it again as tar.gz.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: JobLimits = JobLimits {
        memory_bytes: 1 << 30,
        seconds: 1,
        module_bytes: 1 << 20,
        guest_memory_bytes: 1 << 20,
        archive_packed_bytes: 1 << 20,
        archive_unpacked_bytes: 4_096,
        archive_entries: 3,
    };

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn the_one_model_of_an_archive_is_found() {
        let files: &[(&str, &[u8])] =
            &[("readme.txt", b"no"), ("a/Model.ONNX", b"model"), ("__MACOSX/a/x.onnx", b"no")];

        assert_eq!(from_tar(tar(files).as_slice(), &LIMITS).unwrap(), b"model");
    }

    #[test]
    fn none_or_several_models_are_refused_by_name() {
        let none = from_tar(tar(&[("readme.txt", b"no")]).as_slice(), &LIMITS).unwrap_err();
        let two = tar(&[("a.onnx", b"1"), ("b.wasm", b"2")]);
        let two = from_tar(two.as_slice(), &LIMITS).unwrap_err();

        assert!(none.message.contains("no `.onnx`"));
        assert!(two.message.contains("a.onnx, b.wasm"));
    }

    #[test]
    fn bombs_are_refused_before_they_burst() {
        let large = vec![0; 5_000];
        let many: [(&str, &[u8]); 4] = [("x", b""), ("y", b""), ("z", b""), ("m.onnx", b"m")];

        for bomb in [tar(&[("m.onnx", &large)]), tar(&many)] {
            let refusal = from_tar(bomb.as_slice(), &LIMITS).unwrap_err();
            assert_eq!(refusal.code, shared::ErrorCode::LimitExceeded);
        }
    }
}
