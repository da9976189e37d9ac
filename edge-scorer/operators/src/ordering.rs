//! What depends on the order of values, or on how many of them there are.

use core::cmp::Ordering;

use crate::movement::moved;
use crate::number::{BOOL, Number};
use crate::tensor::{Dims, Tensor};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.NonZero" => non_zero,
    "ai.onnx.TopK" => top_k,
    "ai.onnx.Unique" => unique,
}

fn non_zero(node: &Node) -> Done {
    let x = node.input(0)?;
    let dims = x.dims();
    let found = node.room::<usize>(x.count())?;
    let mut count = 0;
    elements!(x.kind; T => {
        for (place, value) in x.as_slice::<T>().iter().enumerate() {
            if *value != T::default() {
                found[count] = place;
                count += 1;
            }
        }
        Ok(())
    })?;
    let strides = dims.strides();
    let y = node.output::<i64>(0, Dims::of(&[dims.len(), count])?)?;
    for (axis, row) in y.chunks_exact_mut(count.max(1)).enumerate() {
        for (slot, place) in row.iter_mut().zip(found.iter()) {
            *slot = (place / strides[axis] % dims[axis]) as i64;
        }
    }
    Ok(())
}

/// A total order: what is no number comes last.
pub(crate) fn order<T: Number>(a: T, b: T) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

fn top_k(node: &Node) -> Done {
    let x = node.input(0)?;
    let wanted =
        node.numbers(1, "k")?.and_then(|k| k.first().copied()).ok_or(Failure::Unsupported)?;
    let (largest, dims) = (node.flag("largest", true), x.dims());
    let axis = dims.axis(node.int("axis", -1))?;
    let (length, inner) = (dims[axis], dims[axis + 1..].iter().product::<usize>());
    let outer: usize = dims[..axis].iter().product();
    let wanted = usize::try_from(wanted).map_err(|_| Failure::Unacceptable)?;
    if wanted > length {
        return Err(Failure::Unacceptable);
    }
    let mut target = dims;
    target[axis] = wanted;
    numbers!(x.kind; T => {
        let values = x.as_slice::<T>();
        let (best, places) = (node.output::<T>(0, target)?, node.output::<i64>(1, target)?);
        let line = node.room::<usize>(length)?;
        for (o, i) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
            let at = |index: usize| values[(o * length + index) * inner + i];
            for (index, slot) in line.iter_mut().enumerate() {
                *slot = index;
            }
            // Equal values keep their order.
            line.sort_unstable_by(|a, b| {
                let by_value = order(at(*a), at(*b));
                let by_value = if largest { by_value.reverse() } else { by_value };
                by_value.then(a.cmp(b))
            });
            for (rank, index) in line.iter().take(wanted).enumerate() {
                let slot = (o * wanted + rank) * inner + i;
                best[slot] = at(*index);
                places[slot] = *index as i64;
            }
        }
        Ok(())
    })
}

fn unique(node: &Node) -> Done {
    let x = node.input(0)?;
    let (dims, axis, flat) = match node.ints("axis").and_then(|axis| axis.first()) {
        Some(axis) => (x.dims(), x.axis(*axis)?, false),
        None => (Dims::of(&[x.count()])?, 0, true),
    };
    let length = dims[axis];
    let line = node.room::<usize>(length)?;
    for (index, slot) in line.iter_mut().enumerate() {
        *slot = index;
    }
    line.sort_unstable_by(|a, b| compare(x, &dims, axis, *a, *b).then(a.cmp(b)));

    // Of each slice its first equal one, and how often it occurs; in the order of values.
    let (firsts, counts) = (node.room::<usize>(length)?, node.room::<i64>(length)?);
    let group = node.room::<usize>(length)?;
    let mut found = 0;
    for place in 0..length {
        let is_new =
            place == 0 || compare(x, &dims, axis, line[place - 1], line[place]) != Ordering::Equal;
        if is_new {
            firsts[found] = line[place];
            found += 1;
        }
        counts[found - 1] += 1;
        group[line[place]] = found - 1;
    }
    // From the order of values to the order of the answer, and back.
    let (sequence, rank) = (node.room::<usize>(found)?, node.room::<usize>(found)?);
    for (index, slot) in sequence.iter_mut().enumerate() {
        *slot = index;
    }
    if !node.flag("sorted", true) {
        sequence.sort_unstable_by_key(|index| firsts[*index]);
    }
    for (place, index) in sequence.iter().enumerate() {
        rank[*index] = place;
    }

    let list = Dims::of(&[found])?;
    for (slot, index) in node.output::<i64>(1, list)?.iter_mut().zip(sequence.iter()) {
        *slot = firsts[*index] as i64;
    }
    for (slot, group) in node.output::<i64>(2, Dims::of(&[length])?)?.iter_mut().zip(group.iter()) {
        *slot = rank[*group] as i64;
    }
    for (slot, index) in node.output::<i64>(3, list)?.iter_mut().zip(sequence.iter()) {
        *slot = counts[*index];
    }
    let mut target = if flat { list } else { dims };
    target[axis] = found;
    let inner: usize = dims[axis + 1..].iter().product();
    let (sequence, firsts) = (&*sequence, &*firsts);
    moved(node, 0, x, target, None, |place| {
        let (outer, at) = (place / inner / found, place / inner % found);
        (outer * length + firsts[sequence[at]]) * inner + place % inner
    })
}

/// Compares two slices of an axis, element by element.
fn compare(x: &Tensor, dims: &Dims, axis: usize, a: usize, b: usize) -> Ordering {
    let (length, inner) = (dims[axis], dims[axis + 1..].iter().product::<usize>());
    let outer: usize = dims[..axis].iter().product();
    let places = (0..outer).flat_map(|o| {
        (0..inner).map(move |i| [(o * length + a) * inner + i, (o * length + b) * inner + i])
    });
    for [left, right] in places {
        let one = if x.is_text() {
            x.string(left).cmp(x.string(right))
        } else if x.kind == BOOL {
            x.as_slice::<u8>()[left].cmp(&x.as_slice::<u8>()[right])
        } else {
            numbers!(x.kind; T => Ok(order(x.as_slice::<T>()[left], x.as_slice::<T>()[right])))
                .unwrap_or(Ordering::Equal)
        };
        if one != Ordering::Equal {
            return one;
        }
    }
    Ordering::Equal
}
