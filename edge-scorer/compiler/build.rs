//! Builds the kernels and the operators of the dynamic tier for wasm32, so that every plain cargo
//! command works without xtask.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    build("kernels", "3");
    // There are many of them and each runs once for a node: small beats fast.
    build("operators", "s");
}

fn build(crate_name: &str, opt_level: &str) {
    println!("cargo::rerun-if-changed=../{crate_name}/src");
    println!("cargo::rerun-if-changed=../{crate_name}/Cargo.toml");

    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // A target folder of its own: cargo holds the lock of the workspace's while this runs.
    let target_dir = out_dir.join("kernels");

    let status = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"))
        .args(["rustc", "--release", "--locked", "--lib", "--crate-type", "cdylib"])
        .args(["--manifest-path", &format!("../{crate_name}/Cargo.toml")])
        .args(["--target", "wasm32-unknown-unknown"])
        // A segment for each table, and where its address is used: so the compiler drops those that a
        // module does not need (`emit/tables.rs`).
        .args(["--", "-Clink-arg=--emit-relocs", "-Clink-arg=--no-merge-data-segments"])
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level)
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "`{crate_name}` does not build for wasm32");

    let file = format!("{crate_name}.wasm");
    fs::copy(target_dir.join("wasm32-unknown-unknown/release").join(&file), out_dir.join(&file))
        .expect("it was built");
}
