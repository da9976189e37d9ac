//! Operators of two or more tensors, element by element, with broadcasting.

use crate::number::{Bool, Element, Number, is_float};
use crate::tensor::{Dims, Tensor, walk};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.Add" => add,
    "ai.onnx.Sub" => sub,
    "ai.onnx.Mul" => mul,
    "ai.onnx.Div" => div,
    "ai.onnx.Mod" => modulo,
    "ai.onnx.Pow" => pow,
    "ai.onnx.Max" => max,
    "ai.onnx.Min" => min,
    "ai.onnx.Sum" => sum,
    "ai.onnx.Mean" => mean,
    "ai.onnx.PRelu" => prelu,
    "ai.onnx.Clip" => clip,
    "ai.onnx.Where" => choose,
    "ai.onnx.BitShift" => shift,
    "ai.onnx.BitwiseAnd" => |node| bits(node, |a, b| a & b),
    "ai.onnx.BitwiseOr" => |node| bits(node, |a, b| a | b),
    "ai.onnx.BitwiseXor" => |node| bits(node, |a, b| a ^ b),
    "ai.onnx.And" => |node| truth(node, |a, b| a & b),
    "ai.onnx.Or" => |node| truth(node, |a, b| a | b),
    "ai.onnx.Xor" => |node| truth(node, |a, b| a ^ b),
}

/// Applies `function` to every pair of elements.
pub(crate) fn pairs<T: Copy, U: Copy, V>(
    (a, b): (&Tensor, &Tensor),
    dims: &Dims,
    y: &mut [V],
    function: impl Fn(T, U) -> V,
) -> Done {
    let (left, right) = (a.as_slice::<T>(), b.as_slice::<U>());
    if a.dims() == *dims && b.dims() == *dims {
        for ((y, a), b) in y.iter_mut().zip(left).zip(right) {
            *y = function(*a, *b);
        }
        return Ok(());
    }
    let strides = [a.dims().broadcast_strides(dims)?, b.dims().broadcast_strides(dims)?];
    let mut slots = y.iter_mut();
    walk(dims, [&strides[0], &strides[1]], |[at, bt]| {
        if let (Some(slot), Some(a), Some(b)) = (slots.next(), left.get(at), right.get(bt)) {
            *slot = function(*a, *b);
        }
    });
    Ok(())
}

/// The two inputs, which must be of one type, and the shape of the answer.
pub(crate) fn operands(node: &Node) -> Result<(&Tensor, &Tensor, Dims), Failure> {
    let (a, b) = (node.input(0)?, node.input(1)?);
    if a.kind != b.kind {
        return Err(Failure::Unsupported);
    }
    Ok((a, b, a.dims().joined(&b.dims())?))
}

macro_rules! arithmetic {
    ($($name:ident: $method:ident),+) => {$(
        fn $name(node: &Node) -> Done {
            let (a, b, dims) = operands(node)?;
            numbers!(a.kind; T => {
                pairs((a, b), &dims, node.output::<T>(0, dims)?, |a: T, b: T| a.$method(b))
            })
        }
    )+};
}

arithmetic! { add: add, sub: sub, mul: mul, div: div }

fn modulo(node: &Node) -> Done {
    let (a, b, dims) = operands(node)?;
    let like_c = node.flag("fmod", false);
    numbers!(a.kind; T => {
        pairs((a, b), &dims, node.output::<T>(0, dims)?, |a: T, b: T| {
            if like_c { a.remainder(b) } else { a.modulo(b) }
        })
    })
}

fn pow(node: &Node) -> Done {
    let (a, b) = (node.input(0)?, node.input(1)?);
    let dims = a.dims().joined(&b.dims())?;
    numbers!(a.kind; T => {
        let y = node.output::<T>(0, dims)?;
        if is_float(a.kind) || is_float(b.kind) {
            let exponents = node.room::<f64>(b.count())?;
            numbers!(b.kind; U => {
                for (slot, value) in exponents.iter_mut().zip(b.as_slice::<U>()) {
                    *slot = value.to_f64();
                }
                Ok(())
            })?;
            power(a, b, &dims, y, exponents, |a: T, b: f64| T::from_f64(libm::pow(a.to_f64(), b)))
        } else {
            let exponents = node.room::<i64>(b.count())?;
            whole_numbers!(b.kind; U => {
                for (slot, value) in exponents.iter_mut().zip(b.as_slice::<U>()) {
                    *slot = value.to_i64();
                }
                Ok(())
            })?;
            power(a, b, &dims, y, exponents, |a: T, b: i64| whole_power(a, b))
        }
    })
}

fn power<T: Copy, U: Copy>(
    a: &Tensor,
    b: &Tensor,
    dims: &Dims,
    y: &mut [T],
    exponents: &[U],
    function: impl Fn(T, U) -> T,
) -> Done {
    let strides = [a.dims().broadcast_strides(dims)?, b.dims().broadcast_strides(dims)?];
    let bases = a.as_slice::<T>();
    let mut slots = y.iter_mut();
    walk(dims, [&strides[0], &strides[1]], |[at, bt]| {
        if let (Some(slot), Some(a), Some(b)) = (slots.next(), bases.get(at), exponents.get(bt)) {
            *slot = function(*a, *b);
        }
    });
    Ok(())
}

fn whole_power<T: Number>(base: T, exponent: i64) -> T {
    if exponent < 0 {
        return T::ONE.div(whole_power(base, exponent.saturating_neg()));
    }
    let (mut result, mut square, mut left) = (T::ONE, base, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result = result.mul(square);
        }
        square = square.mul(square);
        left >>= 1;
    }
    result
}

/// Folds any number of inputs of one type, from the first on.
macro_rules! folds {
    ($($name:ident, $set:ident: |$a:ident, $b:ident| $step:expr, |$sum:ident, $count:ident| $end:expr;)+) => {$(
        fn $name(node: &Node) -> Done {
            let first = node.input(0)?;
            let mut dims = first.dims();
            for index in 1..node.input_count() {
                let other = node.input(index)?;
                if other.kind != first.kind {
                    return Err(Failure::Unsupported);
                }
                dims = dims.joined(&other.dims())?;
            }
            $set!(first.kind; T => {
                let y = node.output::<T>(0, dims)?;
                let $count = node.input_count();
                for index in 0..$count {
                    let x = node.input(index)?;
                    let (strides, values) = (x.dims().broadcast_strides(&dims)?, x.as_slice::<T>());
                    let mut slots = y.iter_mut();
                    walk(&dims, [&strides], |[at]| {
                        if let (Some(slot), Some(value)) = (slots.next(), values.get(at)) {
                            let ($a, $b) = (*slot, *value);
                            *slot = if index == 0 { $b } else { $step };
                        }
                    });
                }
                let end = |$sum: T| $end;
                y.iter_mut().for_each(|slot| *slot = end(*slot));
                Ok(())
            })
        }
    )+};
}

folds! {
    max, numbers: |a, b| a.greatest(b), |sum, _count| sum;
    min, numbers: |a, b| a.least(b), |sum, _count| sum;
    sum, floats: |a, b| a.add(b), |sum, _count| sum;
    mean, floats: |a, b| a.add(b), |sum, count| T::from_f64(sum.to_f64() / count as f64);
}

fn prelu(node: &Node) -> Done {
    let (a, b, dims) = operands(node)?;
    numbers!(a.kind; T => {
        pairs((a, b), &dims, node.output::<T>(0, dims)?, |x: T, slope: T| {
            if x < T::default() { x.mul(slope) } else { x }
        })
    })
}

fn clip(node: &Node) -> Done {
    let x = node.input(0)?;
    numbers!(x.kind; T => {
        let bound = |input: usize, name: &str, default: T| -> Result<T, Failure> {
            match node.optional(input) {
                Some(bound) => bound.slice::<T>()?.first().copied().ok_or(Failure::Unacceptable),
                None => Ok(node.floats(name).and_then(|values| values.first())
                    .map_or(default, |value| T::from_f64(f64::from(*value)))),
            }
        };
        let (low, high) = (bound(1, "min", T::LEAST)?, bound(2, "max", T::GREATEST)?);
        let y = node.output::<T>(0, x.dims())?;
        for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
            // The upper bound is the last word where the bounds cross.
            let raised = if *x < low { low } else { *x };
            *y = if raised > high { high } else { raised };
        }
        Ok(())
    })
}

fn choose(node: &Node) -> Done {
    let condition = node.input(0)?;
    let truths = condition.slice::<Bool>()?;
    let (a, b) = (node.input(1)?, node.input(2)?);
    if a.kind != b.kind {
        return Err(Failure::Unsupported);
    }
    let dims = condition.dims().joined(&a.dims())?.joined(&b.dims())?;
    let strides = [
        condition.dims().broadcast_strides(&dims)?,
        a.dims().broadcast_strides(&dims)?,
        b.dims().broadcast_strides(&dims)?,
    ];
    // From which of the two, and from where in it.
    let sources = node.room::<(bool, usize)>(dims.count()?)?;
    let mut slots = sources.iter_mut();
    walk(&dims, [&strides[0], &strides[1], &strides[2]], |[ct, at, bt]| {
        if let (Some(slot), Some(truth)) = (slots.next(), truths.get(ct)) {
            *slot = if truth.0 != 0 { (true, at) } else { (false, bt) };
        }
    });
    if a.is_text() {
        return node.output_text(0, dims, |index| match sources.get(index) {
            Some((true, at)) => a.string(*at),
            Some((false, bt)) => b.string(*bt),
            None => &[],
        });
    }
    widths!(a.kind; T => {
        let (left, right) = (a.as_slice::<T>(), b.as_slice::<T>());
        let y = node.output_like::<T>(0, a.kind, dims)?;
        for (slot, (is_left, at)) in y.iter_mut().zip(sources.iter()) {
            if let Some(value) = (if *is_left { left } else { right }).get(*at) {
                *slot = *value;
            }
        }
        Ok(())
    })
}

fn shift(node: &Node) -> Done {
    let (a, b, dims) = operands(node)?;
    let left = node.text("direction", "LEFT") == b"LEFT";
    dispatch!(a.kind; [u8, u16, u32, u64]; T => {
        pairs((a, b), &dims, node.output::<T>(0, dims)?, |a: T, b: T| {
            let by = u32::try_from(b.to_i64()).unwrap_or(u32::MAX);
            let shifted = if left { a.checked_shl(by) } else { a.checked_shr(by) };
            shifted.unwrap_or(0)
        })
    })
}

fn bits(node: &Node, function: impl Fn(u64, u64) -> u64) -> Done {
    let (a, b, dims) = operands(node)?;
    whole_numbers!(a.kind; T => {
        pairs((a, b), &dims, node.output::<T>(0, dims)?, |a: T, b: T| {
            T::from_i64(function(a.to_i64() as u64, b.to_i64() as u64) as i64)
        })
    })
}

fn truth(node: &Node, function: impl Fn(u8, u8) -> u8) -> Done {
    let (a, b, dims) = operands(node)?;
    dispatch!(a.kind; [Bool]; T => {
        pairs((a, b), &dims, node.output::<T>(0, dims)?, |a: Bool, b: Bool| {
            Bool(function(a.0, b.0))
        })
    })
}
