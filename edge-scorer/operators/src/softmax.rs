//! Softmax and its relatives: along one axis, or before opset 13 along it and all behind it.

use crate::number::{Element, Number};
use crate::tensor::Tensor;
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.Hardmax" => hardmax,
    "ai.onnx.LogSoftmax" => |node| softmax(node, true),
    "ai.onnx.Softmax" => |node| softmax(node, false),
}

/// Outer, length and inner size of what is normalised together.
fn block(node: &Node, x: &Tensor) -> Result<(usize, usize, usize), Failure> {
    let dims = x.dims();
    if node.opset < 13 {
        let axis = node.int("axis", 1);
        let axis = if axis == dims.len() as i64 { dims.len() } else { dims.axis(axis)? };
        return Ok((dims[..axis].iter().product(), dims[axis..].iter().product(), 1));
    }
    let axis = dims.axis(node.int("axis", -1))?;
    Ok((dims[..axis].iter().product(), dims[axis], dims[axis + 1..].iter().product()))
}

fn softmax(node: &Node, logarithm: bool) -> Done {
    let x = node.input(0)?;
    let (outer, length, inner) = block(node, x)?;
    floats!(x.kind; T => {
        let (values, y) = (x.as_slice::<T>(), node.output::<T>(0, x.dims())?);
        for start in (0..outer).flat_map(|o| (0..inner).map(move |i| o * length * inner + i)) {
            let places = || (0..length).map(|index| start + index * inner);
            let largest =
                places().fold(f64::NEG_INFINITY, |most, at| most.max(values[at].to_f64()));
            let sum: f64 = places().map(|at| libm::exp(values[at].to_f64() - largest)).sum();
            for at in places() {
                let shifted = values[at].to_f64() - largest;
                y[at] = T::from_f64(if logarithm {
                    shifted - libm::log(sum)
                } else {
                    libm::exp(shifted) / sum
                });
            }
        }
        Ok(())
    })
}

fn hardmax(node: &Node) -> Done {
    let x = node.input(0)?;
    let (outer, length, inner) = block(node, x)?;
    floats!(x.kind; T => {
        let (values, y) = (x.as_slice::<T>(), node.output::<T>(0, x.dims())?);
        for start in (0..outer).flat_map(|o| (0..inner).map(move |i| o * length * inner + i)) {
            let mut best = start;
            for at in (0..length).map(|index| start + index * inner) {
                if values[at] > values[best] {
                    best = at;
                }
            }
            if length > 0 {
                y[best] = T::ONE;
            }
        }
        Ok(())
    })
}
