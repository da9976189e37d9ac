//! What the other stories stand on: the models run in ONNX Runtime, and the guests are modules.

use tests::{
    fixtures, guests,
    reference::{Reference, Values},
};

#[test]
fn the_demo_tells_malignant_from_benign_in_onnx_runtime() {
    let rows = fixtures::rows("breast_cancer");

    let outputs = Reference::new(&fixtures::onnx("breast_cancer_gbdt")).run(&rows, &[1000, 30]);

    let Values::Integers(labels) = &outputs[0].values else { panic!("no labels") };
    let Values::Maps(odds) = &outputs[1].values else { panic!("no maps") };
    assert_eq!((labels.len(), odds.len()), (1000, 1000));
    let malignant = labels.iter().filter(|&&label| label == 0).count();
    assert!((200..600).contains(&malignant), "{malignant} of 1000");
}

#[test]
fn guests_written_by_hand_are_modules_with_a_section() {
    for guest in [guests::sums_two(), guests::never_returns(), guests::traps()] {
        assert!(guest.starts_with(b"\0asm"));
        assert!(guest.windows(11).any(|bytes| bytes == b"edge-scorer"));
    }
}
