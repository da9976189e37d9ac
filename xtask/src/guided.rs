//! The fuzz targets of `tests/fuzz/guided`, guided by coverage.
//!
//! LLVM's own pass for libFuzzer needs no nightly compiler: instrumentation is a stable flag, and libFuzzer comes
//! as source with a crate. `cargo fuzz` would add the address sanitizer, which only nightly has, and which code
//! without `unsafe` has little use for.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::steps::{cargo, run, step};

/// Where everything that is instrumented goes.
const TARGET: &str = "target/guided";
const HOST: &str = "x86_64-unknown-linux-gnu";
/// What `cargo fuzz` passes, without a sanitizer.
const FLAGS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
/// Longest input; what people send is longer, what breaks a parser is not.
const LONGEST: &str = "-max_len=16384";

/// Runs every target for so many seconds. An input that fails is written into `tests/fuzz/corpus`, where the
/// gate tries it from then on.
pub(crate) fn fuzz(seconds: u64) -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        eprintln!("    skipped: fuzzing guided by coverage is set up for {HOST} alone");
        return Ok(());
    }
    let package = Path::new("tests/fuzz/guided");
    // The same versions as everywhere; cargo adds libFuzzer's.
    fs::copy("Cargo.lock", package.join("Cargo.lock")).context("the lock file was not copied")?;
    step("building the guided fuzz targets (many minutes the first time)", || {
        let mut build = cargo(["build", "--manifest-path"]);
        build
            .arg(package.join("Cargo.toml"))
            .args(["--target", HOST])
            .env("CARGO_TARGET_DIR", fs::canonicalize(".")?.join(TARGET))
            .env("RUSTFLAGS", FLAGS.join(" "));
        run(build)
    })?;
    for name in ["models", "modules"] {
        let corpus = Path::new(TARGET).join("corpus").join(name);
        fs::create_dir_all(&corpus)?;
        seed(&corpus, name)?;
        let found = format!("tests/fuzz/corpus/{name}/");
        fs::create_dir_all(&found)?;
        step(&format!("fuzzing {name} for {seconds} s, guided by coverage"), || {
            let mut fuzz = Command::new(Path::new(TARGET).join(HOST).join("debug").join(name));
            fuzz.arg(&corpus)
                .args([LONGEST, "-timeout=25", "-rss_limit_mb=4096", "-print_final_stats=1"])
                .arg(format!("-max_total_time={seconds}"))
                .arg(format!("-artifact_prefix={found}"));
            if run(fuzz).is_err() {
                bail!("an input that fails is in {found}; mend what it shows and keep it there");
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Puts small files into a corpus to begin with: the fixtures, or what they are compiled to.
fn seed(corpus: &Path, name: &str) -> Result<()> {
    for entry in fs::read_dir("tests/models")? {
        let path = entry?.path();
        let is_small = path.metadata()?.len() <= 32_768;
        let Some(stem) = path.file_stem().filter(|_| is_small) else { continue };
        if path.extension().is_none_or(|found| found != "onnx") {
            continue;
        }
        let seed = corpus.join(stem);
        if name == "models" {
            fs::copy(&path, &seed)?;
        } else if !seed.exists() {
            let mut compile = Command::new("target/release/edge-scorer");
            compile.arg("compile").arg(&path).arg("--output").arg(&seed);
            // One of the fixtures cannot be compiled, on purpose.
            let _ = run(compile);
        }
    }
    Ok(())
}
