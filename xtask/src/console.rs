//! Builds the console with Trunk, unless `app/dist` was made of the same sources.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use sha2::{Digest as _, Sha256};

use crate::{
    steps::{run, step},
    tools::{self, TRUNK, WASM_BINDGEN},
};

/// What the console is made of.
const SOURCES: [&str; 6] =
    ["app", "shared", "public", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];
const STAMP: &str = "target/console.stamp";

/// Makes `app/dist` if it is missing or older than its sources.
pub(crate) fn build() -> Result<()> {
    let wanted = fingerprint()?;
    if Path::new("app/dist/index.html").is_file()
        && fs::read_to_string(STAMP).is_ok_and(|made| made == wanted)
    {
        return Ok(());
    }
    let folders = [TRUNK.installed()?, WASM_BINDGEN.installed()?, tools::wasm_opt()?];
    step("building the console (minutes the first time)", || {
        let mut trunk = Command::new("trunk");
        trunk
            .args(["build", "--release", "--offline"])
            .current_dir("app")
            .env("PATH", tools::path_with(&folders)?)
            // Trunk reads NO_COLOR as a boolean and fails on the customary "1".
            .env_remove("NO_COLOR");
        // Trunk is told to stay offline; cargo itself may still have crates to download.
        run(crate::steps::cargo(["fetch", "--quiet", "--target", "wasm32-unknown-unknown"]))?;
        run(trunk)
    })?;
    fs::write(STAMP, wanted)?;
    Ok(())
}

/// A hash over the paths and contents of everything the console is made of.
fn fingerprint() -> Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(Path::new(source), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
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
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}
