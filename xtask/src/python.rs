//! The Python side of the tests: reference implementations and the models they train.

use std::process::Command;

use anyhow::Result;

use crate::{
    steps::{run, step},
    tools,
};

/// Installs the pinned packages and makes the models that are too large to commit, unless they are there.
pub(crate) fn prepare() -> Result<()> {
    tools::programs(&[("python3", "python3"), ("pip3", "python3-pip")])?;
    step("preparing reference implementations and large models", || {
        let mut prepare = Command::new("python3");
        prepare.args(["tests/models/prepare.py", "--protocols"]);
        run(prepare)
    })
}
