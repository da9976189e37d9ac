//! Programs that the commands need, installed only when they are missing.
//!
//! Rust tools are built for a quick build, not for speed, into `target/tools`; wasm-opt comes from
//! npm; browsers and load generators are Debian packages.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::steps::{cargo, on_path, root, run, step};

/// A tool from crates.io.
pub(crate) struct CrateTool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Name of the program, where it differs.
    pub(crate) program: &'static str,
    /// Extra arguments of `cargo install`.
    arguments: &'static [&'static str],
    /// How well it is compiled: only what has much to do needs more than `0`.
    level: &'static str,
}

pub(crate) const TRUNK: CrateTool = CrateTool {
    name: "trunk",
    version: "0.21.14",
    program: "trunk",
    arguments: &["--locked"],
    level: "0",
};

/// Must equal the lock file's `wasm-bindgen`; a unit test holds the two together.
pub(crate) const WASM_BINDGEN: CrateTool = CrateTool {
    name: "wasm-bindgen-cli",
    version: "0.2.130",
    program: "wasm-bindgen",
    arguments: &[],
    level: "1",
};

pub(crate) const CARGO_DENY: CrateTool = CrateTool {
    name: "cargo-deny",
    version: "0.20.2",
    program: "cargo-deny",
    arguments: &["--locked"],
    level: "0",
};

/// The npm package that carries `wasm-opt`; Debian's is too old for this compiler's output.
const BINARYEN: &str = "132.0.0";

impl CrateTool {
    /// Installs the tool if it is missing and gives the folder of its program.
    pub(crate) fn installed(&self) -> Result<PathBuf> {
        let home = root().join("target/tools").join(format!("{}-{}", self.name, self.version));
        let folder = home.join("bin");
        if folder.join(self.program).is_file() {
            return Ok(folder);
        }
        step(&format!("installing {} {} (some minutes, once)", self.name, self.version), || {
            let mut install = cargo(["install", self.name, "--version", self.version, "--quiet"]);
            install
                .args(self.arguments)
                .arg("--root")
                .arg(&home)
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", self.level)
                .env("CARGO_PROFILE_RELEASE_LTO", "off")
                .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256")
                .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
                .env("CARGO_TARGET_DIR", root().join("target/tools/build"));
            run(install)
        })?;
        Ok(folder)
    }
}

/// Installs npm's `binaryen` if it is missing and gives the folder of `wasm-opt`.
pub(crate) fn wasm_opt() -> Result<PathBuf> {
    let home = root().join("target/tools").join(format!("binaryen-{BINARYEN}"));
    let folder = home.join("node_modules/.bin");
    if folder.join("wasm-opt").exists() {
        return Ok(folder);
    }
    if !on_path("npm") {
        debian(&["npm"])?;
    }
    step(&format!("installing wasm-opt {BINARYEN}"), || {
        std::fs::create_dir_all(&home)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(&home)
            .arg(format!("binaryen@{BINARYEN}"));
        run(npm)
    })?;
    Ok(folder)
}

/// Unpacks Debian's Prometheus under `target/tools`, where the story that scrapes with it looks.
/// Installed as a package it would start as a service.
pub(crate) fn prometheus() -> Result<()> {
    let home = root().join("target/tools/prometheus-debian");
    if home.join("usr/bin/prometheus").is_file() || on_path("prometheus") {
        return Ok(());
    }
    if !on_path("apt-get") || !on_path("dpkg-deb") {
        bail!("please install Prometheus 2.40 or newer, then run this again");
    }
    step("unpacking Debian's Prometheus", || {
        let folder = home.with_extension("unfinished");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let download = || {
            let mut download = Command::new("apt-get");
            download.args(["download", "-qq", "prometheus"]).current_dir(&folder);
            run(download)
        };
        if download().is_err() {
            let mut update = Command::new("apt-get");
            update.args(["update", "-qq"]);
            run(update)?;
            download()?;
        }
        for package in std::fs::read_dir(&folder)?.filter_map(Result::ok) {
            let mut unpack = Command::new("dpkg-deb");
            unpack.arg("-x").arg(package.path()).arg(&folder);
            run(unpack)?;
            std::fs::remove_file(package.path())?;
        }
        std::fs::rename(&folder, &home)?;
        Ok(())
    })
}

/// Adds the target that `app` and `kernels` are built for, where rustup does not do so by itself
/// (`RUSTUP_AUTO_INSTALL=0` keeps it from reading the targets of `rust-toolchain.toml`).
pub(crate) fn wasm_target() -> Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let probe =
        Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let is_there = probe
        .is_ok_and(|answer| Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_dir());
    if is_there || !on_path("rustup") {
        return Ok(());
    }
    step(&format!("adding the target {TARGET}"), || {
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", TARGET]);
        run(rustup)
    })
}

/// Sees to it that each program exists, installing the Debian package of that name when root.
pub(crate) fn programs(wanted: &[(&str, &'static str)]) -> Result<()> {
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(program, _)| !on_path(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() { Ok(()) } else { debian(&missing) }
}

fn debian(packages: &[&'static str]) -> Result<()> {
    let names = packages.join(" ");
    let is_root = Path::new("/root").metadata().is_ok() && std::fs::read_dir("/root").is_ok();
    if !is_root || !on_path("apt-get") {
        bail!("please install {names}, then run this again");
    }
    step(&format!("installing the Debian packages {names}"), || {
        let mut update = Command::new("apt-get");
        update.args(["update", "-qq"]);
        run(update)?;
        let mut install = Command::new("apt-get");
        install
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(std::process::Stdio::null());
        run(install)
    })
}

/// PATH with `folders` in front.
pub(crate) fn path_with(folders: &[PathBuf]) -> Result<OsString> {
    let current = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(folders.iter().cloned().chain(std::env::split_paths(&current)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wasm_bindgen_is_the_lock_files() {
        let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();

        let entry = format!("name = \"wasm-bindgen\"\nversion = \"{}\"", WASM_BINDGEN.version);

        assert!(lock.contains(&entry), "raise WASM_BINDGEN together with the lock file");
    }
}
