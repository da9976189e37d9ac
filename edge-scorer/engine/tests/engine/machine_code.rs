//! Machine code on disk.

use std::{fs, path::Path};

use engine::{Scorer, ScorerLimits, Trust};

use crate::guest::{Guest, counted, engine_with_cache};

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_one_process_compiled_another_loads() {
    let folder = tempfile::tempdir().unwrap();
    let wasm = Guest::linear().wasm();

    let child = engine_with_cache(folder.path());
    assert!(child.load_stored(&wasm, Trust::Compiled).unwrap().is_none());
    child.precompile(&wasm, Trust::Compiled).unwrap();
    drop(child);

    let server = engine_with_cache(folder.path());
    let module = server.load_stored(&wasm, Trust::Compiled).unwrap().unwrap();
    let scorer = Scorer::new(module, ScorerLimits::default());
    assert_eq!(scorer.score_rows(&counted(1)).unwrap()[0].as_f32().unwrap(), [4.0]);
    assert!(scorer.module().machine_code_bytes() > 0);
}

#[test]
fn code_without_interruption_is_never_loaded_for_a_hand_written_module() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, wasm) = (engine_with_cache(folder.path()), Guest::linear().wasm());
    engine.precompile(&wasm, Trust::Compiled).unwrap();

    assert!(engine.load_stored(&wasm, Trust::HandWritten).unwrap().is_none());
    engine.precompile(&wasm, Trust::HandWritten).unwrap();
    assert_eq!(files(folder.path()).len(), 2);

    // Even when one file is put in the place of the other.
    let both = files(folder.path());
    let (first, second) = (fs::read(&both[0]).unwrap(), fs::read(&both[1]).unwrap());
    fs::write(&both[0], second).unwrap();
    fs::write(&both[1], first).unwrap();
    for trust in [Trust::Compiled, Trust::HandWritten] {
        assert!(engine.load_stored(&wasm, trust).unwrap().is_none());
    }
}

#[test]
fn damaged_code_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, wasm) = (engine_with_cache(folder.path()), Guest::linear().wasm());
    engine.load(&wasm, Trust::Compiled).unwrap();
    let [file] = files(folder.path()).try_into().unwrap();
    let sound = fs::read(&file).unwrap();

    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    for damaged in [&sound[..sound.len() - 1], &flipped, b"", b"edge-scorer mc 1"] {
        fs::write(&file, damaged).unwrap();
        assert!(engine.load_stored(&wasm, Trust::Compiled).unwrap().is_none());

        engine.load(&wasm, Trust::Compiled).unwrap();

        assert_eq!(fs::read(&file).unwrap(), sound, "the same code, whole again");
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_costs_time_but_no_answers() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("machine-code");
    let engine = engine_with_cache(&cache);
    fs::remove_dir(&cache).unwrap();

    let module = engine.load(&Guest::linear().wasm(), Trust::Compiled).unwrap();

    assert!(Scorer::new(module, ScorerLimits::default()).score_rows(&counted(1)).is_ok());
}
