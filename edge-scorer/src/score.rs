//! `score`: rows or tensors in, answers out, with no server.
//!
//! The module runs as a hand-written one, under a deadline and in a fresh instance per batch: a file on disk cannot
//! prove who compiled it.

use std::{
    io::{self, BufWriter, IsTerminal as _, Write as _},
    time::Instant,
};

use api::documents::{self, Header, InputError, TensorRequest};
use engine::{
    Engine, EngineConfig, EngineError, ModuleError, ScoreError, Scorer, ScorerLimits, Tensor, Trust,
};
use shared::Signature;

use crate::{
    answers,
    arguments::{AnswerFormat, ScoreArguments},
    failure::{Exit, Failure},
    files,
    terminal::{Terminal, Unit},
};

pub(crate) fn run(arguments: &ScoreArguments, terminal: Terminal) -> Result<(), Failure> {
    let wasm = files::read(&arguments.module, files::MODEL_BYTES)?;
    // The signature is read first: bad input is reported before the module is turned into machine code.
    let signature = engine::read_signature(&wasm).map_err(|error| not_a_module(error, &wasm))?;
    let input = files::read(&arguments.input, files::ROWS_BYTES)?;
    let work = Work::read(&input, arguments, &signature)?;
    drop(input);

    let scorer = scorer(&wasm, arguments, terminal)?;
    let mut out = BufWriter::new(io::stdout().lock());
    match work {
        Work::Document(request) => {
            let outputs =
                scorer.score_rows(request.inputs()).map_err(|error| score_failure(error, 0))?;
            out.write_all(&request.answer(&signature, &outputs))?;
            writeln!(out)?;
        }
        Work::Rows(inputs) => {
            let answers = score_rows(&scorer, &inputs, &signature, arguments, terminal)?;
            let usual =
                if io::stdout().is_terminal() { AnswerFormat::Table } else { AnswerFormat::Json };
            answers::write(&mut out, arguments.format.unwrap_or(usual), &signature, &answers)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// What the input asks for.
enum Work {
    Document(TensorRequest),
    /// One tensor for each input.
    Rows(Vec<Tensor>),
}

impl Work {
    fn read(
        input: &[u8],
        arguments: &ScoreArguments,
        signature: &Signature,
    ) -> Result<Self, Failure> {
        let first = input.iter().find(|byte| !byte.is_ascii_whitespace());
        let extension = arguments.input.extension().map(|extension| extension.to_ascii_lowercase());
        let is_json = match extension.as_deref().and_then(|extension| extension.to_str()) {
            Some("json") => true,
            Some("csv" | "tsv" | "txt") => false,
            _ => matches!(first, Some(b'[' | b'{')),
        };
        if is_json && arguments.no_header {
            return Err(Failure::new(Exit::Usage, "--no-header is for CSV, the input is JSON"));
        }
        if is_json && first == Some(&b'{') {
            if !matches!(arguments.format, None | Some(AnswerFormat::Json)) {
                return Err(Failure::new(
                    Exit::Usage,
                    "an Open Inference Protocol document is answered with one: --format does not apply",
                ));
            }
            return Ok(Self::Document(TensorRequest::read(input, signature)?));
        }
        let header = if arguments.no_header { Header::Absent } else { Header::Present };
        Ok(Self::Rows(if is_json {
            documents::read_json_rows(input, signature)?
        } else {
            documents::read_csv_rows(input, header, signature)?
        }))
    }
}

fn scorer(wasm: &[u8], arguments: &ScoreArguments, terminal: Terminal) -> Result<Scorer, Failure> {
    let _waiting = terminal.waiting("Preparing the module");
    let config = EngineConfig {
        deadline: arguments.timeout.0,
        // One call at a time needs no pool.
        max_instances: 0,
        ..EngineConfig::default()
    };
    let engine = Engine::new(config).map_err(|error: EngineError| {
        Failure::new(Exit::Internal, error.to_string()).because(error)
    })?;
    let module = engine.load(wasm, Trust::HandWritten).map_err(module_failure)?;
    Ok(Scorer::new(module, ScorerLimits::default()))
}

/// Scores piece by piece, so that progress can be shown.
fn score_rows(
    scorer: &Scorer,
    inputs: &[Tensor],
    signature: &Signature,
    arguments: &ScoreArguments,
    terminal: Terminal,
) -> Result<Vec<Vec<Tensor>>, Failure> {
    let total = inputs.first().and_then(|tensor| tensor.shape().first().copied()).unwrap_or(0);
    let mut progress = terminal.progress("Scoring", total, Unit::Rows);
    let begun = Instant::now();
    let step = rows_at_once(inputs, total);
    let (mut done, mut batches) = (0, Vec::new());
    while done < total {
        if begun.elapsed() > arguments.timeout.0 {
            return Err(score_failure(ScoreError::OutOfTime, done));
        }
        let end = total.min(done + step);
        let batch: Vec<_> = inputs.iter().map(|input| input.rows(done..end)).collect();
        let outputs = scorer.score_rows(&batch).map_err(|error| score_failure(error, done))?;
        batches.push(answers::by_row(end - done, outputs, signature)?);
        done = end;
        progress.set(done);
    }
    Ok(batches)
}

/// What one call of a compiled module takes, or fewer where rows are large.
fn rows_at_once(inputs: &[Tensor], total: u64) -> u64 {
    const MOST_ROWS: u64 = 4096;
    const MOST_ELEMENTS: u64 = 4 << 20;
    let elements: u64 = inputs.iter().map(|input| input.data().len() as u64).sum();
    let row = elements.checked_div(total).unwrap_or(0).max(1);
    (MOST_ELEMENTS / row).clamp(1, MOST_ROWS)
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        let hint = error.advice.clone();
        Self::new(Exit::BadInput, error.message).hint(hint)
    }
}

/// The exit code for a module that cannot be run.
pub(crate) fn module_failure(error: ModuleError) -> Failure {
    let exit = match &error {
        ModuleError::NotWasm | ModuleError::Invalid(_) | ModuleError::Contract(_) => {
            Exit::BrokenModule
        }
        ModuleError::LimitExceeded(_) => Exit::Limit,
        ModuleError::Compile(_) | ModuleError::Cache(_) => Exit::Internal,
    };
    Failure::new(exit, error.to_string()).because(error)
}

/// As [`module_failure`], for a file that may be a model that was not compiled yet.
pub(crate) fn not_a_module(error: ModuleError, bytes: &[u8]) -> Failure {
    let is_not_wasm = matches!(error, ModuleError::NotWasm);
    let failure = module_failure(error);
    if is_not_wasm && !bytes.starts_with(b"\0asm") {
        return failure
            .hint("an ONNX model is compiled first: edge-scorer compile model.onnx -o model.wasm");
    }
    failure
}

/// The exit code for a call that failed; `first_row` is the batch's place in the input.
fn score_failure(error: ScoreError, first_row: u64) -> Failure {
    let exit = match &error {
        ScoreError::BadInput { row: Some(row) } => {
            let message = "the model does not accept a value of this row";
            return Failure::new(Exit::BadInput, format!("row {}: {message}", first_row + row));
        }
        ScoreError::BadInput { row: None } | ScoreError::WrongInput(_) => Exit::BadInput,
        ScoreError::OutOfTime | ScoreError::OutOfMemory => Exit::Limit,
        ScoreError::Trap(_) | ScoreError::Failed(_) | ScoreError::BrokenContract(_) => {
            Exit::BrokenModule
        }
        ScoreError::NoInstance(_) => Exit::Internal,
    };
    Failure::new(exit, error.to_string()).because(error)
}
