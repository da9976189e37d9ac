//! The Python side of the tests: reference implementations and the models they train.

use std::process::Command;

use anyhow::Result;

use crate::{
    steps::{on_path, run, step},
    tools,
};

/// Makes the virtual environment and the models that are too large to commit, unless they are there.
pub(crate) fn prepare() -> Result<()> {
    if !on_path("python3") {
        tools::programs(&[("python3", "python3-venv")])?;
    }
    step("preparing reference implementations and large models", || {
        let mut prepare = Command::new("python3");
        prepare.arg("tests/models/prepare.py");
        run(prepare)
    })
}
