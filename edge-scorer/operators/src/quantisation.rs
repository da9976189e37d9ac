//! Numbers as scaled integers, and products of such integers.

use crate::number::{Element, FLOAT, FLOAT16, INT32, UINT8, is_float};
use crate::tensor::{Dims, MAX_RANK, Tensor};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.DequantizeLinear" => dequantize,
    "ai.onnx.DynamicQuantizeLinear" => dynamic_quantize,
    "ai.onnx.MatMulInteger" => matmul_integer,
    "ai.onnx.QLinearMatMul" => matmul_quantised,
    "ai.onnx.QuantizeLinear" => quantize,
}

/// The elements in double precision; nothing where there is no tensor.
fn wide<'a>(node: &'a Node, tensor: Option<&Tensor>) -> Result<&'a [f64], Failure> {
    let Some(tensor) = tensor else { return Ok(&[]) };
    let room = node.room::<f64>(tensor.count())?;
    numbers!(tensor.kind; T => {
        for (slot, value) in room.iter_mut().zip(tensor.as_slice::<T>()) {
            *slot = value.to_f64();
        }
        Ok(())
    })?;
    Ok(room)
}

/// Which scale an element has.
struct Scaling {
    /// Size, size of a block, and stride among the scales, of each axis.
    axes: [[usize; 3]; MAX_RANK],
    dims: Dims,
}

impl Scaling {
    fn of(node: &Node, x: &Tensor, scale: &Tensor) -> Result<Self, Failure> {
        let (dims, scales) = (x.dims(), scale.dims());
        let mut axes = [[1, 1, 0]; MAX_RANK];
        for (axis, dim) in axes.iter_mut().zip(dims.iter()) {
            axis[0] = *dim;
        }
        if scale.count() != 1 {
            let along = x.axis(node.int("axis", 1))?;
            let block = usize::try_from(node.int("block_size", 0)).unwrap_or(0);
            if scales.len() == 1 {
                if scales[0] != dims[along] {
                    return Err(Failure::Unacceptable);
                }
                axes[along][2] = 1;
            } else {
                let strides = scales.strides();
                for axis in 0..dims.len() {
                    let size = if axis == along { block.max(1) } else { 1 };
                    if scales.get(axis).is_none_or(|count| *count != dims[axis].div_ceil(size)) {
                        return Err(Failure::Unacceptable);
                    }
                    axes[axis] = [dims[axis], size, strides[axis]];
                }
            }
        }
        Ok(Self { axes, dims })
    }

    fn at(&self, place: usize) -> usize {
        let (mut rest, mut at) = (place, 0);
        for [size, block, stride] in self.axes[..self.dims.len()].iter().rev() {
            at += rest % size / block * stride;
            rest /= size;
        }
        at
    }
}

/// The kind that an attribute names, if it names one.
fn named(node: &Node) -> Option<u32> {
    u32::try_from(node.int("output_dtype", 0)).ok().filter(|kind| *kind != 0)
}

fn quantize(node: &Node) -> Done {
    let (x, scale, zero) = (node.input(0)?, node.input(1)?, node.optional(2));
    let kind = zero.map(|zero| zero.kind).or_else(|| named(node)).unwrap_or(UINT8);
    let scaling = Scaling::of(node, x, scale)?;
    let (values, scales, zeros) =
        (wide(node, Some(x))?, wide(node, Some(scale))?, wide(node, zero)?);
    whole_numbers!(kind; T => {
        let y = node.output::<T>(0, x.dims())?;
        for (place, (y, value)) in y.iter_mut().zip(values).enumerate() {
            let at = scaling.at(place);
            let zero = zeros.get(at).copied().unwrap_or(0.0);
            // Divided as the reference divides: in the precision of single floats.
            let ratio = f64::from(*value as f32 / scales[at] as f32);
            *y = T::from_f64(libm::rint(ratio) + zero);
        }
        Ok(())
    })
}

fn dequantize(node: &Node) -> Done {
    let (x, scale, zero) = (node.input(0)?, node.input(1)?, node.optional(2));
    let scaling = Scaling::of(node, x, scale)?;
    let (values, scales, zeros) =
        (wide(node, Some(x))?, wide(node, Some(scale))?, wide(node, zero)?);
    floats!(named(node).unwrap_or(scale.kind); T => {
        let y = node.output::<T>(0, x.dims())?;
        for (place, (y, value)) in y.iter_mut().zip(values).enumerate() {
            let at = scaling.at(place);
            *y = T::from_f64((value - zeros.get(at).copied().unwrap_or(0.0)) * scales[at]);
        }
        Ok(())
    })
}

fn dynamic_quantize(node: &Node) -> Done {
    let x = node.input(0)?;
    let values = x.slice::<f32>()?;
    let low = values.iter().copied().fold(0.0, f32::min);
    let high = values.iter().copied().fold(0.0, f32::max);
    let range = (high - low) / 255.0;
    let scale = if range == 0.0 { 1.0 } else { range };
    let zero = libm::rintf((0.0 - low) / scale).clamp(0.0, 255.0);
    let y = node.output::<u8>(0, x.dims())?;
    for (y, value) in y.iter_mut().zip(values) {
        *y = (libm::rintf(value / scale) + zero) as u8;
    }
    node.output::<f32>(1, Dims::SCALAR)?.fill(scale);
    node.output::<u8>(2, Dims::SCALAR)?.fill(zero as u8);
    Ok(())
}

/// One operand of a product: its numbers less their zero points, and their scales.
struct Operand<'a> {
    dims: Dims,
    values: &'a [f64],
}

impl<'a> Operand<'a> {
    /// `along` is the axis, from behind, that a list of zero points or scales goes along.
    fn of(
        node: &'a Node,
        x: &Tensor,
        scale: Option<&Tensor>,
        zero: Option<&Tensor>,
        along: usize,
    ) -> Result<Self, Failure> {
        let dims = x.dims();
        if dims.len() < 2 {
            return Err(Failure::Unsupported);
        }
        let room = node.room::<f64>(x.count())?;
        let (scales, zeros) = (wide(node, scale)?, wide(node, zero)?);
        let axis = dims.len() - 1 - along;
        let (size, stride) = (dims[axis], dims.strides()[axis]);
        for (place, (slot, value)) in room.iter_mut().zip(wide(node, Some(x))?).enumerate() {
            let pick = |list: &[f64], other: f64| -> Result<f64, Failure> {
                match list {
                    [] => Ok(other),
                    [one] => Ok(*one),
                    list if list.len() == size => Ok(list[place / stride % size]),
                    _ => Err(Failure::Unacceptable),
                }
            };
            *slot = (value - pick(zeros, 0.0)?) * pick(scales, 1.0)?;
        }
        Ok(Self { dims, values: room })
    }
}

/// `a · b` with broadcasting; `write` takes a place of the answer and its value.
fn product(a: &Operand<'_>, b: &Operand<'_>) -> Result<(Dims, [[usize; MAX_RANK]; 2]), Failure> {
    let split = |dims: &Dims| Dims::of(&dims[..dims.len() - 2]);
    let mut dims = split(&a.dims)?.joined(&split(&b.dims)?)?;
    let rows = a.dims[a.dims.len() - 2];
    let (columns, inner) = (b.dims[b.dims.len() - 1], b.dims[b.dims.len() - 2]);
    if a.dims[a.dims.len() - 1] != inner {
        return Err(Failure::Unacceptable);
    }
    let strides =
        [split(&a.dims)?.broadcast_strides(&dims)?, split(&b.dims)?.broadcast_strides(&dims)?];
    dims.push(rows)?;
    dims.push(columns)?;
    Ok((dims, strides))
}

/// Calls `write` with every place of the product and its value.
fn multiply(
    a: &Operand<'_>,
    b: &Operand<'_>,
    dims: &Dims,
    strides: &[[usize; MAX_RANK]; 2],
    mut write: impl FnMut(usize, f64),
) {
    let rank = dims.len();
    let (rows, columns, inner) = (dims[rank - 2], dims[rank - 1], a.dims[a.dims.len() - 1]);
    let batches: usize = dims[..rank - 2].iter().product();
    for batch in 0..batches {
        let (mut rest, mut left, mut right) = (batch, 0, 0);
        for axis in (0..rank - 2).rev() {
            left += rest % dims[axis] * strides[0][axis];
            right += rest % dims[axis] * strides[1][axis];
            rest /= dims[axis];
        }
        let (left, right) = (left * rows * inner, right * inner * columns);
        for row in 0..rows {
            for column in 0..columns {
                let sum: f64 = (0..inner)
                    .map(|step| {
                        a.values[left + row * inner + step]
                            * b.values[right + step * columns + column]
                    })
                    .sum();
                write((batch * rows + row) * columns + column, sum);
            }
        }
    }
}

fn matmul_integer(node: &Node) -> Done {
    let a = Operand::of(node, node.input(0)?, None, node.optional(2), 1)?;
    let b = Operand::of(node, node.input(1)?, None, node.optional(3), 0)?;
    let (dims, strides) = product(&a, &b)?;
    let y = node.output_like::<i32>(0, INT32, dims)?;
    multiply(&a, &b, &dims, &strides, |place, sum| y[place] = sum as i64 as i32);
    Ok(())
}

fn matmul_quantised(node: &Node) -> Done {
    let scaled = |index: usize, along: usize| {
        let zero = node.input(index + 2)?;
        Operand::of(node, node.input(index)?, Some(node.input(index + 1)?), Some(zero), along)
    };
    let (a, b) = (scaled(0, 1)?, scaled(3, 0)?);
    let (scale, zero) = (node.input(6)?, node.input(7)?);
    if !is_float(scale.kind) || !matches!(scale.kind, FLOAT | FLOAT16) {
        return Err(Failure::Unsupported);
    }
    let (scales, zeros) = (wide(node, Some(scale))?, wide(node, Some(zero))?);
    let (dims, strides) = product(&a, &b)?;
    let (rank, columns) = (dims.len(), dims[dims.len() - 1]);
    let rows = dims[rank - 2];
    let of_row = |list: &[f64], place: usize| match list {
        [one] => *one,
        list => list.get(place / columns % rows).copied().unwrap_or(1.0),
    };
    whole_numbers!(zero.kind; T => {
        let y = node.output::<T>(0, dims)?;
        multiply(&a, &b, &dims, &strides, |place, sum| {
            let ratio = libm::rint(sum / of_row(scales, place));
            y[place] = T::from_f64(ratio + of_row(zeros, place));
        });
        Ok(())
    })
}
