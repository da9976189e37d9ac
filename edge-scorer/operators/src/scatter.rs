//! Writing elements by index: a copy of the first input in which some are replaced or combined.

use crate::gather::indices;
use crate::number::{BOOL, Number};
use crate::tensor::{Dims, Tensor};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.Scatter" => scatter_elements,
    "ai.onnx.ScatterElements" => scatter_elements,
    "ai.onnx.ScatterND" => scatter_nd,
    "ai.onnx.TensorScatter" => tensor_scatter,
}

/// Puts each of the updates at its place in a copy of `x`.
fn scattered(node: &Node, x: &Tensor, updates: &Tensor, at: impl Fn(usize) -> usize) -> Done {
    if x.kind != updates.kind || x.is_text() {
        return Err(Failure::Unsupported);
    }
    let reduction = node.text("reduction", "none");
    if reduction == b"none" || x.kind == BOOL {
        return widths!(x.kind; T => {
            let y = node.output_like::<T>(0, x.kind, x.dims())?;
            y.copy_from_slice(x.as_slice());
            for (place, update) in updates.as_slice::<T>().iter().enumerate() {
                *y.get_mut(at(place)).ok_or(Failure::Unacceptable)? = *update;
            }
            Ok(())
        });
    }
    numbers!(x.kind; T => {
        let y = node.output::<T>(0, x.dims())?;
        y.copy_from_slice(x.as_slice());
        for (place, update) in updates.as_slice::<T>().iter().enumerate() {
            let slot = y.get_mut(at(place)).ok_or(Failure::Unacceptable)?;
            *slot = match reduction {
                b"add" => slot.add(*update),
                b"mul" => slot.mul(*update),
                b"max" => slot.greatest(*update),
                b"min" => slot.least(*update),
                _ => return Err(Failure::Unsupported),
            };
        }
        Ok(())
    })
}

fn scatter_elements(node: &Node) -> Done {
    let (x, chosen, updates) = (node.input(0)?, node.input(1)?, node.input(2)?);
    let (old, dims) = (x.dims(), chosen.dims());
    let axis = old.axis(node.int("axis", 0))?;
    if dims != updates.dims()
        || dims.len() != old.len()
        || (0..dims.len()).any(|other| other != axis && dims[other] > old[other])
    {
        return Err(Failure::Unacceptable);
    }
    let at = &*indices(node, chosen, |_| old[axis])?;
    let (to, from) = (dims.strides(), old.strides());
    scattered(node, x, updates, |place| {
        (0..dims.len())
            .map(|other| {
                let index = place / to[other] % dims[other];
                from[other] * if other == axis { at[place] } else { index }
            })
            .sum()
    })
}

fn scatter_nd(node: &Node) -> Done {
    let (x, chosen, updates) = (node.input(0)?, node.input(1)?, node.input(2)?);
    let (old, tuples) = (x.dims(), chosen.dims());
    let Some((depth, outer)) = tuples.split_last() else { return Err(Failure::Unacceptable) };
    let depth = *depth;
    if depth > old.len() {
        return Err(Failure::Unacceptable);
    }
    let mut wanted = Dims::of(outer)?;
    for dim in &old[depth..] {
        wanted.push(*dim)?;
    }
    if wanted != updates.dims() {
        return Err(Failure::Unacceptable);
    }
    let at = &*indices(node, chosen, |place| old[place % depth.max(1)])?;
    let strides = old.strides();
    let inner: usize = old[depth..].iter().product();
    scattered(node, x, updates, |place| {
        let tuple = place / inner;
        let chosen: usize = (0..depth).map(|axis| at[tuple * depth + axis] * strides[axis]).sum();
        chosen + place % inner
    })
}

/// Updates of a cache: rows of `updates` are written from each batch's index on.
fn tensor_scatter(node: &Node) -> Done {
    let (x, updates) = (node.input(0)?, node.input(1)?);
    let (old, dims) = (x.dims(), updates.dims());
    let axis = old.axis(node.int("axis", -2))?;
    let circular = node.text("mode", "linear") == b"circular";
    let mut wanted = old;
    wanted[axis] = dims.get(axis).copied().ok_or(Failure::Unacceptable)?;
    if axis == 0 || wanted != dims || dims[axis] > old[axis] {
        return Err(Failure::Unacceptable);
    }
    let starts = node.optional(2);
    for batch in 0..old[0] {
        let start = starts.map_or(Ok(0), |starts| starts.integer(batch))?;
        let start = usize::try_from(start).map_err(|_| Failure::Unacceptable)?;
        if !circular && start.saturating_add(dims[axis]) > old[axis] {
            return Err(Failure::Unacceptable);
        }
    }
    let (to, from) = (dims.strides(), old.strides());
    scattered(node, x, updates, |place| {
        let batch = place / to[0];
        let start = starts.map_or(0, |starts| starts.integer(batch).unwrap_or(0)) as usize;
        (0..dims.len())
            .map(|other| {
                let index = place / to[other] % dims[other];
                from[other] * if other == axis { (start + index) % old[axis] } else { index }
            })
            .sum()
    })
}
