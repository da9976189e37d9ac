//! Networks with inputs and with what ONNX Runtime answered to them, as `tests/models/sequences.py` writes them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use engine::{Tensor, TensorData};

use crate::fixtures::prepared;

/// A network and what it is to answer.
pub struct Case {
    /// The model's bytes.
    pub onnx: Vec<u8>,
    /// The inputs, with their names.
    pub inputs: Vec<(String, Tensor)>,
    /// The outputs, with their names.
    pub outputs: Vec<(String, Tensor)>,
    rtol: f32,
    atol: f32,
}

#[derive(serde::Deserialize)]
struct Written {
    rtol: f32,
    atol: f32,
    inputs: Vec<Described>,
    outputs: Vec<Described>,
}

#[derive(serde::Deserialize)]
struct Described {
    name: String,
    r#type: String,
    shape: Vec<u64>,
}

impl Case {
    /// Reads the case of that name.
    pub fn read(name: &str) -> Self {
        Self::read_from(&prepared().models.join("cases").join(name))
    }

    /// Reads the case in that folder.
    pub fn read_from(folder: &Path) -> Self {
        let written = fs::read(folder.join("case.json")).unwrap();
        let Written { rtol, atol, inputs, outputs } = serde_json::from_slice(&written).unwrap();
        let read = |prefix: &str, all: Vec<Described>| {
            let tensors = all.into_iter().enumerate();
            tensors
                .map(|(index, one)| tensor(folder.join(format!("{prefix}{index}")), one))
                .collect()
        };
        Self {
            onnx: fs::read(folder.join("model.onnx")).unwrap(),
            inputs: read("in", inputs),
            outputs: read("out", outputs),
            rtol,
            atol,
        }
    }

    /// Compares one output, and says where it differs first.
    pub fn compare(&self, name: &str, actual: &Tensor) -> Result<(), String> {
        let (_, expected) =
            self.outputs.iter().find(|(known, _)| known == name).ok_or("unknown")?;
        if actual.shape() != expected.shape() {
            return Err(format!("{name} is {:?}, not {:?}", actual.shape(), expected.shape()));
        }
        let (Some(ours), Some(theirs)) = (actual.as_f32(), expected.as_f32()) else {
            return if actual == expected { Ok(()) } else { Err(format!("{name} differs")) };
        };
        for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
            if (a - b).abs() > self.atol + self.rtol * b.abs() || a.is_nan() != b.is_nan() {
                return Err(format!("{name}[{index}] is {a}, not {b}"));
            }
        }
        Ok(())
    }
}

fn tensor(file: PathBuf, described: Described) -> (String, Tensor) {
    let bytes = fs::read(file).unwrap();
    let data = match described.r#type.as_str() {
        "float32" => TensorData::Float32(
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
        ),
        "int64" => TensorData::Int64(
            bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect(),
        ),
        other => panic!("no case has {other}"),
    };
    (described.name, Tensor::new(described.shape, data).unwrap())
}
