//! The example of a hand-written scorer, built from its source and run.

use std::{path::Path, process::Command};

use engine::{Scorer, ScorerLimits, Tensor, TensorData, Trust};

use crate::guest::engine;

/// Builds the guest; without dependencies that takes a second or two.
fn feature_hashing() -> Scorer {
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/feature-hashing");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--locked", "--offline"])
        .args(["--target", "wasm32-unknown-unknown", "--manifest-path"])
        .arg(guest.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .unwrap();
    assert!(built.success());
    let wasm = target.join("wasm32-unknown-unknown/release/feature_hashing.wasm");
    let module = engine().load(&std::fs::read(wasm).unwrap(), Trust::HandWritten).unwrap();
    Scorer::new(module, ScorerLimits::default())
}

fn texts(texts: &[&str]) -> [Tensor; 1] {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    [Tensor::new(vec![texts.len() as u64], TensorData::String(texts)).unwrap()]
}

#[test]
fn words_and_their_pairs_are_counted_as_the_gateway_guide_prints_them() {
    let scorer = feature_hashing();

    let answer = scorer.score_rows(&texts(&["This is a good day", "", "day"])).unwrap();

    assert_eq!(answer[0].shape(), [3, 8]);
    let TensorData::Int32(counts) = answer[0].data() else { panic!("counts are int32") };
    assert_eq!(counts[..8], [1, 1, 2, 2, 0, 2, 0, 1]);
    assert_eq!(counts[8..16], [0; 8], "no words, no counts");
    assert_eq!(counts[16..].iter().sum::<i32>(), 1, "one word has no pair");

    // More rows than one call takes, and more text than its memory begins with.
    let long = "A good day ".repeat(20);
    let many = vec![long.as_str(); 5_000];
    let answer = scorer.score_rows(&texts(&many)).unwrap();
    let TensorData::Int32(counts) = answer[0].data() else { panic!("counts are int32") };
    assert!(counts.chunks_exact(8).all(|row| row.iter().sum::<i32>() == 119));
}
