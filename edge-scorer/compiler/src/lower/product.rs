//! Matrix products, which the typed graph writes as `EinSum`.
//!
//! Axes fall into four kinds: of both operands and the result (batch), of the left one (`m`), of
//! the right one (`n`), and of both operands alone (`k`). With constant weights on one side and no
//! batch it is a dense layer, or a 1×1 convolution when the result keeps its channels in the
//! middle; everything else is a batch of products of two tensors.

use shared::ElementType;
use tract_onnx::prelude::{OutletId, TypedNode};
use tract_onnx::tract_core::ops::einsum::EinSum;

use super::convolution::{self, Convolution};
use super::tail::Tail;
use super::views::{View, permuted};
use super::{Lowered, Lowering, Refusal, Value, constant_f32};
use crate::plan::{Arg, BufferId, Extent, product};

/// Columns of one packed panel; `kernels::PANEL`.
const PANEL: usize = 8;

/// Columns of one panel of the host's; `PANEL` of `engine::linalg`.
const HOST_PANEL: usize = 32;

/// One axis of the expression: where it is in each operand and in the result.
#[derive(Debug, Clone, Copy)]
struct Axis {
    a: Option<usize>,
    b: Option<usize>,
    y: Option<usize>,
}

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    let Some(einsum) = node.op_as::<EinSum>() else { return Ok(None) };
    if einsum.q_params.is_some() || l.element(OutletId::new(node.id, 0))? != ElementType::Float32 {
        return Err(Refusal::because("it multiplies matrices of another type than float32"));
    }
    let [a, b] = *node.inputs.as_slice() else {
        return Err(Refusal::because("it multiplies another number of tensors than two"));
    };
    let mut axes = Vec::new();
    for axis in einsum.axes.iter_all_axes() {
        let place = |places: &[usize]| match places {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ => Err(Refusal::because("it takes the diagonal of a tensor")),
        };
        axes.push(Axis {
            a: place(&axis.inputs[0])?,
            b: place(&axis.inputs[1])?,
            y: place(&axis.outputs[0])?,
        });
    }
    let has_batch =
        axes.iter().any(|axis| axis.a.is_some() && axis.b.is_some() && axis.y.is_some());
    let swapped: Vec<Axis> = axes.iter().map(|x| Axis { a: x.b, b: x.a, y: x.y }).collect();
    match (l.constant(a), l.constant(b)) {
        (_, Some(weights)) if !has_batch => Weighted {
            x: a,
            weights: constant_f32(&weights)?,
            shape: weights.shape().to_vec(),
            axes,
        }
        .lower(l, node),
        (Some(weights), _) if !has_batch => {
            let shape = weights.shape().to_vec();
            Weighted { x: b, weights: constant_f32(&weights)?, shape, axes: swapped }.lower(l, node)
        }
        _ => both_computed(l, node, [a, b], &axes),
    }
}

/// Where the axes are, ordered by their place in the first of `a`, `b`, `y` that has them.
fn places(
    axes: &[Axis],
    keep: impl Fn(&Axis) -> bool,
    order: impl Fn(&Axis) -> Option<usize>,
) -> Vec<Axis> {
    let mut kept: Vec<Axis> = axes.iter().copied().filter(keep).collect();
    kept.sort_by_key(|axis| order(axis));
    kept
}

/// A tensor times constant weights.
struct Weighted {
    x: OutletId,
    weights: Vec<f32>,
    shape: Vec<usize>,
    axes: Vec<Axis>,
}

impl Weighted {
    fn lower(self, l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
        let x_shape = l.shape(self.x)?;
        let y_shape = l.shape(OutletId::new(node.id, 0))?;
        // An axis of size 1 that only one operand has does not matter.
        let m = places(&self.axes, |i| i.a.is_some() && i.y.is_some(), |i| i.y);
        let n = places(&self.axes, |i| i.b.is_some() && i.y.is_some(), |i| i.y);
        let k = places(&self.axes, |i| i.a.is_some() && i.b.is_some(), |i| i.a);
        let stray = |i: &Axis| [i.a, i.b, i.y].iter().flatten().count() == 1;
        for axis in self.axes.iter().filter(|axis| stray(axis)) {
            let size = match (axis.a, axis.b) {
                (Some(a), _) => x_shape[a].fixed(),
                (_, Some(b)) => Some(self.shape[b] as i64),
                _ => Some(1),
            };
            if size != Some(1) {
                return Err(Refusal::because("it adds up an axis of one operand alone"));
            }
        }

        let (outputs, taps) = (self.sizes(&n), self.sizes(&k));
        let packed = self.weights_by(&n, &k);
        if let ([n], [k]) = (n.as_slice(), k.as_slice())
            && n.y == k.a
            && n.y.is_some_and(|axis| axis + 1 < y_shape.len())
            && m.iter().all(|m| m.a == m.y)
            && let Some(axis) = n.y
            && let Some(pixels @ 2..) = product(&y_shape[axis + 1..]).fixed()
        {
            let convolution = Convolution::pointwise(taps, outputs, pixels as usize);
            let rows = product(&y_shape[..axis]);
            return convolution::call(l, node, axis, self.x, rows, packed, None, &convolution);
        }

        // The left operand as rows of `k` numbers.
        let wanted: Vec<usize> = m.iter().chain(&k).filter_map(|axis| axis.a).collect();
        let stray: Vec<usize> = (0..x_shape.len()).filter(|axis| !wanted.contains(axis)).collect();
        let order: Vec<usize> = stray.into_iter().chain(wanted).collect();
        let x = permuted(l, self.x, &order)?;
        let rows = product(m.iter().filter_map(|axis| axis.a).map(|a| &x_shape[a]));

        // The result as rows of `n` numbers, moved apart afterwards if it must be.
        let y_order: Vec<usize> = m.iter().chain(&n).filter_map(|axis| axis.y).collect();
        let in_order = is_in_order(&y_order, &y_shape);
        let tail = match (n.as_slice(), in_order) {
            ([Axis { y: Some(axis), .. }], true) => Tail::of(l, node, *axis, outputs)?,
            _ => Tail::none(node, outputs),
        };
        let y = if in_order {
            tail.output(l)?
        } else {
            let count = l.count(OutletId::new(node.id, 0))?;
            l.planner.buffer(format!("{} (rows)", node.name), ElementType::Float32, count)
        };
        dense(l, node, x, rows, &packed, &tail, y, taps);
        if in_order {
            return Ok(Some(vec![Value::Tensor(y)]));
        }
        moved_apart(l, node, y, &y_order, &y_shape)
    }

    fn sizes(&self, axes: &[Axis]) -> usize {
        axes.iter().filter_map(|axis| axis.b).map(|b| self.shape[b]).product()
    }

    /// The weights as `[outputs][taps]`.
    fn weights_by(&self, n: &[Axis], k: &[Axis]) -> Vec<f32> {
        let stride = |axis: usize| self.shape[axis + 1..].iter().product::<usize>();
        let mut offsets = vec![0];
        for axis in n.iter().chain(k).filter_map(|axis| axis.b) {
            let (size, stride) = (self.shape[axis], stride(axis));
            offsets = offsets
                .iter()
                .flat_map(|offset| (0..size).map(move |index| offset + index * stride))
                .collect();
        }
        offsets.into_iter().map(|offset| self.weights[offset]).collect()
    }
}

/// One dense layer; `weights` is `[outputs][taps]`.
#[expect(clippy::too_many_arguments, reason = "a layer is its operands and its sizes")]
fn dense(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    x: Arg,
    rows: Extent,
    weights: &[f32],
    tail: &Tail,
    y: BufferId,
    taps: usize,
) {
    let outputs = tail.scale.len();
    let per_row = rows.evaluate(&[1, 64, 64, 64]).unwrap_or(1) as f64;
    let title = format!("dense {taps}→{outputs}, {} folded", tail.folded());
    if l.is_native(taps * outputs) {
        let mut panels = Vec::with_capacity(outputs.next_multiple_of(HOST_PANEL) * taps);
        for first in (0..outputs).step_by(HOST_PANEL) {
            for tap in 0..taps {
                let weight = |n: usize| weights[n * taps + tap] * tail.scale[n];
                let columns = first..first + HOST_PANEL;
                panels.extend(columns.map(|n| if n < outputs { weight(n) } else { 0.0 }));
            }
        }
        let w = l.planner.weights_f32(format!("weights of {}", node.name), &panels);
        let bias = l.planner.weights_f32(format!("bias of {}", node.name), &tail.shift);
        let args = vec![
            x,
            Arg::Weights(w),
            Arg::Weights(bias),
            Arg::write(y),
            Arg::Count(rows),
            Arg::count(taps),
            Arg::count(outputs),
            Arg::Float(tail.low),
            Arg::Float(tail.high),
        ];
        let cost = per_row * (taps * outputs) as f64 * 0.05 + 100.0;
        l.planner.call("linalg.dense_panels", args, title, cost);
        return;
    }
    let mut packed = Vec::with_capacity(outputs.next_multiple_of(PANEL) * (taps + 1));
    for panel in 0..outputs.div_ceil(PANEL) {
        let columns = panel * PANEL..(panel + 1) * PANEL;
        packed.extend(columns.clone().map(|n| tail.shift.get(n).copied().unwrap_or(0.0)));
        for tap in 0..taps {
            packed.extend(
                columns.clone().map(|n| {
                    if n < outputs { weights[n * taps + tap] * tail.scale[n] } else { 0.0 }
                }),
            );
        }
    }
    let w = l.planner.weights_f32(format!("weights of {}", node.name), &packed);
    let scratch = l.planner.buffer(
        format!("scratch of {}", node.name),
        ElementType::Float32,
        Extent::from(4 * taps),
    );
    let args = vec![
        x,
        Arg::Weights(w),
        Arg::write(y),
        Arg::write(scratch),
        Arg::Count(rows.clone()),
        Arg::count(taps),
        Arg::count(outputs),
        Arg::count(taps),
        Arg::count(outputs),
        Arg::Float(tail.low),
        Arg::Float(tail.high),
    ];
    let cost = per_row * (taps * outputs) as f64 * 0.1 + 20.0;
    l.call_profiled("dense_f32", "dense_f32_relaxed", args, title, cost);
}

/// Products of two tensors that are both computed.
fn both_computed(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    [a, b]: [OutletId; 2],
    axes: &[Axis],
) -> Lowered {
    let y = OutletId::new(node.id, 0);
    let (a_shape, b_shape, y_shape) = (l.shape(a)?, l.shape(b)?, l.shape(y)?);
    let batch = places(axes, |i| i.a.is_some() && i.b.is_some() && i.y.is_some(), |i| i.y);
    let m = places(axes, |i| i.a.is_some() && i.b.is_none() && i.y.is_some(), |i| i.y);
    let n = places(axes, |i| i.a.is_none() && i.b.is_some() && i.y.is_some(), |i| i.y);
    let k = places(axes, |i| i.a.is_some() && i.b.is_some() && i.y.is_none(), |i| i.a);
    if batch.len() + m.len() + n.len() + k.len() != axes.len() {
        return Err(Refusal::because("it adds up an axis of one operand alone"));
    }
    // An axis of size 1 in one operand alone would have to be repeated.
    for axis in batch.iter().chain(&k) {
        if let (Some(in_a), Some(in_b)) = (axis.a, axis.b)
            && a_shape[in_a] != b_shape[in_b]
        {
            return Err(Refusal::because("it repeats one operand along an axis"));
        }
    }
    let order = |parts: [&[Axis]; 3], place: fn(&Axis) -> Option<usize>| -> Vec<usize> {
        parts.iter().flat_map(|part| part.iter().filter_map(place)).collect()
    };
    let size = |part: &[Axis], shape: &[Extent], place: fn(&Axis) -> Option<usize>| {
        product(part.iter().filter_map(place).map(|axis| &shape[axis]))
    };
    let left = permuted(l, a, &order([&batch, &m, &k], |i| i.a))?;
    let right = permuted(l, b, &order([&batch, &k, &n], |i| i.b))?;
    let (rows, columns) = (size(&m, &a_shape, |i| i.a), size(&n, &b_shape, |i| i.b));
    let taps = size(&k, &a_shape, |i| i.a);
    let count = size(&batch, &a_shape, |i| i.a);

    let y_order = order([&batch, &m, &n], |i| i.y);
    let in_order = is_in_order(&y_order, &y_shape);
    let direct = if in_order {
        l.output(node, 0)?
    } else {
        let name = format!("{} (rows)", node.name);
        l.planner.buffer(name, ElementType::Float32, product(&y_shape))
    };
    let work = [&count, &rows, &columns, &taps]
        .iter()
        .map(|extent| extent.evaluate(&[1, 64, 64, 64]).unwrap_or(1) as f64)
        .product::<f64>();
    if l.is_native(work as usize) {
        let mut args = vec![left, right, Arg::write(direct)];
        args.extend([count, rows, taps, columns].map(Arg::Count));
        l.planner.call("linalg.products", args, "products", work * 0.05 + 100.0);
        if in_order {
            return Ok(Some(vec![Value::Tensor(direct)]));
        }
        return moved_apart(l, node, direct, &y_order, &y_shape);
    }
    let panels = columns.clone().plus(Extent::from(PANEL - 1)).divided_by(PANEL as i64);
    let scratch = panels
        .times(Extent::from(PANEL))
        .times(taps.clone().plus(Extent::ONE))
        .plus(taps.clone().times(Extent::from(4)));
    let scratch =
        l.planner.buffer(format!("scratch of {}", node.name), ElementType::Float32, scratch);
    let args = vec![
        left,
        right,
        Arg::write(direct),
        Arg::write(scratch),
        Arg::Count(count),
        Arg::Count(rows),
        Arg::Count(taps),
        Arg::Count(columns),
    ];
    l.call_profiled(
        "products_f32",
        "products_f32_relaxed",
        args,
        "products".to_owned(),
        work * 0.1,
    );
    if in_order {
        return Ok(Some(vec![Value::Tensor(direct)]));
    }
    moved_apart(l, node, direct, &y_order, &y_shape)
}

/// Whether axes in this order lie in memory as they are numbered; those of size 1 lie anywhere.
fn is_in_order(order: &[usize], shape: &[Extent]) -> bool {
    let moving: Vec<usize> =
        order.iter().copied().filter(|axis| shape[*axis].fixed() != Some(1)).collect();
    moving.windows(2).all(|pair| pair[0] < pair[1])
}

/// Copies what was computed with its axes in `order` to where they belong.
fn moved_apart(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    from: BufferId,
    order: &[usize],
    shape: &[Extent],
) -> Lowered {
    let to = l.output(node, 0)?;
    let mut view = View::default();
    for (place, axis) in order.iter().enumerate() {
        let inner = order[place + 1..].iter().map(|axis| &shape[*axis]);
        view.axis(shape[*axis].clone(), product(inner), product(&shape[axis + 1..]));
    }
    view.copy(l, Arg::read(from), Arg::write(to), ElementType::Float32, "reorder")?;
    Ok(Some(vec![Value::Tensor(to)]))
}
