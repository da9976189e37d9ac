//! Formatting, clippy for host and wasm32, dependencies, arrows.

use anyhow::Result;

use crate::{
    arrows,
    steps::{cargo, run, step},
    tools::CARGO_DENY,
};

/// Runs every check and stops at the first that fails.
pub(crate) fn lint() -> Result<()> {
    step("checking the arrows between the rooms", arrows::check)?;
    step("checking the formatting", || run(cargo(["fmt", "--all", "--check"])))?;
    step("running clippy for the host", || {
        run(cargo([
            "clippy",
            "--workspace",
            "--exclude",
            "app",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    step("running clippy for wasm32", || {
        run(cargo([
            "clippy",
            "--package",
            "app",
            "--package",
            "shared",
            "--package",
            "kernels",
            "--package",
            "operators",
            "--target",
            "wasm32-unknown-unknown",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    let deny = CARGO_DENY.installed()?.join(CARGO_DENY.program);
    step("checking licences, bans and sources of dependencies", || {
        let mut command = std::process::Command::new(&deny);
        command.args(["--log-level", "error", "check", "--hide-inclusion-graph"]);
        command.args(["bans", "licenses", "sources"]);
        run(command)
    })?;
    step("checking advisories", || {
        let mut command = std::process::Command::new(&deny);
        command.args(["--log-level", "off", "fetch", "db"]);
        if !command.output()?.status.success() {
            eprintln!("    skipped: the advisory database cannot be fetched from here");
            return Ok(());
        }
        let mut command = std::process::Command::new(&deny);
        command.args(["check", "advisories"]);
        run(command)
    })
}
