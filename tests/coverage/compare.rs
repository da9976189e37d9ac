//! Whether two tensors are the same, within a case's tolerances.

use engine::{Tensor, TensorData, bf16_to_f32, f16_to_f32};

/// Compares as numpy's `assert_allclose` does: |answer - wanted| ≤ atol + rtol·|wanted|.
pub(crate) fn same(answer: &Tensor, wanted: &Tensor, rtol: f64, atol: f64) -> Result<(), String> {
    if answer.element_type() != wanted.element_type() {
        return Err(format!("{} instead of {}", answer.element_type(), wanted.element_type()));
    }
    if answer.shape() != wanted.shape() {
        return Err(format!("shape {:?} instead of {:?}", answer.shape(), wanted.shape()));
    }
    if let (Some(answer), Some(wanted)) = (answer.as_strings(), wanted.as_strings()) {
        return match answer.iter().zip(wanted).position(|(a, b)| a != b) {
            Some(index) => Err(format!("{:?} instead of {:?}", answer[index], wanted[index])),
            None => Ok(()),
        };
    }
    if answer.data() == wanted.data() {
        return Ok(());
    }
    let (answer, wanted) = (numbers(answer.data()), numbers(wanted.data()));
    let far = |(answer, wanted): (&f64, &f64)| {
        let equal = answer == wanted || (answer.is_nan() && wanted.is_nan());
        // Written so that a NaN on one side only is far.
        !(equal || (answer - wanted).abs() <= atol + rtol * wanted.abs())
    };
    let count = answer.iter().zip(&wanted).filter(|pair| far(*pair)).count();
    match answer.iter().zip(&wanted).position(far) {
        Some(at) => Err(format!(
            "{} instead of {} at {at}, {count} of {} differ",
            answer[at],
            wanted[at],
            wanted.len()
        )),
        None => Ok(()),
    }
}

fn numbers(data: &TensorData) -> Vec<f64> {
    match data {
        TensorData::Bool(values) => values.iter().map(|v| f64::from(u8::from(*v))).collect(),
        TensorData::Int8(values) => values.iter().map(|v| f64::from(*v)).collect(),
        TensorData::Int16(values) => values.iter().map(|v| f64::from(*v)).collect(),
        TensorData::Int32(values) => values.iter().map(|v| f64::from(*v)).collect(),
        TensorData::Int64(values) => values.iter().map(|v| *v as f64).collect(),
        TensorData::Uint8(values) => values.iter().map(|v| f64::from(*v)).collect(),
        TensorData::Uint16(values) => values.iter().map(|v| f64::from(*v)).collect(),
        TensorData::Uint32(values) => values.iter().map(|v| f64::from(*v)).collect(),
        TensorData::Uint64(values) => values.iter().map(|v| *v as f64).collect(),
        TensorData::Float16(values) => values.iter().map(|v| f16_to_f32(*v).into()).collect(),
        TensorData::Bfloat16(values) => values.iter().map(|v| bf16_to_f32(*v).into()).collect(),
        TensorData::Float32(values) => values.iter().map(|v| f64::from(*v)).collect(),
        TensorData::Float64(values) => values.clone(),
        TensorData::String(_) => Vec::new(),
    }
}
