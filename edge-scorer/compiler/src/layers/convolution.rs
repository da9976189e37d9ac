//! Convolutions whose weights are computed, of three dimensions, transposed, deformed; and `Col2Im`.

use shared::ElementType::{Float32, Float64};
use tract_onnx::model::ParsingContext;
use tract_onnx::prelude::{TDim, ToDim};

use super::geometry::{Automatic, Sliding, Space, fixed, known};
use super::wiring::{fact, weight};
use super::{
    Choice, Contested, Fault, Inferred, Inputs, Layer, Source, Wired, constant_of, contradiction,
};
use crate::lower::convolution::{self as flat, Convolution};
use crate::lower::{Lowering, Refusal, Value, constant_f32};
use crate::plan::{Arg, Extent, product};

/// Images, channels and planes of a shape.
fn parts<T>(shape: &[T]) -> Result<(&T, &T, &[T]), Fault> {
    match shape {
        [batch, channels, planes @ ..] if !planes.is_empty() => Ok((batch, channels, planes)),
        _ => Err(format!("its input has {} axes; images have at least 3", shape.len()).into()),
    }
}

/// Groups that divide both numbers of channels.
fn groups(node: &Source<'_>) -> Result<usize, Fault> {
    usize::try_from(node.int("group").unwrap_or(1))
        .ok()
        .filter(|groups| (1..1 << 24).contains(groups))
        .ok_or_else(|| "its `group` is impossible".into())
}

/// `Conv`.
#[derive(Debug)]
pub(super) struct Conv {
    pub(super) sliding: Sliding,
    pub(super) groups: usize,
}

impl Contested for Conv {
    fn choice(node: &Source<'_>, context: &ParsingContext<'_>) -> Choice {
        // tract folds what follows into constant weights; flat images of `f32` are what we lower.
        let constant = |index| constant_of(context, node.input_name(index));
        let flat = constant(1).is_some_and(|weights| weights.dims.len() <= 4);
        match flat && (!node.has_input(2) || constant(2).is_some()) {
            true => Choice::Tract,
            false => Choice::Ours,
        }
    }
}

impl Conv {
    pub(super) fn shape(&self, inputs: &Inputs<'_>, w: usize) -> Result<Vec<TDim>, Fault> {
        let (batch, channels, planes) = parts(inputs.shape(0)?)?;
        let weights = known(inputs.shape(w)?, "its weights")?;
        let (outputs, per_group, kernel) = parts(&weights)?;
        if channels.as_i64().is_some_and(|channels| channels != (per_group * self.groups) as i64)
            || !outputs.is_multiple_of(self.groups)
        {
            return Err(format!(
                "its weights have {per_group} channels in each of {} groups, its input {channels}",
                self.groups
            )
            .into());
        }
        let planes = self.sliding.output(planes, kernel)?;
        Ok([batch.clone(), outputs.to_dim()].into_iter().chain(planes).collect())
    }

    /// The table of sizes, from the shapes of the input, the weights and the output.
    pub(super) fn table(
        &self,
        l: &mut Lowering<'_>,
        name: &str,
        [x, w, y]: [&[Extent]; 3],
    ) -> Result<Arg, Refusal> {
        let kernel = fixed(&w[2..]).ok_or_else(|| Refusal::because("its window is not known"))?;
        let pads: Vec<[Extent; 2]> = (0..kernel.len())
            .map(|axis| self.sliding.padding(axis, &x[2..], &y[2..], &kernel))
            .collect();
        let space = Space {
            batch: x[0].clone(),
            channels: [x[1].clone(), w[0].clone()],
            groups: self.groups,
            input: &x[2..],
            output: &y[2..],
            kernel: &kernel,
            pads: &pads,
        };
        let numbers = space.numbers(&self.sliding);
        Ok(l.table(name, &numbers))
    }
}

impl Layer for Conv {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self { sliding: Sliding::parse(node)?, groups: groups(node)? })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, self.shape(inputs, 1)?)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let (x, w) = (node.input(0)?, node.input(1)?);
        let (x_shape, w_shape, y_shape) = (l.shape(x)?, l.shape(w)?, node.shape(l, 0)?);
        let element = l.element(x)?;
        let bias = node.optional(2).map(|bias| l.constant(bias));
        if element == Float32
            && let (Some(weights), None | Some(Some(_))) = (l.constant(w), &bias)
            && let Some(sizes) = self.flat(&x_shape, &w_shape, &y_shape)
        {
            let bias = bias.clone().flatten().map(|bias| constant_f32(&bias)).transpose()?;
            let weights = constant_f32(&weights)?;
            let rows = x_shape[0].clone();
            if let Some(values) = flat::call(l, node.node, 1, x, rows, weights, bias, &sizes)? {
                return Ok(values);
            }
        }
        let table = self.table(l, node.name(), [&x_shape, &w_shape, &y_shape])?;
        let cost = weight(&y_shape) * weight(&w_shape[1..]) * 0.5;
        let title = "convolution of computed weights";
        if element == Float64 {
            let (x, w) = (l.read(x)?, l.read(w)?);
            let (bias, y) = (node.read_or_none(l, 2)?, node.output(l, 0)?);
            l.planner.call("conv_any_f64", vec![x, w, bias, Arg::write(y), table], title, cost);
            return Ok(vec![Value::Tensor(y)]);
        }
        let (x, w) = (l.read_f32(x)?, l.read_f32(w)?);
        let (bias, y) = (node.f32_or_none(l, 2)?, node.f32_output(l, 0)?);
        l.planner.call("conv_any_f32", vec![x, w, bias, Arg::write(y), table], title, cost);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

impl Conv {
    /// The sizes for the fast kernel, if it is one for this convolution.
    fn flat(&self, x: &[Extent], w: &[Extent], y: &[Extent]) -> Option<Convolution> {
        let (x, w, y) = (fixed(&x[1..])?, fixed(w)?, fixed(&y[1..])?);
        let axes = w.len() - 2;
        if axes > 2 {
            return None;
        }
        let two = |number: &dyn Fn(usize) -> usize, other: usize| match axes {
            1 => [other, number(0)],
            _ => [number(0), number(1)],
        };
        let extents = |sizes: &[usize]| sizes.iter().map(|s| Extent::from(*s)).collect::<Vec<_>>();
        let (image, result) = (extents(&x[1..]), extents(&y[1..]));
        let before = |axis: usize| {
            let [before, _] = self.sliding.padding(axis, &image, &result, &w[2..]);
            before.fixed().and_then(|before| usize::try_from(before).ok()).unwrap_or(0)
        };
        let sizes = Convolution {
            channels: [x[0], w[0]],
            image: two(&|axis| x[1 + axis], 1),
            result: two(&|axis| y[1 + axis], 1),
            kernel: two(&|axis| w[2 + axis], 1),
            strides: two(&|axis| self.sliding.stride(axis), 1),
            dilations: two(&|axis| self.sliding.dilation(axis), 1),
            pad_before: two(&before, 0),
            pad_after: [0, 0],
            groups: self.groups,
        };
        let pad_after = [0, 1].map(|axis| {
            let reach = sizes.result[axis].saturating_sub(1) * sizes.strides[axis]
                + sizes.dilations[axis] * (sizes.kernel[axis] - 1)
                + 1;
            reach.saturating_sub(sizes.pad_before[axis] + sizes.image[axis])
        });
        Some(Convolution { pad_after, ..sizes })
    }
}

/// `ConvTranspose`.
#[derive(Debug)]
pub(super) struct ConvTranspose {
    sliding: Sliding,
    groups: usize,
    output_padding: Vec<usize>,
    output_shape: Option<Vec<usize>>,
}

impl ConvTranspose {
    /// Size of the output along an axis, and what is cut off in front.
    fn along(
        &self,
        axis: usize,
        size: usize,
        axes: usize,
        kernel: &[usize],
    ) -> Result<(usize, usize), Fault> {
        let stride = self.sliding.stride(axis);
        let extra = self.output_padding.get(axis).copied().unwrap_or(0);
        let full = stride * size.saturating_sub(1) + extra + self.sliding.reach(axis, kernel);
        let wanted = match (&self.output_shape, self.sliding.automatic) {
            // Some exporters give the images and channels too.
            (Some(shape), _) => shape.get(shape.len().saturating_sub(axes) + axis).copied(),
            (None, Automatic::SameUpper | Automatic::SameLower) => Some(size * stride),
            (None, _) => None,
        };
        match wanted {
            Some(wanted) => {
                let cut = full.saturating_sub(wanted);
                let front = match self.sliding.automatic {
                    Automatic::SameUpper => cut / 2,
                    _ => cut - cut / 2,
                };
                Ok((wanted, front))
            }
            None => {
                let [before, after] = self.sliding.given(axis, axes);
                let left = full.checked_sub(before + after).filter(|left| *left > 0);
                Ok((left.ok_or("it cuts off its whole result")?, before))
            }
        }
    }
}

impl Layer for ConvTranspose {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self {
            sliding: Sliding::parse(node)?,
            groups: groups(node)?,
            output_padding: node.sizes("output_padding")?.unwrap_or_default(),
            output_shape: node.sizes("output_shape")?,
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let (batch, _, planes) = parts(inputs.shape(0)?)?;
        let weights = known(inputs.shape(1)?, "its weights")?;
        let (_, per_group, kernel) = parts(&weights)?;
        let planes = known(planes, "its images")?;
        self.sliding.check(planes.len(), kernel)?;
        let mut shape = vec![batch.clone(), (per_group * self.groups).to_dim()];
        for (axis, size) in planes.iter().enumerate() {
            shape.push(self.along(axis, *size, planes.len(), kernel)?.0.to_dim());
        }
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let (x, w) = (node.input(0)?, node.input(1)?);
        let (x_shape, w_shape, y_shape) = (l.shape(x)?, l.shape(w)?, node.shape(l, 0)?);
        let unknown = || Refusal::because("the size of its images is not known");
        let image = fixed(&x_shape[2..]).ok_or_else(unknown)?;
        let kernel = fixed(&w_shape[2..]).ok_or_else(unknown)?;
        let pads = image
            .iter()
            .enumerate()
            .map(|(axis, size)| {
                let (_, front) = self.along(axis, *size, image.len(), &kernel)?;
                Ok([Extent::from(front), Extent::Fixed(0)])
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        let space = Space {
            batch: x_shape[0].clone(),
            channels: [x_shape[1].clone(), y_shape[1].clone()],
            groups: self.groups,
            input: &x_shape[2..],
            output: &y_shape[2..],
            kernel: &kernel,
            pads: &pads,
        };
        let numbers = space.numbers(&self.sliding);
        let table = l.table(node.name(), &numbers);
        let cost = weight(&x_shape) * weight(&w_shape[1..]) * 0.5;
        let (title, element) = ("transposed convolution", l.element(x)?);
        if element == Float64 {
            let (x, w) = (l.read(x)?, l.read(w)?);
            let (bias, y) = (node.read_or_none(l, 2)?, node.output(l, 0)?);
            let args = vec![x, w, bias, Arg::write(y), table];
            l.planner.call("conv_transposed_f64", args, title, cost);
            return Ok(vec![Value::Tensor(y)]);
        }
        let (x, w) = (l.read_f32(x)?, l.read_f32(w)?);
        let (bias, y) = (node.f32_or_none(l, 2)?, node.f32_output(l, 0)?);
        l.planner.call("conv_transposed_f32", vec![x, w, bias, Arg::write(y), table], title, cost);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// `DeformConv` of flat images.
#[derive(Debug)]
pub(super) struct DeformConv {
    conv: Conv,
    offset_groups: usize,
}

impl Layer for DeformConv {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let offset_groups = usize::try_from(node.int("offset_group").unwrap_or(1))
            .ok()
            .filter(|groups| *groups > 0)
            .ok_or("its `offset_group` is impossible")?;
        Ok(Self { conv: Conv::parse(node)?, offset_groups })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let shape = self.conv.shape(inputs, 1)?;
        let weights = known(inputs.shape(1)?, "its weights")?;
        let ([_, offsets, places @ ..], [_, _, kernel @ ..]) =
            (inputs.shape(2)?, weights.as_slice())
        else {
            return Err("its offsets are no images".into());
        };
        let taps = kernel.iter().product::<usize>();
        if kernel.len() != 2
            || offsets.as_i64() != Some((2 * taps * self.offset_groups) as i64)
            || places != &shape[2..]
        {
            return Err("its offsets do not fit its windows, or its images are not flat".into());
        }
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let (x, w) = (node.input(0)?, node.input(1)?);
        let (x_shape, w_shape, y_shape) = (l.shape(x)?, l.shape(w)?, node.shape(l, 0)?);
        let table = self.conv.table(l, node.name(), [&x_shape, &w_shape, &y_shape])?;
        let mut args = vec![l.read_f32(x)?, l.read_f32(w)?, l.read_f32(node.input(2)?)?];
        args.push(node.f32_or_none(l, 3)?);
        args.push(node.f32_or_none(l, 4)?);
        let y = node.f32_output(l, 0)?;
        args.extend([Arg::write(y), table, Arg::count(self.offset_groups)]);
        let cost = weight(&y_shape) * weight(&w_shape[1..]) * 5.0;
        l.planner.call("deform_conv_f32", args, "deformed convolution", cost);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// `Col2Im`.
#[derive(Debug)]
pub(super) struct Col2Im {
    sliding: Sliding,
}

impl Layer for Col2Im {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self { sliding: Sliding::parse(node)? })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let (Some(image), Some(block)) = (inputs.ints(1)?, inputs.ints(2)?) else {
            return Ok(None);
        };
        let [batch, rows, windows] = inputs.shape(0)? else {
            return Err("its input does not have three axes".into());
        };
        let block = sizes(&block)?;
        let dims: Vec<TDim> = image.iter().map(|size| size.to_dim()).collect();
        let places = self.sliding.output(&dims, &block)?;
        if *windows != places.iter().fold(1.to_dim(), |all, size| all * size) {
            return Err(contradiction!("its blocks do not cover its image"));
        }
        let channels = rows.clone() / block.iter().product::<usize>() as i64;
        let shape = [batch.clone(), channels].into_iter().chain(dims);
        Ok(Some(vec![fact(inputs.fact(0)?.datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let Some(block) = l.constant(node.input(2)?) else {
            return Err(Refusal::because("its block is known only at run time"));
        };
        let block = sizes(&crate::lower::constant_i64(&block)?)?;
        let y_shape = node.shape(l, 0)?;
        let unknown = || Refusal::because("the size of its image is not known");
        let image: Vec<TDim> = fixed(&y_shape[2..])
            .ok_or_else(unknown)?
            .into_iter()
            .map(|size| size.to_dim())
            .collect();
        let windows: Vec<Extent> = self
            .sliding
            .output(&image, &block)?
            .iter()
            .map(|dim| l.extent(dim))
            .collect::<Result<_, _>>()?;
        let pads: Vec<[Extent; 2]> = (0..block.len())
            .map(|axis| self.sliding.padding(axis, &y_shape[2..], &windows, &block))
            .collect();
        let space = Space {
            batch: y_shape[0].clone(),
            channels: [y_shape[1].clone(), y_shape[1].clone()],
            groups: 1,
            input: &windows,
            output: &y_shape[2..],
            kernel: &block,
            pads: &pads,
        };
        let numbers = space.numbers(&self.sliding);
        let table = l.table(node.name(), &numbers);
        let (x, y) = (l.read_f32(node.input(0)?)?, node.f32_output(l, 0)?);
        let cost = product(&y_shape).evaluate(&[1, 64, 64, 64]).unwrap_or(1) as f64 * 2.0;
        l.planner.call("col2im_f32", vec![x, Arg::write(y), table], "blocks to an image", cost);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

fn sizes(values: &[i64]) -> Result<Vec<usize>, Fault> {
    values
        .iter()
        .map(|value| usize::try_from(*value).ok().filter(|size| *size > 0))
        .collect::<Option<_>>()
        .ok_or_else(|| contradiction!("its block has an impossible size"))
}
