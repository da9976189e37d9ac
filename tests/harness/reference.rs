//! The same model in ONNX Runtime, on one thread.

use std::sync::OnceLock;

use ort::{
    environment::Environment,
    session::{Session, builder::GraphOptimizationLevel},
    value::{DynMapValueType, DynValue, TensorElementType, TensorRef, ValueType},
};
use shared::Label;

use crate::fixtures;

/// A session.
pub struct Reference(Session);

/// One output, all rows.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name in the graph.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// Values in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// A `float32` tensor.
    Floats(Vec<f32>),
    /// An `int64` tensor.
    Integers(Vec<i64>),
    /// A string tensor.
    Texts(Vec<String>),
    /// What `ZipMap` makes: per row, a probability for each class.
    Maps(Vec<Vec<(Label, f32)>>),
}

/// The environment of this process, with the library from the pinned Python package.
pub fn environment() -> &'static Environment {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let library = &fixtures::prepared().onnxruntime;
        ort::init_from(library).unwrap().with_telemetry(false).build().unwrap()
    })
}

/// A session with one thread and every optimisation.
pub fn session(onnx: &[u8]) -> Session {
    Session::builder(environment())
        .unwrap()
        .with_intra_threads(1)
        .unwrap()
        .with_inter_threads(1)
        .unwrap()
        .with_optimization_level(GraphOptimizationLevel::All)
        .unwrap()
        .commit_from_memory(onnx)
        .unwrap()
}

impl Reference {
    /// Loads a model.
    pub fn new(onnx: &[u8]) -> Self {
        Self(session(onnx))
    }

    /// Runs a model of one `float32` input.
    pub fn run(&mut self, input: &[f32], shape: &[usize]) -> Vec<Output> {
        let input = TensorRef::from_array_view((shape.to_vec(), input)).unwrap();
        let outputs = self.0.run(ort::inputs![input]).unwrap();
        let owned = outputs.into_iter();
        owned.map(|(name, value)| Output { name: name.to_owned(), values: read(&value) }).collect()
    }

    /// Runs a model of one `float64` input.
    pub fn run_doubles(&mut self, input: &[f64], shape: &[usize]) -> Vec<Output> {
        let input = TensorRef::from_array_view((shape.to_vec(), input)).unwrap();
        let outputs = self.0.run(ort::inputs![input]).unwrap();
        let owned = outputs.into_iter();
        owned.map(|(name, value)| Output { name: name.to_owned(), values: read(&value) }).collect()
    }
}

fn read(value: &DynValue) -> Values {
    match value.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float32, .. } => {
            Values::Floats(value.try_extract_tensor::<f32>().unwrap().1.to_vec())
        }
        ValueType::Tensor { ty: TensorElementType::Int64, .. } => {
            Values::Integers(value.try_extract_tensor::<i64>().unwrap().1.to_vec())
        }
        ValueType::Tensor { ty: TensorElementType::String, .. } => {
            Values::Texts(value.try_extract_strings().unwrap().1)
        }
        ValueType::Sequence(_) => Values::Maps(maps(value)),
        other => panic!("no fixture answers {other}"),
    }
}

fn maps(value: &DynValue) -> Vec<Vec<(Label, f32)>> {
    let rows = value.try_extract_sequence::<DynMapValueType>().unwrap();
    rows.iter()
        .map(|row| match row.try_extract_key_values::<i64, f32>() {
            Ok(pairs) => pairs.into_iter().map(|(key, value)| (Label::Int(key), value)).collect(),
            Err(_) => {
                let pairs = row.try_extract_key_values::<String, f32>().unwrap();
                pairs.into_iter().map(|(key, value)| (Label::Text(key), value)).collect()
            }
        })
        .collect()
}
