//! Windows that slide over space: convolutions and pools, of any number of axes.

use crate::number::{Element, Number};
use crate::tensor::{Dims, MAX_RANK, Tensor, product};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.AveragePool" => |node| pool(node, Pool::Average),
    "ai.onnx.Conv" => convolution,
    "ai.onnx.GlobalAveragePool" => |node| global(node, false),
    "ai.onnx.GlobalMaxPool" => |node| global(node, true),
    "ai.onnx.LpPool" => |node| pool(node, Pool::Norm),
    "ai.onnx.MaxPool" => max_pool,
}

/// How windows lie on the axes of space.
pub(crate) struct Window {
    axes: usize,
    /// Of the window, of the input, of the answer.
    kernel: Dims,
    input: Dims,
    output: Dims,
    strides: [i64; MAX_RANK],
    dilations: [i64; MAX_RANK],
    begins: [i64; MAX_RANK],
    ends: [i64; MAX_RANK],
}

impl Window {
    pub(crate) fn of(node: &Node, x: &Tensor, kernel: &[i64]) -> Result<Self, Failure> {
        let dims = x.dims();
        let axes = dims.len().checked_sub(2).ok_or(Failure::Unacceptable)?;
        if axes == 0 || kernel.len() != axes {
            return Err(Failure::Unacceptable);
        }
        let mut window = Self {
            axes,
            kernel: Dims::filled(axes, 0)?,
            input: Dims::of(&dims[2..])?,
            output: Dims::filled(axes, 0)?,
            strides: [1; MAX_RANK],
            dilations: [1; MAX_RANK],
            begins: [0; MAX_RANK],
            ends: [0; MAX_RANK],
        };
        let list = |name: &str, slots: &mut [i64; MAX_RANK], from: usize, least: i64| -> Done {
            let Some(values) = node.ints(name) else { return Ok(()) };
            for (axis, slot) in slots.iter_mut().enumerate().take(axes) {
                let value = *values.get(from + axis).ok_or(Failure::Unsupported)?;
                if !(least..=1 << 30).contains(&value) {
                    return Err(Failure::Unacceptable);
                }
                *slot = value;
            }
            Ok(())
        };
        list("strides", &mut window.strides, 0, 1)?;
        list("dilations", &mut window.dilations, 0, 1)?;
        let auto = node.text("auto_pad", "NOTSET");
        if auto == b"NOTSET" {
            list("pads", &mut window.begins, 0, 0)?;
            list("pads", &mut window.ends, axes, 0)?;
        }
        let ceil = node.flag("ceil_mode", false);
        for (axis, width) in kernel.iter().enumerate() {
            window.kernel[axis] = usize::try_from(*width).map_err(|_| Failure::Unacceptable)?;
            let (size, stride) = (window.input[axis] as i64, window.strides[axis]);
            if !(1..=1 << 30).contains(width) {
                return Err(Failure::Unacceptable);
            }
            let span = (*width - 1).saturating_mul(window.dilations[axis]).saturating_add(1);
            if matches!(auto, b"SAME_UPPER" | b"SAME_LOWER") {
                let count = (size + stride - 1) / stride;
                let total = ((count - 1) * stride + span - size).max(0);
                let less = total / 2;
                let begin = if auto == b"SAME_UPPER" { less } else { total - less };
                (window.begins[axis], window.ends[axis]) = (begin, total - begin);
            }
            let room = size + window.begins[axis] + window.ends[axis] - span;
            if room < 0 {
                return Err(Failure::Unacceptable);
            }
            let mut count = room / stride + 1;
            if ceil && room % stride != 0 && count * stride < size + window.begins[axis] {
                // A last window that begins within the input or the padding before it.
                count += 1;
            }
            window.output[axis] = count as usize;
        }
        Ok(window)
    }

    pub(crate) fn places(&self) -> usize {
        product(&self.output).unwrap_or(0)
    }

    /// Visits what lies in the input of the window at a place of the answer; answers how many of
    /// the window's places lie in the padded input.
    pub(crate) fn taps(&self, place: usize, mut visit: impl FnMut(usize, usize)) -> usize {
        let (input, output) = (self.input.strides(), self.output.strides());
        let kernel = self.kernel.strides();
        let mut padded = 0;
        for tap in 0..product(&self.kernel).unwrap_or(0) {
            let (mut at, mut inside, mut in_padding) = (0, true, true);
            for axis in 0..self.axes {
                let o = (place / output[axis] % self.output[axis]) as i64;
                let k = (tap / kernel[axis] % self.kernel[axis]) as i64;
                let index = o * self.strides[axis] - self.begins[axis] + k * self.dilations[axis];
                let size = self.input[axis] as i64;
                inside &= (0..size).contains(&index);
                in_padding &= index < size + self.ends[axis];
                at += index.max(0) as usize * input[axis];
            }
            padded += usize::from(in_padding);
            if inside {
                visit(tap, at);
            }
        }
        padded
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pool {
    Average,
    Norm,
}

fn pool(node: &Node, kind: Pool) -> Done {
    let x = node.input(0)?;
    let window = Window::of(node, x, node.ints("kernel_shape").ok_or(Failure::Unsupported)?)?;
    let (planes, mut dims) = (x.dims()[0] * x.dims()[1], Dims::of(&x.dims()[..2])?);
    window.output.iter().try_for_each(|dim| dims.push(*dim))?;
    let counts_padding = node.flag("count_include_pad", false);
    let power = node.int("p", 2) as f64;
    let (from, to) = (window.input.count()?, window.output.count()?);
    floats!(x.kind; T => {
        let y = node.output::<T>(0, dims)?;
        let values = x.as_slice::<T>();
        for place in 0..window.places() {
            for plane in 0..planes {
                let (mut sum, mut inside) = (0.0, 0);
                let padded = window.taps(place, |_, at| {
                    let value = values[plane * from + at].to_f64();
                    sum += if kind == Pool::Norm { libm::pow(value.abs(), power) } else { value };
                    inside += 1;
                });
                let count = if counts_padding { padded } else { inside };
                y[plane * to + place] = T::from_f64(match kind {
                    Pool::Average => sum / count as f64,
                    Pool::Norm => libm::pow(sum, 1.0 / power),
                });
            }
        }
        Ok(())
    })
}

fn max_pool(node: &Node) -> Done {
    let x = node.input(0)?;
    let window = Window::of(node, x, node.ints("kernel_shape").ok_or(Failure::Unsupported)?)?;
    let (planes, mut dims) = (x.dims()[0] * x.dims()[1], Dims::of(&x.dims()[..2])?);
    window.output.iter().try_for_each(|dim| dims.push(*dim))?;
    let by_column = node.int("storage_order", 0) == 1;
    let (from, to) = (window.input.count()?, window.output.count()?);
    let indices = node.output::<i64>(1, dims)?;
    let strides = window.input.strides();
    numbers!(x.kind; T => {
        let y = node.output::<T>(0, dims)?;
        let values = x.as_slice::<T>();
        for place in 0..window.places() {
            for plane in 0..planes {
                let (mut best, mut place_of) = (T::LEAST, None);
                window.taps(place, |_, at| {
                    let value = values[plane * from + at];
                    if place_of.is_none() || value > best {
                        (best, place_of) = (value, Some(at));
                    }
                });
                let at = place_of.unwrap_or(0);
                let at = if by_column {
                    // Counted with the first axis of space moving fastest.
                    let (mut index, mut step) = (0, 1);
                    for (stride, dim) in strides.iter().zip(window.input.iter()) {
                        index += at / stride % dim * step;
                        step *= dim;
                    }
                    index
                } else {
                    at
                };
                y[plane * to + place] = best;
                indices[plane * to + place] = (plane * from + at) as i64;
            }
        }
        Ok(())
    })
}

fn global(node: &Node, is_largest: bool) -> Done {
    let x = node.input(0)?;
    let old = x.dims();
    if old.len() < 2 {
        return Err(Failure::Unacceptable);
    }
    let mut dims = old;
    dims[2..].fill(1);
    let size = product(&old[2..]).unwrap_or(0);
    floats!(x.kind; T => {
        let y = node.output::<T>(0, dims)?;
        for (y, values) in y.iter_mut().zip(x.as_slice::<T>().chunks(size.max(1))) {
            *y = if is_largest {
                values.iter().fold(T::LEAST, |most, value| most.greatest(*value))
            } else {
                T::from_f64(values.iter().map(|value| value.to_f64()).sum::<f64>() / size as f64)
            };
        }
        Ok(())
    })
}

fn convolution(node: &Node) -> Done {
    let (x, weights) = (node.input(0)?, node.input(1)?);
    let (dims, shape) = (x.dims(), weights.dims());
    if dims.len() < 3 || shape.len() != dims.len() || x.kind != weights.kind {
        return Err(Failure::Unacceptable);
    }
    let mut kernel = [0_i64; MAX_RANK];
    for (slot, dim) in kernel.iter_mut().zip(&shape[2..]) {
        *slot = *dim as i64;
    }
    let window = Window::of(node, x, &kernel[..shape.len() - 2])?;
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    let (channels, maps) = (dims[1], shape[0]);
    if groups == 0 || channels != shape[1].saturating_mul(groups) || maps % groups != 0 {
        return Err(Failure::Unacceptable);
    }
    let (inner, per_group) = (shape[1], maps / groups);
    let mut target = Dims::of(&[dims[0], maps])?;
    window.output.iter().try_for_each(|dim| target.push(*dim))?;
    let (from, to, taps_count) =
        (window.input.count()?, window.output.count()?, window.kernel.count()?);
    let bias = node.optional(2);
    if bias.is_some_and(|bias| bias.count() != maps) {
        return Err(Failure::Unacceptable);
    }
    floats!(x.kind; T => {
        let (values, weights) = (x.as_slice::<T>(), weights.as_slice::<T>());
        let bias = bias.map_or(Ok(&[][..]), |bias| bias.slice::<T>())?;
        let y = node.output::<T>(0, target)?;
        for place in 0..window.places() {
            for plane in 0..dims[0] * maps {
                let (image, map) = (plane / maps, plane % maps);
                let first = image * channels + map / per_group * inner;
                let mut sum = bias.get(map).map_or(0.0, |bias| bias.to_f64());
                window.taps(place, |tap, at| {
                    for channel in 0..inner {
                        let value = values[(first + channel) * from + at].to_f64();
                        sum += value * weights[(map * inner + channel) * taps_count + tap].to_f64();
                    }
                });
                y[plane * to + place] = T::from_f64(sum);
            }
        }
        Ok(())
    })
}
