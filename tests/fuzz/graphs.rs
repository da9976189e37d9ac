//! Random graphs of dense and element-wise operators against ONNX Runtime.

use arbitrary::{Result, Unstructured};
use engine::{Scorer, ScorerLimits, Tensor, TensorData, Trust};
use tests::reference::{Reference, Values};

use crate::proto::{self, Attribute, FLOAT, Graph, Message, attribute, floats, port};
use crate::{seeded, targets};

const ROWS: usize = 9;
const COLUMNS: usize = 5;

/// A graph in the making: names of tensors with their columns.
struct Builder {
    graph: Graph,
    tensors: Vec<(String, usize)>,
}

impl Builder {
    fn add(
        &mut self,
        operator: &str,
        domain: &str,
        inputs: &[&str],
        attributes: &[Message],
        columns: usize,
    ) {
        let name = format!("t{}", self.tensors.len());
        self.graph.nodes.push(proto::node(operator, domain, inputs, &[&name], attributes));
        self.tensors.push((name, columns));
    }

    fn constant(&mut self, u: &mut Unstructured<'_>, dims: &[i64]) -> Result<String> {
        let count: i64 = dims.iter().product();
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(f32::from(u.arbitrary::<i8>()?) / 64.0);
        }
        let name = format!("c{}", self.graph.tensors.len());
        self.graph.tensors.push(floats(&name, dims, &values));
        Ok(name)
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (x, columns) = u.choose(&self.tensors)?.clone();
        let x = x.as_str();
        match u.int_in_range(0..=9)? {
            0 => {
                let operator = *u.choose(&[
                    "Relu", "Sigmoid", "Tanh", "Abs", "Neg", "Softplus", "Floor", "Erf", "Sin",
                    "Softsign", "Identity",
                ])?;
                self.add(operator, "", &[x], &[], columns);
            }
            1 | 2 => {
                let same: Vec<String> =
                    self.tensors.iter().filter(|t| t.1 == columns).map(|t| t.0.clone()).collect();
                let y = u.choose(&same)?.clone();
                self.add(
                    *u.choose(&["Add", "Sub", "Mul", "Max", "Min"])?,
                    "",
                    &[x, &y],
                    &[],
                    columns,
                );
            }
            3 => {
                let bias = self.constant(u, &[columns as i64])?;
                self.add(*u.choose(&["Add", "Mul", "Sub"])?, "", &[x, &bias], &[], columns);
            }
            4 | 5 => {
                let wide = u.int_in_range(1..=9)?;
                let weights = self.constant(u, &[columns as i64, wide])?;
                if u.arbitrary()? {
                    self.add("MatMul", "", &[x, &weights], &[], wide as usize);
                } else {
                    let bias = self.constant(u, &[wide])?;
                    self.add("Gemm", "", &[x, &weights, &bias], &[], wide as usize);
                }
            }
            6 => {
                let (y, more) = u.choose(&self.tensors)?.clone();
                let axis = attribute("axis", Attribute::Int(1));
                self.add("Concat", "", &[x, &y], &[axis], columns + more);
            }
            7 => {
                let axis = attribute("axis", Attribute::Int(1));
                self.add(*u.choose(&["Softmax", "LogSoftmax"])?, "", &[x], &[axis], columns);
            }
            8 => {
                let numbers = |u: &mut Unstructured<'_>| -> Result<Vec<f32>> {
                    (0..columns).map(|_| Ok(f32::from(u.arbitrary::<i8>()?) / 32.0)).collect()
                };
                let (offset, scale) = (numbers(u)?, numbers(u)?);
                let attributes = [
                    attribute("offset", Attribute::Floats(&offset)),
                    attribute("scale", Attribute::Floats(&scale)),
                ];
                self.add("Scaler", "ai.onnx.ml", &[x], &attributes, columns);
            }
            _ => {
                let threshold = attribute("threshold", Attribute::Float(0.25));
                self.add("Binarizer", "ai.onnx.ml", &[x], &[threshold], columns);
            }
        }
        Ok(())
    }
}

fn graph(bytes: &[u8]) -> Result<(Vec<u8>, Vec<f32>)> {
    let u = &mut Unstructured::new(bytes);
    let mut builder = Builder { graph: Graph::default(), tensors: vec![("X".to_owned(), COLUMNS)] };
    builder.graph.inputs.push(port("X", FLOAT, &[None, Some(COLUMNS as i64)]));
    for _ in 0..u.int_in_range(1..=12)? {
        builder.step(u)?;
        // Wide tensors only make the case slow.
        if builder.tensors.last().is_some_and(|tensor| tensor.1 > 64) {
            break;
        }
    }
    let mut rows = Vec::with_capacity(ROWS * COLUMNS);
    for _ in 0..ROWS * COLUMNS {
        rows.push(f32::from(u.arbitrary::<i8>()?) / 40.0);
    }
    let (last, columns) = builder.tensors.last().unwrap().clone();
    builder.graph.outputs.push(port(&last, FLOAT, &[None, Some(columns as i64)]));
    Ok((builder.graph.model(), rows))
}

fn agrees(bytes: &[u8]) {
    let Ok((onnx, rows)) = graph(bytes) else { return };
    let compiled = targets::compiler(&onnx).unwrap();
    let module = targets::engine().load(&compiled.wasm, Trust::Compiled).unwrap();
    let input =
        Tensor::new(vec![ROWS as u64, COLUMNS as u64], TensorData::Float32(rows.clone())).unwrap();
    let ours = Scorer::new(module, ScorerLimits::default()).score_rows(&[input]).unwrap();
    let theirs = Reference::new(&onnx).run(&rows, &[ROWS, COLUMNS]);
    let (ours, Values::Floats(theirs)) = (ours[0].as_f32().unwrap(), &theirs[0].values) else {
        panic!("no floats");
    };
    assert_eq!(ours.len(), theirs.len());
    // A step (Floor, Binarizer) turns a difference in the last bit into one of 1; a chain of products
    // multiplies it. Beyond one such element in a hundred it is a mistake.
    let wrong = ours
        .iter()
        .zip(theirs)
        .filter(|(a, b)| {
            (*a - *b).abs() > 1e-4 + 1e-4 * b.abs() && !(a.is_nan() && b.is_nan()) && a != b
        })
        .count();
    assert!(wrong * 100 <= ours.len(), "{wrong} of {} differ: {ours:?} {theirs:?}", ours.len());
}

#[test]
fn random_graphs_agree_with_onnx_runtime() {
    seeded(4_000, agrees);
}
