//! Running sums and products along an axis.

use crate::number::Number;
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.CumProd" => |node| running(node, true),
    "ai.onnx.CumSum" => |node| running(node, false),
}

fn running(node: &Node, multiplies: bool) -> Done {
    let (x, axis) = (node.input(0)?, node.input(1)?.integer(0)?);
    let (exclusive, reverse) = (node.flag("exclusive", false), node.flag("reverse", false));
    let dims = x.dims();
    let axis = dims.axis(axis)?;
    let (length, inner) = (dims[axis], dims[axis + 1..].iter().product::<usize>());
    let outer: usize = dims[..axis].iter().product();
    numbers!(x.kind; T => {
        let (values, y) = (x.as_slice::<T>(), node.output::<T>(0, dims)?);
        if values.len() != outer * length * inner {
            return Err(Failure::Broken);
        }
        for start in (0..outer).flat_map(|o| (0..inner).map(move |i| o * length * inner + i)) {
            let mut total = if multiplies { T::ONE } else { T::default() };
            for index in 0..length {
                let index = if reverse { length - 1 - index } else { index };
                let at = start + index * inner;
                let before = total;
                total = if multiplies { total.mul(values[at]) } else { total.add(values[at]) };
                y[at] = if exclusive { before } else { total };
            }
        }
        Ok(())
    })
}
