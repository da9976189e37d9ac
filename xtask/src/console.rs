//! Builds the console with Trunk, unless `app/dist` was made of the same sources, compresses it as
//! well as can be, and holds it to its size.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};
use brotli::enc::{
    BrotliEncoderParams,
    backward_references::BrotliEncoderMode::{
        self, BROTLI_MODE_FONT, BROTLI_MODE_GENERIC, BROTLI_MODE_TEXT,
    },
};
use sha2::{Digest as _, Sha256};

use crate::{
    steps::{run, step},
    tools::{self, TRUNK, WASM_BINDGEN},
};

/// What the console is made of.
const SOURCES: [&str; 6] =
    ["app", "shared", "public", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];
const STAMP: &str = "target/console.stamp";
/// Type-erased views: less code, and nobody sees the difference.
const FLAGS: &str = "--cfg erase_components";
/// What a first visit loads at most, all files together; lowered with every saving.
const LIMIT: u64 = 390_000;

/// Makes `app/dist` if it is missing or older than its sources.
pub(crate) fn build() -> Result<()> {
    let wanted = fingerprint()?;
    if Path::new("app/dist/index.html").is_file()
        && fs::read_to_string(STAMP).is_ok_and(|made| made == wanted)
    {
        return weigh();
    }
    let folders = [TRUNK.installed()?, WASM_BINDGEN.installed()?, tools::wasm_opt()?];
    step("building the console (minutes the first time)", || {
        let mut trunk = Command::new("trunk");
        trunk
            .args(["build", "--release", "--offline"])
            .current_dir("app")
            .env("PATH", tools::path_with(&folders)?)
            // Trunk builds for wasm32 alone, so nothing else is compiled anew for these.
            .env("RUSTFLAGS", FLAGS)
            // Trunk reads NO_COLOR as a boolean and fails on the customary "1".
            .env_remove("NO_COLOR");
        // Trunk is told to stay offline; cargo itself may still have crates to download.
        run(crate::steps::cargo(["fetch", "--quiet", "--target", "wasm32-unknown-unknown"]))?;
        run(trunk)
    })?;
    plain_names()?;
    step("compressing the console", compress)?;
    fs::write(STAMP, wanted)?;
    weigh()
}

/// Numbers the imports of the module, whose names wasm-bindgen ends in a hash each: nothing in a
/// hash can be compressed, and every one of them is in two files.
fn plain_names() -> Result<()> {
    let mut files = Vec::new();
    for path in served()? {
        if path.extension().is_some_and(|ending| ending == "js" || ending == "wasm") {
            files.push((fs::read(&path)?, path));
        }
    }
    let mut hashes = BTreeSet::new();
    for (bytes, _) in &files {
        hashes.extend(hashed_names(bytes).map(|at| bytes[at].to_vec()));
    }
    for (mut bytes, path) in files {
        let places: Vec<Range<usize>> = hashed_names(&bytes).collect();
        for at in places {
            let number = hashes.range(..bytes[at.clone()].to_vec()).count();
            bytes[at].copy_from_slice(format!("{number:016x}").as_bytes());
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// Where the hashes of names such as `__wbg_append_0123456789abcdef` stand.
fn hashed_names(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    const PREFIX: &[u8] = b"__wbg_";
    let starts = bytes.windows(PREFIX.len()).enumerate().filter(|(_, found)| *found == PREFIX);
    starts.filter_map(|(start, _)| {
        let name = bytes[start..]
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric() && !b"_$".contains(byte))
            .unwrap_or(bytes.len() - start);
        let end = start + name;
        let hash = (start + PREFIX.len()).max(end.saturating_sub(16))..end;
        let hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        (hash.len() == 16 && bytes[hash.start - 1] == b'_' && bytes[hash.clone()].iter().all(hex))
            .then_some(hash)
    })
}

/// Writes a brotli twin of the best quality beside each file; the server packs it as it is.
fn compress() -> Result<()> {
    for file in served()? {
        let bytes = fs::read(&file)?;
        let modes = [BROTLI_MODE_GENERIC, BROTLI_MODE_TEXT, BROTLI_MODE_FONT];
        let twins: Vec<Vec<u8>> =
            modes.into_iter().map(|mode| packed(&bytes, mode)).collect::<Result<_>>()?;
        fs::write(twin_of(&file), twins.into_iter().min_by_key(Vec::len).unwrap_or_default())?;
    }
    Ok(())
}

fn packed(bytes: &[u8], mode: BrotliEncoderMode) -> Result<Vec<u8>> {
    let params = BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        mode,
        size_hint: bytes.len(),
        ..BrotliEncoderParams::default()
    };
    let mut packed = Vec::new();
    let mut writer = brotli::CompressorWriter::with_params(&mut packed, 1 << 16, &params);
    writer.write_all(bytes)?;
    drop(writer);
    Ok(packed)
}

/// Says how many bytes a first visit loads, and refuses more than the limit.
fn weigh() -> Result<()> {
    let mut total = 0;
    for file in served()? {
        let whole = fs::metadata(&file)?.len();
        total += fs::metadata(twin_of(&file)).map_or(whole, |twin| twin.len().min(whole));
    }
    eprintln!("    the console is {total} bytes with brotli; the limit is {LIMIT}");
    if total > LIMIT {
        bail!("the console has grown beyond {LIMIT} bytes; make it smaller");
    }
    Ok(())
}

/// Every file of `app/dist` that is no twin.
fn served() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    walk(Path::new("app/dist"), &mut files)?;
    files.retain(|file| file.extension().is_none_or(|ending| ending != "br"));
    Ok(files)
}

fn twin_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".br");
    name.into()
}

/// A hash over the paths and contents of everything the console is made of.
fn fingerprint() -> Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(Path::new(source), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    hash.update(FLAGS);
    for file in files {
        hash.update(file.to_string_lossy().as_bytes());
        hash.update(Sha256::digest(fs::read(&file)?));
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path == Path::new("app/dist") {
        return Ok(());
    }
    walk(path, files)
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashes_of_imports_are_found() {
        let text = b"a.__wbg_log_0123456789abcdef=1;__wbg_init();__wbg_x_0123456789abcdeg;\x05__wbg_at_00112233445566ff\x00";

        let found: Vec<&[u8]> = hashed_names(text).map(|at| &text[at]).collect();

        assert_eq!(found, [b"0123456789abcdef", b"00112233445566ff"]);
    }
}
