//! Transforms to frequencies, and the tables that go with them.

use std::f64::consts::TAU;
use std::sync::Arc;

use shared::ElementType::Float64;
use tract_onnx::prelude::{DatumType, TDim, Tensor, ToDim};

use super::geometry::known;
use super::wiring::{axis_of, fact, weight};
use super::{Fault, Inferred, Inputs, Layer, Source, Wired, contradiction};
use crate::lower::{Lowering, Refusal, Value, constant_i64};
use crate::plan::{Arg, Extent, product};

/// Longest transform: its cost grows with the square of an odd length.
const LONGEST: usize = 1 << 20;

/// `DFT`.
#[derive(Debug)]
pub(super) struct Transform {
    /// An attribute before opset 20; an input since.
    axis: Option<i64>,
    inverse: bool,
    one_sided: bool,
}

struct Planned {
    axis: usize,
    from: usize,
    length: usize,
    to: usize,
    parts: [usize; 2],
    shape: Vec<TDim>,
}

impl Transform {
    fn plan(&self, shape: &[TDim], length: Option<i64>, axis: i64) -> Result<Planned, Fault> {
        let [.., parts_in] = shape else { return Err("its input has no parts".into()) };
        let axis = axis_of(axis, shape.len())?;
        if axis + 1 == shape.len() {
            return Err("it transforms the axis of real and imaginary parts".into());
        }
        let from = known(&shape[axis..=axis], "its signal")?[0];
        let back = self.inverse && self.one_sided;
        let length = match length {
            Some(length) => usize::try_from(length).unwrap_or(0),
            None if back => 2 * from.saturating_sub(1),
            None => from,
        };
        if !(1..=LONGEST).contains(&length) {
            return Err(format!("it transforms {length} numbers").into());
        }
        let to = if self.one_sided && !self.inverse { length / 2 + 1 } else { length };
        let parts_in = match parts_in.as_i64() {
            Some(parts @ 1..=2) => parts as usize,
            _ => return Err("its last axis is neither 1 nor 2".into()),
        };
        let parts = [parts_in, if back { 1 } else { 2 }];
        let mut result = shape.to_vec();
        result[axis] = to.to_dim();
        result[shape.len() - 1] = parts[1].to_dim();
        Ok(Planned { axis, from, length, to, parts, shape: result })
    }
}

impl Layer for Transform {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let axis = match node.opset() {
            20.. => None,
            _ => Some(node.int("axis").unwrap_or(1)),
        };
        Ok(Self { axis, inverse: node.flag("inverse"), one_sided: node.flag("onesided") })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let single = |index: usize| -> Result<Option<Option<i64>>, Fault> {
            match inputs.get(index) {
                None => Ok(Some(None)),
                Some(_) => Ok(inputs.ints(index)?.map(|values| values.first().copied())),
            }
        };
        let (Some(length), Some(axis)) = (single(1)?, single(2)?) else { return Ok(None) };
        let axis = self.axis.or(axis).unwrap_or(-2);
        let planned = self.plan(inputs.shape(0)?, length, axis)?;
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, planned.shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let single = |index: usize| -> Result<Option<i64>, Refusal> {
            let Some(outlet) = node.optional(index) else { return Ok(None) };
            let tensor = l
                .constant(outlet)
                .ok_or_else(|| Refusal::because("its length or axis is known only at run time"))?;
            Ok(constant_i64(&tensor)?.first().copied())
        };
        let axis = self.axis.or(single(2)?).unwrap_or(-2);
        let dims = l.dims(node.input(0)?)?;
        let planned = self.plan(&dims, single(1)?, axis)?;
        let shape = l.shape(node.input(0)?)?;
        let (outer, inner) =
            (product(&shape[..planned.axis]), product(&shape[planned.axis + 1..shape.len() - 1]));
        let numbers = [
            outer.clone(),
            Extent::from(planned.from),
            Extent::from(planned.length),
            Extent::from(planned.to),
            inner.clone(),
            Extent::from(planned.parts[0]),
            Extent::from(planned.parts[1]),
            Extent::from(usize::from(self.inverse)),
            Extent::from(usize::from(self.inverse && self.one_sided)),
        ];
        let table = l.table(node.name(), &numbers);
        let scratch = node.scratch(l, "scratch", Float64, Extent::from(6 * planned.length));
        let (x, y) = (l.read_f32(node.input(0)?)?, node.f32_output(l, 0)?);
        let args = vec![x, Arg::write(y), Arg::write(scratch), table];
        let cost = weight([&outer, &inner]) * steps(planned.length);
        l.planner.call("transform_f32", args, format!("transform {}", planned.length), cost);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// Estimated nanoseconds of one transform.
fn steps(length: usize) -> f64 {
    let n = length as f64;
    if length.is_power_of_two() { n * (n.log2() + 1.0) * 3.0 } else { n * n * 3.0 }
}

/// `STFT`.
#[derive(Debug)]
pub(super) struct Frames {
    one_sided: bool,
}

struct Framed {
    from: usize,
    parts: usize,
    frames: usize,
    step: usize,
    length: usize,
    to: usize,
}

impl Frames {
    fn plan(&self, shape: &[TDim], step: i64, length: usize) -> Result<Framed, Fault> {
        let (from, parts) = match shape {
            [_, from] => (from, 1),
            [_, from, parts] => {
                (from, parts.as_i64().filter(|p| (1..=2).contains(p)).unwrap_or(1) as usize)
            }
            _ => return Err("its signal does not have two or three axes".into()),
        };
        let from = known(std::slice::from_ref(from), "its signal")?[0];
        let step = usize::try_from(step)
            .ok()
            .filter(|step| *step > 0)
            .ok_or_else(|| contradiction!("its step is not positive"))?;
        if !(1..=LONGEST).contains(&length) || length > from {
            return Err(format!("its frames of {length} do not fit its signal of {from}").into());
        }
        let to = if self.one_sided { length / 2 + 1 } else { length };
        Ok(Framed { from, parts, frames: (from - length) / step + 1, step, length, to })
    }
}

impl Layer for Frames {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self { one_sided: node.int("onesided").unwrap_or(1) != 0 })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let Some(step) = inputs.ints(1)? else { return Ok(None) };
        let window =
            inputs.get(2).map(|window| known(&window.fact.shape, "its window")).transpose()?;
        let length = match (inputs.get(3), inputs.ints(3)?, window) {
            (Some(_), Some(length), _) => {
                usize::try_from(length.first().copied().unwrap_or(0)).unwrap_or(0)
            }
            (Some(_), None, _) => return Ok(None),
            (None, _, Some(window)) => window.iter().product(),
            (None, _, None) => return Err("it has neither a window nor a length".into()),
        };
        let framed = self.plan(inputs.shape(0)?, step.first().copied().unwrap_or(0), length)?;
        let batch = inputs.shape(0)?[0].clone();
        let shape = [batch, framed.frames.to_dim(), framed.to.to_dim(), 2.to_dim()];
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let single = |index: usize| -> Result<Option<i64>, Refusal> {
            let Some(outlet) = node.optional(index) else { return Ok(None) };
            let tensor = l
                .constant(outlet)
                .ok_or_else(|| Refusal::because("its step or length is known only at run time"))?;
            Ok(constant_i64(&tensor)?.first().copied())
        };
        let dims = l.dims(node.input(0)?)?;
        let window = node.optional(2).map(|window| l.count(window)).transpose()?;
        let window_length = window.and_then(|count| count.fixed()).unwrap_or(0);
        let length = single(3)?.unwrap_or(window_length);
        let length = usize::try_from(length).unwrap_or(0);
        let framed = self.plan(&dims, single(1)?.unwrap_or(0), length)?;
        let batch = l.shape(node.input(0)?)?[0].clone();
        let scratch = node.scratch(l, "scratch", Float64, Extent::from(6 * framed.length));
        let (x, window) = (l.read_f32(node.input(0)?)?, node.f32_or_none(l, 2)?);
        let y = node.f32_output(l, 0)?;
        let cost = weight([&batch]) * framed.frames as f64 * steps(framed.length);
        let mut args = vec![x, window, Arg::write(y), Arg::write(scratch), Arg::Count(batch)];
        let sizes = [framed.from, framed.parts, framed.frames, framed.step, framed.length];
        args.extend(sizes.map(Arg::count));
        args.extend([Arg::count(window_length as usize), Arg::count(framed.to)]);
        l.planner.call("frames_f32", args, "frames to frequencies", cost);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// A constant of a kind that ONNX names by its number.
fn constant(numbers: &[f64], shape: &[usize], datum_type: DatumType) -> Result<Value, Refusal> {
    let refuse = |error: tract_onnx::prelude::TractError| Refusal::because(error.to_string());
    let tensor = Tensor::from_shape(shape, numbers).map_err(refuse)?;
    let tensor = tensor.cast_to_dt(datum_type).map_err(refuse)?.into_owned();
    Ok(Value::Constant(Arc::new(tensor)))
}

fn float_type(code: i64) -> Result<DatumType, Fault> {
    match code {
        1 => Ok(DatumType::F32),
        10 => Ok(DatumType::F16),
        11 => Ok(DatumType::F64),
        other => Err(format!("it makes elements of type {other}, which is not supported").into()),
    }
}

/// `HannWindow`, `HammingWindow` and `BlackmanWindow` of a known size.
#[derive(Debug)]
pub(super) struct Window {
    /// `a - b · cos + c · cos of twice`.
    factors: [f64; 3],
    periodic: bool,
    datum_type: DatumType,
}

impl Layer for Window {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let factors = match node.operator() {
            "HannWindow" => [0.5, 0.5, 0.0],
            "HammingWindow" => [25.0 / 46.0, 1.0 - 25.0 / 46.0, 0.0],
            _ => [0.42, 0.5, 0.08],
        };
        Ok(Self {
            factors,
            periodic: node.int("periodic").unwrap_or(1) != 0,
            datum_type: float_type(node.int("output_datatype").unwrap_or(1))?,
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let Some(size) = inputs.ints(0)? else { return Ok(None) };
        let size = size.first().copied().unwrap_or(-1);
        if !(0..1 << 31).contains(&size) {
            return Err(contradiction!("its size is impossible"));
        }
        if size > LONGEST as i64 {
            return Err("it is too long to be made while compiling".into());
        }
        Ok(Some(vec![fact(self.datum_type, [size.to_dim()])]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let size = node.shape(l, 0)?[0].fixed().and_then(|size| usize::try_from(size).ok());
        let size = size.ok_or_else(|| Refusal::because("its size is known only at run time"))?;
        let around = if self.periodic { size } else { size.saturating_sub(1) }.max(1) as f64;
        let [a, b, c] = self.factors;
        let at = |index: usize| {
            let angle = TAU * index as f64 / around;
            a - b * angle.cos() + c * (2.0 * angle).cos()
        };
        let numbers: Vec<f64> = (0..size).map(at).collect();
        Ok(vec![constant(&numbers, &[size], self.datum_type)?])
    }
}

/// `MelWeightMatrix` of known sizes.
#[derive(Debug)]
pub(super) struct MelWeights {
    datum_type: DatumType,
}

impl Layer for MelWeights {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self { datum_type: float_type(node.int("output_datatype").unwrap_or(1))? })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let (Some(bins), Some(length)) = (inputs.ints(0)?, inputs.ints(1)?) else {
            return Ok(None);
        };
        let first = |values: &[i64]| values.first().copied().unwrap_or(0);
        let (bins, length) = (first(&bins), first(&length));
        if !(1..=65_536).contains(&bins) || !(1..=LONGEST as i64).contains(&length) {
            return Err("it is too large to be made while compiling".into());
        }
        Ok(Some(vec![fact(self.datum_type, [(length / 2 + 1).to_dim(), bins.to_dim()])]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let mut settings = [0.0_f64; 5];
        for (index, setting) in settings.iter_mut().enumerate() {
            let tensor = l
                .constant(node.input(index)?)
                .ok_or_else(|| Refusal::because("its settings are known only at run time"))?;
            let numbers = crate::lower::constant_f32(&tensor)?;
            *setting = numbers.first().map_or(0.0, |number| f64::from(*number));
        }
        let [bins, length, rate, low, high] = settings;
        let (bins, rows) = (bins as usize, length as usize / 2 + 1);
        let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
        let (low, high) = (mel(low), mel(high));
        let step = (high - low) / (bins + 2) as f64;
        let edges: Vec<i64> = (0..bins + 2)
            .map(|index| {
                let hertz = 700.0 * (10_f64.powf((index as f64 * step + low) / 2595.0) - 1.0);
                ((length + 1.0) * hertz / rate).floor() as i64
            })
            .collect();
        let mut numbers = vec![0.0; rows * bins];
        for bin in 0..bins {
            let [lower, centre, upper] = [edges[bin], edges[bin + 1], edges[bin + 2]];
            let mut put = |row: i64, value: f64| {
                if let Some(row) = usize::try_from(row).ok().filter(|row| *row < rows) {
                    numbers[row * bins + bin] = value;
                }
            };
            if centre == lower {
                put(centre, 1.0);
            }
            for row in lower..=centre.min(rows as i64) {
                if centre != lower {
                    put(row, (row - lower) as f64 / (centre - lower) as f64);
                }
            }
            for row in centre..upper.min(rows as i64) {
                if upper != centre {
                    put(row, (upper - row) as f64 / (upper - centre) as f64);
                }
            }
        }
        Ok(vec![constant(&numbers, &[rows, bins], self.datum_type)?])
    }
}
