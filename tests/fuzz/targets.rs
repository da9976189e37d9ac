//! Bytes into the compiler, modules into the engine.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use compiler::{CompileError, Compiled, Options, compile};
use engine::{Engine, EngineConfig, Scorer, ScorerLimits, Tensor, TensorData, Trust};
use tests::fixtures;

use crate::seeded;

/// What one small file may take, on a machine that does other things besides.
const BUDGET: Duration = Duration::from_secs(20);

/// Compiles; anything but a module or a typed error within the budget is a failure.
pub(crate) fn compiler(onnx: &[u8]) -> Result<Compiled, CompileError> {
    let begun = Instant::now();
    let outcome = compile(onnx, &Options::default());
    assert!(begun.elapsed() < BUDGET, "it took {:?}", begun.elapsed());
    if let Err(CompileError::Internal { reason }) = &outcome {
        panic!("a mistake of the compiler's own: {reason}");
    }
    outcome
}

pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(EngineConfig::default()).unwrap())
}

/// Loads a module as a stranger's and scores a few rows with it, if it can be loaded.
pub(crate) fn module(wasm: &[u8]) {
    let Ok(module) = engine().load(wasm, Trust::HandWritten) else { return };
    let inputs: Option<Vec<Tensor>> = module
        .signature()
        .inputs
        .iter()
        .map(|input| {
            let width = input.row_len().filter(|width| *width < 1 << 16)?;
            let zeros = TensorData::read_le(
                input.element_type,
                &vec![0; input.element_type.byte_width()? * 3 * width as usize],
            )?;
            Tensor::new(vec![3, width], zeros).ok()
        })
        .collect();
    let limits = ScorerLimits::default();
    if let Some(inputs) = inputs {
        // Whatever it answers, it answers.
        let _ = Scorer::new(module, limits).score_rows(&inputs);
    }
}

/// A file with some of its bytes changed: overwritten, cut out, repeated.
fn mutated(original: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut unstructured = Unstructured::new(bytes);
    let mut file = original.to_vec();
    let changes = unstructured.int_in_range(1..=12).unwrap_or(1);
    for _ in 0..changes {
        if file.is_empty() {
            break;
        }
        let at = unstructured.choose_index(file.len()).unwrap_or(0);
        let length = unstructured.int_in_range(1..=16).unwrap_or(1).min(file.len() - at);
        match unstructured.int_in_range(0..=4).unwrap_or(0) {
            0 => file.truncate(at),
            1 => drop(file.drain(at..at + length)),
            2 => {
                let part = file[at..at + length].to_vec();
                file.splice(at..at, part);
            }
            3 => file[at] ^= 1 << unstructured.int_in_range(0..=7).unwrap_or(0),
            _ => file[at] = unstructured.arbitrary().unwrap_or(0xff),
        }
    }
    file
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    seeded(400, |bytes| assert!(compiler(bytes).is_err()));
}

#[test]
fn damaged_models_are_refused_or_compiled() {
    let originals: Vec<Vec<u8>> =
        ["iris_logistic", "iris_logistic_text_tensor", "digits_cnn", "wine_svc", "diabetes_gbdt"]
            .map(fixtures::onnx)
            .into();
    seeded(200, |bytes| {
        let original = &originals[usize::from(bytes[0]) % originals.len()];
        let _ = compiler(&mutated(original, &bytes[1..]));
    });
}

#[test]
fn damaged_modules_are_refused_or_stopped() {
    let original = compile(&fixtures::onnx("iris_logistic"), &Options::default()).unwrap().wasm;
    seeded(200, |bytes| module(&mutated(&original, bytes)));
}
