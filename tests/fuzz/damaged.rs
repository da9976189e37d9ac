//! Real models and modules with some of their bytes changed, and what was found with them.

use arbitrary::Unstructured;
use compiler::{Options, compile};
use tests::{fixtures, guests};

use crate::seeded;
use crate::targets::{compiler, compiler_and_module, module};

/// A file with some of its bytes changed: overwritten, cut out, repeated, moved.
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
        match unstructured.int_in_range(0..=19).unwrap_or(0) {
            // Most of what follows is lost: rarely worth a case.
            0 => file.truncate(at),
            1..=2 => drop(file.drain(at..at + length)),
            3..=4 => {
                let part = file[at..at + length].to_vec();
                file.splice(at..at, part);
            }
            5..=9 => file[at] ^= 1 << unstructured.int_in_range(0..=7).unwrap_or(0),
            10..=12 => {
                // The extremes that numbers have.
                file[at] = *unstructured.choose(&[0, 1, 2, 0x7f, 0x80, 0xff, 0xfe]).unwrap_or(&0);
            }
            13..=14 => {
                let other =
                    unstructured.choose_index(file.len()).unwrap_or(0).min(file.len() - length);
                let part = file[other..other + length].to_vec();
                file[at..at + length].copy_from_slice(&part);
            }
            _ => file[at] = unstructured.arbitrary().unwrap_or(0xff),
        }
    }
    file
}

/// What was found once: each file of a folder of the corpus.
fn found(folder: &str) -> Vec<Vec<u8>> {
    let folder = format!("{}/fuzz/corpus/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    seeded(400, |bytes| assert!(compiler(bytes).is_err()));
}

#[test]
fn damaged_models_are_refused_or_compiled() {
    let originals: Vec<Vec<u8>> = [
        "iris_logistic",
        "iris_logistic_text_tensor",
        "digits_cnn",
        "wine_svc",
        "wine_logistic",
        "diabetes_gbdt",
        "wine_gbdt",
        "unsupported",
    ]
    .map(fixtures::onnx)
    .into();
    found("models").iter().for_each(|model| compiler_and_module(model));
    seeded(200, |bytes| {
        let original = &originals[usize::from(bytes[0]) % originals.len()];
        compiler_and_module(&mutated(original, &bytes[1..]));
    });
}

#[test]
fn damaged_modules_are_refused_or_stopped() {
    let originals: Vec<Vec<u8>> = ["iris_logistic", "iris_logistic_text", "wine_svc"]
        .map(|name| compile(&fixtures::onnx(name), &Options::default()).unwrap().wasm)
        .into_iter()
        .chain([guests::sums_two()])
        .collect();
    found("modules").iter().for_each(|wasm| module(wasm));
    seeded(200, |bytes| {
        let original = &originals[usize::from(bytes[0]) % originals.len()];
        module(&mutated(original, &bytes[1..]));
    });
}
