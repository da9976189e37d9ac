//! Log lines on stderr: text for people, JSON for programs.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::{
    failure::{Exit, Failure},
    options::{LogFormat, Settings},
    terminal::Terminal,
};

/// Starts logging as the settings say; `--quiet` leaves errors.
pub(crate) fn start(settings: &Settings, terminal: Terminal) -> Result<(), Failure> {
    let filter = if terminal.quiet() { "error" } else { settings.log.as_str() };
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::new(Exit::Usage, format!("`{filter}` is not a log filter")).because(error)
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(terminal.colors());
    let started = match settings.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::new(Exit::Internal, "logging could not start").because(error))
}
