//! Builds the console with Trunk, unless `app/dist` was made of the same sources, compresses it as
//! well as can be, and holds it to its size.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};
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
/// What a first visit should load at most, all files together.
const GOAL: u64 = 400_000;
/// What it must not grow beyond while it is above the goal; lowered with every saving.
const LIMIT: u64 = 510_000;

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
    step("compressing the console", compress)?;
    fs::write(STAMP, wanted)?;
    weigh()
}

/// Writes a brotli twin of the best quality beside each file; the server packs it as it is.
fn compress() -> Result<()> {
    for file in served()? {
        let mut twin = Vec::new();
        let mut writer = brotli::CompressorWriter::new(&mut twin, 1 << 16, 11, 22);
        writer.write_all(&fs::read(&file)?)?;
        drop(writer);
        fs::write(twin_of(&file), twin)?;
    }
    Ok(())
}

/// Says how many bytes a first visit loads, and refuses more than the limit.
fn weigh() -> Result<()> {
    let mut total = 0;
    for file in served()? {
        let whole = fs::metadata(&file)?.len();
        total += fs::metadata(twin_of(&file)).map_or(whole, |twin| twin.len().min(whole));
    }
    eprintln!(
        "    the console is {total} bytes with brotli; the goal is {GOAL}, the limit {LIMIT}"
    );
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
