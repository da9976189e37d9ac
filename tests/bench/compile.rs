//! What compiling costs: the wall time of `edge-scorer compile`, process start included, and the sizes.

use std::{fs, process::Command, time::Instant};

use engine::{Engine, EngineConfig, Trust};
use tests::{binary, fixtures};

use crate::machine::median;

const ROUNDS: usize = 3;
const MODELS: &[&str] = &[
    "iris_logistic",
    "breast_cancer_gbdt",
    "breast_cancer_forest",
    "digits_cnn",
    "mlp_784",
    "squeezenet",
];

/// Prints the table.
pub(crate) fn measure() {
    println!(
        "| model | ONNX | Wasm | machine code | `edge-scorer compile` | Wasm to machine code |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    let folder = tempfile::tempdir().unwrap();
    for model in MODELS {
        let (from, to) = (fixtures::onnx_path(model), folder.path().join("model.wasm"));
        let mut seconds = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let mut compile = Command::new(binary());
            compile.args(["compile", "--quiet"]).arg(&from).arg("-o").arg(&to);
            let output = compile.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            seconds.push(start.elapsed().as_secs_f64());
        }
        let wasm = fs::read(&to).unwrap();
        let engine = Engine::new(EngineConfig::default()).unwrap();
        let start = Instant::now();
        let module = engine.load(&wasm, Trust::Compiled).unwrap();
        let machine = start.elapsed().as_secs_f64();
        println!(
            "| {model} | {} | {} | {} | {:.0} ms | {:.0} ms |",
            kilobytes(fs::metadata(&from).unwrap().len() as usize),
            kilobytes(wasm.len()),
            kilobytes(module.machine_code_bytes()),
            median(seconds) * 1e3,
            machine * 1e3,
        );
    }
    println!();
}

fn kilobytes(bytes: usize) -> String {
    format!("{:.1} kB", bytes as f64 / 1e3)
}
