//! Reads what `node_cases.py` or `ml_cases.py` wrote, and has it written the first time.

use std::{fs, path::Path, process::Command};

use engine::{Tensor, TensorData};
use serde::Deserialize;
use serde_json::Value;
use shared::ElementType;
use tests::fixtures;

/// Every case and the bytes that they refer to.
pub(crate) struct Cases {
    pub(crate) all: Vec<Case>,
    blob: Vec<u8>,
}

/// Where something lies in the bytes: offset and length.
pub(crate) type Span = (usize, usize);

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) operators: Vec<String>,
    /// Of the domain `ai.onnx.ml`, where the case is about an operator of it.
    #[serde(default)]
    pub(crate) version: i64,
    /// Who said what it answers.
    #[serde(default)]
    pub(crate) reference: String,
    pub(crate) rtol: f64,
    pub(crate) atol: f64,
    pub(crate) model: Span,
    pub(crate) sets: Vec<Set>,
}

#[derive(Deserialize)]
pub(crate) struct Set {
    pub(crate) inputs: Vec<Stored>,
    pub(crate) outputs: Vec<Stored>,
}

#[derive(Deserialize)]
pub(crate) struct Stored {
    r#type: ElementType,
    shape: Vec<u64>,
    data: Value,
}

impl Cases {
    /// The cases that a script makes of the pinned packages.
    pub(crate) fn of(script: &str) -> Self {
        let prepared = fixtures::prepared();
        let scripts = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/coverage"));
        let name = script.trim_end_matches(".py").replace('_', "-");
        let versions = &prepared.versions;
        let script = scripts.join(script);
        let folder = fixtures::target().join(format!(
            "{name}-{}-{}-{}",
            versions["onnx"],
            versions["onnxruntime"],
            fingerprint(&[&script, &scripts.join("node_cases.py")])
        ));
        if !folder.is_dir() {
            let unfinished = tempfile::tempdir_in(fixtures::target()).unwrap();
            let written = Command::new("python3")
                .arg(&script)
                .arg(unfinished.path())
                .env("PYTHONPATH", &prepared.python_path)
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .status()
                .unwrap();
            assert!(written.success(), "{} could not be run", script.display());
            // Whoever comes second finds it there.
            let _ = fs::rename(unfinished.keep(), &folder);
        }
        let all = serde_json::from_slice(&fs::read(folder.join("cases.json")).unwrap()).unwrap();
        Self { all, blob: fs::read(folder.join("cases.bin")).unwrap() }
    }

    pub(crate) fn bytes(&self, (offset, length): Span) -> &[u8] {
        &self.blob[offset..offset + length]
    }

    pub(crate) fn tensor(&self, stored: &Stored) -> Tensor {
        let data = if stored.r#type == ElementType::String {
            TensorData::String(serde_json::from_value(stored.data.clone()).unwrap())
        } else {
            let span: Span = serde_json::from_value(stored.data.clone()).unwrap();
            TensorData::read_le(stored.r#type, self.bytes(span)).unwrap()
        };
        Tensor::new(stored.shape.clone(), data).unwrap()
    }
}

/// Changes with the scripts, so that nothing stale is read.
fn fingerprint(scripts: &[&Path]) -> String {
    let text: Vec<u8> = scripts.iter().flat_map(|script| fs::read(script).unwrap()).collect();
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
