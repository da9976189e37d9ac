//! Linear functions of a row.

use super::scores::{Classes, Post, best};
use super::{matrix, wide};
use crate::tensor::Dims;
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.ml.LinearClassifier" => classifier,
    "ai.onnx.ml.LinearRegressor" => regressor,
}

/// Rows, and the value of each function for each of them.
fn functions(node: &Node, count: usize) -> Result<(usize, &mut [f64]), Failure> {
    let x = node.input(0)?;
    let (rows, columns) = matrix(x)?;
    let weights = node.floats("coefficients").ok_or(Failure::Unsupported)?;
    let bias = node.floats("intercepts").unwrap_or(&[]);
    if count == 0
        || weights.len() != count.checked_mul(columns).ok_or(Failure::Unacceptable)?
        || !(bias.is_empty() || bias.len() == count)
    {
        return Err(Failure::Unacceptable);
    }
    let values = wide(node, x)?;
    let scores = node.room::<f64>(rows.checked_mul(count).ok_or(Failure::NoMemory)?)?;
    for (place, score) in scores.iter_mut().enumerate() {
        let (row, function) = (place / count, place % count);
        let row = &values[row * columns..(row + 1) * columns];
        let weights = &weights[function * columns..(function + 1) * columns];
        *score = row.iter().zip(weights).map(|(x, w)| x * f64::from(*w)).sum::<f64>()
            + bias.get(function).map_or(0.0, |bias| f64::from(*bias));
    }
    Ok((rows, scores))
}

fn classifier(node: &Node) -> Done {
    let classes = Classes::of(node, "classlabels_ints")?;
    let post = Post::of(node)?;
    // Two classes may share one function.
    let count = match node.floats("intercepts").map_or(0, <[f32]>::len) {
        0 => classes.len(),
        count => count,
    };
    let shared = count == 1 && classes.len() == 2;
    if count != classes.len() && !shared {
        return Err(Failure::Unsupported);
    }
    let (rows, scores) = functions(node, count)?;
    let places = node.room::<usize>(rows)?;
    let y = node.output::<f32>(1, Dims::of(&[rows, classes.len()])?)?;
    for (row, (place, y)) in places.iter_mut().zip(y.chunks_exact_mut(classes.len())).enumerate() {
        let scores = &mut scores[row * count..(row + 1) * count];
        let pair;
        let scores = if shared {
            *place = usize::from(scores[0] > 0.0);
            pair = post.pair(scores[0], true);
            &pair[..]
        } else {
            *place = best(scores);
            post.apply(scores);
            scores
        };
        for (y, score) in y.iter_mut().zip(scores) {
            *y = *score as f32;
        }
    }
    classes.write(node, places)
}

fn regressor(node: &Node) -> Done {
    let count = usize::try_from(node.int("targets", 1)).map_err(|_| Failure::Unsupported)?;
    let post = Post::of(node)?;
    let (rows, scores) = functions(node, count)?;
    let y = node.output::<f32>(0, Dims::of(&[rows, count])?)?;
    for (scores, y) in scores.chunks_exact_mut(count).zip(y.chunks_exact_mut(count)) {
        post.apply(scores);
        for (y, score) in y.iter_mut().zip(scores) {
            *y = *score as f32;
        }
    }
    Ok(())
}
