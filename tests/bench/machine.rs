//! What the figures were taken on, and how a median is taken.

use std::{fs, thread};

use tests::fixtures;

/// One line: processor, cores, versions.
pub(crate) fn describe() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |text| text.trim_start_matches(['\t', ' ', ':']));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let runtime = &fixtures::prepared().versions["onnxruntime"];
    format!("{model}, {cores} cores; ONNX Runtime {runtime}, one thread")
}

/// The middle of several measurements.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
