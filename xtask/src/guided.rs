//! The fuzz targets of `tests/fuzz/guided`, guided by coverage.
//!
//! LLVM's own pass for libFuzzer needs no nightly compiler: instrumentation is a stable flag, and libFuzzer comes
//! as source with a crate. `cargo fuzz` would add the address sanitizer, which only nightly has, and which code
//! without `unsafe` has little use for.
//!
//! Instrumented is what reads bytes that a stranger wrote: this repository's crates, and the readers of protobuf,
//! ONNX and Wasm below them. Everything else is plain, for instrumenting the engine's code generator alone takes
//! longer than building all the rest. Flags for some crates are what a wrapper of rustc is for; xtask is that
//! wrapper too.

use std::{env, ffi::OsString, fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::steps::{become_process, cargo, run, step};

/// Where everything that is instrumented goes.
const TARGET: &str = "target/guided";
/// What is instrumented.
const CRATES: [&str; 8] =
    ["compiler", "engine", "shared", "models", "modules", "prost", "tract_onnx", "wasmparser"];
/// Set where this program stands in for rustc; the wrapper that it calls in turn, if there is one.
const WRAPPING: &str = "GUIDED_RUSTC_WRAPPER";
/// What `cargo fuzz` passes, without a sanitizer.
const FLAGS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
/// Longest input, which every file to begin with fits; what people send is longer, what breaks a parser is not.
const LONGEST: &str = "-max_len=65536";

/// Where this program was started in rustc's place: does what rustc would, with instrumentation where it belongs.
pub(crate) fn instead_of_rustc() -> Option<Result<()>> {
    let inner = env::var_os(WRAPPING)?;
    let mut arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let mut pairs = arguments.windows(2);
    if pairs.any(|pair| pair[0] == "--crate-name" && CRATES.iter().any(|name| pair[1] == *name)) {
        arguments.extend(FLAGS.map(OsString::from));
    }
    if !inner.is_empty() {
        arguments.insert(0, inner);
    }
    let mut rustc = Command::new(arguments.first()?);
    rustc.args(&arguments[1..]);
    Some(become_process(rustc))
}

/// Runs every target for so many seconds. An input that fails is written into `tests/fuzz/corpus`, where the
/// gate tries it from then on.
pub(crate) fn fuzz(seconds: u64) -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        eprintln!("    skipped: fuzzing guided by coverage is set up for Linux on x86-64 alone");
        return Ok(());
    }
    let package = Path::new("tests/fuzz/guided");
    // The same versions as everywhere; cargo adds libFuzzer's.
    fs::copy("Cargo.lock", package.join("Cargo.lock")).context("the lock file was not copied")?;
    step("building what compiles the first inputs", || {
        run(cargo(["build", "--release", "--workspace", "--bin", "edge-scorer"]))
    })?;
    step("building the guided fuzz targets (several minutes the first time)", || {
        let mut build = cargo(["build", "--release", "--manifest-path"]);
        build
            .arg(package.join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", fs::canonicalize(".")?.join(TARGET))
            .env(WRAPPING, env::var_os("RUSTC_WRAPPER").unwrap_or_default())
            .env("RUSTC_WRAPPER", env::current_exe()?);
        run(build)
    })?;
    for name in ["models", "modules"] {
        let corpus = Path::new(TARGET).join("corpus").join(name);
        fs::create_dir_all(&corpus)?;
        seed(&corpus, name)?;
        let found = format!("tests/fuzz/corpus/{name}/");
        fs::create_dir_all(&found)?;
        step(&format!("fuzzing {name} for {seconds} s, guided by coverage"), || {
            let mut fuzz = Command::new(Path::new(TARGET).join("release").join(name));
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
