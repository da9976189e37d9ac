//! Limits on a compile: the work is done by a second process of the same program, which limits
//! itself, and is killed when its time is over or its memory has grown too large.
//!
//! # Invariants
//! - A model that is hostile or merely huge costs no more than was allowed, and ends with exit code 6.
//! - The second process shares the terminal, so that progress and answers look as if there were one.

use std::{
    fs, io,
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
    // The allocator would set memory aside before the process limits itself.
    command.env("MIMALLOC_ARENA_RESERVE", "0");
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
    match wait(child, arguments).map_err(begin)? {
        End::Itself(status) => judge(status, arguments),
        End::OutOfTime => Err(out_of_time(arguments)),
        End::OutOfMemory => Err(out_of_memory(arguments)),
    }
}

/// How the second process ended.
enum End {
    Itself(ExitStatus),
    OutOfTime,
    OutOfMemory,
}

/// Waits for the end, and sees to it that there is one.
fn wait(mut child: Child, arguments: &CompileArguments) -> io::Result<End> {
    let time = arguments.timeout.0;
    let begun = Instant::now();
    // Short steps at first: most models compile within milliseconds.
    let mut step = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(End::Itself(status));
        }
        let left = time.saturating_sub(begun.elapsed());
        // What was there before the process limited itself escapes its limit, so what it really
        // uses is looked at too.
        let too_large = resident_bytes(child.id()).is_some_and(|bytes| bytes > arguments.memory.0);
        if left.is_zero() || too_large {
            child.kill()?;
            child.wait()?;
            return Ok(if too_large { End::OutOfMemory } else { End::OutOfTime });
        }
        thread::sleep(step.min(left));
        step = (step * 2).min(Duration::from_millis(20));
    }
}

/// Memory that a process uses; `None` where the system does not tell.
fn resident_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

fn judge(status: ExitStatus, arguments: &CompileArguments) -> Result<u8, Failure> {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ok(u8::try_from(code).unwrap_or(Exit::Internal as u8)),
        (None, Some(SIGXCPU)) => Err(out_of_time(arguments)),
        // Out of memory, or so deeply nested that the stack ended.
        (None, Some(SIGABRT | SIGSEGV)) => Err(out_of_memory(arguments)),
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

fn out_of_memory(arguments: &CompileArguments) -> Failure {
    Failure::new(
        Exit::Limit,
        format!("the model needs more than {} of memory to compile", arguments.memory),
    )
    .hint("give it more with --memory, if the machine has it")
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
