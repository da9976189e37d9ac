//! Compiled modules write before they read: whatever an earlier caller left, the answer is the same.

use compiler::{Options, compile};
use engine::{Batch, Engine, EngineConfig, Fit, Scorer, ScorerLimits, TensorData, Trust};
use tests::fixtures;

/// Models with their data sets; together they reach every family of kernels.
const MODELS: &[(&str, &str)] = &[
    ("iris_logistic", "iris"),
    ("iris_logistic_text", "iris"),
    ("iris_logistic_tensor", "iris"),
    ("breast_cancer_gbdt", "breast_cancer"),
    ("breast_cancer_gbdt_text", "breast_cancer"),
    ("breast_cancer_forest", "breast_cancer"),
    ("diabetes_gbdt", "diabetes"),
    ("wine_forest", "wine"),
    ("wine_gbdt", "wine"),
    ("wine_logistic", "wine"),
    ("wine_svc", "wine"),
    ("digits_mlp", "digits"),
    ("digits_cnn", "digits"),
    ("mlp_784", "mlp_784"),
];
const ROWS: u32 = 7;

#[test]
fn what_lies_in_memory_before_a_call_does_not_reach_the_answer() {
    let engine = Engine::new(EngineConfig { max_instances: 4, ..EngineConfig::default() }).unwrap();
    for (model, data_set) in MODELS {
        let wasm = compile(&fixtures::onnx(model), &Options::default()).unwrap().wasm;
        let module = engine.load(&wasm, Trust::Compiled).unwrap();
        let scorer = Scorer::new(module, ScorerLimits::default());
        let rows = TensorData::Float32(fixtures::rows(data_set));
        let mut batch = scorer.batch().unwrap();

        let clean = answers(&mut batch, &scorer, &rows, false);
        let dirty = answers(&mut batch, &scorer, &rows, true);

        assert_eq!(clean, dirty, "{model}");
    }
}

fn answers(
    batch: &mut Batch<'_>,
    scorer: &Scorer,
    rows: &TensorData,
    canaries: bool,
) -> Vec<TensorData> {
    let signature = scorer.module().signature();
    assert_eq!(batch.prepare(&[ROWS]).unwrap(), Fit::Ready);
    if canaries {
        batch.fill_buffers_with_canaries().unwrap();
    }
    let [input] = signature.inputs.as_slice() else { panic!("one input is expected") };
    let width = input.row_len().unwrap() as usize;
    batch.write(0, rows, 0..ROWS as usize * width).unwrap();
    batch.run().unwrap();
    (0..signature.outputs.len()).map(|output| batch.read(output).unwrap()).collect()
}
