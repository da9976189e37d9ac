//! Quantised tensors: to and from scaled integers, and products and convolutions of integers.

use std::sync::Arc;

use shared::ElementType::{self, Float32, Int8, Int16, Int32, Uint8, Uint16};
use tract_onnx::prelude::{DatumType, OutletId, TDim, Tensor, ToDim};

use super::convolution::Conv;
use super::wiring::{axis_of, fact, values, weight};
use super::{Fault, Inferred, Inputs, Layer, Source, Wired};
use crate::lower::{Lowering, Refusal, Value, constant_f32, constant_i64};
use crate::plan::{Arg, BufferId, Extent, product};

/// What varies with scale and zero point.
#[derive(Debug)]
struct Scaling {
    axis: i64,
    block: usize,
}

/// A tensor around the axis of its scales, and where each element's scale is.
struct Grid {
    sizes: [Extent; 3],
    /// Of what lies before the axis, along it and behind it.
    strides: [Extent; 3],
    block: usize,
}

impl Grid {
    fn args(&self) -> Vec<Arg> {
        let all = self.sizes.iter().chain(&self.strides).cloned();
        all.map(Arg::Count).chain([Arg::count(self.block)]).collect()
    }
}

impl Scaling {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let block = usize::try_from(node.int("block_size").unwrap_or(0))
            .map_err(|_| "its `block_size` is negative".to_owned())?;
        Ok(Self { axis: node.int("axis").unwrap_or(1), block })
    }

    fn grid(&self, shape: &[Extent], scale: &[Extent]) -> Result<Grid, Refusal> {
        let [zero, one] = [Extent::Fixed(0), Extent::ONE];
        let around = |axis: usize| {
            [product(&shape[..axis]), shape[axis].clone(), product(&shape[axis + 1..])]
        };
        if product(scale).fixed() == Some(1) {
            let sizes = [one.clone(), product(shape), one];
            return Ok(Grid { sizes, strides: [zero.clone(), zero.clone(), zero], block: 1 });
        }
        let axis = axis_of(self.axis, shape.len())?;
        if let [count] = scale {
            if *count != shape[axis] {
                return Err(Refusal::because(
                    "it has another number of scales than its axis is long",
                ));
            }
            return Ok(Grid { sizes: around(axis), strides: [zero.clone(), one, zero], block: 1 });
        }
        if self.block == 0 || scale.len() != shape.len() {
            return Err(Refusal::because("its scales have another shape than its input"));
        }
        let blocks =
            shape[axis].clone().plus(Extent::from(self.block - 1)).divided_by(self.block as i64);
        let expected = shape.iter().enumerate().all(|(index, size)| {
            scale[index] == if index == axis { blocks.clone() } else { size.clone() }
        });
        if !expected {
            return Err(Refusal::because("its scales do not fit its blocks"));
        }
        let inner = product(&shape[axis + 1..]);
        let strides = [blocks.times(inner.clone()), inner, one];
        Ok(Grid { sizes: around(axis), strides, block: self.block })
    }
}

/// ONNX's number of an element type.
fn datum_type_of(code: i64) -> Result<DatumType, Fault> {
    Ok(match code {
        1 => DatumType::F32,
        2 => DatumType::U8,
        3 => DatumType::I8,
        4 => DatumType::U16,
        5 => DatumType::I16,
        6 => DatumType::I32,
        10 => DatumType::F16,
        other => {
            return Err(format!("it makes elements of type {other}, which is not supported").into());
        }
    })
}

/// `QuantizeLinear`.
#[derive(Debug)]
pub(super) struct Quantize {
    scaling: Scaling,
    to: Option<DatumType>,
}

impl Layer for Quantize {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let to =
            node.int("output_dtype").filter(|code| *code != 0).map(datum_type_of).transpose()?;
        Ok(Self { scaling: Scaling::parse(node)?, to })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let zero = inputs.get(2).map(|known| known.fact.datum_type);
        let datum_type = zero.or(self.to).unwrap_or(DatumType::U8);
        Ok(Some(vec![fact(datum_type, inputs.shape(0)?.iter().cloned())]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let (x, scale) = (node.input(0)?, node.input(1)?);
        let shape = l.shape(x)?;
        let grid = self.scaling.grid(&shape, &l.shape(scale)?)?;
        let y = node.output(l, 0)?;
        let outlet = node.outlet(0).ok_or_else(|| Refusal::because("it has no output"))?;
        let element = l.element(outlet)?;
        let kernel = match element {
            Uint8 => "quantise_u8",
            Int8 => "quantise_i8",
            Uint16 => "quantise_u16",
            Int16 => "quantise_i16",
            Int32 => "quantise_i32",
            other => return Err(Refusal::because(format!("it makes {other}"))),
        };
        let mut args = vec![l.read_f32(x)?, l.read_f32(scale)?];
        args.extend([node.read_or_none(l, 2)?, Arg::write(y)]);
        args.extend(grid.args());
        l.planner.call(kernel, args, format!("quantise to {element}"), weight(&shape) * 2.0);
        Ok(vec![Value::Tensor(y)])
    }
}

/// `DequantizeLinear`.
#[derive(Debug)]
pub(super) struct Dequantize {
    scaling: Scaling,
    to: Option<DatumType>,
}

impl Dequantize {
    /// The numbers of a constant, which needs no kernel.
    fn folded(
        grid: &Grid,
        x: &Tensor,
        scale: &Tensor,
        zero: Option<&Tensor>,
    ) -> Result<Vec<f32>, Refusal> {
        let known = |extents: &[Extent; 3]| -> Option<[usize; 3]> {
            let [a, b, c] = extents.each_ref().map(|e| usize::try_from(e.fixed()?).ok());
            Some([a?, b?, c?])
        };
        let (Some([outer, len, inner]), Some([before, along, behind])) =
            (known(&grid.sizes), known(&grid.strides))
        else {
            return Err(Refusal::because("the size of its constant is not known"));
        };
        let scale = constant_f32(scale)?;
        let zero = zero.map(constant_i64).transpose()?;
        // 32-bit integers do not fit `f32` before their zero point is taken off.
        let x = constant_i64(x)?;
        let mut y = Vec::with_capacity(x.len());
        for o in 0..outer {
            for a in 0..len {
                for i in 0..inner {
                    let at = o * before + a / grid.block.max(1) * along + i * behind;
                    let zero = zero.as_ref().map_or(0, |zero| zero[at]);
                    y.push((x[y.len()] - zero) as f32 * scale[at]);
                }
            }
        }
        Ok(y)
    }
}

impl Layer for Dequantize {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let to =
            node.int("output_dtype").filter(|code| *code != 0).map(datum_type_of).transpose()?;
        Ok(Self { scaling: Scaling::parse(node)?, to })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let datum_type = self.to.unwrap_or(inputs.fact(1)?.datum_type);
        Ok(Some(vec![fact(datum_type, inputs.shape(0)?.iter().cloned())]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let (x, scale) = (node.input(0)?, node.input(1)?);
        let (shape, element) = (l.shape(x)?, l.element(x)?);
        let grid = self.scaling.grid(&shape, &l.shape(scale)?)?;
        let outlet = node.outlet(0).ok_or_else(|| Refusal::because("it has no output"))?;
        let zero = node.optional(2).map(|zero| l.constant(zero));
        if let (Some(x), Some(scale), None | Some(Some(_))) =
            (l.constant(x), l.constant(scale), &zero)
            && l.element(outlet)? == Float32
        {
            let zero = zero.clone().flatten();
            let numbers = Self::folded(&grid, &x, &scale, zero.as_deref())?;
            let tensor = Tensor::from_shape(x.shape(), &numbers)
                .map_err(|error| Refusal::because(error.to_string()))?;
            return Ok(vec![Value::Constant(Arc::new(tensor))]);
        }
        let kernel = match element {
            Uint8 => "dequantise_u8",
            Int8 => "dequantise_i8",
            Uint16 => "dequantise_u16",
            Int16 => "dequantise_i16",
            Int32 => "dequantise_i32",
            other => return Err(Refusal::because(format!("it takes {other}"))),
        };
        let mut args = vec![l.read(x)?, l.read_f32(scale)?, node.read_or_none(l, 2)?];
        let y = node.f32_output(l, 0)?;
        args.push(Arg::write(y));
        args.extend(grid.args());
        l.planner.call(kernel, args, format!("{element} to numbers"), weight(&shape) * 2.0);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// `DynamicQuantizeLinear`.
#[derive(Debug)]
pub(super) struct DynamicQuantize;

impl Layer for DynamicQuantize {
    fn parse(_: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self)
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        Ok(Some(vec![
            fact(DatumType::U8, inputs.shape(0)?.iter().cloned()),
            fact(DatumType::F32, []),
            fact(DatumType::U8, []),
        ]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let x = node.input(0)?;
        let (count, shape) = (l.count(x)?, l.shape(x)?);
        let buffer =
            |l: &mut Lowering<'_>, index: usize, element: ElementType| match node.outlet(index) {
                Some(_) => node.output(l, index),
                None => Ok(node.scratch(l, "what nobody reads", element, Extent::ONE)),
            };
        let mut args = vec![l.read_f32(x)?];
        let y = node.output(l, 0)?;
        let scale = buffer(l, 1, Float32)?;
        let zero = buffer(l, 2, Uint8)?;
        args.extend([y, scale, zero].map(Arg::write));
        args.push(Arg::Count(count));
        l.planner.call("quantise_dynamic", args, "quantise by range", weight(&shape) * 3.0);
        Ok(values(Value::Tensor(y), [Some(scale), Some(zero)]))
    }
}

/// Bytes less their zero points, as 32-bit integers.
///
/// Zero points are one, or one for each index of `axis`.
fn widened(
    l: &mut Lowering<'_>,
    node: &Wired<'_>,
    x: OutletId,
    zero: Option<OutletId>,
    axis: usize,
) -> Result<BufferId, Refusal> {
    let (shape, element) = (l.shape(x)?, l.element(x)?);
    let kernel = match element {
        Uint8 => "widen_u8",
        Int8 => "widen_i8",
        other => return Err(Refusal::because(format!("it multiplies {other}"))),
    };
    let zeros = zero.map_or(Ok(Extent::ONE), |zero| l.count(zero))?;
    let is_one = zeros.fixed() == Some(1);
    if !is_one && zeros != shape[axis] {
        return Err(Refusal::because("it has another number of zero points than its axis is long"));
    }
    let zeros = zero.map_or(Ok(Arg::Int(0)), |zero| l.read(zero))?;
    let to = node.scratch(l, "wide bytes", Int32, product(&shape));
    let args = vec![
        l.read(x)?,
        zeros,
        Arg::write(to),
        Arg::Count(product(&shape[..axis])),
        Arg::Count(shape[axis].clone()),
        Arg::Count(product(&shape[axis + 1..])),
        Arg::count(usize::from(!is_one)),
    ];
    l.planner.call(kernel, args, "widen bytes", weight(&shape) * 0.5);
    Ok(to)
}

/// The shape of a product of matrices; batches are alike, or one operand has none.
fn product_shape(a: &[TDim], b: &[TDim]) -> Result<Vec<TDim>, Fault> {
    let ([a_batch @ .., rows, a_inner], [b_batch @ .., b_inner, columns]) = (a, b) else {
        return Err("it multiplies vectors".into());
    };
    let single = |batch: &[TDim]| batch.iter().all(|dim| *dim == 1.to_dim());
    if a_inner != b_inner {
        return Err("its matrices do not fit".into());
    }
    let batch = match (a_batch, b_batch) {
        (a, b) if a == b => a,
        (a, b) if single(b) && b.len() <= a.len() => a,
        (a, b) if single(a) && a.len() <= b.len() => b,
        _ => return Err("it repeats both operands".into()),
    };
    Ok(batch.iter().chain([rows, columns]).cloned().collect())
}

/// The product of the inputs `a` and `b` with their zero points, as 32-bit integers.
fn integer_product(
    l: &mut Lowering<'_>,
    node: &Wired<'_>,
    [a, b]: [usize; 2],
    zeros: [usize; 2],
    to: BufferId,
) -> Result<(), Refusal> {
    let (a, b) = (node.input(a)?, node.input(b)?);
    let (a_shape, b_shape) = (l.shape(a)?, l.shape(b)?);
    let [a_batch @ .., rows, inner] = a_shape.as_slice() else {
        return Err(Refusal::because("it multiplies vectors"));
    };
    let [b_batch @ .., _, columns] = b_shape.as_slice() else {
        return Err(Refusal::because("it multiplies vectors"));
    };
    let a_wide = widened(l, node, a, node.optional(zeros[0]), a_shape.len() - 2)?;
    let b_wide = widened(l, node, b, node.optional(zeros[1]), b_shape.len() - 1)?;
    let (a_count, b_count) = (product(a_batch), product(b_batch));
    let step = |count: &Extent, sizes: [&Extent; 2]| match count.fixed() {
        Some(1) => Extent::Fixed(0),
        _ => product(sizes),
    };
    let steps = [step(&a_count, [rows, inner]), step(&b_count, [inner, columns])];
    let count = if a_count.fixed() == Some(1) { b_count } else { a_count };
    let cost = weight([&count, rows, inner, columns]) * 0.5;
    let mut args = vec![Arg::read(a_wide), Arg::read(b_wide), Arg::write(to)];
    args.extend([count, rows.clone(), inner.clone(), columns.clone()].map(Arg::Count));
    args.extend(steps.map(Arg::Count));
    l.planner.call("products_i32", args, "products of integers", cost);
    Ok(())
}

/// `MatMulInteger`.
#[derive(Debug)]
pub(super) struct MatMulInteger;

impl Layer for MatMulInteger {
    fn parse(_: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self)
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let shape = product_shape(inputs.shape(0)?, inputs.shape(1)?)?;
        Ok(Some(vec![fact(DatumType::I32, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let y = node.output(l, 0)?;
        integer_product(l, node, [0, 1], [2, 3], y)?;
        Ok(vec![Value::Tensor(y)])
    }
}

/// 32-bit sums as bytes again: `outer` blocks of rows and columns, whose scales vary along them.
fn requantised(
    l: &mut Lowering<'_>,
    node: &Wired<'_>,
    sums: BufferId,
    sizes: [Extent; 3],
    scales: [usize; 2],
    [scale, zero]: [usize; 2],
) -> Result<BufferId, Refusal> {
    let y = node.output(l, 0)?;
    let outlet = node.outlet(0).ok_or_else(|| Refusal::because("it has no output"))?;
    let kernel = match l.element(outlet)? {
        Uint8 => "requantise_u8",
        Int8 => "requantise_i8",
        other => return Err(Refusal::because(format!("it makes {other}"))),
    };
    let mut args = vec![Arg::read(sums)];
    let mut steps = Vec::new();
    for (place, index) in scales.into_iter().enumerate() {
        let outlet = node.input(index)?;
        let count = l.count(outlet)?;
        let is_one = count.fixed() == Some(1);
        if !is_one && count != sizes[1 + place] {
            return Err(Refusal::because("it has another number of scales than its axis is long"));
        }
        args.push(l.read_f32(outlet)?);
        steps.push(Arg::count(usize::from(!is_one)));
    }
    args.push(l.read_f32(node.input(scale)?)?);
    args.extend([node.read_or_none(l, zero)?, Arg::write(y)]);
    let cost = weight(&sizes) * 3.0;
    args.extend(sizes.map(Arg::Count));
    args.extend(steps);
    l.planner.call(kernel, args, "sums to bytes", cost);
    Ok(y)
}

/// `QLinearMatMul`.
#[derive(Debug)]
pub(super) struct QLinearMatMul;

impl Layer for QLinearMatMul {
    fn parse(_: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self)
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let shape = product_shape(inputs.shape(0)?, inputs.shape(3)?)?;
        Ok(Some(vec![fact(inputs.fact(7)?.datum_type, shape)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = node.shape(l, 0)?;
        let sums = node.scratch(l, "sums", Int32, product(&shape));
        integer_product(l, node, [0, 3], [2, 5], sums)?;
        let [batch @ .., rows, columns] = shape.as_slice() else {
            return Err(Refusal::because("it multiplies vectors"));
        };
        let sizes = [product(batch), rows.clone(), columns.clone()];
        let y = requantised(l, node, sums, sizes, [1, 4], [6, 7])?;
        Ok(vec![Value::Tensor(y)])
    }
}

/// The convolution of the inputs `x` and `w` with their zero points, as 32-bit integers.
fn integer_convolution(
    conv: &Conv,
    l: &mut Lowering<'_>,
    node: &Wired<'_>,
    [x, w]: [usize; 2],
    [x_zero, w_zero]: [usize; 2],
    bias: Option<usize>,
    to: BufferId,
) -> Result<(), Refusal> {
    let (x, w) = (node.input(x)?, node.input(w)?);
    let (x_shape, w_shape, y_shape) = (l.shape(x)?, l.shape(w)?, node.shape(l, 0)?);
    let table = conv.table(l, node.name(), [&x_shape, &w_shape, &y_shape])?;
    let x_wide = widened(l, node, x, node.optional(x_zero), 1)?;
    let w_wide = widened(l, node, w, node.optional(w_zero), 0)?;
    let bias = match bias {
        Some(index) => node.read_or_none(l, index)?,
        None => Arg::Int(0),
    };
    let args = vec![Arg::read(x_wide), Arg::read(w_wide), bias, Arg::write(to), table];
    let cost = weight(&y_shape) * weight(&w_shape[1..]) * 0.5;
    l.planner.call("conv_any_i32", args, "convolution of integers", cost);
    Ok(())
}

/// `ConvInteger`.
#[derive(Debug)]
pub(super) struct ConvInteger {
    conv: Conv,
}

impl Layer for ConvInteger {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self { conv: Conv::parse(node)? })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        Ok(Some(vec![fact(DatumType::I32, self.conv.shape(inputs, 1)?)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let y = node.output(l, 0)?;
        integer_convolution(&self.conv, l, node, [0, 1], [2, 3], None, y)?;
        Ok(vec![Value::Tensor(y)])
    }
}

/// `QLinearConv`.
#[derive(Debug)]
pub(super) struct QLinearConv {
    conv: Conv,
}

impl Layer for QLinearConv {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self { conv: Conv::parse(node)? })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        Ok(Some(vec![fact(inputs.fact(7)?.datum_type, self.conv.shape(inputs, 3)?)]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = node.shape(l, 0)?;
        let sums = node.scratch(l, "sums", Int32, product(&shape));
        integer_convolution(&self.conv, l, node, [0, 3], [2, 5], Some(8), sums)?;
        let sizes = [shape[0].clone(), shape[1].clone(), product(&shape[2..])];
        // Scales vary from channel to channel; the input has one.
        let y = requantised(l, node, sums, sizes, [4, 1], [6, 7])?;
        Ok(vec![Value::Tensor(y)])
    }
}
