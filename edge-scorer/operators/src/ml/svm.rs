//! Support vector machines, as libsvm computes them: kernels, votes, coupled probabilities.

use super::scores::{Classes, Post, best, logistic};
use super::{matrix, wide};
use crate::coupling;
use crate::tensor::Dims;
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.ml.SVMClassifier" => classifier,
    "ai.onnx.ml.SVMRegressor" => regressor,
}

/// A kernel function; gamma, coef0 and degree.
struct Kernel<'a> {
    name: &'a [u8],
    params: [f64; 3],
}

impl<'a> Kernel<'a> {
    fn of(node: &'a Node) -> Result<Self, Failure> {
        let params = match node.floats("kernel_params").unwrap_or(&[]) {
            [] => [0.0; 3],
            [gamma, coef0, degree] => [*gamma, *coef0, *degree].map(f64::from),
            _ => return Err(Failure::Unsupported),
        };
        Ok(Self { name: node.text("kernel_type", "LINEAR"), params })
    }

    fn value(&self, x: &[f64], vector: &[f32]) -> Result<f64, Failure> {
        let [gamma, coef0, degree] = self.params;
        let pairs = || x.iter().zip(vector).map(|(x, v)| (*x, f64::from(*v)));
        let dot = || pairs().map(|(x, v)| x * v).sum::<f64>();
        Ok(match self.name {
            b"LINEAR" => dot(),
            b"POLY" => libm::pow(gamma * dot() + coef0, degree),
            b"RBF" => libm::exp(-gamma * pairs().map(|(x, v)| (x - v) * (x - v)).sum::<f64>()),
            b"SIGMOID" => libm::tanh(gamma * dot() + coef0),
            _ => return Err(Failure::Unsupported),
        })
    }
}

/// Kernels of one row with each of the vectors.
fn compare(kernel: &Kernel<'_>, row: &[f64], vectors: &[f32], kernels: &mut [f64]) -> Done {
    for (slot, vector) in kernels.iter_mut().zip(vectors.chunks_exact(row.len().max(1))) {
        *slot = kernel.value(row, vector)?;
    }
    Ok(())
}

fn regressor(node: &Node) -> Done {
    let x = node.input(0)?;
    let (rows, columns) = matrix(x)?;
    let kernel = Kernel::of(node)?;
    let coefficients = node.floats("coefficients").ok_or(Failure::Unsupported)?;
    let rho = node.floats("rho").and_then(|rho| rho.first()).ok_or(Failure::Unsupported)?;
    let count = usize::try_from(node.int("n_supports", 0)).map_err(|_| Failure::Unsupported)?;
    let vectors = node.floats("support_vectors").unwrap_or(&[]);
    let fits = if count == 0 {
        coefficients.len() == columns
    } else {
        coefficients.len() == count && Some(vectors.len()) == count.checked_mul(columns)
    };
    if !fits {
        return Err(Failure::Unacceptable);
    }
    let one_class = node.flag("one_class", false);
    let (values, kernels) = (wide(node, x)?, node.room::<f64>(count)?);
    let y = node.output::<f32>(0, Dims::of(&[rows, 1])?)?;
    for (row, slot) in y.iter_mut().enumerate() {
        let row = &values[row * columns..(row + 1) * columns];
        let sum = if count == 0 {
            kernel.value(row, coefficients)?
        } else {
            compare(&kernel, row, vectors, kernels)?;
            kernels.iter().zip(coefficients).map(|(k, c)| k * f64::from(*c)).sum()
        } + f64::from(*rho);
        *slot = match one_class {
            true if sum > 0.0 => 1.0,
            true => -1.0,
            false => sum as f32,
        };
    }
    Ok(())
}

fn classifier(node: &Node) -> Done {
    let x = node.input(0)?;
    let (rows, columns) = matrix(x)?;
    let classes = Classes::of(node, "classlabels_ints")?;
    let (kernel, post) = (Kernel::of(node)?, Post::of(node)?);
    let rho = node.floats("rho").filter(|rho| !rho.is_empty()).ok_or(Failure::Unsupported)?;
    let coefficients = node.floats("coefficients").unwrap_or(&[]);
    let vectors = node.floats("support_vectors").unwrap_or(&[]);
    let per_class = node.ints("vectors_per_class").unwrap_or(&[]);
    let total = per_class.iter().try_fold(0_usize, |total, count| {
        usize::try_from(*count).ok().and_then(|count| total.checked_add(count))
    });
    let (total, count) = (total.ok_or(Failure::Unsupported)?, classes.len());
    if !(2..=4096).contains(&count) {
        return Err(Failure::Unsupported);
    }
    let values = wide(node, x)?;
    let places = node.room::<usize>(rows)?;
    let row_of = |row: usize| &values[row * columns..(row + 1) * columns];
    if total == 0 {
        if Some(coefficients.len()) != count.checked_mul(columns) {
            return Err(Failure::Unacceptable);
        }
        let linear = Kernel { name: b"LINEAR", params: [0.0; 3] };
        let scores = node.room::<f64>(count)?;
        let y = node.output::<f32>(1, Dims::of(&[rows, count])?)?;
        for (row, place) in places.iter_mut().enumerate() {
            compare(&linear, row_of(row), coefficients, scores)?;
            scores.iter_mut().for_each(|score| *score += f64::from(rho[0]));
            *place = best(scores);
            post.apply(scores);
            for (y, score) in y[row * count..].iter_mut().zip(scores.iter()) {
                *y = *score as f32;
            }
        }
        return classes.write(node, places);
    }
    let pairs = count * (count - 1) / 2;
    let (prob_a, prob_b) =
        (node.floats("prob_a").unwrap_or(&[]), node.floats("prob_b").unwrap_or(&[]));
    let coupled = !prob_a.is_empty();
    if per_class.len() != count
        || Some(vectors.len()) != total.checked_mul(columns)
        || coefficients.len() != (count - 1) * total
        || rho.len() != pairs
        || coupled && (prob_a.len() != pairs || prob_b.len() != pairs)
    {
        return Err(Failure::Unacceptable);
    }
    let starts = node.room::<usize>(count + 1)?;
    for (class, number) in per_class.iter().enumerate() {
        starts[class + 1] = starts[class] + *number as usize;
    }
    let width = if coupled || count == 2 { count } else { pairs };
    let (kernels, votes) = (node.room::<f64>(total)?, node.room::<usize>(count)?);
    let (decisions, scores) = (node.room::<f64>(pairs)?, node.room::<f64>(width)?);
    let work = node.room::<f64>(3 * count * count + count)?;
    let y = node.output::<f32>(1, Dims::of(&[rows, width])?)?;
    for (row, place) in places.iter_mut().enumerate() {
        compare(&kernel, row_of(row), vectors, kernels)?;
        votes.fill(0);
        let part = |line: usize, class: usize| -> f64 {
            let span = starts[class]..starts[class + 1];
            let weights = &coefficients[line * total..][span.clone()];
            kernels[span].iter().zip(weights).map(|(k, w)| k * f64::from(*w)).sum()
        };
        let mut pair = 0;
        for i in 0..count {
            for j in i + 1..count {
                decisions[pair] = part(j - 1, i) + part(i, j) + f64::from(rho[pair]);
                votes[if decisions[pair] > 0.0 { i } else { j }] += 1;
                pair += 1;
            }
        }
        *place = 0;
        for class in 1..count {
            if votes[class] > votes[*place] {
                *place = class;
            }
        }
        if coupled {
            coupled_scores(count, decisions, prob_a, prob_b, work, scores);
            post.apply(scores);
        } else if count == 2 {
            scores.copy_from_slice(&post.pair(decisions[0], post != Post::None));
        } else {
            scores.copy_from_slice(decisions);
            post.apply(scores);
        }
        for (y, score) in y[row * width..].iter_mut().zip(scores.iter()) {
            *y = *score as f32;
        }
    }
    classes.write(node, places)
}

/// One probability a class.
fn coupled_scores(
    classes: usize,
    decisions: &[f64],
    prob_a: &[f32],
    prob_b: &[f32],
    work: &mut [f64],
    p: &mut [f64],
) {
    let at = |i: usize, j: usize| i * classes + j;
    let (pairwise, rest) = work.split_at_mut(classes * classes);
    let (q, qp) = rest.split_at_mut(classes * classes);
    let mut pair = 0;
    for i in 0..classes {
        for j in i + 1..classes {
            let value = decisions[pair] * f64::from(prob_a[pair]) + f64::from(prob_b[pair]);
            let chance = (1.0 - logistic(value)).clamp(1e-7, 1.0 - 1e-7);
            (pairwise[at(i, j)], pairwise[at(j, i)]) = (chance, 1.0 - chance);
            pair += 1;
        }
    }
    coupling::couple(classes, pairwise, q, qp, p);
}
