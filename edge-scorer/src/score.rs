//! `score`: rows or tensors in, answers out, with no server.
//!
//! The module runs as a hand-written one, under a deadline and in a fresh instance per batch: a file on disk cannot
//! prove who compiled it.

use std::{
    io::{self, BufWriter, IsTerminal as _, Write as _},
    time::Instant,
};

use engine::{
    Engine, EngineConfig, EngineError, ModuleError, ScoreError, Scorer, ScorerLimits, Tensor, Trust,
};
use shared::Signature;

use crate::{
    answers::{self, Answers, NotRows},
    arguments::{AnswerFormat, ScoreArguments},
    failure::{Exit, Failure},
    files, protocol,
    rows::{self, Batches, InputError, Layout, Notation},
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
                scorer.score_rows(&request.inputs).map_err(|error| score_failure(error, 0))?;
            request.write_answer(&mut out, &signature, &outputs)?;
        }
        Work::Rows(batches) => {
            let answers = score_batches(&scorer, batches, &signature, arguments, terminal)?;
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
    Document(protocol::Request),
    Rows(Vec<Vec<Tensor>>),
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
        if is_json && protocol::is_document(input) {
            if !matches!(arguments.format, None | Some(AnswerFormat::Json)) {
                return Err(Failure::new(
                    Exit::Usage,
                    "an Open Inference Protocol document is answered with one: --format does not apply",
                ));
            }
            return Ok(Self::Document(protocol::read(input, signature)?));
        }

        let layout = Layout::of(signature).ok_or_else(|| {
            Failure::new(Exit::BadInput, "this model takes whole tensors, not rows").hint(
                "give an Open Inference Protocol document: {\"inputs\":[{\"name\", \"shape\", \"datatype\", \"data\"}]}",
            )
        })?;
        let notation = if is_json { Notation::Json } else { Notation::Csv };
        let mut batches = Batches::new(&layout, notation);
        if is_json {
            rows::json::read(input, &mut batches)?;
        } else {
            rows::csv::read(input, !arguments.no_header, &mut batches)?;
        }
        Ok(Self::Rows(batches.finish()?))
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

fn score_batches(
    scorer: &Scorer,
    batches: Vec<Vec<Tensor>>,
    signature: &Signature,
    arguments: &ScoreArguments,
    terminal: Terminal,
) -> Result<Vec<Answers>, Failure> {
    let rows_of = |batch: &[Tensor]| {
        batch.first().and_then(|tensor| tensor.shape().first().copied()).unwrap_or(0)
    };
    let total = batches.iter().map(|batch| rows_of(batch)).sum();
    let mut progress = terminal.progress("Scoring", total, Unit::Rows);
    let begun = Instant::now();
    let mut done = 0;
    let mut answers = Vec::with_capacity(batches.len());
    for batch in batches {
        if begun.elapsed() > arguments.timeout.0 {
            return Err(score_failure(ScoreError::OutOfTime, done));
        }
        let rows = rows_of(&batch);
        let outputs = scorer.score_rows(&batch).map_err(|error| score_failure(error, done))?;
        let count = usize::try_from(rows).unwrap_or(usize::MAX);
        answers.push(
            Answers::new(count, outputs, signature)
                .map_err(|error: NotRows| Failure::new(Exit::BadInput, error.to_string()))?,
        );
        done += rows;
        progress.set(done);
    }
    Ok(answers)
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::new(Exit::BadInput, error.to_string())
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
            return InputError::new(message).at_row(first_row + row).into();
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
