//! Operators that look at shapes or change nothing else.

use crate::number::{BOOL, Element, FLOAT, Number};
use crate::tensor::{Dims, Tensor, axis_of};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.Constant" => constant,
    "ai.onnx.ConstantOfShape" => constant_of_shape,
    "ai.onnx.Dropout" => dropout,
    "ai.onnx.EyeLike" => eye_like,
    "ai.onnx.Flatten" => flatten,
    "ai.onnx.Identity" => |node| { let x = node.input(0)?; node.share(0, x, x.dims()) },
    "ai.onnx.Range" => range,
    "ai.onnx.Reshape" => reshape,
    "ai.onnx.Shape" => shape,
    "ai.onnx.Size" => size,
    "ai.onnx.Squeeze" => squeeze,
    "ai.onnx.Unsqueeze" => unsqueeze,
}

fn constant(node: &Node) -> Done {
    if let Some(tensor) = node.tensor("value") {
        return node.share(0, tensor, tensor.dims());
    }
    if let Some(values) = node.floats("value_floats") {
        node.output::<f32>(0, Dims::of(&[values.len()])?)?.copy_from_slice(values);
    } else if let Some(values) = node.ints("value_ints") {
        node.output::<i64>(0, Dims::of(&[values.len()])?)?.copy_from_slice(values);
    } else if let Some(values) = node.floats("value_float") {
        node.output::<f32>(0, Dims::SCALAR)?.copy_from_slice(values.get(..1).unwrap_or(&[0.0]));
    } else if let Some(values) = node.ints("value_int") {
        node.output::<i64>(0, Dims::SCALAR)?.copy_from_slice(values.get(..1).unwrap_or(&[0]));
    } else if let Some(texts) = node.texts("value_strings") {
        node.share(0, texts, texts.dims())?;
    } else {
        let text = node.text("value_string", "");
        node.output_text(0, Dims::SCALAR, |_| text)?;
    }
    Ok(())
}

/// A shape that is the value of a tensor.
pub(crate) fn wanted_dims(tensor: &Tensor) -> Result<Dims, Failure> {
    let mut dims = Dims::SCALAR;
    for index in 0..tensor.count() {
        let dim = usize::try_from(tensor.integer(index)?).map_err(|_| Failure::Unacceptable)?;
        dims.push(dim)?;
    }
    Ok(dims)
}

fn constant_of_shape(node: &Node) -> Done {
    let dims = wanted_dims(node.input(0)?)?;
    let Some(value) = node.tensor("value") else {
        node.output::<f32>(0, dims)?;
        return Ok(());
    };
    widths!(value.kind; T => {
        let filling = value.as_slice::<T>().first().copied().ok_or(Failure::Unacceptable)?;
        node.output_like::<T>(0, value.kind, dims)?.fill(filling);
        Ok(())
    })
}

/// Nothing is dropped where nothing is trained; where a model insists, its rate must be 0.
fn dropout(node: &Node) -> Done {
    let x = node.input(0)?;
    if let Some(training) = node.optional(2)
        && training.as_slice::<u8>().first() == Some(&1)
        && rate(node)? != 0.0
    {
        return Err(Failure::Unsupported);
    }
    if node.wants(1) {
        let kind = if node.opset < 10 { x.kind } else { BOOL };
        elements!(kind; T => {
            node.output::<T>(1, x.dims())?.fill(T::from_i64(1));
            Ok(())
        })?;
    }
    node.share(0, x, x.dims())
}

fn rate(node: &Node) -> Result<f64, Failure> {
    let Some(rate) = node.optional(1) else { return Ok(0.5) };
    floats!(rate.kind; T => {
        Ok(rate.as_slice::<T>().first().map_or(0.5, |rate| rate.to_f64()))
    })
}

fn eye_like(node: &Node) -> Done {
    let x = node.input(0)?;
    let kind = u32::try_from(node.int("dtype", x.kind.into())).unwrap_or(FLOAT);
    let shift = node.int("k", 0);
    let dims = x.dims();
    let [rows, columns] = *dims else { return Err(Failure::Unacceptable) };
    elements!(kind; T => {
        let y = node.output::<T>(0, dims)?;
        for row in 0..rows {
            let column = (row as i64).checked_add(shift).and_then(|c| usize::try_from(c).ok());
            if let Some(column) = column.filter(|column| *column < columns)
                && let Some(slot) = y.get_mut(row * columns + column)
            {
                *slot = T::from_i64(1);
            }
        }
        Ok(())
    })
}

fn flatten(node: &Node) -> Done {
    let x = node.input(0)?;
    let dims = x.dims();
    let axis = node.int("axis", 1);
    let axis = if axis == dims.len() as i64 { dims.len() } else { dims.axis(axis)? };
    let outer: usize = dims[..axis].iter().product();
    let inner: usize = dims[axis..].iter().product();
    node.share(0, x, Dims::of(&[outer, inner])?)
}

/// Most numbers that a range may have; memory ends before.
const LONGEST: f64 = 4_294_967_295.0;

fn range(node: &Node) -> Done {
    let (start, limit, delta) = (node.input(0)?, node.input(1)?, node.input(2)?);
    numbers!(start.kind; T => {
        let number = |tensor: &Tensor| -> Result<T, Failure> {
            tensor.slice::<T>()?.first().copied().ok_or(Failure::Unacceptable)
        };
        let (start, limit, delta) = (number(start)?, number(limit)?, number(delta)?);
        let steps = libm::ceil((limit.to_f64() - start.to_f64()) / delta.to_f64());
        if steps.is_nan() || steps > LONGEST {
            return Err(Failure::Unacceptable);
        }
        let y = node.output::<T>(0, Dims::of(&[steps.max(0.0) as usize])?)?;
        for (index, y) in y.iter_mut().enumerate() {
            *y = if T::IS_FLOAT {
                T::from_f64(start.to_f64() + index as f64 * delta.to_f64())
            } else {
                start.add(T::from_i64(index as i64).mul(delta))
            };
        }
        Ok(())
    })
}

fn reshape(node: &Node) -> Done {
    let x = node.input(0)?;
    let wanted = node.numbers(1, "shape")?.ok_or(Failure::Unsupported)?;
    let zero_is_zero = node.flag("allowzero", false);
    let (mut dims, mut open) = (Dims::SCALAR, None);
    for (axis, dim) in wanted.iter().enumerate() {
        dims.push(match dim {
            0 if !zero_is_zero => x.dims().get(axis).copied().ok_or(Failure::Unacceptable)?,
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            dim => usize::try_from(*dim).map_err(|_| Failure::Unacceptable)?,
        })?;
    }
    if let Some(axis) = open {
        let known = dims.count()?;
        if known == 0 {
            return Err(Failure::Unacceptable);
        }
        dims[axis] = x.count() / known;
    }
    node.share(0, x, dims)
}

fn shape(node: &Node) -> Done {
    let dims = node.input(0)?.dims();
    let rank = dims.len() as i64;
    let clamped = |place: i64| {
        let place = if place < 0 { place.saturating_add(rank) } else { place };
        place.clamp(0, rank) as usize
    };
    let (start, end) = (clamped(node.int("start", 0)), clamped(node.int("end", rank)));
    let part = dims.get(start..end).unwrap_or(&[]);
    let y = node.output::<i64>(0, Dims::of(&[part.len()])?)?;
    for (y, dim) in y.iter_mut().zip(part) {
        *y = *dim as i64;
    }
    Ok(())
}

fn size(node: &Node) -> Done {
    let count = node.input(0)?.count() as i64;
    node.output::<i64>(0, Dims::SCALAR)?.fill(count);
    Ok(())
}

fn squeeze(node: &Node) -> Done {
    let x = node.input(0)?;
    let axes = node.numbers(1, "axes")?;
    let mut dims = Dims::SCALAR;
    for (axis, dim) in x.dims().iter().enumerate() {
        let goes = match axes {
            Some(axes) => axes.iter().any(|wanted| x.axis(*wanted) == Ok(axis)),
            None => *dim == 1,
        };
        if goes && *dim != 1 {
            return Err(Failure::Unacceptable);
        }
        if !goes {
            dims.push(*dim)?;
        }
    }
    node.share(0, x, dims)
}

fn unsqueeze(node: &Node) -> Done {
    let x = node.input(0)?;
    let axes = node.numbers(1, "axes")?.ok_or(Failure::Unsupported)?;
    let rank = x.rank + axes.len();
    let (mut dims, old) = (Dims::filled(rank, 0)?, x.dims());
    let mut next = old.iter();
    for axis in 0..rank {
        let is_new = axes.iter().any(|wanted| axis_of(*wanted, rank) == Ok(axis));
        dims[axis] = if is_new { 1 } else { *next.next().ok_or(Failure::Unacceptable)? };
    }
    node.share(0, x, dims)
}
