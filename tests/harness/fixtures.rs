//! The trained models, and the rows they are evaluated on.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// What `prepare.py` made.
#[derive(serde::Deserialize)]
pub struct Prepared {
    /// What goes into PYTHONPATH.
    pub python_path: String,
    /// ONNX Runtime's shared library.
    pub onnxruntime: PathBuf,
    /// The folder of the large models and of the evaluation rows.
    pub models: PathBuf,
    /// Of every Python package.
    pub versions: BTreeMap<String, String>,
    /// The folder of the estimators, when they were asked for.
    #[serde(default)]
    pub estimators: Option<PathBuf>,
}

/// Runs `prepare.py`, once a process; it takes long only the first time.
pub fn prepared() -> &'static Prepared {
    static PREPARED: OnceLock<Prepared> = OnceLock::new();
    PREPARED.get_or_init(|| prepare(&[]))
}

/// As [`prepared`], and with the packages of the Python server of the bench.
pub fn prepared_for_bench() -> Prepared {
    prepare(&["--bench"])
}

/// What goes into PYTHONPATH for other people's clients, and nothing else.
pub fn prepared_clients() -> String {
    prepare(&["--clients"]).python_path
}

/// The folder with the models that `estimators.py` makes: a selection, or every one.
pub fn estimators(everything: bool) -> PathBuf {
    let which = if everything { "all" } else { "gate" };
    prepare(&["--estimators", which]).estimators.unwrap()
}

/// As [`prepared`], and with other people's scoring clients.
pub fn prepared_for_protocols() -> Prepared {
    prepare(&["--protocols"])
}

fn prepare(flags: &[&str]) -> Prepared {
    let script = folder().join("prepare.py");
    let output = Command::new("python3").arg(&script).args(flags).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The bytes of `tests/models/<name>.onnx`, or of the large model of that name.
pub fn onnx(name: &str) -> Vec<u8> {
    fs::read(onnx_path(name)).unwrap()
}

/// Where a model is.
pub fn onnx_path(name: &str) -> PathBuf {
    let committed = folder().join(format!("{name}.onnx"));
    if committed.is_file() { committed } else { prepared().models.join(format!("{name}.onnx")) }
}

/// A zip archive of these files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write as _;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A data set's evaluation rows, row-major.
pub fn rows(data_set: &str) -> Vec<f32> {
    let bytes = fs::read(prepared().models.join(format!("{data_set}.f32"))).unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Cargo's target folder, where everything that is made on first use goes.
pub fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().find(|folder| folder.join("build").is_dir()).unwrap();
    profile.parent().unwrap().to_owned()
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models"))
}
