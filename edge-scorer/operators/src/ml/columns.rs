//! Operators that change the values of columns.

use super::{matrix, spread, wide};
use crate::number::{Element, FLOAT};
use crate::tensor::Dims;
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.ml.Binarizer" => binarizer,
    "ai.onnx.ml.FeatureVectorizer" => feature_vectorizer,
    "ai.onnx.ml.Imputer" => imputer,
    "ai.onnx.ml.Normalizer" => normalizer,
    "ai.onnx.ml.Scaler" => scaler,
}

fn binarizer(node: &Node) -> Done {
    let (x, threshold) = (node.input(0)?, f64::from(node.float("threshold", 0.0)));
    numbers!(x.kind; T => {
        let y = node.output::<T>(0, x.dims())?;
        for (y, x) in y.iter_mut().zip(x.as_slice::<T>()) {
            *y = T::from_i64(i64::from(x.to_f64() > threshold));
        }
        Ok(())
    })
}

/// Columns side by side; an input may be declared wider or narrower than it is.
fn feature_vectorizer(node: &Node) -> Done {
    let declared = node.ints("inputdimensions");
    let width = |index: usize| -> Result<usize, Failure> {
        let (_, columns) = matrix(node.input(index)?)?;
        match declared.and_then(|declared| declared.get(index)) {
            Some(declared) => usize::try_from(*declared).map_err(|_| Failure::Unsupported),
            None => Ok(columns),
        }
    };
    let (rows, _) = matrix(node.input(0)?)?;
    let mut total = 0_usize;
    for index in 0..node.input_count() {
        total = total.checked_add(width(index)?).ok_or(Failure::NoMemory)?;
    }
    let y = node.output::<f32>(0, Dims::of(&[rows, total])?)?;
    let mut begin = 0;
    for index in 0..node.input_count() {
        let x = node.input(index)?;
        let (count, columns) = matrix(x)?;
        if count != rows {
            return Err(Failure::Unacceptable);
        }
        let (values, wanted) = (wide(node, x)?, width(index)?);
        for row in 0..rows {
            for column in 0..columns.min(wanted) {
                y[row * total + begin + column] = values[row * columns + column] as f32;
            }
        }
        begin += wanted;
    }
    Ok(())
}

fn imputer(node: &Node) -> Done {
    let x = node.input(0)?;
    let columns = x.dims().last().copied().ok_or(Failure::Unacceptable)?;
    let (floats, ints) = (node.floats("imputed_value_floats"), node.ints("imputed_value_int64s"));
    let missing_float = f64::from(node.float("replaced_value_float", 0.0));
    let missing_int = node.int("replaced_value_int64", 0);
    numbers!(x.kind; T => {
        let y = node.output::<T>(0, x.dims())?;
        for (place, (y, x)) in y.iter_mut().zip(x.as_slice::<T>()).enumerate() {
            let column = place % columns;
            *y = match (floats, ints) {
                (Some(fill), None) => {
                    let value = x.to_f64();
                    let is_missing = if missing_float.is_nan() {
                        value.is_nan()
                    } else {
                        value == missing_float
                    };
                    if is_missing { T::from_f64(spread(fill, columns, column)?.into()) } else { *x }
                }
                (None, Some(fill)) => {
                    let is_missing = x.to_i64() == missing_int;
                    if is_missing { T::from_i64(spread(fill, columns, column)?) } else { *x }
                }
                _ => return Err(Failure::Unsupported),
            };
        }
        Ok(())
    })
}

fn normalizer(node: &Node) -> Done {
    let x = node.input(0)?;
    let norm = node.text("norm", "MAX");
    let columns = x.dims().last().copied().ok_or(Failure::Unacceptable)?.max(1);
    let values = wide(node, x)?;
    let y = node.output::<f32>(0, x.dims())?;
    for (to, from) in y.chunks_mut(columns).zip(values.chunks(columns)) {
        let size = match norm {
            // The largest value, whatever its sign: what the reference divides by.
            b"MAX" => from.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            b"L1" => from.iter().map(|value| value.abs()).sum(),
            b"L2" => libm::sqrt(from.iter().map(|value| value * value).sum()),
            _ => return Err(Failure::Unsupported),
        };
        for (to, from) in to.iter_mut().zip(from) {
            *to = if size == 0.0 { *from as f32 } else { (from / size) as f32 };
        }
    }
    Ok(())
}

fn scaler(node: &Node) -> Done {
    let x = node.input(0)?;
    let columns = x.dims().last().copied().ok_or(Failure::Unacceptable)?;
    let offset = node.floats("offset").ok_or(Failure::Unsupported)?;
    let scale = node.floats("scale").ok_or(Failure::Unsupported)?;
    let values = wide(node, x)?;
    let y = node.output_like::<f32>(0, FLOAT, x.dims())?;
    for (place, (y, value)) in y.iter_mut().zip(values).enumerate() {
        let column = place % columns;
        let offset = f64::from(spread(offset, columns, column)?);
        *y = ((value - offset) * f64::from(spread(scale, columns, column)?)) as f32;
    }
    Ok(())
}
