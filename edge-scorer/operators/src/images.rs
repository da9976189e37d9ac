//! From windows back to space: what overlaps is added up, or put where it was taken from.

use crate::number::{Element, Number};
use crate::shape::wanted_dims;
use crate::tensor::{Dims, MAX_RANK, Tensor};
use crate::window::Window;
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.Col2Im" => blocks_to_image,
    "ai.onnx.ConvTranspose" => transposed_convolution,
    "ai.onnx.MaxUnpool" => max_unpool,
}

fn blocks_to_image(node: &Node) -> Done {
    let x = node.input(0)?;
    let (image, block) = (wanted_dims(node.input(1)?)?, wanted_dims(node.input(2)?)?);
    let [batch, rows, windows] = *x.dims() else { return Err(Failure::Unacceptable) };
    let taps = block.count()?;
    if taps == 0 || rows % taps != 0 {
        return Err(Failure::Unacceptable);
    }
    let channels = rows / taps;
    let mut dims = Dims::of(&[batch, channels])?;
    image.iter().try_for_each(|size| dims.push(*size))?;
    let mut kernel = [0_i64; MAX_RANK];
    for (slot, size) in kernel.iter_mut().zip(block.iter()) {
        *slot = *size as i64;
    }
    let mut picture = Tensor { kind: x.kind, ..Tensor::ABSENT };
    picture.set_dims(&dims);
    let window = Window::of(node, &picture, &kernel[..block.len()])?;
    if window.places() != windows {
        return Err(Failure::Unacceptable);
    }
    let plane = image.count()?;
    floats!(x.kind; T => {
        let (values, y) = (x.as_slice::<T>(), node.output::<T>(0, dims)?);
        for place in 0..windows {
            window.taps(place, |tap, at| {
                for channel in 0..batch * channels {
                    let slot = &mut y[channel * plane + at];
                    *slot = slot.add(values[(channel * taps + tap) * windows + place]);
                }
            });
        }
        Ok(())
    })
}

/// A whole number of each axis from an attribute, or the same for all of them.
fn each(node: &Node, name: &str, axis: usize, other: i64) -> Result<i64, Failure> {
    let value = match node.ints(name) {
        Some(values) => *values.get(axis).ok_or(Failure::Unsupported)?,
        None => other,
    };
    if (0..=1 << 30).contains(&value) { Ok(value) } else { Err(Failure::Unacceptable) }
}

/// One axis of a transposed convolution.
#[derive(Clone, Copy, Default)]
struct Spread {
    from: usize,
    to: usize,
    kernel: usize,
    stride: i64,
    dilation: i64,
    begin: i64,
}

impl Spread {
    fn of(
        node: &Node,
        axis: usize,
        axes: usize,
        from: usize,
        kernel: usize,
    ) -> Result<Self, Failure> {
        let stride = each(node, "strides", axis, 1)?.max(1);
        let dilation = each(node, "dilations", axis, 1)?.max(1);
        let more = each(node, "output_padding", axis, 0)?;
        let span = (kernel as i64 - 1).saturating_mul(dilation).saturating_add(1);
        let full = (from as i64 - 1).saturating_mul(stride).saturating_add(span + more);
        let auto = node.text("auto_pad", "NOTSET");
        let wanted = match (node.ints("output_shape"), auto) {
            // It may have all axes, or those of space alone.
            (Some(shape), _) => {
                let skipped = shape.len().saturating_sub(axes);
                Some(*shape.get(skipped + axis).ok_or(Failure::Unsupported)?)
            }
            (None, b"SAME_UPPER" | b"SAME_LOWER") => Some((from as i64).saturating_mul(stride)),
            _ => None,
        };
        let (begin, to) = match wanted {
            Some(to) => {
                let total = (full - to).max(0);
                let less = total / 2;
                (if auto == b"SAME_UPPER" { less } else { total - less }, to)
            }
            None if auto == b"VALID" => (0, full),
            None => {
                let begin = each(node, "pads", axis, 0)?;
                (begin, full - begin - each(node, "pads", axes + axis, 0)?)
            }
        };
        let to = usize::try_from(to).map_err(|_| Failure::Unacceptable)?;
        Ok(Self { from, to, kernel, stride, dilation, begin })
    }

    /// Where one place of the source goes by one of the kernel.
    fn target(&self, place: usize, tap: usize) -> Option<usize> {
        let at = place as i64 * self.stride + tap as i64 * self.dilation - self.begin;
        usize::try_from(at).ok().filter(|at| *at < self.to)
    }
}

fn transposed_convolution(node: &Node) -> Done {
    let (x, weights, bias) = (node.input(0)?, node.input(1)?, node.optional(2));
    let (dims, shape) = (x.dims(), weights.dims());
    if dims.len() < 3 || shape.len() != dims.len() || x.kind != weights.kind {
        return Err(Failure::Unacceptable);
    }
    let axes = dims.len() - 2;
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    let (channels, per_group) = (dims[1], shape[1]);
    if groups == 0 || channels != shape[0] || channels % groups != 0 {
        return Err(Failure::Unacceptable);
    }
    let (maps, inner) = (per_group * groups, channels / groups);
    if bias.is_some_and(|bias| bias.count() != maps) {
        return Err(Failure::Unacceptable);
    }
    let mut target = Dims::of(&[dims[0], maps])?;
    let mut spread = [Spread::default(); MAX_RANK];
    for axis in 0..axes {
        spread[axis] = Spread::of(node, axis, axes, dims[2 + axis], shape[2 + axis])?;
        target.push(spread[axis].to)?;
    }
    let [from, to, taps] = [
        dims[2..].iter().product::<usize>(),
        target[2..].iter().product(),
        shape[2..].iter().product(),
    ];
    floats!(x.kind; T => {
        let (values, weights) = (x.as_slice::<T>(), weights.as_slice::<T>());
        let bias = bias.map_or(Ok(&[][..]), |bias| bias.slice::<T>())?;
        let sums = node.room::<f64>(target.count()?)?;
        for (place, tap) in (0..from).flat_map(|place| (0..taps).map(move |tap| (place, tap))) {
            let (mut at, mut inside) = (0, true);
            let (mut rest, mut rest_tap, mut step) = (place, tap, 1);
            for axis in spread[..axes].iter().rev() {
                match axis.target(rest % axis.from, rest_tap % axis.kernel) {
                    Some(index) => at += index * step,
                    None => inside = false,
                }
                (rest, rest_tap, step) = (rest / axis.from, rest_tap / axis.kernel, step * axis.to);
            }
            if !inside {
                continue;
            }
            for channel in 0..dims[0] * channels {
                let (image, channel) = (channel / channels, channel % channels);
                let value = values[(image * channels + channel) * from + place].to_f64();
                let group = channel / inner;
                for map in 0..per_group {
                    let weight = weights[(channel * per_group + map) * taps + tap].to_f64();
                    sums[(image * maps + group * per_group + map) * to + at] += value * weight;
                }
            }
        }
        let y = node.output::<T>(0, target)?;
        for (place, (y, sum)) in y.iter_mut().zip(sums.iter()).enumerate() {
            let bias = bias.get(place / to % maps).map_or(0.0, |bias| bias.to_f64());
            *y = T::from_f64(sum + bias);
        }
        Ok(())
    })
}

/// Places of the largest values count in the smallest image that the windows come from; a larger
/// one is filled up behind it.
fn max_unpool(node: &Node) -> Done {
    let (x, indices) = (node.input(0)?, node.input(1)?);
    let dims = x.dims();
    let kernel = node.ints("kernel_shape").ok_or(Failure::Unsupported)?;
    let axes = dims.len().checked_sub(2).ok_or(Failure::Unacceptable)?;
    if kernel.len() != axes || indices.dims() != dims {
        return Err(Failure::Unacceptable);
    }
    let mut source = dims;
    for axis in 0..axes {
        let stride = each(node, "strides", axis, 1)?;
        let pads = each(node, "pads", axis, 0)? + each(node, "pads", axes + axis, 0)?;
        let size = (dims[2 + axis] as i64 - 1) * stride + kernel[axis] - pads;
        source[2 + axis] = usize::try_from(size).map_err(|_| Failure::Unacceptable)?;
    }
    let target = match node.optional(2) {
        Some(shape) => wanted_dims(shape)?,
        None => source,
    };
    if target.len() != source.len() || target.iter().zip(source.iter()).any(|(to, from)| to < from)
    {
        return Err(Failure::Unacceptable);
    }
    let (from, to) = (source.strides(), target.strides());
    let count = source.count()?;
    let places = indices.slice::<i64>()?;
    widths!(x.kind; T => {
        let y = node.output_like::<T>(0, x.kind, target)?;
        for (value, place) in x.as_slice::<T>().iter().zip(places) {
            let place = usize::try_from(*place).ok().filter(|place| *place < count);
            let place = place.ok_or(Failure::Unacceptable)?;
            let at = (0..source.len()).map(|axis| place / from[axis] % source[axis] * to[axis]);
            y[at.sum::<usize>()] = *value;
        }
        Ok(())
    })
}
