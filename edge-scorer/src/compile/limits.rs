//! Limits on a compile: the work is done by a second process of the same program, which limits
//! itself first thing and is killed when its time is over.
//!
//! # Invariants
//! - A model that is hostile or merely huge costs no more than was allowed, and ends with exit code 6.
//! - The second process shares the terminal, so that progress and answers look as if there were one.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use rlimit::Resource;

use crate::{
    arguments::CompileArguments,
    failure::{Exit, Failure},
};

/// What tells a process that it is the second one.
const WITHIN: &str = "--within-limits";
const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;

/// Runs this very command again in a process with limits, and gives its exit code.
pub(super) fn supervise(arguments: &CompileArguments) -> Result<u8, Failure> {
    let begin = |error: io::Error| {
        Failure::new(Exit::Internal, "the compiler's process could not be started").because(error)
    };
    let program = std::env::current_exe().map_err(begin)?;
    let mut command = Command::new(program);
    let mut told = false;
    for argument in std::env::args_os().skip(1) {
        let is_subcommand = !told && argument == "compile";
        command.arg(argument);
        if is_subcommand {
            // Before anything that a `--` may follow.
            command.arg(WITHIN);
            told = true;
        }
    }
    let child = command.spawn().map_err(begin)?;
    let status = wait(child, arguments.timeout.0).map_err(begin)?;
    match status {
        None => Err(out_of_time(arguments)),
        Some(status) => judge(status, arguments),
    }
}

/// The status, or `None` when the time was over and the process was killed.
fn wait(mut child: Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    // Short steps at first: most models compile within milliseconds.
    let mut step = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = time.saturating_sub(begun.elapsed());
        if left.is_zero() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(step.min(left));
        step = (step * 2).min(Duration::from_millis(20));
    }
}

fn judge(status: ExitStatus, arguments: &CompileArguments) -> Result<u8, Failure> {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ok(u8::try_from(code).unwrap_or(Exit::Internal as u8)),
        (None, Some(SIGXCPU)) => Err(out_of_time(arguments)),
        // Out of memory, or so deeply nested that the stack ended.
        (None, Some(SIGABRT | SIGSEGV)) => Err(Failure::new(
            Exit::Limit,
            format!("the model needs more than {} of memory to compile", arguments.memory),
        )
        .hint("give it more with --memory, if the machine has it")),
        (None, signal) => Err(Failure::new(
            Exit::Internal,
            format!("the compiler ended with signal {}", signal.unwrap_or_default()),
        )),
    }
}

fn out_of_time(arguments: &CompileArguments) -> Failure {
    Failure::new(Exit::Limit, format!("the model takes more than {} to compile", arguments.timeout))
        .hint("give it longer with --timeout")
}

/// Limits this process, for good.
pub(super) fn limit(arguments: &CompileArguments) -> Result<(), Failure> {
    let set = |resource: Resource, value: u64| {
        let (_, hard) = resource.get()?;
        let value = value.min(hard);
        resource.set(value, value)
    };
    // Should the first process be killed, this one still ends: no more than two cores compile.
    let seconds = arguments.timeout.0.as_secs().saturating_mul(2).max(1);
    set(Resource::AS, arguments.memory.0)
        .and_then(|()| set(Resource::CPU, seconds))
        .and_then(|()| set(Resource::CORE, 0))
        .map_err(|error| {
            Failure::new(Exit::Internal, "the limits of the compile could not be set")
                .because(error)
        })
}
