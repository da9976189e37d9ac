//! Bytes into the compiler, and what it makes of them into the engine.

#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::compiler_and_module(bytes));
