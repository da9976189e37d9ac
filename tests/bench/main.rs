//! Measures ours beside its peers, in one run on one machine, and prints Markdown.
//!
//! `cargo xtask bench [-- --only in-process|http|overhead|compile|metrics|scale] [--seconds N]`
//!
//! The load generator runs on the same cores as the servers. Peers take turns and each figure is the
//! median of several rounds, so that a busy moment of the machine hits all of them alike.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on panics where it stands")]
#![expect(clippy::print_stdout, reason = "the tables are the product")]

mod compile;
mod http;
mod in_process;
mod machine;
mod metrics;
mod overhead;
mod scale;

use clap::{Parser, ValueEnum};

/// Measures ours beside its peers and prints Markdown.
#[derive(Parser)]
struct Arguments {
    /// One part instead of all.
    #[arg(long)]
    only: Option<Part>,
    /// In process, only models whose title holds this.
    #[arg(long, default_value = "")]
    model: String,
    /// Seconds of load for each number of connections and server.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Registered models of the part `scale`.
    #[arg(long, default_value_t = 100_000)]
    models: usize,
    /// Services of the part `scale`.
    #[arg(long, default_value_t = 10_000)]
    services: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Time a row, beside ONNX Runtime through its C interface.
    InProcess,
    /// Latency and throughput, beside two servers.
    Http,
    /// Processor time of what surrounds a score.
    Overhead,
    /// Compile times and sizes.
    Compile,
    /// What it costs to count a call.
    Metrics,
    /// Lists, gets, memory and starts with very much registered; minutes, so only when asked for.
    Scale,
}

fn main() {
    let arguments = Arguments::parse();
    let wanted = |part| arguments.only.is_none_or(|only| only == part);
    println!("{}\n", machine::describe());
    if wanted(Part::InProcess) {
        in_process::measure(&arguments.model);
    }
    if wanted(Part::Compile) {
        compile::measure();
    }
    if wanted(Part::Metrics) {
        metrics::measure();
    }
    if wanted(Part::Http) {
        http::measure(arguments.seconds);
    }
    if wanted(Part::Overhead) {
        overhead::measure(arguments.seconds);
    }
    if arguments.only == Some(Part::Scale) {
        scale::measure(arguments.models, arguments.services);
    }
}
