//! Operators that work column by column: `Scaler`, `Normalizer`, `Imputer`, `Binarizer`.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, TypedNode};

use super::classes::rows_of;
use super::{Fact, Fault, Operator, attributes, contradiction, matrix};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::Arg;

/// A list with one entry, or one a column, spread over all columns.
fn spread<T: Copy>(list: &[T], columns: usize, name: &str) -> Result<Vec<T>, Fault> {
    match list {
        [one] => Ok(vec![*one; columns]),
        list if list.len() == columns => Ok(list.to_vec()),
        list => Err(contradiction!("`{name}` has {} entries for {columns} columns", list.len())),
    }
}

fn columns_of(l: &Lowering<'_>, node: &TypedNode) -> Result<usize, Refusal> {
    let shape = l.shape(node.inputs[0])?;
    shape
        .get(1)
        .and_then(crate::plan::Extent::fixed)
        .and_then(|columns| usize::try_from(columns).ok())
        .ok_or_else(|| Refusal::because("the number of its columns is not known"))
}

fn same_shape(inputs: &[Fact], datum_type: DatumType) -> Result<Vec<Fact>, Fault> {
    let input = inputs.first().ok_or("it has no input")?;
    Ok(vec![Fact { datum_type, shape: input.shape.clone() }])
}

/// `ai.onnx.ml.Scaler`.
#[derive(Debug)]
pub(super) struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
}

impl Operator for Scaler {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let offset = attributes::floats(node, "offset").to_vec();
        let scale = attributes::floats(node, "scale").to_vec();
        if offset.is_empty() || scale.is_empty() {
            return Err(contradiction!("it has no offset or no scale"));
        }
        Ok(Self { offset, scale })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let (_, columns) = matrix(inputs.first())?;
        spread(&self.offset, columns, "offset")?;
        spread(&self.scale, columns, "scale")?;
        same_shape(inputs, DatumType::F32)
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let columns = columns_of(l, node)?;
        let offset = spread(&self.offset, columns, "offset")?;
        let scale = spread(&self.scale, columns, "scale")?;
        let offset = l.planner.weights_f32(format!("{} (offset)", node.name), &offset);
        let scale = l.planner.weights_f32(format!("{} (scale)", node.name), &scale);
        let (x, rows, y) = (l.read_f32(node.inputs[0])?, rows_of(l, node)?, l.output(node, 0)?);
        let args = vec![
            x,
            Arg::Count(rows),
            Arg::count(columns),
            Arg::Weights(offset),
            Arg::Weights(scale),
            Arg::write(y),
        ];
        let title = format!("scale {columns} columns");
        l.planner.call("scale_columns", args, title, 3.0 + 0.3 * columns as f64);
        Ok(vec![Value::Tensor(y)])
    }
}

/// The kernel's number of the sum of magnitudes.
const SUM: i32 = 1;

/// `ai.onnx.ml.Normalizer`.
#[derive(Debug)]
pub(super) struct Normalizer {
    /// The kernel's number: largest value, sum of magnitudes, length.
    norm: i32,
}

impl Operator for Normalizer {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let norm = match attributes::string(node, "norm", "MAX")?.as_str() {
            "MAX" => 0,
            "L1" => SUM,
            "L2" => 2,
            other => return Err(contradiction!("the norm `{other}` is unknown")),
        };
        Ok(Self { norm })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        matrix(inputs.first())?;
        same_shape(inputs, DatumType::F32)
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let columns = columns_of(l, node)?;
        if self.norm == SUM && l.probabilities_at(node.inputs[0]) {
            // Exporters put it behind every classifier: it would divide by 1, or what rounding left of it.
            return Ok(vec![l.value(node.inputs[0])?]);
        }
        let (x, rows, y) = (l.read_f32(node.inputs[0])?, rows_of(l, node)?, l.output(node, 0)?);
        let args =
            vec![x, Arg::Count(rows), Arg::count(columns), Arg::Int(self.norm), Arg::write(y)];
        l.planner.call("normalize_rows", args, "normalize rows", 3.0 + columns as f64);
        Ok(vec![Value::Tensor(y)])
    }
}

/// `ai.onnx.ml.Imputer`.
#[derive(Debug)]
pub(super) enum Imputer {
    Floats { fill: Vec<f32>, missing: f32 },
    Ints { fill: Vec<i64>, missing: i64 },
}

impl Operator for Imputer {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let floats = attributes::floats(node, "imputed_value_floats");
        let ints = attributes::ints(node, "imputed_value_int64s");
        match (floats.is_empty(), ints.is_empty()) {
            (false, true) => Ok(Self::Floats {
                fill: floats.to_vec(),
                missing: attributes::float(node, "replaced_value_float").unwrap_or(0.0),
            }),
            (true, false) => Ok(Self::Ints {
                fill: ints.to_vec(),
                missing: attributes::int(node, "replaced_value_int64").unwrap_or(0),
            }),
            _ => Err(contradiction!("it has no one list of values to fill in")),
        }
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let (_, columns) = matrix(inputs.first())?;
        let datum_type = match self {
            Self::Floats { fill, .. } => {
                spread(fill, columns, "imputed_value_floats")?;
                DatumType::F32
            }
            Self::Ints { fill, .. } => {
                spread(fill, columns, "imputed_value_int64s")?;
                DatumType::I64
            }
        };
        if inputs[0].datum_type != datum_type {
            return Err(format!(
                "its input is {:?}, its values {datum_type:?}",
                inputs[0].datum_type
            )
            .into());
        }
        same_shape(inputs, datum_type)
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let columns = columns_of(l, node)?;
        let (x, rows, y) = (l.read(node.inputs[0])?, rows_of(l, node)?, l.output(node, 0)?);
        let (kernel, missing, fill) = match self {
            Self::Floats { fill, missing } => {
                let fill = spread(fill, columns, "imputed_value_floats")?;
                let fill = l.planner.weights_f32(format!("{} (fill)", node.name), &fill);
                ("impute_columns", Arg::Float(*missing), fill)
            }
            Self::Ints { fill, missing } => {
                let fill = spread(fill, columns, "imputed_value_int64s")?;
                let fill = l.planner.weights_i64(format!("{} (fill)", node.name), &fill);
                let missing =
                    l.planner.weights_i64(format!("{} (missing)", node.name), &[*missing]);
                ("impute_columns_i64", Arg::Weights(missing), fill)
            }
        };
        let args = vec![
            x,
            Arg::Count(rows),
            Arg::count(columns),
            missing,
            Arg::Weights(fill),
            Arg::write(y),
        ];
        l.planner.call(kernel, args, "fill in missing values", 3.0 + columns as f64);
        Ok(vec![Value::Tensor(y)])
    }
}

/// `ai.onnx.ml.Binarizer`.
#[derive(Debug)]
pub(super) struct Binarizer {
    threshold: f32,
}

impl Operator for Binarizer {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        Ok(Self { threshold: attributes::float(node, "threshold").unwrap_or(0.0) })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        match inputs.first().map(|input| input.datum_type) {
            Some(DatumType::F32) => same_shape(inputs, DatumType::F32),
            other => Err(format!("its input is {other:?}, not float").into()),
        }
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let (x, count) = (l.read(node.inputs[0])?, l.count(node.inputs[0])?);
        let y = l.output(node, 0)?;
        let args = vec![x, Arg::Count(count), Arg::Float(self.threshold), Arg::write(y)];
        l.planner.call("binarize", args, format!("above {}", self.threshold), 10.0);
        Ok(vec![Value::Tensor(y)])
    }
}
