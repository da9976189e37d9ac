//! Reductions over axes that are given as an attribute or, later, as a tensor.

use crate::number::{BOOL, Bool, Element, Number, is_float};
use crate::tensor::{Dims, MAX_RANK, Tensor, walk};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.ReduceL1" => |node| sums(node, |x| x.abs(), |sum, _| sum),
    "ai.onnx.ReduceL2" => |node| sums(node, |x| x * x, |sum, _| libm::sqrt(sum)),
    "ai.onnx.ReduceLogSum" => |node| sums(node, |x| x, |sum, _| libm::log(sum)),
    "ai.onnx.ReduceLogSumExp" => log_sum_exp,
    "ai.onnx.ReduceMax" => |node| extreme(node, true),
    "ai.onnx.ReduceMean" => |node| sums(node, |x| x, |sum, count| sum / count),
    "ai.onnx.ReduceMin" => |node| extreme(node, false),
    "ai.onnx.ReduceProd" => product,
    "ai.onnx.ReduceSum" => |node| sums(node, |x| x, |sum, _| sum),
    "ai.onnx.ReduceSumSquare" => |node| sums(node, |x| x * x, |sum, _| sum),
    "ai.onnx.ArgMax" => |node| arg_extreme(node, true),
    "ai.onnx.ArgMin" => |node| arg_extreme(node, false),
}

/// What is reduced, and what the answer looks like.
struct Reduction {
    /// Strides in the answer to walk the input by; 0 along what is reduced.
    strides: [usize; MAX_RANK],
    dims: Dims,
    /// Elements that each answer is made of.
    count: usize,
}

/// `None` where no axis is named and that means that nothing is reduced.
fn reduction(node: &Node, x: &Tensor) -> Result<Option<Reduction>, Failure> {
    let axes = node.numbers(1, "axes")?.filter(|axes| !axes.is_empty());
    if axes.is_none() && node.flag("noop_with_empty_axes", false) {
        return Ok(None);
    }
    let keep = node.flag("keepdims", true);
    let old = x.dims();
    let mut gone = [axes.is_none(); MAX_RANK];
    for axis in axes.unwrap_or(&[]) {
        gone[x.axis(*axis)?] = true;
    }
    let (mut kept, mut dims, mut count) = (old, Dims::SCALAR, 1);
    for axis in 0..old.len() {
        if gone[axis] {
            count *= old[axis];
            kept[axis] = 1;
        }
        if keep || !gone[axis] {
            dims.push(kept[axis])?;
        }
    }
    let mut strides = kept.strides();
    for axis in 0..old.len() {
        if gone[axis] {
            strides[axis] = 0;
        }
    }
    Ok(Some(Reduction { strides, dims, count }))
}

/// Calls `step` with each place of the answer and each element that belongs to it.
fn fold<T: Copy>(x: &Tensor, reduction: &Reduction, mut step: impl FnMut(usize, T)) {
    let mut values = x.as_slice::<T>().iter();
    walk(&x.dims(), [&reduction.strides], |[at]| {
        if let Some(value) = values.next() {
            step(at, *value);
        }
    });
}

/// A sum of something, and something made of the sum. Floats are summed in double precision,
/// integers that are not changed first without loss.
fn sums(node: &Node, term: impl Fn(f64) -> f64, end: impl Fn(f64, f64) -> f64) -> Done {
    let x = node.input(0)?;
    let found = reduction(node, x)?;
    numbers!(x.kind; T => {
        let Some(found) = &found else {
            let y = node.output::<T>(0, x.dims())?;
            for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
                *y = T::from_f64(end(term(x.to_f64()), 1.0));
            }
            return Ok(());
        };
        let sums = node.room::<f64>(found.dims.count()?)?;
        fold(x, found, |at, value: T| sums[at] += term(value.to_f64()));
        let y = node.output::<T>(0, found.dims)?;
        for (y, sum) in y.iter_mut().zip(sums.iter()) {
            *y = T::from_f64(end(*sum, found.count as f64));
        }
        Ok(())
    })
}

fn product(node: &Node) -> Done {
    let x = node.input(0)?;
    let Some(found) = reduction(node, x)? else { return node.share(0, x, x.dims()) };
    numbers!(x.kind; T => {
        let y = node.output::<T>(0, found.dims)?;
        y.fill(T::ONE);
        fold(x, &found, |at, value: T| y[at] = y[at].mul(value));
        Ok(())
    })
}

fn log_sum_exp(node: &Node) -> Done {
    let x = node.input(0)?;
    let Some(found) = reduction(node, x)? else { return node.share(0, x, x.dims()) };
    if !is_float(x.kind) {
        return Err(Failure::Unsupported);
    }
    floats!(x.kind; T => {
        let count = found.dims.count()?;
        let (largest, sums) = (node.room::<f64>(count)?, node.room::<f64>(count)?);
        largest.fill(f64::NEG_INFINITY);
        fold(x, &found, |at, value: T| largest[at] = largest[at].max(value.to_f64()));
        fold(x, &found, |at, value: T| {
            // Infinity less infinity would be no number.
            let shift = if largest[at].is_finite() { largest[at] } else { 0.0 };
            sums[at] += libm::exp(value.to_f64() - shift);
        });
        let y = node.output::<T>(0, found.dims)?;
        for ((y, sum), largest) in y.iter_mut().zip(sums.iter()).zip(largest.iter()) {
            let shift = if largest.is_finite() { *largest } else { 0.0 };
            *y = T::from_f64(libm::log(*sum) + shift);
        }
        Ok(())
    })
}

fn extreme(node: &Node, is_largest: bool) -> Done {
    let x = node.input(0)?;
    let Some(found) = reduction(node, x)? else { return node.share(0, x, x.dims()) };
    if x.kind == BOOL {
        let y = node.output::<Bool>(0, found.dims)?;
        y.fill(Bool(u8::from(!is_largest)));
        fold(x, &found, |at, value: u8| {
            y[at].0 = if is_largest { y[at].0 | value } else { y[at].0 & value };
        });
        return Ok(());
    }
    numbers!(x.kind; T => {
        let y = node.output::<T>(0, found.dims)?;
        y.fill(if is_largest { T::LEAST } else { T::GREATEST });
        fold(x, &found, |at, value: T| {
            let take = if is_largest { value > y[at] } else { value < y[at] };
            if take || value.is_nan() {
                y[at] = value;
            }
        });
        Ok(())
    })
}

fn arg_extreme(node: &Node, is_largest: bool) -> Done {
    let x = node.input(0)?;
    let axis = x.axis(node.int("axis", 0))?;
    let last = node.flag("select_last_index", false);
    let old = x.dims();
    let mut dims = old;
    if node.flag("keepdims", true) {
        dims[axis] = 1;
    } else {
        dims.remove(axis);
    }
    let inner: usize = old[axis + 1..].iter().product();
    let dim = old[axis];
    if dim == 0 {
        return Err(Failure::Unacceptable);
    }
    numbers!(x.kind; T => {
        let values = x.as_slice::<T>();
        let y = node.output::<i64>(0, dims)?;
        for (place, y) in y.iter_mut().enumerate() {
            let start = place / inner * dim * inner + place % inner;
            let mut best = 0;
            for index in 1..dim {
                let (known, new) = (values[start + best * inner], values[start + index * inner]);
                let better = if is_largest { new > known } else { new < known };
                if better || (last && new == known) {
                    best = index;
                }
            }
            *y = best as i64;
        }
        Ok(())
    })
}
