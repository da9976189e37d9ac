//! The command line of edge-scorer: reads what was asked for, composes the rooms, reports how it ended.
//!
//! # Invariants
//! - Results go to stdout, everything else to stderr.
//! - The exit code is one of [`failure::Exit`], or 0; a command line that cannot be read ends with 2.
//!
//! # Deliberately absent
//! - Rules about models, rows of the store or HTTP: the rooms have them.

mod admin;
mod answers;
mod arguments;
mod backup;
mod client;
mod compile;
mod console;
mod deploy;
mod failure;
mod files;
mod inspect;
mod log;
mod options;
mod score;
mod serve;
mod settings;
mod terminal;
mod units;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::{
    arguments::{Arguments, Command},
    failure::Failure,
    terminal::Terminal,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let terminal = Terminal::new(&arguments.terminal);
    match run(arguments, &matches, terminal) {
        Ok(code) => code,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            terminal.fail(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn run(
    arguments: Arguments,
    matches: &clap::ArgMatches,
    terminal: Terminal,
) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Compile(arguments) => {
            return compile::run(&arguments, terminal).map(ExitCode::from);
        }
        Command::Inspect(arguments) => inspect::run(&arguments)?,
        Command::Score(arguments) => score::run(&arguments, terminal)?,
        Command::Serve(arguments) => {
            // `value_source` tells flags from environment, and only the subcommand's matches have it.
            let matches = matches.subcommand_matches("serve").unwrap_or(matches);
            serve::run(&arguments, matches, terminal)?;
        }
        Command::Deploy(arguments) => deploy::run(&arguments, terminal)?,
        Command::Admin(arguments) => admin::run(&arguments.command, terminal)?,
        Command::Backup(arguments) => backup::back_up(&arguments, terminal)?,
        Command::Restore(arguments) => backup::restore(&arguments, terminal)?,
        Command::CompileChild { arguments } => {
            return Ok(ExitCode::from(control::compile_child_main(&arguments)));
        }
    }
    Ok(ExitCode::SUCCESS)
}
