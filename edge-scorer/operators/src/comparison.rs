//! Comparisons, element by element, with broadcasting.

use core::cmp::Ordering;

use crate::arithmetic::{operands, pairs};
use crate::number::Bool;
use crate::tensor::walk;
use crate::{Done, Node, operators};

operators! {
    "ai.onnx.Equal" => |node| compare(node, |order| order == Some(Ordering::Equal)),
    "ai.onnx.Greater" => |node| compare(node, |order| order == Some(Ordering::Greater)),
    "ai.onnx.GreaterOrEqual" => |node| compare(node, |order| {
        matches!(order, Some(Ordering::Greater | Ordering::Equal))
    }),
    "ai.onnx.Less" => |node| compare(node, |order| order == Some(Ordering::Less)),
    "ai.onnx.LessOrEqual" => |node| compare(node, |order| {
        matches!(order, Some(Ordering::Less | Ordering::Equal))
    }),
}

fn compare(node: &Node, holds: impl Fn(Option<Ordering>) -> bool) -> Done {
    let (a, b, dims) = operands(node)?;
    let y = node.output::<Bool>(0, dims)?;
    if a.is_text() {
        let strides = [a.dims().broadcast_strides(&dims)?, b.dims().broadcast_strides(&dims)?];
        let mut slots = y.iter_mut();
        walk(&dims, [&strides[0], &strides[1]], |[at, bt]| {
            if let Some(slot) = slots.next() {
                *slot = Bool(holds(Some(a.string(at).cmp(b.string(bt)))).into());
            }
        });
        return Ok(());
    }
    if a.kind == crate::number::BOOL {
        return pairs((a, b), &dims, y, |a: u8, b: u8| Bool(holds(Some(a.cmp(&b))).into()));
    }
    numbers!(a.kind; T => {
        pairs((a, b), &dims, y, |a: T, b: T| Bool(holds(a.partial_cmp(&b)).into()))
    })
}
