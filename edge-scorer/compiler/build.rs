//! Builds the numeric kernels for wasm32, so that every plain cargo command works without xtask.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../kernels/src");
    println!("cargo::rerun-if-changed=../kernels/Cargo.toml");

    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // A target folder of its own: cargo holds the lock of the workspace's while this runs.
    let target_dir = out_dir.join("kernels");

    let status = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"))
        .args(["build", "--release", "--locked", "--lib"])
        .args(["--manifest-path", "../kernels/Cargo.toml"])
        .args(["--target", "wasm32-unknown-unknown"])
        .env("CARGO_TARGET_DIR", &target_dir)
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
    assert!(
        status.success(),
        "the kernels do not build for wasm32; is its target there? `rustup target add wasm32-unknown-unknown`"
    );

    fs::copy(
        target_dir.join("wasm32-unknown-unknown/release/kernels.wasm"),
        out_dir.join("kernels.wasm"),
    )
    .expect("the kernels were built");
}
