//! `LinearClassifier` and `LinearRegressor`.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, TypedNode, tvec};

use super::classes::{Classes, PostTransform, Tail, classifier_buffers, rows_of};
use super::{Fact, Fault, Operator, attributes, contradiction, matrix};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, BufferId, Extent};

/// Targets that one kernel call computes side by side; the kernels' number.
const LANES: usize = 4;

/// Weights of one or more linear functions of a row.
#[derive(Debug)]
struct Linear {
    /// Row-major, one row a target.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    fn new(weights: &[f32], bias: &[f32], targets: usize) -> Result<Self, Fault> {
        // Before anything is made of that size: every target has at least one coefficient.
        let fits = (1..=weights.len()).contains(&targets) && weights.len().is_multiple_of(targets);
        if !fits || !(bias.is_empty() || bias.len() == targets) {
            return Err(contradiction!(
                "{} coefficients and {} intercepts do not make {targets} targets",
                weights.len(),
                bias.len()
            ));
        }
        let bias = if bias.is_empty() { vec![0.0; targets] } else { bias.to_vec() };
        Ok(Self { weights: weights.to_vec(), bias })
    }

    fn targets(&self) -> usize {
        self.bias.len()
    }

    fn features(&self) -> usize {
        self.weights.len() / self.targets()
    }

    fn expect_columns(&self, columns: usize) -> Result<(), Fault> {
        if columns == self.features() {
            return Ok(());
        }
        Err(contradiction!("its input has {columns} columns, its coefficients {}", self.features()))
    }

    /// Weights with the targets of a feature side by side, and the bias, both filled up with zeros.
    fn by_feature(&self) -> (Vec<f32>, Vec<f32>) {
        let features = self.features();
        let mut weights = vec![0.0; LANES * features];
        for (index, weight) in self.weights.iter().enumerate() {
            weights[index % features * LANES + index / features] = *weight;
        }
        let mut bias = self.bias.clone();
        bias.resize(LANES, 0.0);
        (weights, bias)
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<BufferId, Refusal> {
        let x = l.read_f32(node.inputs[0])?;
        let rows = rows_of(l, node)?;
        let is_narrow = (2..=LANES).contains(&self.targets());
        let (weights, bias) = match is_narrow {
            true => self.by_feature(),
            false => (self.weights.clone(), self.bias.clone()),
        };
        let weights = l.planner.weights_f32(format!("{} (weights)", node.name), &weights);
        let bias = l.planner.weights_f32(format!("{} (bias)", node.name), &bias);
        let name = format!("{} (linear)", node.name);
        let count = rows.clone().times(Extent::from(self.targets()));
        let y = l.planner.buffer(name, shared::ElementType::Float32, count);
        let args = vec![
            x,
            Arg::Count(rows),
            Arg::count(self.features()),
            Arg::Weights(weights),
            Arg::Weights(bias),
            Arg::count(self.targets()),
            Arg::write(y),
        ];
        let title = format!("linear {} → {}", self.features(), self.targets());
        let kernel = match is_narrow {
            true => l.planner.variant("linear_narrow", "linear_narrow_relaxed"),
            false => l.planner.variant("linear", "linear_relaxed"),
        };
        l.planner.call(kernel, args, title, 5.0 + 0.3 * self.weights.len() as f64);
        Ok(y)
    }
}

/// `ai.onnx.ml.LinearClassifier`.
#[derive(Debug)]
pub(super) struct LinearClassifier {
    linear: Linear,
    classes: Classes,
    post: PostTransform,
}

impl Operator for LinearClassifier {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let classes = Classes::parse(node, "classlabels_ints")?;
        let weights = attributes::floats(node, "coefficients");
        let bias = attributes::floats(node, "intercepts");
        // Two classes may share one linear function.
        let targets = match bias.len() {
            0 => classes.len(),
            targets => targets,
        };
        let linear = Linear::new(weights, bias, targets)?;
        if targets != classes.len() && !(targets == 1 && classes.len() == 2) {
            return Err(contradiction!("{targets} linear functions for {} classes", classes.len()));
        }
        Ok(Self { linear, classes, post: PostTransform::parse(node)? })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let (rows, columns) = matrix(inputs.first())?;
        self.linear.expect_columns(columns)?;
        Ok(self.classes.facts(rows, self.classes.len()))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let raw = self.linear.lower(l, node)?;
        let rows = rows_of(l, node)?;
        let (indices, scores) = if self.linear.targets() == 1 && self.classes.len() == 2 {
            let (indices, scores) = classifier_buffers(l, node, &rows, 2);
            let args = vec![
                Arg::read(raw),
                Arg::Count(rows.clone()),
                Arg::Float(0.0),
                Arg::Float(0.0),
                Arg::Int(1),
                self.post.arg(),
                Arg::write(scores),
                Arg::write(indices),
            ];
            l.planner.call("scores_binary", args, "two classes from one score", 20.0);
            (indices, scores)
        } else {
            let tail = Tail {
                classes: self.classes.len(),
                post: self.post,
                base: vec![0.0; self.classes.len()],
                pivot: None,
            };
            tail.lower(l, node, raw, &rows)
        };
        Ok(vec![self.classes.label(l, node, indices, rows), Value::Tensor(scores)])
    }

    fn classes(&self) -> Option<Vec<shared::Label>> {
        Some(self.classes.labels())
    }

    fn scores_are_probabilities(&self) -> bool {
        match (self.linear.targets(), self.classes.len()) {
            // The second class has what the first has not.
            (1, 2) => self.post == PostTransform::Logistic,
            _ => self.post == PostTransform::Softmax,
        }
    }
}

/// `ai.onnx.ml.LinearRegressor`.
#[derive(Debug)]
pub(super) struct LinearRegressor {
    linear: Linear,
    post: PostTransform,
}

impl Operator for LinearRegressor {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let targets = usize::try_from(attributes::int(node, "targets").unwrap_or(1))
            .map_err(|_| contradiction!("`targets` is negative"))?;
        let linear = Linear::new(
            attributes::floats(node, "coefficients"),
            attributes::floats(node, "intercepts"),
            targets,
        )?;
        Ok(Self { linear, post: PostTransform::parse(node)? })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let (rows, columns) = matrix(inputs.first())?;
        self.linear.expect_columns(columns)?;
        let shape = tvec![rows, (self.linear.targets() as i64).into()];
        Ok(vec![Fact { datum_type: DatumType::F32, shape }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let raw = self.linear.lower(l, node)?;
        if self.post == PostTransform::None {
            return Ok(vec![Value::Tensor(raw)]);
        }
        let (rows, targets) = (rows_of(l, node)?, self.linear.targets());
        let base = l.planner.weights_f32("zeros", &vec![0.0; targets]);
        let y = l.output(node, 0)?;
        let args = vec![
            Arg::read(raw),
            Arg::Count(rows),
            Arg::count(targets),
            Arg::Float(1.0),
            Arg::Weights(base),
            self.post.arg(),
            Arg::write(y),
        ];
        let cost = targets as f64 * self.post.cost_ns();
        l.planner.call("scores_regression", args, format!("{:?}", self.post), cost);
        Ok(vec![Value::Tensor(y)])
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::AttributeProto;

    use super::*;

    #[test]
    fn scores_are_probabilities_only_where_they_add_up_to_one() {
        let named = |name: &str| AttributeProto { name: name.to_owned(), ..Default::default() };
        let of = |classes: i64, targets: usize, post: &str| {
            let attribute = vec![
                AttributeProto { ints: (0..classes).collect(), ..named("classlabels_ints") },
                AttributeProto { floats: vec![1.0; targets], ..named("coefficients") },
                AttributeProto { floats: vec![0.0; targets], ..named("intercepts") },
                AttributeProto { s: post.into(), ..named("post_transform") },
            ];
            let node = NodeProto { attribute, ..NodeProto::default() };
            LinearClassifier::parse(&node).unwrap().scores_are_probabilities()
        };

        assert!(of(2, 1, "LOGISTIC") && of(2, 2, "SOFTMAX") && of(3, 3, "SOFTMAX"));
        assert!(!of(1, 1, "LOGISTIC") && !of(3, 3, "LOGISTIC") && !of(2, 1, "SOFTMAX"));
        assert!(!of(2, 1, "NONE") && !of(3, 3, "SOFTMAX_ZERO"));
    }
}
