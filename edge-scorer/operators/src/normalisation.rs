//! Normalisations: by the mean and the spread of something, or by a norm.

use crate::number::{Element, FLOAT};
use crate::tensor::{Dims, MAX_RANK, Tensor, product, walk};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.BatchNormalization" => batch,
    "ai.onnx.GroupNormalization" => group,
    "ai.onnx.InstanceNormalization" => instance,
    "ai.onnx.LayerNormalization" => |node| layer(node, true),
    "ai.onnx.LpNormalization" => norm,
    "ai.onnx.LRN" => across_channels,
    "ai.onnx.MeanVarianceNormalization" => mean_variance,
    "ai.onnx.RMSNormalization" => |node| layer(node, false),
}

/// The elements of a tensor of floats in double precision; nothing where there is no tensor.
fn wide<'a>(node: &'a Node, tensor: Option<&Tensor>) -> Result<&'a [f64], Failure> {
    let Some(tensor) = tensor else { return Ok(&[]) };
    let room = node.room::<f64>(tensor.count())?;
    floats!(tensor.kind; T => {
        for (slot, value) in room.iter_mut().zip(tensor.as_slice::<T>()) {
            *slot = value.to_f64();
        }
        Ok(())
    })?;
    Ok(room)
}

fn batch(node: &Node) -> Done {
    let x = node.input(0)?;
    if node.flag("training_mode", false) {
        return Err(Failure::Unsupported);
    }
    let epsilon = f64::from(node.float("epsilon", 1e-5));
    let dims = x.dims();
    let channels = dims.get(1).copied().unwrap_or(1);
    let list = |index| wide(node, Some(node.input(index)?));
    let (scale, bias, mean, variance) = (list(1)?, list(2)?, list(3)?, list(4)?);
    if [scale, bias, mean, variance].iter().any(|list| list.len() != channels) {
        return Err(Failure::Unacceptable);
    }
    let inner = product(dims.get(2..).unwrap_or(&[])).unwrap_or(0);
    floats!(x.kind; T => {
        let y = node.output::<T>(0, dims)?;
        for (place, (y, x)) in y.iter_mut().zip(x.as_slice::<T>()).enumerate() {
            let channel = place / inner % channels;
            let spread = libm::sqrt(variance[channel] + epsilon);
            *y = T::from_f64((x.to_f64() - mean[channel]) / spread * scale[channel] + bias[channel]);
        }
        Ok(())
    })
}

/// Normalises each run of `length` elements; `scale` tells factor and addend of a place.
fn runs(
    node: &Node,
    x: &Tensor,
    length: usize,
    epsilon: f64,
    centred: bool,
    scale: impl Fn(usize) -> (f64, f64),
    mut report: impl FnMut(usize, f64, f64),
) -> Done {
    floats!(x.kind; T => {
        let y = node.output::<T>(0, x.dims())?;
        let both = y.chunks_mut(length.max(1)).zip(x.as_slice::<T>().chunks(length.max(1)));
        for (run, (y, x)) in both.enumerate() {
            let count = x.len() as f64;
            let mean = if centred { x.iter().map(|v| v.to_f64()).sum::<f64>() / count } else { 0.0 };
            let spread = x.iter().map(|v| v.to_f64() - mean).map(|v| v * v).sum::<f64>() / count;
            let inverse = 1.0 / libm::sqrt(spread + epsilon);
            report(run, mean, inverse);
            for (place, (y, x)) in y.iter_mut().zip(x).enumerate() {
                let (factor, addend) = scale(run * length + place);
                *y = T::from_f64((x.to_f64() - mean) * inverse * factor + addend);
            }
        }
        Ok(())
    })
}

fn layer(node: &Node, centred: bool) -> Done {
    let x = node.input(0)?;
    let dims = x.dims();
    let axis = dims.axis(node.int("axis", -1))?;
    let length = product(&dims[axis..]).ok_or(Failure::NoMemory)?;
    let spread = |tensor: Option<&Tensor>| -> Result<(&[f64], [usize; MAX_RANK]), Failure> {
        let strides = tensor.map_or(Ok([0; MAX_RANK]), |t| t.dims().broadcast_strides(&dims))?;
        Ok((wide(node, tensor)?, strides))
    };
    let (scale, scale_strides) = spread(Some(node.input(1)?))?;
    let (bias, bias_strides) = spread(if centred { node.optional(2) } else { None })?;
    let places = node.room::<(f64, f64)>(x.count())?;
    let mut slots = places.iter_mut();
    walk(&dims, [&scale_strides, &bias_strides], |[s, b]| {
        if let Some(slot) = slots.next() {
            *slot = (scale.get(s).copied().unwrap_or(1.0), bias.get(b).copied().unwrap_or(0.0));
        }
    });
    let mut reduced = dims;
    reduced[axis..].fill(1);
    let count = reduced.count()?;
    let (means, inverses) = (node.room::<f64>(count)?, node.room::<f64>(count)?);
    let epsilon = node.float("epsilon", 1e-5).into();
    runs(
        node,
        x,
        length,
        epsilon,
        centred,
        |place| places[place],
        |run, mean, inverse| {
            if run < count {
                (means[run], inverses[run]) = (mean, inverse);
            }
        },
    )?;
    let kind = u32::try_from(node.int("stash_type", FLOAT.into())).unwrap_or(FLOAT);
    if centred && node.output_count() > 1 {
        floats!(kind; T => {
            for (index, values) in [(1, &*means), (2, &*inverses)] {
                let y = node.output::<T>(index, reduced)?;
                y.iter_mut().zip(values).for_each(|(y, value)| *y = T::from_f64(*value));
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn instance(node: &Node) -> Done {
    let x = node.input(0)?;
    let dims = x.dims();
    let channels = *dims.get(1).ok_or(Failure::Unacceptable)?;
    let length = product(&dims[2..]).ok_or(Failure::NoMemory)?;
    let (scale, bias) = (wide(node, Some(node.input(1)?))?, wide(node, Some(node.input(2)?))?);
    if scale.len() != channels || bias.len() != channels {
        return Err(Failure::Unacceptable);
    }
    let of = |place: usize| {
        let channel = place / length % channels;
        (scale[channel], bias[channel])
    };
    runs(node, x, length, node.float("epsilon", 1e-5).into(), true, of, |_, _, _| {})
}

fn group(node: &Node) -> Done {
    let x = node.input(0)?;
    let dims = x.dims();
    let channels = *dims.get(1).ok_or(Failure::Unacceptable)?;
    let groups = usize::try_from(node.int("num_groups", 0)).unwrap_or(0);
    let inner = product(&dims[2..]).ok_or(Failure::NoMemory)?;
    let (scale, bias) = (wide(node, Some(node.input(1)?))?, wide(node, Some(node.input(2)?))?);
    if groups == 0 || channels % groups != 0 || scale.len() != bias.len() {
        return Err(Failure::Unacceptable);
    }
    // Since opset 21 there is one factor for each channel, before there was one for each group.
    let per = if scale.len() == channels {
        1
    } else if scale.len() == groups {
        channels / groups
    } else {
        return Err(Failure::Unacceptable);
    };
    let of = |place: usize| {
        let slot = place / inner % channels / per;
        (scale[slot], bias[slot])
    };
    let length = channels / groups * inner;
    runs(node, x, length, node.float("epsilon", 1e-5).into(), true, of, |_, _, _| {})
}

fn norm(node: &Node) -> Done {
    let x = node.input(0)?;
    let dims = x.dims();
    let axis = dims.axis(node.int("axis", -1))?;
    let absolute = node.int("p", 2) == 1;
    let (length, inner) = (dims[axis], product(&dims[axis + 1..]).unwrap_or(0));
    let outer = product(&dims[..axis]).unwrap_or(0);
    floats!(x.kind; T => {
        let (values, y) = (x.as_slice::<T>(), node.output::<T>(0, dims)?);
        for start in (0..outer).flat_map(|o| (0..inner).map(move |i| o * length * inner + i)) {
            let places = || (0..length).map(|index| start + index * inner);
            let size: f64 = places()
                .map(|at| values[at].to_f64())
                .map(|value| if absolute { value.abs() } else { value * value })
                .sum();
            let size = if absolute { size } else { libm::sqrt(size) };
            for at in places() {
                // Nothing but zeros stays zeros.
                y[at] = if size == 0.0 { T::default() } else { T::from_f64(values[at].to_f64() / size) };
            }
        }
        Ok(())
    })
}

fn across_channels(node: &Node) -> Done {
    let x = node.input(0)?;
    let dims = x.dims();
    let channels = *dims.get(1).ok_or(Failure::Unacceptable)?;
    let inner = product(&dims[2..]).ok_or(Failure::NoMemory)?;
    let size = usize::try_from(node.int("size", 1)).unwrap_or(1).clamp(1, 1 << 20);
    let (alpha, beta) = (f64::from(node.float("alpha", 1e-4)), f64::from(node.float("beta", 0.75)));
    let bias = f64::from(node.float("bias", 1.0));
    floats!(x.kind; T => {
        let (values, y) = (x.as_slice::<T>(), node.output::<T>(0, dims)?);
        for (place, y) in y.iter_mut().enumerate() {
            let channel = place / inner % channels;
            let (low, high) = (channel.saturating_sub((size - 1) / 2), (channel + size / 2).min(channels - 1));
            let first = place - channel * inner;
            let squares: f64 = (low..=high)
                .map(|other| values[first + other * inner].to_f64())
                .map(|value| value * value)
                .sum();
            let shrunk = libm::pow(bias + alpha / size as f64 * squares, beta);
            *y = T::from_f64(values[place].to_f64() / shrunk);
        }
        Ok(())
    })
}

fn mean_variance(node: &Node) -> Done {
    let x = node.input(0)?;
    let dims = x.dims();
    let mut kept = dims;
    for axis in node.ints("axes").unwrap_or(&[0, 2, 3]) {
        kept[dims.axis(*axis)?] = 1;
    }
    let mut strides = kept.strides();
    for axis in 0..dims.len() {
        if kept[axis] != dims[axis] {
            strides[axis] = 0;
        }
    }
    let cells = kept.count()?;
    let (sums, squares) = (node.room::<f64>(cells)?, node.room::<f64>(cells)?);
    let per = x.count() as f64 / cells.max(1) as f64;
    let all = Dims::of(&dims)?;
    floats!(x.kind; T => {
        let values = x.as_slice::<T>();
        let mut next = values.iter();
        walk(&all, [&strides], |[at]| {
            let value = next.next().map_or(0.0, |value| value.to_f64());
            sums[at] += value / per;
        });
        let mut next = values.iter();
        walk(&all, [&strides], |[at]| {
            let value = next.next().map_or(0.0, |value| value.to_f64()) - sums[at];
            squares[at] += value * value / per;
        });
        let y = node.output::<T>(0, dims)?;
        let mut slots = y.iter_mut().zip(values);
        walk(&all, [&strides], |[at]| {
            if let Some((slot, value)) = slots.next() {
                let spread = libm::sqrt(squares[at]) + 1e-9;
                *slot = T::from_f64((value.to_f64() - sums[at]) / spread);
            }
        });
        Ok(())
    })
}
