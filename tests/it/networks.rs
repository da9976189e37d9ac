//! Networks against ONNX Runtime: dense, convolutional, and one of the size that phones run.

use compiler::{Options, compile};
use tests::{fixtures, reference::Values};

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
