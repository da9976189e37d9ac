//! Operators that move elements without looking at them: transpose, slice, repeat, pad, gather.
//!
//! Each is a [`View`]: sizes, and a stride for each axis in the source and in the target.

use shared::ElementType;
use tract_onnx::prelude::{OutletId, TypedNode};
use tract_onnx::tract_core::ops::Downsample;
use tract_onnx::tract_core::ops::array::{Gather, MultiBroadcastTo, Pad, PadMode, Slice, Tile};
use tract_onnx::tract_core::ops::change_axes::AxisOp;

use super::{Lowered, Lowering, Refusal, Value, constant_bytes};
use crate::plan::{Arg, Extent, SPAN_BYTES, product};

/// Axes that the kernel walks.
const AXES: usize = 5;

/// A strided copy in the making, outermost axis first.
#[derive(Debug, Default, Clone)]
pub(crate) struct View {
    axes: Vec<[Extent; 3]>,
}

impl View {
    /// Adds an axis: its size, and its strides in source and target, in elements.
    pub(crate) fn axis(&mut self, size: Extent, from: Extent, to: Extent) {
        if size.fixed() == Some(1) {
            return;
        }
        // An axis that goes on where the one inside it ends is one with it.
        if let Some([outer_size, outer_from, outer_to]) = self.axes.last_mut()
            && *outer_from == from.clone().times(size.clone())
            && *outer_to == to.clone().times(size.clone())
        {
            *outer_size = outer_size.clone().times(size);
            *outer_from = from;
            *outer_to = to;
            return;
        }
        self.axes.push([size, from, to]);
    }

    /// Appends the copy.
    pub(crate) fn copy(
        mut self,
        l: &mut Lowering<'_>,
        from: Arg,
        to: Arg,
        element: ElementType,
        title: &str,
    ) -> Result<(), Refusal> {
        if self.axes.len() > AXES {
            return Err(Refusal::because("it moves more axes than five"));
        }
        let idle = [Extent::ONE, Extent::Fixed(0), Extent::Fixed(0)];
        self.axes.splice(0..0, std::iter::repeat_n(idle, AXES - self.axes.len()));
        let elements = product(self.axes.iter().map(|[size, ..]| size));
        let mut args = vec![from, to];
        for part in 0..3 {
            args.extend(self.axes.iter().map(|axis| Arg::Count(axis[part].clone())));
        }
        let kernel = sized(element, ["view_1", "view_2", "view_4", "view_8"])?;
        let cost = elements.evaluate(&[1, 64, 64, 64]).unwrap_or(1) as f64;
        l.planner.call(kernel, args, title, cost + 5.0);
        Ok(())
    }
}

/// The kernel for elements of a width.
pub(crate) fn sized(
    element: ElementType,
    [one, two, four, eight]: [&'static str; 4],
) -> Result<&'static str, Refusal> {
    match element.byte_width() {
        Some(1) => Ok(one),
        Some(2) => Ok(two),
        Some(4) => Ok(four),
        // Text is moved as spans, which are eight bytes wide.
        Some(8) | None => Ok(eight),
        Some(width) => Err(Refusal::because(format!("it moves elements of {width} bytes"))),
    }
}

/// Elements from one index of each axis to the next.
pub(crate) fn strides(shape: &[Extent]) -> Vec<Extent> {
    (0..shape.len()).map(|axis| product(&shape[axis + 1..])).collect()
}

/// The tensor behind `outlet` with its axes in another order, copied only if that moves anything.
pub(super) fn permuted(
    l: &mut Lowering<'_>,
    outlet: OutletId,
    order: &[usize],
) -> Result<Arg, Refusal> {
    let (shape, element) = (l.shape(outlet)?, l.element(outlet)?);
    let from = l.read_any(outlet)?;
    let moving: Vec<usize> =
        order.iter().copied().filter(|axis| shape[*axis].fixed() != Some(1)).collect();
    if moving.windows(2).all(|pair| pair[0] < pair[1]) {
        return Ok(from);
    }
    let name = format!("{} (reordered)", l.model.node(outlet.node).name);
    let to = l.planner.buffer(name, element, product(&shape));
    transpose(&shape, order).copy(l, from, Arg::write(to), element, "reorder")?;
    Ok(Arg::read(to))
}

fn transpose(shape: &[Extent], order: &[usize]) -> View {
    let from = strides(shape);
    let target: Vec<Extent> = order.iter().map(|axis| shape[*axis].clone()).collect();
    let mut view = View::default();
    for (axis, to) in order.iter().zip(strides(&target)) {
        view.axis(shape[*axis].clone(), from[*axis].clone(), to);
    }
    view
}

/// The same argument, `elements` further on.
fn shifted(arg: Arg, elements: Extent, element: ElementType) -> Result<Arg, Refusal> {
    let width = element.byte_width().unwrap_or(SPAN_BYTES);
    let bytes = elements.times(Extent::from(width));
    match arg {
        Arg::Read(buffer, offset) => Ok(Arg::Read(buffer, offset.plus(bytes))),
        Arg::Write(buffer, offset) => Ok(Arg::Write(buffer, offset.plus(bytes))),
        other if bytes.fixed() == Some(0) => Ok(other),
        _ => Err(Refusal::because("it takes a part of a constant at run time")),
    }
}

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    if let Some(gather) = node.op_as::<Gather>() {
        return gathered(l, node, gather.axis);
    }
    let Some(input) = node.inputs.first().copied() else { return Ok(None) };
    let title = node.op().name().into_owned();
    let mut view = View::default();
    let mut source_offset = Extent::Fixed(0);
    let mut target_offset = Extent::Fixed(0);
    let mut padding = None;
    if let Some(AxisOp::Move(from, to)) = node.op_as::<AxisOp>() {
        let mut order: Vec<usize> = (0..l.shape(input)?.len()).collect();
        let axis = order.remove(*from);
        order.insert(*to, axis);
        view = transpose(&l.shape(input)?, &order);
    } else if let Some(slice) = node.op_as::<Slice>() {
        let (shape, target) = (l.shape(input)?, l.shape(OutletId::new(node.id, 0))?);
        let from = strides(&shape);
        source_offset = l.extent(&slice.start)?.times(from[slice.axis].clone());
        for ((size, from), to) in target.iter().zip(from).zip(strides(&target)) {
            view.axis(size.clone(), from, to);
        }
    } else if let Some(downsample) = node.op_as::<Downsample>() {
        let (shape, target) = (l.shape(input)?, l.shape(OutletId::new(node.id, 0))?);
        let mut from = strides(&shape);
        let axis = downsample.axis;
        let step = from[axis].clone();
        let first = if downsample.stride < 0 {
            shape[axis].clone().plus(Extent::Fixed(-1 - downsample.modulo as i64))
        } else {
            Extent::from(downsample.modulo)
        };
        source_offset = first.times(step.clone());
        from[axis] = step.times(Extent::Fixed(downsample.stride as i64));
        for ((size, from), to) in target.iter().zip(from).zip(strides(&target)) {
            view.axis(size.clone(), from, to);
        }
    } else if node.op_is::<MultiBroadcastTo>() {
        let (shape, target) = (l.shape(input)?, l.shape(OutletId::new(node.id, 0))?);
        let missing = target.len() - shape.len();
        let from = strides(&shape);
        for (axis, (size, to)) in target.iter().zip(strides(&target)).enumerate() {
            let repeated = axis < missing || shape[axis - missing].fixed() == Some(1);
            let from = if repeated { Extent::Fixed(0) } else { from[axis - missing].clone() };
            view.axis(size.clone(), from, to);
        }
    } else if let Some(tile) = node.op_as::<Tile>() {
        let (shape, target) = (l.shape(input)?, l.shape(OutletId::new(node.id, 0))?);
        let all = strides(&shape).into_iter().zip(strides(&target));
        for ((size, times), (from, to)) in shape.iter().zip(&tile.multipliers).zip(all) {
            view.axis(l.extent(times)?, Extent::Fixed(0), to.clone().times(size.clone()));
            view.axis(size.clone(), from, to);
        }
    } else if let Some(pad) = node.op_as::<Pad>() {
        let PadMode::Constant(value) = &pad.mode else {
            return Err(Refusal::because("it pads with what lies at the border"));
        };
        padding = Some(
            value
                .cast_to_dt(l.fact(input)?.datum_type)
                .map_err(|error| Refusal::because(error.to_string()))?
                .into_owned(),
        );
        let (shape, target) = (l.shape(input)?, l.shape(OutletId::new(node.id, 0))?);
        let to = strides(&target);
        for ((before, _), stride) in pad.pads.iter().zip(&to) {
            target_offset = target_offset.plus(Extent::from(*before).times(stride.clone()));
        }
        for ((size, from), to) in shape.iter().zip(strides(&shape)).zip(to) {
            view.axis(size.clone(), from, to);
        }
    } else {
        return Ok(None);
    }

    let element = l.element(input)?;
    let from = shifted(l.read_any(input)?, source_offset, element)?;
    let y = l.output(node, 0)?;
    if let Some(value) = padding {
        let value = l.planner.weights(format!("padding of {}", node.name), constant_bytes(&value)?);
        let kernel = sized(element, ["fill_1", "fill_2", "fill_4", "fill_8"])?;
        let count = l.count(OutletId::new(node.id, 0))?;
        let args = vec![Arg::Weights(value), Arg::write(y), Arg::Count(count)];
        l.planner.call(kernel, args, "fill the padding", 10.0);
    }
    view.copy(l, from, shifted(Arg::write(y), target_offset, element)?, element, &title)?;
    Ok(Some(vec![Value::Tensor(y)]))
}

/// Slices of one axis, chosen by index.
fn gathered(l: &mut Lowering<'_>, node: &TypedNode, axis: usize) -> Lowered {
    let [data, indices] = *node.inputs.as_slice() else { return Ok(None) };
    let element = l.element(data)?;
    let kernel = sized(element, ["gather_1", "gather_2", "gather_4", "gather_8"])?;
    let shape = l.shape(data)?;
    let count = l.count(indices)?;
    let index = l.read(indices)?;
    let index = match l.element(indices)? {
        ElementType::Int64 => index,
        ElementType::Int32 => {
            let name = format!("indices of {}", node.name);
            let wide = l.planner.buffer(name, ElementType::Int64, count.clone());
            let args = vec![index, Arg::Count(count.clone()), Arg::write(wide)];
            l.planner.call("cast_i32_i64", args, "widen the indices", 5.0);
            Arg::read(wide)
        }
        other => return Err(Refusal::because(format!("its indices are {other}"))),
    };
    let (x, y) = (l.read_any(data)?, l.output(node, 0)?);
    let args = vec![
        x,
        index,
        Arg::write(y),
        Arg::Count(product(&shape[..axis])),
        Arg::Count(shape[axis].clone()),
        Arg::Count(product(&shape[axis + 1..])),
        Arg::Count(count),
    ];
    l.planner.call(kernel, args, "gather", 10.0);
    Ok(Some(vec![Value::Tensor(y)]))
}
