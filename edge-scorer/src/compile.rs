//! `compile`: an ONNX model becomes a module, or `--check` says what stands in the way.
//!
//! The work is done within [`limits`] on time and memory, as the server's is.

mod limits;

use std::io::{self, IsTerminal as _, Write as _};

use compiler::CompileError;
use shared::{Check, Profile, UnsupportedOperator};

use crate::{
    arguments::{CompileArguments, ProfileName, TextFormat},
    failure::{Exit, Failure},
    files, inspect,
    terminal::Terminal,
};

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Portable => Self::Portable,
            ProfileName::Relaxed => Self::Relaxed,
            ProfileName::Deterministic => Self::Deterministic,
            ProfileName::Linalg => Self::Linalg,
        }
    }
}

/// Gives the exit code: that of the process which did the work.
pub(crate) fn run(arguments: &CompileArguments, terminal: Terminal) -> Result<u8, Failure> {
    if !arguments.within_limits {
        return limits::supervise(arguments);
    }
    // What reading may cost is bounded already, and a file that cannot be read is no limit.
    let onnx = files::read(&arguments.model, files::MODEL_BYTES)?;
    limits::limit(arguments)?;
    compile(&onnx, arguments, terminal).map(|()| 0)
}

fn compile(onnx: &[u8], arguments: &CompileArguments, terminal: Terminal) -> Result<(), Failure> {
    let options =
        compiler::Options { profile: arguments.profile.into(), ..compiler::Options::default() };
    let waiting = terminal.waiting(&format!("Compiling {}", arguments.model.display()));
    let Some(output) = &arguments.output else {
        let check = compiler::check(onnx, &options);
        drop(waiting);
        return report(&check.map_err(failure)?, arguments.format);
    };
    let compiled = compiler::compile(onnx, &options);
    drop(waiting);
    let compiled = compiled.map_err(failure)?;
    files::replace(output, &compiled.wasm, 0o644)?;
    terminal.note(&format!(
        "{}: {} bytes from {} bytes of ONNX",
        output.display(),
        compiled.wasm.len(),
        onnx.len()
    ));
    Ok(())
}

fn report(check: &Check, format: Option<TextFormat>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    if TextFormat::chosen(format) == TextFormat::Json {
        serde_json::to_writer_pretty(&mut stdout, check).map_err(io::Error::from)?;
        writeln!(stdout)?;
    } else if check.ok {
        writeln!(stdout, "The model can be compiled.")?;
        if let Some(signature) = &check.signature {
            write!(stdout, "{}", inspect::signature_text(signature))?;
        }
    } else {
        writeln!(stdout, "The model cannot be compiled:")?;
        write!(stdout, "{}", operators_text(&check.unsupported))?;
    }
    if check.ok {
        Ok(())
    } else {
        Err(Failure::new(Exit::CannotCompile, "the model cannot be compiled"))
    }
}

impl TextFormat {
    /// What was asked for, else text for people and JSON for pipes.
    pub(crate) fn chosen(asked: Option<Self>) -> Self {
        let usual = if io::stdout().is_terminal() { Self::Text } else { Self::Json };
        asked.unwrap_or(usual)
    }
}

/// The exit code and words for a compiler's refusal.
pub(crate) fn failure(error: CompileError) -> Failure {
    match &error {
        CompileError::Unsupported(operators) => Failure::new(
            Exit::CannotCompile,
            format!(
                "the model uses operators that cannot be compiled\n{}",
                operators_text(operators).trim_end()
            ),
        ),
        CompileError::LimitExceeded { .. } => {
            Failure::new(Exit::Limit, error.to_string()).because(error)
        }
        CompileError::NotOnnx { .. } | CompileError::Invalid { .. } => {
            Failure::new(Exit::CannotCompile, error.to_string()).because(error)
        }
        CompileError::Internal { .. } => {
            Failure::new(Exit::Internal, error.to_string()).because(error)
        }
    }
}

/// One operator per line, with every node that uses it and what to do.
fn operators_text(operators: &[UnsupportedOperator]) -> String {
    let mut text = String::new();
    for UnsupportedOperator { domain, operator, nodes, hint } in operators {
        text.push_str(&format!("  {domain}.{operator} in {}\n", nodes.join(", ")));
        if let Some(hint) = hint {
            text.push_str(&format!("    {hint}\n"));
        }
    }
    text
}
