//! Well-known networks against ONNX Runtime: the light models of the `onnx` package with drawn weights.
//!
//! ```sh
//! cargo test --release --workspace --test networks                        # nothing that passed may fall
//! NETWORKS_WRITE=1 cargo test --release --workspace --test networks       # writes the table anew
//! ```
//!
//! The models are made under `target/` on first use, some 1.5 GB; the table is `tests/coverage/networks.tsv`:
//! network, state, bytes of ONNX, reason.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics where it stands")]
#![expect(clippy::print_stderr, reason = "it takes minutes, and people want to see it move")]

use std::{fmt::Write as _, fs, path::Path, process::Command, time::Duration};

use compiler::{Limits, Options, compile};
use engine::{Engine, EngineConfig, Scorer, ScorerLimits, Trust};
use shared::Profile;
use tests::{cases::Case, fixtures};

/// Weights of the largest are 574 MB.
const MEMORY_BYTES: u64 = 2 << 30;

const NETWORKS: [&str; 9] = [
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
];

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/coverage/networks.tsv");

#[test]
fn no_network_that_passed_has_fallen() {
    let folder = fixtures::target().join("models/light");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/light.py");
    let made = Command::new("python3")
        .args([&script, &folder])
        .env("PYTHONPATH", &fixtures::prepared().python_path)
        .status();
    assert!(made.unwrap().success(), "the models could not be made");

    let engine = Engine::new(EngineConfig {
        memory_cap_bytes: MEMORY_BYTES,
        max_instances: 4,
        deadline: Duration::from_secs(120),
        ..EngineConfig::default()
    })
    .unwrap();
    let known = fs::read_to_string(TABLE).unwrap_or_default();
    let (mut table, mut fallen) = ("network\tstate\tONNX bytes\treason\n".to_owned(), Vec::new());
    for network in NETWORKS {
        let case = Case::read_from(&folder.join("cases").join(network));
        let answer = [Profile::Linalg, Profile::Relaxed]
            .into_iter()
            .try_for_each(|profile| answers(&engine, &case, profile));
        let (state, reason) = match &answer {
            Ok(()) => ("pass", ""),
            Err(reason) => ("fail", reason.as_str()),
        };
        eprintln!("{network}: {state} {reason}");
        writeln!(table, "{network}\t{state}\t{}\t{reason}", case.onnx.len()).unwrap();
        if state == "fail" && known.contains(&format!("{network}\tpass")) {
            fallen.push(format!("{network}: {reason}"));
        }
    }
    if std::env::var_os("NETWORKS_WRITE").is_some() {
        fs::write(TABLE, table).unwrap();
        return;
    }
    assert!(fallen.is_empty(), "networks have fallen:\n{}", fallen.join("\n"));
}

/// Whether the network answers as ONNX Runtime did.
fn answers(engine: &Engine, case: &Case, profile: Profile) -> Result<(), String> {
    let limits = Limits { module_bytes: 1 << 30, ..Limits::default() };
    let compiled = compile(&case.onnx, &Options { profile, limits, ..Options::default() })
        .map_err(|e| e.to_string())?;
    let module = engine.load(&compiled.wasm, Trust::Compiled).map_err(|error| error.to_string())?;
    let limits = ScorerLimits { memory_bytes: MEMORY_BYTES, ..ScorerLimits::default() };
    let scorer = Scorer::new(module, limits);
    let inputs: Vec<_> = case.inputs.iter().map(|(_, tensor)| tensor.clone()).collect();
    let outputs = scorer.score_rows(&inputs).map_err(|error| error.to_string())?;
    compiled
        .signature
        .outputs
        .iter()
        .zip(&outputs)
        .try_for_each(|(spec, output)| case.compare(&spec.name, output))
        .map_err(|why| format!("{profile:?}: {why}"))
}
