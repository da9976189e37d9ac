//! Choosing elements by index.

use crate::movement::moved;
use crate::number::{BOOL, Element, INT32, INT64};
use crate::tensor::{Dims, Tensor, product};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.Gather" => gather,
    "ai.onnx.GatherElements" => gather_elements,
    "ai.onnx.GatherND" => gather_nd,
    "ai.onnx.OneHot" => one_hot,
}

/// Indices into an axis of `dim`, counted from its end where they are negative, all checked.
pub(crate) fn indices<'a>(
    node: &'a Node,
    tensor: &Tensor,
    dim: impl Fn(usize) -> usize,
) -> Result<&'a mut [usize], Failure> {
    if !matches!(tensor.kind, INT32 | INT64) {
        return Err(Failure::Unsupported);
    }
    let room = node.room::<usize>(tensor.count())?;
    for (place, slot) in room.iter_mut().enumerate() {
        let (index, dim) = (tensor.integer(place)?, dim(place));
        let index = if index < 0 { index.saturating_add(dim as i64) } else { index };
        let index = usize::try_from(index).ok().filter(|index| *index < dim);
        *slot = index.ok_or(Failure::Unacceptable)?;
    }
    Ok(room)
}

fn gather(node: &Node) -> Done {
    let (x, chosen) = (node.input(0)?, node.input(1)?);
    let old = x.dims();
    let axis = old.axis(node.int("axis", 0))?;
    let mut dims = Dims::of(&old[..axis])?;
    for dim in chosen.dims().iter().chain(&old[axis + 1..]) {
        dims.push(*dim)?;
    }
    let at = &*indices(node, chosen, |_| old[axis])?;
    let inner: usize = old[axis + 1..].iter().product();
    moved(node, 0, x, dims, None, |place| {
        let (outer, index) = (place / inner / at.len(), place / inner % at.len());
        (outer * old[axis] + at[index]) * inner + place % inner
    })
}

fn gather_elements(node: &Node) -> Done {
    let (x, chosen) = (node.input(0)?, node.input(1)?);
    let (old, dims) = (x.dims(), chosen.dims());
    let axis = old.axis(node.int("axis", 0))?;
    if dims.len() != old.len()
        || (0..dims.len()).any(|other| other != axis && dims[other] > old[other])
    {
        return Err(Failure::Unacceptable);
    }
    let at = &*indices(node, chosen, |_| old[axis])?;
    let (to, from) = (dims.strides(), old.strides());
    moved(node, 0, x, dims, None, |place| {
        (0..dims.len())
            .map(|other| {
                let index = place / to[other] % dims[other];
                from[other] * if other == axis { at[place] } else { index }
            })
            .sum()
    })
}

fn gather_nd(node: &Node) -> Done {
    let (x, chosen) = (node.input(0)?, node.input(1)?);
    let (old, tuples) = (x.dims(), chosen.dims());
    let batch = usize::try_from(node.int("batch_dims", 0)).map_err(|_| Failure::Unacceptable)?;
    let Some((depth, outer)) = tuples.split_last() else { return Err(Failure::Unacceptable) };
    let depth = *depth;
    if depth == 0
        || batch > outer.len()
        || batch + depth > old.len()
        || outer[..batch] != old[..batch]
    {
        return Err(Failure::Unacceptable);
    }
    let mut dims = Dims::of(outer)?;
    for dim in &old[batch + depth..] {
        dims.push(*dim)?;
    }
    let at = &*indices(node, chosen, |place| old[batch + place % depth])?;
    let strides = old.strides();
    let inner: usize = old[batch + depth..].iter().product();
    let per_batch = product(&outer[batch..]).unwrap_or(0);
    let block: usize = old[batch..].iter().product();
    moved(node, 0, x, dims, None, |place| {
        let tuple = place / inner;
        let chosen: usize =
            (0..depth).map(|axis| at[tuple * depth + axis] * strides[batch + axis]).sum();
        tuple / per_batch * block + chosen + place % inner
    })
}

fn one_hot(node: &Node) -> Done {
    let (chosen, depth, values) = (node.input(0)?, node.input(1)?, node.input(2)?);
    if values.count() != 2 || chosen.is_text() || chosen.kind == BOOL {
        return Err(Failure::Unacceptable);
    }
    let whole = |tensor: &Tensor, place: usize| -> Result<i64, Failure> {
        numbers!(tensor.kind; T => {
            tensor.as_slice::<T>().get(place).map(|value| value.to_i64()).ok_or(Failure::Unacceptable)
        })
    };
    let depth = usize::try_from(whole(depth, 0)?).map_err(|_| Failure::Unacceptable)?;
    let axis = node.int("axis", -1);
    let rank = chosen.rank + 1;
    let axis = crate::tensor::axis_of(axis, rank)?;
    let mut dims = chosen.dims();
    dims.insert(axis, depth)?;
    let hot = node.room::<i64>(chosen.count())?;
    for (place, slot) in hot.iter_mut().enumerate() {
        let index = whole(chosen, place)?;
        *slot = if index < 0 { index.saturating_add(depth as i64) } else { index };
    }
    let hot = &*hot;
    let inner: usize = dims[axis + 1..].iter().product();
    moved(node, 0, values, dims, None, |place| {
        let (outer, at) = (place / inner / depth, place / inner % depth);
        usize::from(hot[outer * inner + place % inner] == at as i64)
    })
}
