//! Model archives: zip or tar.gz with exactly one `.onnx`, and the files that hold its values, or
//! exactly one `.wasm`.
//!
//! Runs in the child, in memory: nothing is written under a name that the archive chose. A name that
//! climbs and a link are refused all the same: whoever packs them means no good.
//!
//! # Invariants
//! - No more than the limits is ever unpacked, whatever an entry says about its size.

use std::{
    collections::HashMap,
    io::{Cursor, Read},
};

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
        Format::Zip => from_zip(archive, limits),
        Format::Gzip => from_tar(GzDecoder::new(archive), limits),
        Format::Wasm | Format::Other => Err(Refusal::unsupported_model(
            "`unpack` is true, and the bytes are neither a zip nor a tar.gz archive",
            "Register the model without `unpack`, or upload an archive.",
        )),
    }
}

fn from_zip(archive: &[u8], limits: &JobLimits) -> Result<Vec<u8>, Refusal> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).map_err(|error| broken(&error))?;
    if archive.len() as u64 > limits.archive_entries {
        return Err(too_many(limits));
    }
    let mut found = Found::default();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| broken(&error))?;
        let name = safe_name(&entry.name().map_err(|error| broken(&error))?)?;
        if entry.is_symlink() {
            return Err(link(&name));
        }
        if !entry.is_dir() {
            found.add(name, entry, limits)?;
        }
    }
    found.only()
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
        let name = safe_name(&String::from_utf8_lossy(&entry.path_bytes()))?;
        let kind = entry.header().entry_type();
        if kind.is_file() {
            found.add(name, entry, limits)?;
        } else if !kind.is_dir() {
            return Err(link(&name));
        }
    }
    found.only()
}

/// The files of an archive so far.
#[derive(Default)]
struct Found {
    models: Vec<String>,
    files: HashMap<String, Vec<u8>>,
    unpacked: u64,
}

impl Found {
    fn add(&mut self, name: String, entry: impl Read, limits: &JobLimits) -> Result<(), Refusal> {
        if is_litter(&name) {
            return Ok(());
        }
        let left = limits.archive_unpacked_bytes.saturating_sub(self.unpacked);
        let mut bytes = Vec::new();
        let mut bounded = entry.take(left.saturating_add(1));
        bounded.read_to_end(&mut bytes).map_err(|error| broken(&error))?;
        if bytes.len() as u64 > left {
            return Err(too_large(limits));
        }
        self.unpacked += bytes.len() as u64;
        if is_model(&name) {
            self.models.push(name.clone());
        }
        self.files.insert(name, bytes);
        Ok(())
    }

    fn only(mut self) -> Result<Vec<u8>, Refusal> {
        let name = match self.models.as_slice() {
            [name] => name.clone(),
            [] => {
                return Err(Refusal::unsupported_model(
                    "the archive holds no `.onnx` and no `.wasm` file",
                    "Put exactly one of them into the archive.",
                ));
            }
            names => {
                return Err(Refusal::unsupported_model(
                    format!("the archive holds {} models: {}", names.len(), names.join(", ")),
                    "Put exactly one `.onnx` or `.wasm` file into the archive.",
                ));
            }
        };
        let model = self.files.remove(&name).unwrap_or_default();
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        // What a model names lies beside it, and nowhere else.
        let beside = |location: &str| {
            let location = safe_name(location).ok()?;
            let path = if folder.is_empty() { location } else { format!("{folder}/{location}") };
            self.files.get(&path).cloned()
        };
        compiler::self_contained(model, &beside, &compiler::Limits::default())
            .map_err(super::work::compile_refusal)
    }
}

/// A name with `/` between its parts, if it stays where it is put.
fn safe_name(name: &str) -> Result<String, Refusal> {
    let name = name.replace('\\', "/");
    let climbs = name.starts_with('/') || name.split('/').any(|part| part == "..");
    let drive = name.as_bytes().get(1) == Some(&b':');
    if climbs || drive || name.contains('\0') {
        return Err(Refusal::unsupported_model(
            format!("the archive holds `{name}`, which leads out of it"),
            "Pack the files with names relative to one folder, without `..`.",
        ));
    }
    let parts: Vec<&str> =
        name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Ok(parts.join("/"))
}

/// What operating systems leave beside files.
fn is_litter(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.starts_with('.') || name.starts_with("__MACOSX/")
}

fn is_model(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with(".onnx") || lower.ends_with(".wasm")
}

fn link(name: &str) -> Refusal {
    Refusal::unsupported_model(
        format!("the archive holds `{name}`, which is a link or a device"),
        "Pack the files themselves, not links to them.",
    )
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
        "Pack it again as zip or tar.gz, without a password.",
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

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        use std::io::Write as _;
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_zip_is_read_as_a_tar_is() {
        let files: &[(&str, &[u8])] =
            &[("readme.txt", b"no"), ("a/Model.ONNX", b"model"), ("__MACOSX/a/x.onnx", b"no")];

        assert_eq!(from_zip(&zip(files), &LIMITS).unwrap(), b"model");
        let refusal = from_zip(b"PK\x03\x04 and so on", &LIMITS).unwrap_err();
        assert!(refusal.message.contains("cannot be read"), "{}", refusal.message);
    }

    #[test]
    fn names_that_climb_and_links_are_refused() {
        for name in ["../m.onnx", "/m.onnx", "a/../../m.onnx", "..\\m.onnx", "C:\\m.onnx"] {
            let refusal = from_zip(&zip(&[(name, b"m")]), &LIMITS).unwrap_err();
            assert!(refusal.message.contains("leads out"), "{name}: {}", refusal.message);
        }
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "m.onnx", "/etc/passwd").unwrap();
        let refusal = from_tar(builder.into_inner().unwrap().as_slice(), &LIMITS).unwrap_err();
        assert!(refusal.message.contains("link"), "{}", refusal.message);
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        writer.add_symlink("m.onnx", "/etc/passwd", options).unwrap();
        let linked = writer.finish().unwrap().into_inner();
        let refusal = from_zip(&linked, &LIMITS).unwrap_err();
        assert!(refusal.message.contains("link"), "{}", refusal.message);
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

        let beside: [(&str, &[u8]); 2] = [("data", &large), ("m.onnx", b"m")];
        let one: [(&str, &[u8]); 1] = [("m.onnx", &large)];

        for bomb in [&one[..], &beside, &many] {
            let refusal = from_tar(tar(bomb).as_slice(), &LIMITS).unwrap_err();
            assert_eq!(refusal.code, shared::ErrorCode::LimitExceeded);
            let refusal = from_zip(&zip(bomb), &LIMITS).unwrap_err();
            assert_eq!(refusal.code, shared::ErrorCode::LimitExceeded);
        }
    }
}
