//! Time a call in one process: our module in the engine, the same model in ONNX Runtime.
//!
//! Each is measured twice: with the input already where the runtime wants it (guest memory, a bound ORT
//! value), and with the copy in and the copy out.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use compiler::{CompileError, Options, compile};
use engine::{Engine, EngineConfig, Fit, Scorer, ScorerLimits, Trust};
use ort::{
    memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType},
    session::Session,
    value::{Tensor, TensorRef},
};
use shared::Profile;
use tests::{fixtures, reference};

use crate::machine::median;

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(60);

/// What is measured: title, model, data set, shape of a row, batch sizes.
type Line = (&'static str, &'static str, &'static str, &'static [usize], &'static [usize]);

const LINES: &[Line] = &[
    ("iris, logistic regression", "iris_logistic_tensor", "iris", &[4], &[1, 1000]),
    ("wine, scaler + logistic regression", "wine_logistic", "wine", &[13], &[1, 1000]),
    ("wine, scaler + SVC", "wine_svc", "wine", &[13], &[1, 1000]),
    (
        "breast cancer, 50 boosted trees",
        "breast_cancer_gbdt_tensor",
        "breast_cancer",
        &[30],
        &[1, 1000],
    ),
    ("breast cancer, 100 forest trees", "breast_cancer_forest", "breast_cancer", &[30], &[1, 1000]),
    ("diabetes, 50 boosted trees", "diabetes_gbdt", "diabetes", &[10], &[1, 1000]),
    ("digits, MLP 64-64-32-10", "digits_mlp", "digits", &[64], &[1, 1000]),
    ("MLP 784-512-256-10", "mlp_784", "mlp_784", &[784], &[1, 100]),
    ("digits, CNN", "digits_cnn", "digits", &[1, 8, 8], &[1, 100]),
    ("SqueezeNet 224×224", "squeezenet", "squeezenet", &[3, 224, 224], &[1]),
];

/// Prints the table, of the models whose title holds `wanted`.
///
/// *Ours* is what a server makes of a model: products run natively where they are worth a call.
/// *Sandbox alone* is the same model without any imports.
pub(crate) fn measure(wanted: &str) {
    println!(
        "| model | rows a call | ours | ORT | ratio | ours, with copies | ORT, with copies | ratio | sandbox alone | ratio |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let engine = Engine::new(EngineConfig::default()).unwrap();
    for &(title, model, data_set, row, batches) in LINES {
        if !title.contains(wanted) {
            continue;
        }
        let onnx = fixtures::onnx(model);
        let load = |profile: Profile| {
            let options = Options { profile, ..Options::default() };
            let compiled = compile(&onnx, &options)?;
            let module = engine.load(&compiled.wasm, Trust::Compiled).unwrap();
            Ok::<_, CompileError>(Scorer::new(module, ScorerLimits::default()))
        };
        let (scorer, alone) = match (load(Profile::Linalg), load(Profile::Relaxed)) {
            (Ok(scorer), Ok(alone)) => (scorer, alone),
            (Err(error), _) | (_, Err(error)) => {
                println!("| {title} | | does not compile: {error} | | | | | | | |");
                continue;
            }
        };
        let mut session = reference::session(&onnx);
        let all = fixtures::rows(data_set);
        for &rows in batches {
            let shape = [&[rows], row].concat();
            let input = &all[..shape.iter().product()];
            let [ours, bound, ours_copied, copied, alone] =
                medians(&scorer, &alone, &mut session, input, &shape);
            println!(
                "| {title} | {rows} | {} | {} | **{:.2}×** | {} | {} | **{:.2}×** | {} | {:.2}× |",
                time(ours),
                time(bound),
                ours / bound,
                time(ours_copied),
                time(copied),
                ours_copied / copied,
                time(alone),
                alone / bound,
            );
        }
    }
    println!();
}

/// Seconds a call: ours and ORT's in place, ours and ORT's with copies, and the sandbox's in place.
fn medians(
    scorer: &Scorer,
    alone: &Scorer,
    session: &mut Session,
    input: &[f32],
    shape: &[usize],
) -> [f64; 5] {
    let mut rounds: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        rounds[0].push(ours_in_place(scorer, input, shape));
        rounds[1].push(reference_in_place(session, input, shape));
        rounds[2].push(ours_copied(scorer, input, shape));
        rounds[3].push(reference_copied(session, input, shape));
        rounds[4].push(ours_in_place(alone, input, shape));
    }
    rounds.map(median)
}

fn ours_in_place(scorer: &Scorer, input: &[f32], shape: &[usize]) -> f64 {
    let mut batch = scorer.batch().unwrap();
    assert_eq!(batch.prepare(&symbols(scorer, shape)).unwrap(), Fit::Ready);
    batch.input_mut(0).unwrap().copy_from_slice(&bytes(input));
    each(|| batch.run().unwrap())
}

fn ours_copied(scorer: &Scorer, input: &[f32], shape: &[usize]) -> f64 {
    let (symbols, input) = (symbols(scorer, shape), bytes(input));
    let outputs = scorer.module().signature().outputs.clone();
    each(|| {
        let mut batch = scorer.batch().unwrap();
        assert_eq!(batch.prepare(&symbols).unwrap(), Fit::Ready);
        batch.input_mut(0).unwrap().copy_from_slice(&input);
        batch.run().unwrap();
        for index in 0..outputs.len() {
            black_box(batch.read(index).unwrap());
        }
    })
}

fn reference_in_place(session: &mut Session, input: &[f32], shape: &[usize]) -> f64 {
    let value = Tensor::from_array((shape.to_vec(), input.to_vec())).unwrap();
    let host =
        MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::Default);
    let host = host.unwrap();
    let mut binding = session.create_binding().unwrap();
    binding.bind_input(session.inputs()[0].name(), &value).unwrap();
    let names: Vec<String> =
        session.outputs().iter().map(|output| output.name().to_owned()).collect();
    for name in names {
        binding.bind_output_to_device(name, &host).unwrap();
    }
    each(|| drop(black_box(session.run_binding(&binding).unwrap())))
}

fn reference_copied(session: &mut Session, input: &[f32], shape: &[usize]) -> f64 {
    each(|| {
        let copy = input.to_vec();
        let value = TensorRef::from_array_view((shape.to_vec(), &*copy)).unwrap();
        for (_, output) in session.run(ort::inputs![value]).unwrap() {
            if let Ok((_, values)) = output.try_extract_tensor::<f32>() {
                black_box(values.to_vec());
            } else if let Ok((_, values)) = output.try_extract_tensor::<i64>() {
                black_box(values.to_vec());
            } else {
                black_box(output.try_extract_strings().unwrap());
            }
        }
    })
}

/// Seconds a call, over one round.
fn each(mut call: impl FnMut()) -> f64 {
    let warm = Instant::now();
    while warm.elapsed() < ROUND / 4 {
        call();
    }
    let (start, mut calls) = (Instant::now(), 0_u32);
    while start.elapsed() < ROUND || calls < 3 {
        // The clock is asked seldom, or it would be what is measured.
        for _ in 0..if calls > 100 { 64 } else { 1 } {
            call();
            calls += 1;
        }
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}

fn symbols(scorer: &Scorer, shape: &[usize]) -> Vec<u32> {
    let symbols = scorer.module().signature().symbols.len();
    vec![u32::try_from(shape[0]).unwrap(); symbols]
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn time(seconds: f64) -> String {
    match seconds * 1e6 {
        micros if micros < 1.0 => format!("{:.0} ns", micros * 1e3),
        micros if micros < 1e3 => format!("{micros:.2} µs"),
        micros => format!("{:.2} ms", micros / 1e3),
    }
}
