//! Moving elements: every operator here says for each place of the answer where its element comes
//! from, by strides or by a function, and [`Moved`] carries out what was said for every type.

use crate::number::BOOL;
use crate::shape::wanted_dims;
use crate::tensor::{Dims, MAX_RANK, Tensor, walk};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.CenterCropPad" => center_crop_pad,
    "ai.onnx.Compress" => compress,
    "ai.onnx.Concat" => concat,
    "ai.onnx.DepthToSpace" => depth_to_space,
    "ai.onnx.Expand" => expand,
    "ai.onnx.Pad" => pad,
    "ai.onnx.ReverseSequence" => reverse_sequence,
    "ai.onnx.Slice" => slice,
    "ai.onnx.SpaceToDepth" => space_to_depth,
    "ai.onnx.Split" => split,
    "ai.onnx.Tile" => tile,
    "ai.onnx.Transpose" => transpose,
    "ai.onnx.Trilu" => trilu,
}

/// The place of an element that comes from nowhere.
pub(crate) const NOWHERE: usize = usize::MAX;

/// Writes output `index`: for each place the element of `x` at `source(place)`, or the first of
/// `filling`, or zero, where that is [`NOWHERE`].
pub(crate) fn moved(
    node: &Node,
    index: usize,
    x: &Tensor,
    dims: Dims,
    filling: Option<&Tensor>,
    source: impl Fn(usize) -> usize,
) -> Done {
    if filling.is_some_and(|filling| filling.kind != x.kind) {
        return Err(Failure::Unsupported);
    }
    if x.is_text() {
        return node.output_text(index, dims, |place| match (source(place), filling) {
            (NOWHERE, Some(filling)) => filling.string(0),
            (at, _) => x.string(at),
        });
    }
    widths!(x.kind; T => {
        let values = x.as_slice::<T>();
        let empty = filling.and_then(|filling| filling.as_slice::<T>().first().copied());
        let y = node.output_like::<T>(index, x.kind, dims)?;
        for (place, slot) in y.iter_mut().enumerate() {
            match source(place) {
                NOWHERE => *slot = empty.unwrap_or(*slot),
                at => *slot = *values.get(at).ok_or(Failure::Unacceptable)?,
            }
        }
        Ok(())
    })
}

/// As [`moved`], where sources follow from strides that may go down, beginning at `offset`.
fn strided(
    node: &Node,
    index: usize,
    x: &Tensor,
    dims: Dims,
    offset: usize,
    strides: &[usize; MAX_RANK],
) -> Done {
    let places = node.room::<u32>(dims.count()?)?;
    let mut slots = places.iter_mut();
    walk(&dims, [strides], |[at]| {
        if let Some(slot) = slots.next() {
            *slot = at.wrapping_add(offset) as u32;
        }
    });
    let places = &*places;
    moved(node, index, x, dims, None, |place| places.get(place).map_or(NOWHERE, |at| *at as usize))
}

fn transpose(node: &Node) -> Done {
    let x = node.input(0)?;
    let (old, rank) = (x.dims(), x.rank);
    let (mut dims, mut strides) = (Dims::filled(rank, 0)?, [0; MAX_RANK]);
    let order = node.ints("perm");
    for to in 0..rank {
        let from = match order {
            Some(order) => x.axis(*order.get(to).ok_or(Failure::Unacceptable)?)?,
            None => rank - 1 - to,
        };
        dims[to] = old[from];
        strides[to] = old.strides()[from];
    }
    if dims.count()? != x.count() {
        return Err(Failure::Unacceptable);
    }
    strided(node, 0, x, dims, 0, &strides)
}

fn expand(node: &Node) -> Done {
    let x = node.input(0)?;
    let dims = x.dims().joined(&wanted_dims(node.input(1)?)?)?;
    strided(node, 0, x, dims, 0, &x.dims().broadcast_strides(&dims)?)
}

fn tile(node: &Node) -> Done {
    let x = node.input(0)?;
    let repeats = wanted_dims(node.input(1)?)?;
    let old = x.dims();
    if repeats.len() != old.len() {
        return Err(Failure::Unacceptable);
    }
    let mut dims = old;
    for (dim, repeat) in dims.iter_mut().zip(repeats.iter()) {
        *dim = dim.checked_mul(*repeat).ok_or(Failure::NoMemory)?;
    }
    let (to, from) = (dims.strides(), old.strides());
    moved(node, 0, x, dims, None, |place| {
        (0..old.len()).map(|axis| place / to[axis] % dims[axis] % old[axis] * from[axis]).sum()
    })
}

fn concat(node: &Node) -> Done {
    let first = node.input(0)?;
    let axis = first.axis(node.int("axis", 1))?;
    let mut dims = first.dims();
    dims[axis] = 0;
    for index in 0..node.input_count() {
        let x = node.input(index)?;
        let mut rest = x.dims();
        if x.kind != first.kind || rest.len() != dims.len() {
            return Err(Failure::Unacceptable);
        }
        let grown = dims[axis].checked_add(rest[axis]).ok_or(Failure::NoMemory)?;
        rest[axis] = dims[axis];
        if rest != dims {
            return Err(Failure::Unacceptable);
        }
        dims[axis] = grown;
    }
    let inner: usize = dims[axis + 1..].iter().product();
    if first.is_text() {
        let row = (dims[axis] * inner).max(1);
        return node.output_text(0, dims, |place| {
            let (outer, mut rest) = (place / row, place % row);
            for index in 0..node.input_count() {
                let Some(x) = node.optional(index) else { break };
                let width = x.dims()[axis] * inner;
                if rest < width {
                    return x.string(outer * width + rest);
                }
                rest -= width;
            }
            &[]
        });
    }
    widths!(first.kind; T => {
        let y = node.output_like::<T>(0, first.kind, dims)?;
        let row = dims[axis] * inner;
        let mut begin = 0;
        for index in 0..node.input_count() {
            let x = node.input(index)?;
            let width = x.dims()[axis] * inner;
            if width > 0 {
                let rows = y.chunks_exact_mut(row).zip(x.as_slice::<T>().chunks_exact(width));
                for (target, source) in rows {
                    target[begin..begin + width].copy_from_slice(source);
                }
            }
            begin += width;
        }
        Ok(())
    })
}

fn split(node: &Node) -> Done {
    let x = node.input(0)?;
    let axis = x.axis(node.int("axis", 0))?;
    let (dim, outputs) = (x.dims()[axis], node.output_count());
    let sizes = node.numbers(1, "split")?;
    let even = dim.div_ceil(outputs.max(1));
    let mut begin = 0;
    for index in 0..outputs {
        let size = match sizes {
            Some(sizes) => *sizes.get(index).ok_or(Failure::Unacceptable)?,
            None => even.min(dim - begin) as i64,
        };
        let size = usize::try_from(size).map_err(|_| Failure::Unacceptable)?;
        if size > dim - begin {
            return Err(Failure::Unacceptable);
        }
        let mut dims = x.dims();
        dims[axis] = size;
        let strides = x.dims().strides();
        strided(node, index, x, dims, begin * strides[axis], &strides)?;
        begin += size;
    }
    if begin == dim { Ok(()) } else { Err(Failure::Unacceptable) }
}

fn slice(node: &Node) -> Done {
    let x = node.input(0)?;
    let starts = node.numbers(1, "starts")?.ok_or(Failure::Unsupported)?;
    let ends = node.numbers(2, "ends")?.ok_or(Failure::Unsupported)?;
    let axes = node.numbers(3, "axes")?;
    let steps = node.numbers(4, "steps")?;
    let (mut dims, mut strides, mut offset) = (x.dims(), x.dims().strides(), 0_usize);
    for (index, (start, end)) in starts.iter().zip(ends).enumerate() {
        let axis = match axes {
            Some(axes) => x.axis(*axes.get(index).ok_or(Failure::Unacceptable)?)?,
            None => x.axis(index as i64)?,
        };
        let step = steps.and_then(|steps| steps.get(index)).copied().unwrap_or(1);
        if step == 0 {
            return Err(Failure::Unacceptable);
        }
        let dim = x.dims()[axis] as i64;
        let from_end = |place: i64| if place < 0 { place.saturating_add(dim) } else { place };
        let (low, high) = if step > 0 { (0, dim) } else { (-1, dim - 1) };
        let start = from_end(*start).clamp(low.max(0), high.max(0));
        let end = from_end(*end).clamp(low, high);
        let span = if step > 0 { end - start } else { start - end };
        let count = if span <= 0 || dim == 0 {
            0
        } else {
            (span as u64).div_ceil(step.unsigned_abs()) as usize
        };
        dims[axis] = count;
        offset = offset.wrapping_add((start as usize).wrapping_mul(strides[axis]));
        strides[axis] = strides[axis].wrapping_mul(step as usize);
    }
    strided(node, 0, x, dims, offset, &strides)
}

fn pad(node: &Node) -> Done {
    let x = node.input(0)?;
    let old = x.dims();
    let amounts = node.numbers(1, "pads")?.ok_or(Failure::Unsupported)?;
    let axes = node.numbers(3, "")?;
    let (mut before, mut after) = ([0_i64; MAX_RANK], [0_i64; MAX_RANK]);
    let padded = axes.map_or(old.len(), <[i64]>::len);
    for index in 0..padded {
        let axis = match axes {
            Some(axes) => x.axis(axes[index])?,
            None => index,
        };
        before[axis] = *amounts.get(index).ok_or(Failure::Unacceptable)?;
        after[axis] = *amounts.get(padded + index).ok_or(Failure::Unacceptable)?;
    }
    let mut dims = old;
    for axis in 0..old.len() {
        let dim = (old[axis] as i64)
            .checked_add(before[axis])
            .and_then(|dim| dim.checked_add(after[axis]))
            .and_then(|dim| usize::try_from(dim).ok());
        dims[axis] = dim.ok_or(Failure::Unacceptable)?;
    }
    let mode = node.text("mode", "constant");
    let (to, from) = (dims.strides(), old.strides());
    let is_empty = x.count() == 0;
    let old_value = node.floats("value").and_then(|values| values.first().copied());
    if let (Some(value), true) = (old_value, node.opset < 11) {
        let y = Tensor {
            kind: crate::number::FLOAT,
            data: (&raw const value).cast(),
            ..Tensor::ABSENT
        };
        let filling = if x.kind == crate::number::FLOAT { Some(&y) } else { None };
        return moved(node, 0, x, dims, filling, |place| {
            if is_empty { NOWHERE } else { inside(place, &dims, &old, &before, &to, &from, mode) }
        });
    }
    moved(node, 0, x, dims, node.optional(2), |place| {
        if is_empty { NOWHERE } else { inside(place, &dims, &old, &before, &to, &from, mode) }
    })
}

/// Where the element at a place of a padded tensor comes from.
fn inside(
    place: usize,
    dims: &Dims,
    old: &Dims,
    before: &[i64; MAX_RANK],
    to: &[usize; MAX_RANK],
    from: &[usize; MAX_RANK],
    mode: &[u8],
) -> usize {
    let mut at = 0;
    for axis in 0..dims.len() {
        let dim = old[axis] as i64;
        let index = (place / to[axis] % dims[axis]) as i64 - before[axis];
        let index = match mode {
            b"edge" => index.clamp(0, dim - 1),
            b"wrap" => index.rem_euclid(dim),
            b"reflect" if dim == 1 => 0,
            b"reflect" => {
                let folded = index.rem_euclid(2 * (dim - 1));
                if folded < dim { folded } else { 2 * (dim - 1) - folded }
            }
            _ if (0..dim).contains(&index) => index,
            _ => return NOWHERE,
        };
        at += index as usize * from[axis];
    }
    at
}

fn trilu(node: &Node) -> Done {
    let x = node.input(0)?;
    let dims = x.dims();
    let [.., rows, columns] = *dims else { return Err(Failure::Unacceptable) };
    let shift = node.optional(1).map_or(Ok(0), |shift| shift.integer(0))?;
    let upper = node.flag("upper", true);
    moved(node, 0, x, dims, None, |place| {
        let (row, column) = ((place / columns % rows) as i64, (place % columns) as i64);
        let distance = column - row;
        let stays = if upper { distance >= shift } else { distance <= shift };
        if stays { place } else { NOWHERE }
    })
}

fn compress(node: &Node) -> Done {
    let (x, condition) = (node.input(0)?, node.input(1)?);
    if condition.kind != BOOL {
        return Err(Failure::Unsupported);
    }
    let (dims, axis) = match node.ints("axis").and_then(|axis| axis.first()) {
        Some(axis) => (x.dims(), x.axis(*axis)?),
        None => (Dims::of(&[x.count()])?, 0),
    };
    let kept = node.room::<usize>(condition.count())?;
    let mut count = 0;
    for (index, truth) in condition.as_slice::<u8>().iter().enumerate().take(dims[axis]) {
        if *truth != 0 {
            kept[count] = index;
            count += 1;
        }
    }
    let kept = &kept[..count];
    let mut target = dims;
    target[axis] = count;
    let inner = dims[axis + 1..].iter().product::<usize>();
    moved(node, 0, x, target, None, |place| {
        let (outer, at) = (place / inner / count, place / inner % count);
        (outer * dims[axis] + kept[at]) * inner + place % inner
    })
}

fn reverse_sequence(node: &Node) -> Done {
    let (x, lengths) = (node.input(0)?, node.input(1)?);
    let dims = x.dims();
    let (time, batch) = (x.axis(node.int("time_axis", 0))?, x.axis(node.int("batch_axis", 1))?);
    if lengths.count() != dims[batch] {
        return Err(Failure::Unacceptable);
    }
    for index in 0..lengths.count() {
        let length = lengths.integer(index)?;
        if length < 0 || length > dims[time] as i64 {
            return Err(Failure::Unacceptable);
        }
    }
    let strides = dims.strides();
    moved(node, 0, x, dims, None, |place| {
        let (step, row) =
            (place / strides[time] % dims[time], place / strides[batch] % dims[batch]);
        let length = lengths.integer(row).unwrap_or(0) as usize;
        if step < length {
            place - step * strides[time] + (length - 1 - step) * strides[time]
        } else {
            place
        }
    })
}

fn depth_to_space(node: &Node) -> Done {
    let x = node.input(0)?;
    let old = x.dims();
    let block = usize::try_from(node.int("blocksize", 0)).unwrap_or(0);
    let [batch, channels, height, width] = *old else { return Err(Failure::Unacceptable) };
    let square = block.checked_mul(block).ok_or(Failure::Unacceptable)?;
    if square == 0 || channels % square != 0 {
        return Err(Failure::Unacceptable);
    }
    let depth = channels / square;
    let dims = Dims::of(&[batch, depth, height * block, width * block])?;
    let is_crd = node.text("mode", "DCR") == b"CRD";
    moved(node, 0, x, dims, None, |place| {
        let (column, row) = (place % dims[3], place / dims[3] % dims[2]);
        let (channel, image) =
            (place / dims[3] / dims[2] % depth, place / dims[3] / dims[2] / depth);
        let offset = row % block * block + column % block;
        let channel = if is_crd { channel * square + offset } else { offset * depth + channel };
        ((image * channels + channel) * height + row / block) * width + column / block
    })
}

fn space_to_depth(node: &Node) -> Done {
    let x = node.input(0)?;
    let old = x.dims();
    let block = usize::try_from(node.int("blocksize", 0)).unwrap_or(0);
    let [batch, channels, height, width] = *old else { return Err(Failure::Unacceptable) };
    if block == 0 || height % block != 0 || width % block != 0 {
        return Err(Failure::Unacceptable);
    }
    let deep = channels
        .checked_mul(block)
        .and_then(|deep| deep.checked_mul(block))
        .ok_or(Failure::NoMemory)?;
    let dims = Dims::of(&[batch, deep, height / block, width / block])?;
    moved(node, 0, x, dims, None, |place| {
        let (column, row) = (place % dims[3], place / dims[3] % dims[2]);
        let (channel, image) = (place / dims[3] / dims[2] % deep, place / dims[3] / dims[2] / deep);
        let (offset, channel) = (channel / channels, channel % channels);
        let (row, column) = (row * block + offset / block, column * block + offset % block);
        ((image * channels + channel) * height + row) * width + column
    })
}

fn center_crop_pad(node: &Node) -> Done {
    let x = node.input(0)?;
    let (old, wanted) = (x.dims(), wanted_dims(node.input(1)?)?);
    let axes = node.ints("axes");
    let mut dims = old;
    for (index, dim) in wanted.iter().enumerate() {
        let axis = match axes {
            Some(axes) => x.axis(*axes.get(index).ok_or(Failure::Unacceptable)?)?,
            None => x.axis(index as i64)?,
        };
        dims[axis] = *dim;
    }
    let mut before = [0_i64; MAX_RANK];
    for axis in 0..old.len() {
        let (from, to) = (old[axis] as i64, dims[axis] as i64);
        // An odd rest is padded at the end, and cropped there too.
        before[axis] = if to >= from { (to - from) / 2 } else { -((from - to) / 2) };
    }
    let (to, from) = (dims.strides(), old.strides());
    moved(node, 0, x, dims, None, |place| inside(place, &dims, &old, &before, &to, &from, b""))
}
