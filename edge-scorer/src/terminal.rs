//! What people see besides results: notes, warnings, errors and progress, all of it on stderr.
//!
//! # Invariants
//! - stdout carries results alone, so that it can be piped.
//! - Escape codes and progress bars appear on a terminal only; `--quiet` leaves errors.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use clap::builder::styling::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    arguments::{ColorWhen, TerminalOptions},
    failure::Failure,
};

/// Work shorter than this shows no progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// How to talk to whoever started the command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    quiet: bool,
    colors: bool,
}

impl Terminal {
    pub(crate) fn new(options: &TerminalOptions) -> Self {
        let colors = match options.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => {
                let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
                io::stderr().is_terminal() && !refused && !dumb
            }
        };
        Self { quiet: options.quiet, colors }
    }

    /// Whether log lines may be coloured.
    pub(crate) fn colors(self) -> bool {
        self.colors
    }

    pub(crate) fn quiet(self) -> bool {
        self.quiet
    }

    /// Something worth knowing.
    pub(crate) fn note(self, message: &str) {
        if !self.quiet {
            say(message);
        }
    }

    /// Something that may surprise.
    pub(crate) fn warn(self, message: &str) {
        if !self.quiet {
            say(&format!("{} {message}", self.paint(AnsiColor::Yellow, "warning:")));
        }
    }

    /// Why the command ends without its result.
    pub(crate) fn fail(self, failure: &Failure) {
        say(&format!("{} {failure}", self.paint(AnsiColor::Red, "error:")));
        for cause in failure.causes() {
            say(&format!("  because {}", cause.trim_end().replace('\n', "\n  ")));
        }
        if let Some(advice) = failure.advice() {
            say(&format!("{} {advice}", self.paint(AnsiColor::Cyan, "hint:")));
        }
    }

    /// A spinner for work of unknown length, shown once it has taken a second.
    pub(crate) fn waiting(self, message: &str) -> Waiting {
        if self.quiet || !io::stderr().is_terminal() {
            return Waiting { stop: None, thread: None };
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let message = message.to_owned();
        let thread = thread::spawn(move || {
            if stopped.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let spinner = ProgressBar::new_spinner().with_message(message);
            spinner.set_style(style("{spinner} {msg} {elapsed}"));
            spinner.enable_steady_tick(Duration::from_millis(100));
            let _ = stopped.recv();
            spinner.finish_and_clear();
        });
        Waiting { stop: Some(stop), thread: Some(thread) }
    }

    /// A bar for work of known length, shown once it has taken a second.
    pub(crate) fn progress(self, message: &str, total: u64, unit: Unit) -> Progress {
        let shown = !self.quiet && io::stderr().is_terminal();
        Progress {
            message: message.to_owned(),
            total,
            unit,
            shown,
            begun: Instant::now(),
            bar: None,
        }
    }

    fn paint(self, color: AnsiColor, text: &str) -> String {
        if !self.colors {
            return text.to_owned();
        }
        let style = Style::new().fg_color(Some(color.into())).bold();
        format!("{}{text}{}", style.render(), style.render_reset())
    }
}

/// Shows a spinner until it is dropped.
pub(crate) struct Waiting {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Rows,
    Bytes,
    Percent,
}

/// Shows a bar until it is dropped.
pub(crate) struct Progress {
    message: String,
    total: u64,
    unit: Unit,
    shown: bool,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// So much is done.
    pub(crate) fn set(&mut self, done: u64) {
        if !self.shown || (self.bar.is_none() && self.begun.elapsed() < PATIENCE) {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(self.total), ProgressDrawTarget::stderr());
            bar.set_style(style(match self.unit {
                Unit::Rows => "{msg} {wide_bar} {human_pos}/{human_len} rows, {eta} left",
                Unit::Bytes => "{msg} {wide_bar} {bytes}/{total_bytes}, {eta} left",
                Unit::Percent => "{msg} {wide_bar} {pos} %",
            }));
            bar.set_message(self.message.clone());
            bar
        });
        bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// One line on stderr; a closed stderr is nobody listening.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
