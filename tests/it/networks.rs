//! Networks against ONNX Runtime: dense, convolutional, and one of the size that phones run.

use compiler::{Options, compile};
use engine::{Engine, EngineConfig, Scorer, ScorerLimits, Tensor, Trust};
use shared::Profile;
use tests::{cases::Case, fixtures, reference::Values};

use crate::numeric::{PHOTO, agrees, case, close, in_batches};

const DIGIT: &[usize] = &[64];
const DIGIT_IMAGE: &[usize] = &[1, 8, 8];

#[test]
fn the_digits_perceptron_agrees() {
    agrees(&case("digits_mlp", "digits", DIGIT));
}

#[test]
fn a_wide_perceptron_agrees() {
    agrees(&case("mlp_784", "mlp_784", &[784]));
}

#[test]
fn the_digits_convolutional_network_agrees() {
    agrees(&case("digits_cnn", "digits", DIGIT_IMAGE));
}

#[test]
fn squeezenet_with_drawn_weights_agrees() {
    agrees(&case("squeezenet", "squeezenet", PHOTO));
}

#[test]
fn a_batch_of_digits_gives_the_rows_that_smaller_batches_give() {
    // A single row takes another kernel than a tile of rows, so the last bits may differ.
    for (size, whole, pieces) in in_batches(&case("digits_mlp", "digits", DIGIT)) {
        assert_eq!(pieces[0], whole[0], "labels in batches of {size}");
        let (Values::Floats(pieces), Values::Floats(whole)) = (&pieces[1], &whole[1]) else {
            panic!("no probabilities");
        };
        close(pieces, whole, true, &format!("digits_mlp in batches of {size}"));
    }
}

#[test]
fn the_same_network_compiles_to_the_same_bytes() {
    let onnx = fixtures::onnx("digits_cnn");
    let [first, second] = [(); 2].map(|()| compile(&onnx, &Options::default()).unwrap());
    assert!(first.wasm == second.wasm);
}

#[test]
fn a_transformer_encoder_with_symbolic_batch_and_length_agrees() {
    answers_as_written("encoder");
}

#[test]
fn an_lstm_that_reads_from_both_ends_agrees() {
    answers_as_written("lstm");
}

#[test]
fn networks_with_int8_weights_stay_within_a_few_steps() {
    answers_as_written("encoder_int8");
    answers_as_written("digits_mlp_int8");
}

#[test]
fn networks_quantised_with_calibration_stay_within_a_few_steps() {
    answers_as_written("digits_cnn_qdq");
    answers_as_written("digits_cnn_qdq_per_channel");
    answers_as_written("digits_cnn_qoperator");
}

#[test]
fn networks_of_half_precision_stay_within_a_few_of_its_steps() {
    // Their casts stand at the end of the file, behind what reads them.
    answers_as_written("digits_mlp_fp16");
    answers_as_written("digits_cnn_fp16");
    answers_as_written("encoder_fp16");
}

#[test]
fn weights_of_half_precision_are_numbers_like_any_other() {
    answers_as_written("digits_cnn_fp16_weights");
    answers_as_written("encoder_fp16_weights");
}

fn answers_as_written(name: &str) {
    let case = Case::read(name);
    let engine = Engine::new(EngineConfig::default()).unwrap();
    for profile in [Profile::Relaxed, Profile::Portable, Profile::Linalg] {
        let options = Options { profile, ..Options::default() };
        let compiled = compile(&case.onnx, &options).unwrap();
        let module = engine.load(&compiled.wasm, Trust::Compiled).unwrap();
        let scorer = Scorer::new(module, ScorerLimits::default());
        let inputs: Vec<Tensor> = compiled
            .signature
            .inputs
            .iter()
            .map(|spec| {
                case.inputs.iter().find(|(known, _)| *known == spec.name).unwrap().1.clone()
            })
            .collect();

        let outputs = scorer.score_rows(&inputs).unwrap();

        for (spec, output) in compiled.signature.outputs.iter().zip(&outputs) {
            case.compare(&spec.name, output)
                .map_err(|why| format!("{name} ({profile:?}): {why}"))
                .unwrap();
        }
    }
}
