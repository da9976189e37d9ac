//! Normalisations of rows, channels, groups and batches; and `Hardmax`.

use tract_onnx::model::ParsingContext;
use tract_onnx::prelude::{DatumType, TDim, ToDim};

use super::wiring::{axis_of, fact, values, weight};
use super::{Choice, Contested, Fault, Inferred, Inputs, Layer, Source, Wired, constant_of};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, BufferId, Extent, product};
use shared::ElementType::Float32;

/// `BatchNormalization`.
#[derive(Debug)]
pub(super) struct BatchNormalization {
    epsilon: f32,
    momentum: f32,
    training: bool,
}

impl Contested for BatchNormalization {
    fn choice(node: &Source<'_>, context: &ParsingContext<'_>) -> Choice {
        // With constants it becomes a scale and a shift that go into the product before it.
        let constants = (1..5).all(|index| constant_of(context, node.input_name(index)).is_some());
        if constants && !node.flag("training_mode") { Choice::Tract } else { Choice::Ours }
    }
}

impl Layer for BatchNormalization {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self {
            epsilon: node.float("epsilon").unwrap_or(1e-5),
            momentum: node.float("momentum").unwrap_or(0.9),
            training: node.flag("training_mode"),
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let x = inputs.fact(0)?;
        let channels = x.shape.get(1).cloned().unwrap_or_else(|| 1.to_dim());
        let statistic =
            |index| Ok::<_, Fault>(fact(inputs.fact(index)?.datum_type, [channels.clone()]));
        Ok(Some(vec![x.clone(), statistic(3)?, statistic(4)?]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = l.shape(node.input(0)?)?;
        let channels = shape.get(1).cloned().unwrap_or(Extent::ONE);
        let pixels = product(shape.iter().skip(2));
        let sizes = [shape[0].clone(), channels.clone(), pixels].map(Arg::Count);
        let [x, scale, bias, mean, variance] = [0, 1, 2, 3, 4].map(|index| node.input(index));
        let (x, scale, bias) = (l.read_f32(x?)?, l.read_f32(scale?)?, l.read_f32(bias?)?);
        let (mut mean, mut variance) = (l.read_f32(mean?)?, l.read_f32(variance?)?);
        let cost = weight(&shape);
        let mut running: [Option<BufferId>; 2] = [None, None];
        if self.training {
            let own =
                ["mean", "variance"].map(|what| node.scratch(l, what, Float32, channels.clone()));
            let mut new = [Arg::Int(0), Arg::Int(0)];
            for (index, to) in new.iter_mut().enumerate() {
                if node.outlet(index + 1).is_some() {
                    let buffer = node.f32_output(l, index + 1)?;
                    *to = Arg::write(buffer);
                    running[index] = Some(buffer);
                }
            }
            let mut args = vec![x.clone(), mean, variance];
            args.extend(own.map(Arg::write));
            args.extend(new);
            args.extend(sizes.clone());
            args.push(Arg::Float(self.momentum));
            l.planner.call("batch_statistics_f32", args, "statistics of the batch", cost * 2.0);
            [mean, variance] = own.map(Arg::read);
        }
        let y = node.f32_output(l, 0)?;
        let mut args = vec![x, scale, bias, mean, variance, Arg::write(y)];
        args.extend(sizes);
        args.push(Arg::Float(self.epsilon));
        l.planner.call("batch_norm_f32", args, "batch normalisation", cost);
        let first = node.finish(l, 0, y)?;
        let mut all = vec![first.clone(), first.clone(), first];
        for (index, buffer) in running.into_iter().enumerate() {
            if let Some(buffer) = buffer {
                all[index + 1] = node.finish(l, index + 1, buffer)?;
            }
        }
        Ok(all)
    }
}

/// `InstanceNormalization`, a group for each channel, and `GroupNormalization`.
#[derive(Debug)]
pub(super) struct GroupNormalization {
    /// `None`: as many as channels.
    groups: Option<usize>,
    by_group: bool,
    epsilon: f32,
}

impl Layer for GroupNormalization {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let groups = match node.operator() {
            "InstanceNormalization" => None,
            _ => Some(
                usize::try_from(node.int("num_groups").unwrap_or(0))
                    .ok()
                    .filter(|groups| *groups > 0)
                    .ok_or("its `num_groups` is missing or impossible")?,
            ),
        };
        // Scales were those of groups before opset 21.
        let by_group = groups.is_some() && node.opset() < 21;
        Ok(Self { groups, by_group, epsilon: node.float("epsilon").unwrap_or(1e-5) })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let x = inputs.fact(0)?;
        let channels = x.shape.get(1).and_then(TDim::as_i64).ok_or("its channels are not known")?;
        let groups = self.groups.map_or(channels, |groups| groups as i64);
        if groups == 0 || channels % groups != 0 {
            return Err(format!("its {channels} channels do not make {groups} groups").into());
        }
        let scales = if self.by_group { groups } else { channels };
        for index in [1, 2] {
            if inputs.shape(index)? != [scales.to_dim()] {
                return Err(format!("its input {index} does not have {scales} numbers").into());
            }
        }
        Ok(Some(vec![x.clone()]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = l.shape(node.input(0)?)?;
        let mut args = Vec::new();
        for index in 0..3 {
            args.push(l.read_f32(node.input(index)?)?);
        }
        let y = node.f32_output(l, 0)?;
        let groups = self.groups.map_or_else(|| shape[1].clone(), Extent::from);
        args.extend([
            Arg::write(y),
            Arg::Count(shape[0].clone()),
            Arg::Count(shape[1].clone()),
            Arg::Count(groups),
            Arg::Count(product(&shape[2..])),
            Arg::count(usize::from(self.by_group)),
            Arg::Float(self.epsilon),
        ]);
        let title = "normalisation of groups of channels".to_owned();
        l.call_profiled(
            "group_norm_f32",
            "group_norm_f32_relaxed",
            args,
            title,
            weight(&shape) * 2.0,
        );
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// Rows of what lies from an axis on, and how many numbers a row has.
fn rows_from(l: &Lowering<'_>, node: &Wired<'_>, axis: i64) -> Result<[Extent; 2], Refusal> {
    let shape = l.shape(node.input(0)?)?;
    let axis = axis_of(axis, shape.len())?;
    Ok([product(&shape[..axis]), product(&shape[axis..])])
}

/// A scale or a shift as long as a row: repeated where it is shorter.
fn as_long_as_a_row(
    l: &mut Lowering<'_>,
    node: &Wired<'_>,
    index: usize,
    row: &Extent,
) -> Result<Arg, Refusal> {
    let Some(outlet) = node.optional(index) else { return Ok(Arg::Int(0)) };
    let count = l.count(outlet)?;
    let from = l.read_f32(outlet)?;
    if count == *row {
        return Ok(from);
    }
    if count.fixed() != Some(1) {
        return Err(Refusal::because("its scale has another shape than what it normalises"));
    }
    let to = node.scratch(l, "repeated scale", Float32, row.clone());
    let args = vec![from, Arg::write(to), Arg::Count(row.clone())];
    l.planner.call("fill_4", args, "repeat the scale", 5.0);
    Ok(Arg::read(to))
}

/// `LayerNormalization`.
#[derive(Debug)]
pub(super) struct LayerNormalization {
    axis: i64,
    epsilon: f32,
}

impl Layer for LayerNormalization {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let axis = node.int("axis").unwrap_or(-1);
        Ok(Self { axis, epsilon: node.float("epsilon").unwrap_or(1e-5) })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let x = inputs.fact(0)?;
        let axis = axis_of(self.axis, x.shape.len())?;
        let reduced: Vec<TDim> = (0..x.shape.len())
            .map(|index| if index < axis { x.shape[index].clone() } else { 1.to_dim() })
            .collect();
        let statistic = fact(DatumType::F32, reduced);
        Ok(Some(vec![x.clone(), statistic.clone(), statistic]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let [rows, len] = rows_from(l, node, self.axis)?;
        let x = l.read_f32(node.input(0)?)?;
        let scale = as_long_as_a_row(l, node, 1, &len)?;
        let bias = as_long_as_a_row(l, node, 2, &len)?;
        let y = node.f32_output(l, 0)?;
        let (means, means_arg) = node.optional_output(l, 1)?;
        let (factors, factors_arg) = node.optional_output(l, 2)?;
        let cost = weight([&rows, &len]) * 1.5;
        let args = vec![
            x,
            scale,
            bias,
            Arg::write(y),
            means_arg,
            factors_arg,
            Arg::Count(rows),
            Arg::Count(len),
            Arg::Float(self.epsilon),
        ];
        let title = "layer normalisation".to_owned();
        l.call_profiled("layer_norm_f32", "layer_norm_f32_relaxed", args, title, cost);
        let first = node.finish(l, 0, y)?;
        Ok(values(first, [means, factors]))
    }
}

/// `RMSNormalization`.
#[derive(Debug)]
pub(super) struct RmsNormalization {
    axis: i64,
    epsilon: f32,
}

impl Layer for RmsNormalization {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let axis = node.int("axis").unwrap_or(-1);
        Ok(Self { axis, epsilon: node.float("epsilon").unwrap_or(1e-5) })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let x = inputs.fact(0)?;
        axis_of(self.axis, x.shape.len())?;
        Ok(Some(vec![x.clone()]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let [rows, len] = rows_from(l, node, self.axis)?;
        let x = l.read_f32(node.input(0)?)?;
        let scale = as_long_as_a_row(l, node, 1, &len)?;
        let y = node.f32_output(l, 0)?;
        let cost = weight([&rows, &len]);
        let epsilon = Arg::Float(self.epsilon);
        let args = vec![x, scale, Arg::write(y), Arg::Count(rows), Arg::Count(len), epsilon];
        let title = "root of the mean of squares".to_owned();
        l.call_profiled("scaled_rms_f32", "scaled_rms_f32_relaxed", args, title, cost);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// What lies before, along and behind an axis.
fn around(shape: &[Extent], axis: i64) -> Result<[Arg; 3], Refusal> {
    let axis = axis_of(axis, shape.len())?;
    Ok([
        Arg::Count(product(&shape[..axis])),
        Arg::Count(shape[axis].clone()),
        Arg::Count(product(&shape[axis + 1..])),
    ])
}

/// `LpNormalization`.
#[derive(Debug)]
pub(super) struct LpNormalization {
    axis: i64,
    p: usize,
}

impl Layer for LpNormalization {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let p = match node.int("p").unwrap_or(2) {
            1 => 1,
            2 => 2,
            p => return Err(format!("it is a {p}-norm; there are 1 and 2").into()),
        };
        Ok(Self { axis: node.int("axis").unwrap_or(-1), p })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        Ok(Some(vec![inputs.fact(0)?.clone()]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = l.shape(node.input(0)?)?;
        let (x, y) = (l.read_f32(node.input(0)?)?, node.f32_output(l, 0)?);
        let mut args = vec![x, Arg::write(y)];
        args.extend(around(&shape, self.axis)?);
        args.push(Arg::count(self.p));
        l.planner.call("lp_norm_f32", args, format!("over the {}-norm", self.p), weight(&shape));
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// `Hardmax`.
#[derive(Debug)]
pub(super) struct Hardmax {
    axis: i64,
    /// Before opset 13 everything from the axis on is one.
    flattens: bool,
}

impl Layer for Hardmax {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let flattens = node.opset() < 13;
        let axis = node.int("axis").unwrap_or(if flattens { 1 } else { -1 });
        Ok(Self { axis, flattens })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        Ok(Some(vec![inputs.fact(0)?.clone()]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = l.shape(node.input(0)?)?;
        let (x, y) = (l.read_f32(node.input(0)?)?, node.f32_output(l, 0)?);
        let mut args = vec![x, Arg::write(y)];
        if self.flattens {
            let [rows, len] = rows_from(l, node, self.axis)?;
            args.extend([Arg::Count(rows), Arg::Count(len), Arg::count(1_usize)]);
        } else {
            args.extend(around(&shape, self.axis)?);
        }
        l.planner.call("hardmax_f32", args, "the largest", weight(&shape));
        Ok(vec![node.finish(l, 0, y)?])
    }
}
