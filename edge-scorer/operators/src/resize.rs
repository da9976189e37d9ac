//! Images of another size, and the grids of affine maps, where the sizes are values of tensors.
//!
//! Resizing is separable: one axis after another, each place of the answer being made of a few
//! places of the source, with weights that are computed once for the axis.

mod axis;

use self::axis::{Axis, Kind, Mode};
use crate::number::{Element, is_float};
use crate::shape::wanted_dims;
use crate::tensor::{Dims, MAX_RANK, Tensor};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.AffineGrid" => affine_grid,
    "ai.onnx.Resize" => resize,
    "ai.onnx.Upsample" => resize,
}

/// The numbers of a tensor of floats, if it is there and not empty.
fn numbers_of(node: &Node, index: usize) -> Result<Option<&[f64]>, Failure> {
    let Some(tensor) = node.optional(index).filter(|tensor| tensor.count() > 0) else {
        return Ok(None);
    };
    let room = node.room::<f64>(tensor.count())?;
    floats!(tensor.kind; T => {
        for (slot, value) in room.iter_mut().zip(tensor.as_slice::<T>()) {
            *slot = value.to_f64();
        }
        Ok(())
    })?;
    Ok(Some(room))
}

/// Every axis of the answer.
fn axes_of(node: &Node, x: &Tensor, old: bool) -> Result<[Axis; MAX_RANK], Failure> {
    let dims = x.dims();
    let mut axes = [Axis { from: 1, to: 1, scale: 1.0, region: [0.0, 1.0] }; MAX_RANK];
    for (axis, dim) in axes.iter_mut().zip(dims.iter()) {
        (axis.from, axis.to) = (*dim, *dim);
    }
    let mut named = Dims::SCALAR;
    match node.ints("axes") {
        Some(list) => list.iter().try_for_each(|axis| named.push(x.axis(*axis)?))?,
        None => (0..dims.len()).try_for_each(|axis| named.push(axis))?,
    }
    let count = named.len();
    if let Some(region) = if old { None } else { numbers_of(node, 1)? } {
        if region.len() != 2 * count {
            return Err(Failure::Unacceptable);
        }
        for (place, axis) in named.iter().enumerate() {
            axes[*axis].region = [region[place], region[count + place]];
        }
    }
    let listed = node.floats("scales").filter(|_| old);
    let scales = match listed {
        Some(list) => {
            let room = node.room::<f64>(list.len())?;
            room.iter_mut().zip(list).for_each(|(slot, scale)| *slot = f64::from(*scale));
            Some(&*room)
        }
        None => numbers_of(node, if old { 1 } else { 2 })?,
    };
    if let Some(scales) = scales {
        if scales.len() != count || scales.iter().any(|scale| !(*scale > 0.0 && *scale <= 4096.0)) {
            return Err(Failure::Unacceptable);
        }
        for (axis, scale) in named.iter().zip(scales) {
            let axis = &mut axes[*axis];
            (axis.scale, axis.to) = (*scale, (axis.from as f64 * scale) as usize);
        }
        return Ok(axes);
    }
    let sizes = node.optional(3).filter(|_| !old).ok_or(Failure::Unsupported)?;
    let sizes = wanted_dims(sizes)?;
    if sizes.len() != count {
        return Err(Failure::Unacceptable);
    }
    let ratios =
        named.iter().zip(sizes.iter()).map(|(axis, size)| *size as f64 / dims[*axis] as f64);
    let common = match node.text("keep_aspect_ratio_policy", "stretch") {
        b"not_larger" => Some(ratios.fold(f64::INFINITY, f64::min)),
        b"not_smaller" => Some(ratios.fold(0.0, f64::max)),
        _ => None,
    };
    for (axis, size) in named.iter().zip(sizes.iter()) {
        let axis = &mut axes[*axis];
        axis.to = match common {
            Some(scale) => (scale * axis.from as f64 + 0.5) as usize,
            None => *size,
        };
        axis.scale = common.unwrap_or(*size as f64 / axis.from as f64);
    }
    Ok(axes)
}

fn resize(node: &Node) -> Done {
    let x = node.input(0)?;
    // `Upsample` has no input of scales beside a region, as `Resize` had none at first.
    let old = node.opset < 11 && node.input_count() <= 2;
    let mode = Mode::of(node, old)?;
    let axes = axes_of(node, x, old)?;
    let (mut dims, from_dims) = (x.dims(), x.dims());
    let count = x.count();
    if count == 0 {
        return Err(Failure::Unacceptable);
    }
    let mut from = node.room::<f64>(count)?;
    numbers!(x.kind; T => {
        for (slot, value) in from.iter_mut().zip(x.as_slice::<T>()) {
            *slot = value.to_f64();
        }
        Ok(())
    })?;
    for (at, axis) in axes.iter().enumerate().take(from_dims.len()) {
        if axis.to == axis.from && axis.scale == 1.0 && axis.region == [0.0, 1.0] {
            continue;
        }
        let taps = axis.taps(&mode)?;
        let room = axis.to.checked_mul(taps).ok_or(Failure::NoMemory)?;
        let (places, weights) = (node.room::<i32>(room)?, node.room::<f64>(room)?);
        axis.plan(&mode, taps, places, weights);
        let inner: usize = dims[at + 1..].iter().product();
        let outer: usize = dims[..at].iter().product();
        dims[at] = axis.to;
        let to = node.room::<f64>(dims.count()?)?;
        for (line, row) in to.chunks_exact_mut(inner.max(1)).enumerate() {
            let (block, place) = (line / axis.to, line % axis.to);
            if block >= outer {
                break;
            }
            for tap in place * taps..(place + 1) * taps {
                let Ok(source) = usize::try_from(places[tap]) else {
                    row.fill(mode.outside);
                    break;
                };
                let source = &from[(block * axis.from + source) * inner..][..inner];
                for (y, x) in row.iter_mut().zip(source) {
                    *y += weights[tap] * x;
                }
            }
        }
        from = to;
    }
    let from = &*from;
    let nearest = mode.kind == Kind::Nearest;
    numbers!(x.kind; T => {
        let y = node.output::<T>(0, dims)?;
        for (y, value) in y.iter_mut().zip(from) {
            // Whole numbers are rounded where places are mixed.
            let value = if nearest || is_float(x.kind) { *value } else { libm::rint(*value) };
            *y = T::from_f64(value);
        }
        Ok(())
    })
}

/// `y[batch, places, axes]` of maps `theta[batch, axes, axes + 1]`.
fn affine_grid(node: &Node) -> Done {
    let theta = node.input(0)?;
    let size = wanted_dims(node.input(1)?)?;
    let [batch, _, planes @ ..] = &*size else { return Err(Failure::Unacceptable) };
    let count = planes.len();
    if !(2..=3).contains(&count) || *theta.dims() != [*batch, count, count + 1] {
        return Err(Failure::Unacceptable);
    }
    let align = node.flag("align_corners", false);
    let mut dims = Dims::of(&[*batch])?;
    planes.iter().try_for_each(|plane| dims.push(*plane))?;
    let planes = Dims::of(planes)?;
    let (strides, places) = (planes.strides(), planes.count()?);
    dims.push(count)?;
    floats!(theta.kind; T => {
        let (maps, y) = (theta.as_slice::<T>(), node.output::<T>(0, dims)?);
        for (line, to) in y.chunks_exact_mut(count).enumerate() {
            let (image, place) = (line / places, line % places);
            // The last axis first, then 1.
            let mut point = [1.0_f64; 4];
            for axis in 0..count {
                let size = planes[count - 1 - axis];
                let index = (place / strides[count - 1 - axis] % size) as f64;
                point[axis] = match align {
                    true if size == 1 => -1.0,
                    true => 2.0 * index / (size as f64 - 1.0) - 1.0,
                    false => (2.0 * index + 1.0) / size as f64 - 1.0,
                };
            }
            point[count] = 1.0;
            for (row, slot) in to.iter_mut().enumerate() {
                let map = &maps[(image * count + row) * (count + 1)..][..count + 1];
                let sum = map.iter().zip(&point).map(|(factor, point)| factor.to_f64() * point);
                *slot = T::from_f64(sum.sum());
            }
        }
        Ok(())
    })
}
