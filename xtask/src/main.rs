//! The developer's commands: `cargo xtask serve | test | lint | bench | coverage | soak | fuzz`.
//!
//! Each command installs what it misses, says what it is doing and how long it took, and does
//! nothing twice: a second run starts within seconds.
//!
//! # Invariants
//! - Everything that runs is built with the `release` profile into `target/`, so dependencies are
//!   compiled once; only clippy uses `dev`.
//! - Installed tools live in `target/tools/<name>-<version>`; nothing is written outside the
//!   checkout except Debian packages, and those only when root.
//!
//! # Deliberately absent
//! - Rules of the product: this crate only starts programs.

#![expect(clippy::print_stderr, reason = "progress of a developer's command goes to the terminal")]

mod arrows;
mod console;
mod guided;
mod lint;
mod python;
mod steps;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::steps::{cargo, run, step};

/// The developer's commands.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything and start the product with its demo; ends with a sign-in link.
    Serve {
        /// Flags for `edge-scorer serve`, such as `-- --listen 127.0.0.1:9000`.
        #[arg(last = true)]
        flags: Vec<String>,
    },
    /// Run every test of the gate: units, stories, numeric comparisons.
    Test {
        /// Arguments for `cargo test`, such as `-- -p control`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Check formatting, clippy on host and wasm32, dependencies and arrows.
    Lint,
    /// Measure speed beside ONNX Runtime and two servers; prints the README's table.
    Bench {
        /// Arguments for the bench, such as `-- --only http`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Run every node case of the `onnx` package and write the table of what passes anew.
    Coverage,
    /// Run what is not in the gate: 300 kills, large networks, 10,000 random cases, fuzzing guided by coverage,
    /// 500 examples a route, 100,000 models.
    Soak,
    /// Fuzz compiler and engine guided by coverage.
    Fuzz {
        /// Seconds for each target.
        #[arg(long, default_value_t = 300)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    let outcome = guided::instead_of_rustc().unwrap_or_else(|| {
        let task = Arguments::parse().command;
        std::env::set_current_dir(steps::root())?;
        perform(&task)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // One line: a backtrace of this crate helps nobody, whatever RUST_BACKTRACE says.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: &Task) -> Result<()> {
    tools::wasm_target()?;
    match task {
        Task::Serve { flags } => serve(flags),
        Task::Test { arguments } => test::test(arguments),
        Task::Lint => lint::lint(),
        Task::Bench { arguments } => test::bench(arguments),
        Task::Coverage => test::coverage(),
        Task::Soak => test::soak(),
        Task::Fuzz { seconds } => guided::fuzz(*seconds),
    }
}

fn serve(flags: &[String]) -> Result<()> {
    console::build()?;
    step("building the server (several minutes the first time)", || {
        // Of the whole workspace, as everywhere: with other features every dependency would be built twice.
        run(cargo(["build", "--release", "--workspace", "--bin", "edge-scorer"]))
    })?;
    let mut server = std::process::Command::new("target/release/edge-scorer");
    server.args(["serve", "--demo"]).args(flags);
    steps::become_process(server)
}
