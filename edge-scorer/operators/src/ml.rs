//! The operators of `ai.onnx.ml`, for models whose other steps need the dynamic tier.
//!
//! - `columns`: Binarizer, FeatureVectorizer, Imputer, Normalizer, Scaler
//! - `labels`: ArrayFeatureExtractor, CategoryMapper, LabelEncoder, OneHotEncoder
//! - `linear`: LinearClassifier, LinearRegressor
//! - `scores`: classes and post transforms, which classifiers share
//! - `svm`: SVMClassifier, SVMRegressor
//! - `trees`: TreeEnsemble, TreeEnsembleClassifier, TreeEnsembleRegressor
//!
//! The static tier has the same operators with tables that are packed while a model is compiled;
//! here the attributes are read as they stand, and everything is computed in double precision.

mod columns;
mod labels;
mod linear;
mod scores;
mod svm;
mod trees;

use crate::number::{BOOL, Element};
use crate::tensor::Tensor;
use crate::{Failure, Node};

/// The elements of a tensor of numbers in double precision.
fn wide<'a>(node: &'a Node, x: &Tensor) -> Result<&'a [f64], Failure> {
    let room = node.room::<f64>(x.count())?;
    if x.kind == BOOL {
        for (slot, value) in room.iter_mut().zip(x.as_slice::<u8>()) {
            *slot = f64::from(*value);
        }
        return Ok(room);
    }
    numbers!(x.kind; T => {
        for (slot, value) in room.iter_mut().zip(x.as_slice::<T>()) {
            *slot = value.to_f64();
        }
        Ok(())
    })?;
    Ok(room)
}

/// Rows and columns: a vector is one row.
fn matrix(x: &Tensor) -> Result<(usize, usize), Failure> {
    match *x.dims() {
        [columns] => Ok((1, columns)),
        [rows, columns] => Ok((rows, columns)),
        _ => Err(Failure::Unacceptable),
    }
}

/// A value for each column from a list of as many, or of one for all.
fn spread<T: Copy>(list: &[T], columns: usize, column: usize) -> Result<T, Failure> {
    match list {
        [one] => Ok(*one),
        all if all.len() == columns => Ok(all[column]),
        _ => Err(Failure::Unacceptable),
    }
}
