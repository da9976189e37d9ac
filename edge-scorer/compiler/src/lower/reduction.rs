//! Sums, products and extremes along axes.

use shared::ElementType::{self, Bool, Float32, Float64, Int32, Int64, Uint8};
use tract_onnx::prelude::TypedNode;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};

use super::{Lowered, Lowering, Refusal, Value};
use crate::plan::{Arg, Extent, product};

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    let Some(reduce) = node.op_as::<Reduce>() else { return Ok(None) };
    let input = node.inputs[0];
    let (element, mut shape) = (l.element(input)?, l.shape(input)?);
    let squares = reduce.reducer == Reducer::MeanOfSquares;
    let Some((kernel, later)) = kernels(reduce.reducer, element) else {
        return match reduce.reducer {
            Reducer::ArgMax(_) | Reducer::ArgMin(_) => Ok(None),
            other => Err(Refusal::because(format!("{other:?} of {element} is not supported"))),
        };
    };
    let mut axes = reduce.axes.to_vec();
    axes.sort_unstable();
    let reduced = product(axes.iter().map(|axis| &shape[*axis]));

    // Neighbouring axes are one; the last group first, so that the others stay where they are.
    let mut groups: Vec<std::ops::RangeInclusive<usize>> = Vec::new();
    for axis in axes {
        match groups.last_mut() {
            Some(group) if *group.end() + 1 == axis => *group = *group.start()..=axis,
            _ => groups.push(axis..=axis),
        }
    }
    if groups.is_empty() {
        return Err(Refusal::because("it has no axis"));
    }
    let mut from = l.read(input)?;
    let last = groups.len() - 1;
    let mut y = None;
    for (index, group) in groups.into_iter().rev().enumerate() {
        let (start, end) = (*group.start(), *group.end());
        let [outer, len, inner] =
            [product(&shape[..start]), product(&shape[start..=end]), product(&shape[end + 1..])];
        let to = if index == last && !squares {
            l.output(node, 0)?
        } else {
            let name = format!("{} (part {index})", node.name);
            l.planner.buffer(name, element, outer.clone().times(inner.clone()))
        };
        let cost = product(&shape).evaluate(&[1, 64, 64, 64]).unwrap_or(1) as f64 * 0.5 + 5.0;
        let args =
            vec![from, Arg::write(to), Arg::Count(outer), Arg::Count(len), Arg::Count(inner)];
        let kernel = if index == 0 { kernel } else { later };
        l.planner.call(kernel, args, format!("{:?}", reduce.reducer).to_lowercase(), cost);
        shape[start..=end].fill(Extent::ONE);
        from = Arg::read(to);
        y = Some(to);
    }
    if squares {
        let Some(count) = reduced.fixed() else {
            return Err(Refusal::because("it averages over an axis whose size is not known"));
        };
        let to = l.output(node, 0)?;
        let factor = l.planner.weights_f32(format!("1 / {count}"), &[1.0 / count as f32]);
        let n = product(&shape);
        let mut args = vec![from, Arg::Weights(factor), Arg::write(to)];
        let [one, zero] = [Extent::ONE, Extent::Fixed(0)].map(Arg::Count);
        args.extend([one.clone(), one.clone(), one.clone(), Arg::Count(n)]);
        args.extend([zero.clone(), zero.clone(), zero.clone(), one]);
        args.extend([zero.clone(), zero.clone(), zero.clone(), zero]);
        l.planner.call("mul_f32", args, "mean", 5.0);
        y = Some(to);
    }
    y.map(|y| Some(vec![Value::Tensor(y)])).ok_or_else(|| Refusal::because("it has no axis"))
}

/// The kernel for the first group of axes, and the one for the groups after it.
fn kernels(reducer: Reducer, element: ElementType) -> Option<(&'static str, &'static str)> {
    let same = |kernel| Some((kernel, kernel));
    match (reducer, element) {
        (Reducer::Sum, Float32) => same("sum_f32"),
        (Reducer::Sum, Float64) => same("sum_f64"),
        (Reducer::Sum, Int32) => same("sum_i32"),
        (Reducer::Sum, Int64) => same("sum_i64"),
        (Reducer::Prod, Float32) => same("prod_f32"),
        (Reducer::Prod, Float64) => same("prod_f64"),
        (Reducer::Prod, Int32) => same("prod_i32"),
        (Reducer::Prod, Int64) => same("prod_i64"),
        (Reducer::Max, Float32) => same("max_of_f32"),
        (Reducer::Max, Float64) => same("max_of_f64"),
        (Reducer::Max, Int32) => same("max_of_i32"),
        (Reducer::Max, Int64) => same("max_of_i64"),
        (Reducer::Max | Reducer::Any, Uint8 | Bool) => same("max_of_u8"),
        (Reducer::Min, Float32) => same("min_of_f32"),
        (Reducer::Min, Float64) => same("min_of_f64"),
        (Reducer::Min, Int32) => same("min_of_i32"),
        (Reducer::Min, Int64) => same("min_of_i64"),
        (Reducer::Min | Reducer::All, Uint8 | Bool) => same("min_of_u8"),
        (Reducer::MeanOfSquares, Float32) => Some(("sum_squares_f32", "sum_f32")),
        _ => None,
    }
}
