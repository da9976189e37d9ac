//! Convolutions of channel-first images; what follows them is folded in.

use shared::ElementType;
use tract_onnx::prelude::{OutletId, TypedNode};
use tract_onnx::tract_core::ops::cnn::conv::{Conv, KernelFormat};
use tract_onnx::tract_core::ops::nn::DataFormat;

use super::tail::Tail;
use super::{Lowered, Lowering, Refusal, Value, constant_f32};
use crate::plan::{Arg, Extent};

/// Output channels and pixels of a tile; `kernels::ROWS` and `kernels::COLUMNS`.
const TILE: [usize; 2] = [4, 8];
/// Pixels of a window that the host takes; `GATHERED` of `engine::linalg`.
const LARGEST_WINDOW: usize = 96 * 1024;
/// `GATHERED_BYTES` of the kernel.
const GATHERED_BYTES: usize = 256 * 1024;

/// The sizes of a convolution, as `kernels::ConvShape` has them.
#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    pub(crate) channels: [usize; 2],
    pub(crate) image: [usize; 2],
    pub(crate) result: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) strides: [usize; 2],
    pub(crate) dilations: [usize; 2],
    pub(crate) pad_before: [usize; 2],
    /// What an output touches behind the image.
    pub(crate) pad_after: [usize; 2],
    pub(crate) groups: usize,
}

impl Convolution {
    /// A 1×1 convolution.
    pub(super) fn pointwise(channels_in: usize, channels_out: usize, pixels: usize) -> Self {
        Self {
            channels: [channels_in, channels_out],
            image: [1, pixels],
            result: [1, pixels],
            kernel: [1, 1],
            strides: [1, 1],
            dilations: [1, 1],
            pad_before: [0, 0],
            pad_after: [0, 0],
            groups: 1,
        }
    }

    fn taps(&self) -> usize {
        self.channels[0] / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// Whether a gathered line is used often enough to pay for a native product: each costs some
    /// nanoseconds, whatever its length. 1×1 convolutions gather nothing.
    fn is_worth_gathering(&self) -> bool {
        const USES: usize = 64;
        let is_pointwise = self.kernel == [1, 1] && self.strides == [1, 1];
        is_pointwise || self.result[1] * (self.channels[1] / self.groups) >= USES
    }

    fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.channels == [self.groups; 2]
    }

    fn padded(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.pad_before[axis] + self.image[axis] + self.pad_after[axis])
    }

    /// Numbers of scratch, as `kernels::conv_scratch` counts them.
    fn scratch(&self) -> usize {
        let [height, width] = self.padded();
        let planes = if self.is_depthwise() { 1 } else { self.channels[0] };
        let image = if [height, width] == self.image { 0 } else { planes * height * width };
        if self.is_depthwise() {
            return image;
        }
        let pixels = self.result[0] * self.result[1];
        let panel = self.taps() * TILE[1];
        image + (GATHERED_BYTES / (panel * 4).max(1)).clamp(1, pixels.div_ceil(TILE[1])) * panel
    }

    fn numbers(&self) -> Vec<u32> {
        let Self { channels, image, result, kernel, strides, dilations, .. } = self;
        let [before, after] = [self.pad_before, self.pad_after];
        [
            &[channels[0], image[0], image[1], channels[1]][..],
            result,
            kernel,
            strides,
            dilations,
            &before,
            &after,
            &[self.groups],
        ]
        .concat()
        .into_iter()
        .map(|number| number as u32)
        .collect()
    }
}

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    let Some(conv) = node.op_as::<Conv>() else { return Ok(None) };
    let spec = &conv.pool_spec;
    if conv.q_params.is_some() || l.element(node.inputs[0])? != ElementType::Float32 {
        return Err(Refusal::because("it convolves another type than float32"));
    }
    let first = match spec.data_format {
        DataFormat::NCHW => 2,
        DataFormat::CHW => 1,
        _ => return Err(Refusal::because("its images do not have their channels first")),
    };
    if conv.kernel_fmt != KernelFormat::OIHW {
        return Err(Refusal::because("its kernel does not have its output channels first"));
    }
    let Some(weights) = l.constant(node.inputs[1]) else {
        return Err(Refusal::because("its kernel is computed; it has to be a constant"));
    };
    let Some(bias) = l.constant(node.inputs[2]) else {
        return Err(Refusal::because("its bias is computed; it has to be a constant"));
    };
    let shape = l.shape(node.inputs[0])?;
    let image = fixed(&shape[first..])?;
    let result = fixed(&l.shape(OutletId::new(node.id, 0))?[first..])?;
    let two = |values: &[usize], other: usize| match values {
        [x] => Ok([other, *x]),
        [y, x] => Ok([*y, *x]),
        _ => Err(Refusal::because("it convolves in three dimensions")),
    };
    let padding = spec.computed_padding(&image);
    let before: Vec<usize> = padding.iter().map(|padding| padding.pad_before).collect();
    let kernel = two(&spec.kernel_shape, 1)?;
    if kernel.contains(&0) {
        return Err(Refusal::because("its kernel is empty"));
    }
    let (strides, dilations) = (two(&spec.strides(), 1)?, two(&spec.dilations(), 1)?);
    let (image, result, pad_before) = (two(&image, 1)?, two(&result, 1)?, two(&before, 0)?);
    let pad_after = [0, 1].map(|axis| {
        let reach = result[axis].saturating_sub(1) * strides[axis]
            + dilations[axis] * (kernel[axis] - 1)
            + 1;
        reach.saturating_sub(pad_before[axis] + image[axis])
    });
    let convolution = Convolution {
        channels: [spec.input_channels, spec.output_channels],
        image,
        result,
        kernel,
        strides,
        dilations,
        pad_before,
        pad_after,
        groups: conv.group,
    };
    let rows = if first == 2 { shape[0].clone() } else { Extent::ONE };
    let bias = constant_f32(&bias)?;
    let bias = match bias.len() {
        1 => vec![bias[0]; spec.output_channels],
        _ => bias,
    };
    let weights = constant_f32(&weights)?;
    call(l, node, first - 1, node.inputs[0], rows, weights, Some(bias), &convolution)
}

fn fixed(dims: &[Extent]) -> Result<Vec<usize>, Refusal> {
    dims.iter()
        .map(|dim| dim.fixed().and_then(|dim| usize::try_from(dim).ok()))
        .collect::<Option<_>>()
        .ok_or_else(|| Refusal::because("the size of its images is not known"))
}

/// Calls the kernel; `weights` is `[channels_out][taps]`, channels lie along `axis` of the result.
#[expect(clippy::too_many_arguments, reason = "a convolution is its operands and its sizes")]
pub(crate) fn call(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    axis: usize,
    x: OutletId,
    rows: Extent,
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
    convolution: &Convolution,
) -> Lowered {
    let [_, channels_out] = convolution.channels;
    let mut tail = Tail::of(l, node, axis, channels_out)?;
    for (channel, bias) in bias.into_iter().flatten().enumerate() {
        tail.shift[channel] += bias * tail.scale[channel];
    }
    let x = l.read(x)?;
    let y = tail.output(l)?;
    let [height, width] = convolution.kernel;
    let title = format!(
        "convolution {height}×{width}, {}→{channels_out}, {} folded",
        convolution.channels[0],
        tail.folded()
    );
    let products =
        convolution.taps() * channels_out * convolution.result[0] * convolution.result[1];
    // Many small groups are many small products.
    let per_group = products / convolution.groups;
    if !convolution.is_depthwise()
        && convolution.is_worth_gathering()
        && l.is_native(per_group)
        && height * width <= LARGEST_WINDOW
    {
        let taps = convolution.taps();
        let scaled: Vec<f32> = weights
            .iter()
            .enumerate()
            .map(|(index, weight)| weight * tail.scale[index / taps])
            .collect();
        let w = l.planner.weights_f32(format!("weights of {}", node.name), &scaled);
        let bias = l.planner.weights_f32(format!("bias of {}", node.name), &tail.shift);
        let name = format!("sizes of {}", node.name);
        let sizes = l.planner.weights_u32(name, &convolution.numbers());
        let args = vec![
            x,
            Arg::Weights(w),
            Arg::Weights(bias),
            Arg::write(y),
            Arg::Weights(sizes),
            Arg::Count(rows),
            Arg::Float(tail.low),
            Arg::Float(tail.high),
        ];
        l.planner.call("linalg.conv", args, title, products as f64 * 0.03 + 200.0);
        return Ok(Some(vec![Value::Tensor(y)]));
    }
    let packed = pack(convolution, &weights, &tail);
    let w = l.planner.weights_f32(format!("weights of {}", node.name), &packed);
    let sizes = l.planner.weights_u32(format!("sizes of {}", node.name), &convolution.numbers());
    let scratch = l.planner.buffer(
        format!("scratch of {}", node.name),
        ElementType::Float32,
        Extent::from(convolution.scratch().max(1)),
    );
    let args = vec![
        x,
        Arg::Weights(w),
        Arg::write(y),
        Arg::write(scratch),
        Arg::Weights(sizes),
        Arg::Count(rows),
        Arg::Float(tail.low),
        Arg::Float(tail.high),
    ];
    let cost = products as f64 * 0.08 + 100.0;
    if convolution.is_depthwise() {
        l.call_profiled("depthwise_f32", "depthwise_f32_relaxed", args, title, cost * 3.0);
    } else {
        l.call_profiled("conv_f32", "conv_f32_relaxed", args, title, cost);
    }
    Ok(Some(vec![Value::Tensor(y)]))
}

/// Panels of four output channels, each with its biases first; depthwise: channel by channel.
fn pack(convolution: &Convolution, weights: &[f32], tail: &Tail) -> Vec<f32> {
    let taps = convolution.taps();
    let weight = |channel: usize, tap: usize| weights[channel * taps + tap] * tail.scale[channel];
    let [_, channels_out] = convolution.channels;
    if convolution.is_depthwise() {
        return (0..channels_out)
            .flat_map(|channel| {
                let weights = (0..taps).map(move |tap| weight(channel, tap));
                std::iter::once(tail.shift[channel]).chain(weights)
            })
            .collect();
    }
    let group = channels_out / convolution.groups;
    let mut packed = Vec::with_capacity(channels_out.next_multiple_of(TILE[0]) * (taps + 1));
    for first in (0..convolution.groups).map(|index| index * group) {
        for block in (0..group).step_by(TILE[0]) {
            let lanes =
                || (block..block + TILE[0]).map(|lane| (lane < group).then_some(first + lane));
            packed
                .extend(lanes().map(|channel| channel.map_or(0.0, |channel| tail.shift[channel])));
            for tap in 0..taps {
                packed.extend(lanes().map(|channel| channel.map_or(0.0, |c| weight(c, tap))));
            }
        }
    }
    packed
}
