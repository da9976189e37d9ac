//! Outputs as the answer that a document's dialect asks for.
//!
//! # Invariants
//! - Answers keep the order of the rows; no rows give an empty list.
//! - Which output means what comes from the signature's roles, never from names or shapes.

use engine::{Tensor, TensorData};
use shared::{Label, Role, Signature};

use super::{
    document::{Dialect, Method},
    refusal::Refusal,
    table, write,
};

/// What to write, decided before anything is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// One value or array per row, of this output.
    Output { index: usize, method: Method },
    /// The class with the largest probability; the model gives no label of its own.
    Likeliest { index: usize },
    /// Every output: the model has no methods.
    Everything,
    /// The table of the request-response service.
    Table,
}

/// Chooses by dialect and method.
pub(super) fn plan(
    signature: &Signature,
    dialect: Dialect,
    method: Option<Method>,
) -> Result<Plan, Refusal> {
    if dialect == Dialect::Table {
        return Ok(Plan::Table);
    }
    let of = |role| signature.output_with(role).map(|(index, _)| index);
    let probabilities = of(Role::Probabilities);
    let predict = of(Role::Label).or_else(|| of(Role::Value));
    if predict.is_none() && probabilities.is_none() {
        return match method {
            None => Ok(Plan::Everything),
            Some(_) => Err(Refusal::new(
                "the model is neither a classifier nor a regressor and has no methods",
                "leave `method` out",
            )),
        };
    }
    let method = method.unwrap_or(match dialect {
        Dialect::Data if probabilities.is_some() => Method::PredictProba,
        _ => Method::Predict,
    });
    match (method, predict, probabilities) {
        (Method::PredictProba, _, Some(index)) => Ok(Plan::Output { index, method }),
        (Method::PredictProba, _, None) => {
            Err(Refusal::new("the model gives no probabilities", "ask for `predict`"))
        }
        (Method::Predict, Some(index), _) => Ok(Plan::Output { index, method }),
        (Method::Predict, None, Some(index)) => Ok(Plan::Likeliest { index }),
        (Method::Predict, None, None) => Ok(Plan::Everything),
    }
}

/// Which output an answer in CSV holds: that of the method, where the caller chose one, else all.
pub(super) fn columns(plan: Plan, method: Option<Method>) -> Result<Option<usize>, Refusal> {
    match plan {
        Plan::Output { index, .. } if method.is_some() => Ok(Some(index)),
        Plan::Likeliest { .. } if method.is_some() => Err(Refusal::new(
            "the model gives no label of its own that could be a column of CSV",
            "leave `method` out, or ask for JSON",
        )),
        _ => Ok(None),
    }
}

/// Writes the whole answer.
pub(super) fn write(
    out: &mut Vec<u8>,
    signature: &Signature,
    dialect: Dialect,
    plan: Plan,
    outputs: &[Tensor],
) {
    let (before, after): (&[u8], &[u8]) = match (dialect, plan) {
        (Dialect::Inputs, _) => (b"{\"Results\":", b"}"),
        (Dialect::Invocation, _) => (b"{\"predictions\":", b"}"),
        (Dialect::Data, Plan::Output { method: Method::PredictProba, .. }) => {
            (b"{\"predict_proba\":", b"}")
        }
        (Dialect::Data, Plan::Output { .. } | Plan::Likeliest { .. }) => (b"{\"predict\":", b"}"),
        _ => (b"", b""),
    };
    out.extend_from_slice(before);
    match plan {
        Plan::Output { index, .. } => rows(out, &outputs[index]),
        Plan::Likeliest { index } => likeliest(out, signature, index, &outputs[index]),
        Plan::Everything => {
            out.push(b'{');
            for (index, (spec, output)) in signature.outputs.iter().zip(outputs).enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write::text(out, &spec.name);
                out.push(b':');
                rows(out, output);
            }
            out.push(b'}');
        }
        Plan::Table => table::write(out, signature, outputs, table::Detail::NamesAndTypes),
    }
    out.extend_from_slice(after);
}

fn rows(out: &mut Vec<u8>, output: &Tensor) {
    match output.shape().split_first() {
        Some((rows, shape)) => write::list(out, *rows as usize, |out, row| {
            write::row(out, output.data(), row, shape);
        }),
        None => write::list(out, 1, |out, row| write::row(out, output.data(), row, &[])),
    }
}

fn likeliest(out: &mut Vec<u8>, signature: &Signature, index: usize, output: &Tensor) {
    let width = output.shape().get(1..).map_or(1, write::elements).max(1);
    let classes = signature.outputs[index].classes.as_deref();
    write::list(out, output.data().len() / width, |out, row| {
        match classes.and_then(|classes| classes.get(largest(output.data(), row * width, width))) {
            Some(Label::Int(label)) => write::value(out, &TensorData::Int64(vec![*label]), 0),
            Some(Label::Text(label)) => write::text(out, label),
            None => {
                let place = largest(output.data(), row * width, width) as u64;
                write::value(out, &TensorData::Uint64(vec![place]), 0);
            }
        }
    });
}

/// The place of the largest of `width` values from `begin` on; the first of equals.
pub(super) fn largest(data: &TensorData, begin: usize, width: usize) -> usize {
    let value = |index: usize| match data {
        TensorData::Float32(values) => f64::from(values[index]),
        TensorData::Float64(values) => values[index],
        TensorData::Float16(values) => f64::from(engine::f16_to_f32(values[index])),
        TensorData::Bfloat16(values) => f64::from(engine::bf16_to_f32(values[index])),
        // The contract gives probabilities no other type.
        _ => 0.0,
    };
    (1..width).fold(
        0,
        |best, place| {
            if value(begin + place) > value(begin + best) { place } else { best }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(outputs: &str) -> Signature {
        serde_json::from_str(&format!(
            r#"{{"contract":1,"symbols":[{{"name":"rows","min":1,"max":9}}],"inputs":[],"outputs":[{outputs}]}}"#
        ))
        .unwrap()
    }

    const CLASSIFIER: &str = r#"{"name":"label","type":"int64","shape":["rows"],"role":"label"},
        {"name":"p","type":"float32","shape":["rows",2],"role":"probabilities","classes":[0,1]}"#;
    const REGRESSOR: &str = r#"{"name":"y","type":"float32","shape":["rows",1],"role":"value"}"#;
    const ENCODER: &str = r#"{"name":"code","type":"float32","shape":["rows",2]},
        {"name":"norm","type":"float64","shape":["rows"]}"#;

    fn classified() -> Vec<Tensor> {
        vec![
            Tensor::new(vec![2], TensorData::Int64(vec![0, 1])).unwrap(),
            Tensor::new(vec![2, 2], TensorData::Float32(vec![0.998, 0.002, 0.25, 0.75])).unwrap(),
        ]
    }

    fn answer(
        outputs: &str,
        dialect: Dialect,
        method: Option<Method>,
        tensors: &[Tensor],
    ) -> String {
        let signature = signature(outputs);
        let plan = plan(&signature, dialect, method).unwrap();
        let mut out = Vec::new();
        write(&mut out, &signature, dialect, plan, tensors);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_classifier_answers_each_dialect_in_its_shape() {
        let of = |dialect, method| answer(CLASSIFIER, dialect, method, &classified());

        assert_eq!(of(Dialect::Data, None), r#"{"predict_proba":[[0.998,0.002],[0.25,0.75]]}"#);
        assert_eq!(of(Dialect::Data, Some(Method::Predict)), r#"{"predict":[0,1]}"#);
        assert_eq!(of(Dialect::InputDf, None), "[0,1]");
        assert_eq!(of(Dialect::InputData, None), "[0,1]");
        assert_eq!(of(Dialect::Inputs, None), r#"{"Results":[0,1]}"#);
        assert_eq!(of(Dialect::Invocation, None), r#"{"predictions":[0,1]}"#);
        assert_eq!(
            of(Dialect::Inputs, Some(Method::PredictProba)),
            r#"{"Results":[[0.998,0.002],[0.25,0.75]]}"#
        );
    }

    #[test]
    fn a_regressor_predicts_numbers() {
        let output = [Tensor::new(vec![2, 1], TensorData::Float32(vec![1.5, f32::NAN])).unwrap()];

        assert_eq!(answer(REGRESSOR, Dialect::Data, None, &output), r#"{"predict":[1.5,null]}"#);
        assert_eq!(answer(REGRESSOR, Dialect::InputDf, None, &output), "[1.5,null]");
        assert!(plan(&signature(REGRESSOR), Dialect::Data, Some(Method::PredictProba)).is_err());
    }

    #[test]
    fn other_models_have_no_methods() {
        let outputs = [
            Tensor::new(vec![1, 2], TensorData::Float32(vec![1.0, 2.0])).unwrap(),
            Tensor::new(vec![1], TensorData::Float64(vec![0.1])).unwrap(),
        ];

        assert_eq!(
            answer(ENCODER, Dialect::Data, None, &outputs),
            r#"{"code":[[1.0,2.0]],"norm":[0.1]}"#
        );
        assert_eq!(
            answer(ENCODER, Dialect::Inputs, None, &outputs),
            r#"{"Results":{"code":[[1.0,2.0]],"norm":[0.1]}}"#
        );
        assert!(plan(&signature(ENCODER), Dialect::Data, Some(Method::Predict)).is_err());
    }

    #[test]
    fn without_a_label_the_likeliest_class_is_predicted() {
        let outputs = r#"{"name":"p","type":"float32","shape":["rows",3],"role":"probabilities","classes":["a","b","c"]}"#;
        let tensor =
            Tensor::new(vec![2, 3], TensorData::Float32(vec![0.2, 0.5, 0.3, 0.4, 0.2, 0.4]));

        let text = answer(outputs, Dialect::InputDf, None, &[tensor.unwrap()]);

        assert_eq!(text, r#"["b","a"]"#);
    }

    #[test]
    fn no_rows_give_an_empty_list() {
        let none = [
            Tensor::new(vec![0], TensorData::Int64(vec![])).unwrap(),
            Tensor::new(vec![0, 2], TensorData::Float32(vec![])).unwrap(),
        ];

        assert_eq!(answer(CLASSIFIER, Dialect::Data, None, &none), r#"{"predict_proba":[]}"#);
        assert_eq!(answer(CLASSIFIER, Dialect::InputDf, None, &none), "[]");
    }
}
