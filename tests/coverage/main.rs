//! The node cases of the `onnx` package: compiled, run in the sandbox, compared.
//!
//! ```sh
//! cargo test --release --workspace --test coverage                              # nothing that passed may fall
//! CASES=reduce_max cargo test --release --workspace --test coverage -- --nocapture   # some, each with its reason
//! cargo xtask coverage                                                          # writes the table anew
//! ```
//!
//! `ml` beside this file does the same with every operator of `ai.onnx.ml`.
//!
//! `node_cases.py` writes the cases to `target/` once; `node.tsv` beside this file is the table of
//! what passes: case, state, reason. A state is `pass`, `refused` (the compiler says why), `fails` (the module says
//! so while it runs) or `wrong`.
//!
//! # Invariants
//! - A case is compared with its own tolerances, shapes and types included.
//! - A case that fails or answers differently has its reason in `table.rs`, or the test fails.
//! - Models never see their inputs' values while they are compiled.
//!
//! # Deliberately absent
//! - Tolerance for a case that falls: mend it, or take it out of the table and say why.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics where it stands")]
#![expect(clippy::print_stderr, reason = "the reasons of failing cases are for people to read")]

mod cases;
mod compare;
mod ml;
mod table;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use compiler::{Options, compile};
use engine::{Engine, EngineConfig, Scorer, ScorerLimits, Trust};

use crate::{
    cases::{Case, Cases},
    table::{Row, State, Table},
};

/// How long one case may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn no_node_case_that_passed_has_fallen() {
    // Models that contradict themselves make tract panic behind its fence; that is no news here.
    std::panic::set_hook(Box::new(|_| {}));
    let filter = std::env::var("CASES").unwrap_or_default();
    let cases = Arc::new(Cases::of("node_cases.py"));
    let wanted: Vec<usize> = (0..cases.all.len())
        .filter(|index| filter.split(',').any(|part| cases.all[*index].name.contains(part)))
        .collect();

    let rows = run(&cases, &wanted);
    let _ = std::panic::take_hook();

    let now = Table { rows };
    if filter.is_empty() && std::env::var_os("COVERAGE_WRITE").is_some() {
        now.write(&cases);
        return;
    }
    let known = Table::read();
    let fallen: Vec<&Row> = now.rows.iter().filter(|row| known.fell(row)).collect();
    let failing = now.rows.iter().filter(|row| row.state != State::Pass);
    if !filter.is_empty() {
        failing.clone().for_each(|row| eprintln!("{row}: {}", row.reason));
    }
    let failing = failing.count();
    eprintln!("{} of {} cases pass", now.rows.len() - failing, now.rows.len());
    let riddles: Vec<&Row> = now.rows.iter().filter(|row| row.is_riddle()).collect();
    assert!(riddles.is_empty(), "wrong, and nobody has said why: {riddles:?}");
    let list: Vec<String> = fallen.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} cases have fallen:\n{}", list.len(), list.join("\n"));
}

/// Runs the wanted cases on every core, in order of their names.
fn run(cases: &Arc<Cases>, wanted: &[usize]) -> Vec<Row> {
    let engine =
        Engine::new(EngineConfig { max_instances: 64, ..EngineConfig::default() }).unwrap();
    let next = AtomicUsize::new(0);
    let mut rows: Vec<(usize, Row)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..std::thread::available_parallelism().map_or(2, Into::into))
            .map(|_| {
                scope.spawn(|| {
                    let mut rows = Vec::new();
                    loop {
                        let turn = next.fetch_add(1, Ordering::Relaxed);
                        let Some(index) = wanted.get(turn) else { return rows };
                        rows.push((*index, bounded(cases, *index, &engine)));
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    rows.sort_by_key(|(index, _)| *index);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// One case in a thread of its own, which is given up when it takes too long.
fn bounded(cases: &Arc<Cases>, index: usize, engine: &Engine) -> Row {
    let (sender, receiver) = mpsc::channel();
    let (shared, engine) = (Arc::clone(cases), engine.clone());
    std::thread::Builder::new()
        .stack_size(16 << 20)
        .spawn(move || {
            let _ = sender.send(attempt(&shared, &shared.all[index], &engine));
        })
        .unwrap();
    let (state, reason) = match receiver.recv_timeout(PATIENCE) {
        Ok(Ok(())) => (State::Pass, String::new()),
        Ok(Err(failure)) => failure,
        Err(mpsc::RecvTimeoutError::Timeout) => (State::Wrong, "takes too long".to_owned()),
        Err(mpsc::RecvTimeoutError::Disconnected) => (State::Wrong, "panics".to_owned()),
    };
    Row { name: cases.all[index].name.clone(), state, reason }
}

fn attempt(cases: &Cases, case: &Case, engine: &Engine) -> Result<(), (State, String)> {
    let wrong = |reason: String| (State::Wrong, reason);
    let compiled = compile(cases.bytes(case.model), &Options::default())
        .map_err(|error| (State::Refused, error.to_string()))?;
    let module =
        engine.load(&compiled.wasm, Trust::Compiled).map_err(|error| wrong(error.to_string()))?;
    let scorer = Scorer::new(module, ScorerLimits::default());
    for set in &case.sets {
        let inputs: Vec<_> = set.inputs.iter().map(|input| cases.tensor(input)).collect();
        let answers = scorer.score_rows(&inputs).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            (State::Fails, format!("{error} {}", cause.unwrap_or_default()))
        })?;
        if answers.len() != set.outputs.len() {
            return Err(wrong(format!("{} outputs", answers.len())));
        }
        for (index, (answer, wanted)) in answers.iter().zip(&set.outputs).enumerate() {
            compare::same(answer, &cases.tensor(wanted), case.rtol, case.atol)
                .map_err(|difference| wrong(format!("output {index}: {difference}")))?;
        }
    }
    Ok(())
}
