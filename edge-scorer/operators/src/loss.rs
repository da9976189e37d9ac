//! Losses, as far as a scorer meets them.

use crate::number::{Element, Number};
use crate::tensor::{Dims, Tensor, product};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.NegativeLogLikelihoodLoss" => |node| {
        let x = node.input(0)?;
        floats!(x.kind; T => likelihood(node, x.as_slice::<T>(), &x.dims()))
    },
    "ai.onnx.SoftmaxCrossEntropyLoss" => cross_entropy,
}

fn cross_entropy(node: &Node) -> Done {
    let x = node.input(0)?;
    let dims = x.dims();
    let classes = *dims.get(1).ok_or(Failure::Unacceptable)?;
    let inner = product(&dims[2..]).ok_or(Failure::NoMemory)?;
    floats!(x.kind; T => {
        let (values, logs) = (x.as_slice::<T>(), node.output::<T>(1, dims)?);
        for start in (0..dims[0]).flat_map(|n| (0..inner).map(move |i| n * classes * inner + i)) {
            let places = || (0..classes).map(|class| start + class * inner);
            let largest =
                places().fold(f64::NEG_INFINITY, |most, at| most.max(values[at].to_f64()));
            let sum: f64 = places().map(|at| libm::exp(values[at].to_f64() - largest)).sum();
            for at in places() {
                logs[at] = T::from_f64(values[at].to_f64() - largest - libm::log(sum));
            }
        }
        likelihood(node, logs, &dims)
    })
}

/// The loss of logarithms of probabilities, `[batch, classes, …]`, as output 0.
fn likelihood<T: Number>(node: &Node, logs: &[T], dims: &Dims) -> Done {
    let targets = node.input(1)?;
    let classes = *dims.get(1).ok_or(Failure::Unacceptable)?;
    let inner = product(&dims[2..]).ok_or(Failure::NoMemory)?;
    let mut wanted = *dims;
    wanted.remove(1);
    if targets.dims() != wanted {
        return Err(Failure::Unacceptable);
    }
    let weights: &[T] = node.optional(2).map_or(Ok(&[][..]), Tensor::slice)?;
    if !weights.is_empty() && weights.len() != classes {
        return Err(Failure::Unacceptable);
    }
    let ignored = node.ints("ignore_index").and_then(|values| values.first().copied());
    let losses = node.room::<f64>(targets.count())?;
    let mut total = 0.0;
    for (place, loss) in losses.iter_mut().enumerate() {
        let target = targets.integer(place)?;
        if Some(target) == ignored {
            continue;
        }
        let class = usize::try_from(target).ok().filter(|class| *class < classes);
        let class = class.ok_or(Failure::Unacceptable)?;
        let weight = weights.get(class).map_or(1.0, |weight| weight.to_f64());
        let at = (place / inner * classes + class) * inner + place % inner;
        *loss = -logs[at].to_f64() * weight;
        total += weight;
    }
    let sum: f64 = losses.iter().sum();
    match node.text("reduction", "mean") {
        b"none" => {
            let y = node.output::<T>(0, wanted)?;
            y.iter_mut().zip(losses.iter()).for_each(|(y, loss)| *y = T::from_f64(*loss));
        }
        b"sum" => node.output::<T>(0, Dims::SCALAR)?.fill(T::from_f64(sum)),
        _ => node.output::<T>(0, Dims::SCALAR)?.fill(T::from_f64(sum / total)),
    }
    Ok(())
}
