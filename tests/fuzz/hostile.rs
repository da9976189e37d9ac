//! Files that are bad on purpose, each with what becomes of it and what that may cost.
//!
//! Every file is handled in a process of its own, which may not grow or run beyond its budget; so a file
//! that would take the machine down fails its test and nothing else. [`files`], [`sizes`], [`operators`] and
//! [`control`] are models, [`modules`] are modules; each says beside its bytes how it ends, and a legal
//! model among them answers or is stopped in the way that is written there.
//!
//! `HOSTILE_TABLE=1` prints what each file came to and took; words in `HOSTILE_ONLY`, with `|` between them, select by name.

mod control;
mod files;
mod modules;
mod operators;
mod sizes;

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use compiler::{CompileError, Options, compile};
use engine::{Engine, EngineConfig, ModuleError, ScoreError, Scorer, ScorerLimits, Trust};

use crate::targets;

/// How a file ends; the word beside it must be in what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    // The compiler's refusals.
    NotOnnx,
    Invalid,
    Unsupported,
    Limit,
    // The engine's refusals.
    NotWasm,
    NotValid,
    OutsideContract,
    OverLimit,
    // What becomes of rows: a legal model may answer.
    Answers,
    BadInput,
    OutOfTime,
    OutOfMemory,
    Traps,
    Fails,
    BreaksContract,
    // Never right.
    Bug,
}

pub(crate) struct Hostile {
    what: &'static str,
    bytes: Vec<u8>,
    end: End,
    word: &'static str,
    /// Peak memory in MiB; the file's own bytes, which the process holds twice, are not counted.
    mebibytes: u64,
    seconds: u64,
}

/// A file with the usual budget.
pub(crate) fn hostile(what: &'static str, bytes: Vec<u8>, end: End, word: &'static str) -> Hostile {
    Hostile { what, bytes, end, word, mebibytes: 192, seconds: 20 }
}

impl Hostile {
    /// For files whose refusal takes work.
    pub(crate) fn within(self, mebibytes: u64, seconds: u64) -> Self {
        Self { mebibytes, seconds, ..self }
    }
}

/// What a process reports of its one file.
struct Report {
    end: String,
    said: String,
    mebibytes: u64,
    /// Of all its processors together.
    took: Duration,
    /// Until it ended, whoever else kept the machine busy.
    waited: Duration,
}

/// How long a second of a budget may take on a machine that does other things besides.
const PATIENCE: Duration = Duration::from_secs(10);
const ONE: &str = "HOSTILE_ONE";
/// Address space of a process: a guest's memory reserves 4 GiB of it without using them.
const ADDRESS_SPACE_KIB: u64 = 9 << 20;

/// Handles a file in a process of its own.
fn handled(file: &Hostile) -> Report {
    let script = format!(
        "ulimit -c 0; ulimit -v {ADDRESS_SPACE_KIB}; ulimit -t {}; exec \"$0\" \"$@\"",
        2 * file.seconds + 2
    );
    let begun = Instant::now();
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::one_file_of_the_corpus", "--nocapture", "--test-threads=1"])
        .env(ONE, "1")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It reads everything before it says anything.
    let sent = child.stdin.take().unwrap().write_all(&file.bytes);
    let output = child.wait_with_output().unwrap();
    let waited = begun.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut fields = text
        .lines()
        .find_map(|line| line.split_once(">> "))
        .map_or_else(|| "Bug\t0\t0\t".split('\t'), |(_, line)| line.split('\t'));
    let end = fields.next().unwrap_or_default().to_owned();
    let mebibytes = fields.next().unwrap_or_default().parse().unwrap_or(0);
    let milliseconds = fields.next().unwrap_or_default().parse().unwrap_or(0);
    let mut said = fields.collect::<Vec<_>>().join(" ");
    if !output.status.success() || sent.is_err() {
        let log = String::from_utf8_lossy(&output.stderr);
        said =
            format!("{said} ({}) {}", output.status, log.chars().take(2_000).collect::<String>());
    }
    let own = 2 * file.bytes.len() as u64 / (1 << 20);
    let mebibytes = u64::saturating_sub(mebibytes, own);
    Report { end, said, mebibytes, took: Duration::from_millis(milliseconds), waited }
}

/// Not a test by itself: what [`handled`] runs in its process.
#[test]
fn one_file_of_the_corpus() {
    if std::env::var_os(ONE).is_none() {
        return;
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).unwrap();
    let (end, said) = outcome(&bytes);
    let said = said.replace(['\n', '\t'], " ");
    println!(">> {end:?}\t{}\t{}\t{said}", peak_mebibytes(), milliseconds());
}

/// What this process took at most.
fn peak_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() >> 10
}

/// How long this process computed.
fn milliseconds() -> u64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Behind the name, which may hold anything: hundredths of a second in the program and in the system.
    let fields = status.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
    fields.map(|hundredths| 10 * hundredths.parse::<u64>().unwrap()).sum()
}

fn outcome(bytes: &[u8]) -> (End, String) {
    let wasm = if bytes.starts_with(b"\0asm") || bytes.starts_with(b"\0wasm") {
        bytes.to_vec()
    } else {
        match compile(bytes, &Options::default()) {
            Ok(compiled) => compiled.wasm,
            Err(error) => return (refusal(&error), error.to_string()),
        }
    };
    // No pool: address space is scarce here.
    let config = EngineConfig {
        max_instances: 0,
        memory_cap_bytes: 64 << 20,
        deadline: Duration::from_millis(500),
        ..EngineConfig::default()
    };
    let module = match Engine::new(config).unwrap().load(&wasm, Trust::HandWritten) {
        Ok(module) => module,
        Err(error) => {
            let end = match error {
                ModuleError::NotWasm => End::NotWasm,
                ModuleError::Invalid(_) => End::NotValid,
                ModuleError::Contract(_) => End::OutsideContract,
                ModuleError::LimitExceeded(_) => End::OverLimit,
                ModuleError::Compile(_) | ModuleError::Cache(_) => End::Bug,
            };
            return (end, error.to_string());
        }
    };
    let Some(inputs) = targets::rows(module.signature(), 3) else {
        return (End::Bug, "there are no rows for it".to_owned());
    };
    match Scorer::new(module, ScorerLimits::default()).score_rows(&inputs) {
        Ok(outputs) => {
            let shapes: Vec<_> = outputs.iter().map(engine::Tensor::shape).collect();
            (End::Answers, format!("{shapes:?}"))
        }
        Err(error) => {
            let end = match error {
                ScoreError::BadInput { .. } => End::BadInput,
                ScoreError::OutOfTime => End::OutOfTime,
                ScoreError::OutOfMemory => End::OutOfMemory,
                ScoreError::Trap(_) => End::Traps,
                ScoreError::Failed(_) => End::Fails,
                ScoreError::BrokenContract(_) => End::BreaksContract,
                ScoreError::WrongInput(_) | ScoreError::NoInstance(_) => End::Bug,
            };
            (end, error.to_string())
        }
    }
}

fn refusal(error: &CompileError) -> End {
    match error {
        CompileError::NotOnnx { .. } => End::NotOnnx,
        CompileError::Unsupported(_) => End::Unsupported,
        CompileError::Invalid { .. } => End::Invalid,
        CompileError::LimitExceeded { .. } => End::Limit,
        CompileError::Internal { .. } => End::Bug,
    }
}

/// Handles every file, two at a time, and says which of them ends in another way than is written.
fn every(corpus: &[Hostile]) {
    let only = std::env::var("HOSTILE_ONLY").unwrap_or_default();
    let is_table = std::env::var_os("HOSTILE_TABLE").is_some();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(file) = corpus.get(next.fetch_add(1, Relaxed)) {
                    if !only.split('|').any(|word| file.what.contains(word)) {
                        continue;
                    }
                    let Report { end, said, mebibytes, took, waited } = handled(file);
                    let line = format!("{}: {end} {said} [{mebibytes} MiB, {took:?}]", file.what);
                    if is_table {
                        eprintln!("{line}");
                    }
                    // On a busy machine time runs out before memory does (status 16).
                    let is_slow = (file.end, file.word) == (End::Fails, "16") && end == "OutOfTime";
                    let is_written = end == format!("{:?}", file.end) && said.contains(file.word);
                    let is_right = (is_written || is_slow)
                        && mebibytes <= file.mebibytes
                        && took <= Duration::from_secs(file.seconds)
                        && waited <= PATIENCE * file.seconds as u32;
                    if !is_right {
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} files end in another way:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn files_that_contradict_themselves_are_refused() {
    let corpus = files::all();
    assert!(corpus.len() >= 60, "{} models", corpus.len());
    every(&corpus);
}

#[test]
fn a_few_bytes_that_ask_for_terabytes_get_none() {
    every(&sizes::all());
}

#[test]
fn operators_of_impossible_attributes_are_refused() {
    every(&operators::all());
}

#[test]
fn control_flow_without_end_or_sense_is_refused_or_stopped() {
    every(&control::all());
}

#[test]
fn hostile_modules_are_refused_or_stopped() {
    let corpus = modules::all();
    assert!(corpus.len() >= 60, "{} modules", corpus.len());
    every(&corpus);
}
