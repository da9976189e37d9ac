//! `SVMClassifier` and `SVMRegressor`.
//!
//! The label is the class with most votes of the pairwise decisions, as libsvm and ONNX Runtime
//! have it, also where there are probabilities.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, TypedNode, tvec};

use super::classes::{Classes, PostTransform, Tail, rows_of};
use super::{Fact, Fault, Operator, attributes, contradiction, matrix};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, BufferId, Extent};
use shared::ElementType::{Float32, Int32};

/// A kernel function with its vectors.
#[derive(Debug)]
struct Kernel {
    /// The kernels' number: linear, polynomial, radial, sigmoid.
    code: i32,
    /// Gamma, coef0, degree.
    params: [f32; 3],
    /// Row-major, one row a vector.
    vectors: Vec<f32>,
    count: usize,
}

impl Kernel {
    fn parse(node: &NodeProto, vectors: &[f32], count: usize) -> Result<Self, Fault> {
        let code = match attributes::string(node, "kernel_type", "LINEAR")?.as_str() {
            "LINEAR" => 0,
            "POLY" => 1,
            "RBF" => 2,
            "SIGMOID" => 3,
            other => return Err(contradiction!("the kernel `{other}` is unknown")),
        };
        let params = match attributes::floats(node, "kernel_params") {
            [] => [0.0; 3],
            [gamma, coef0, degree] => [*gamma, *coef0, *degree],
            other => return Err(contradiction!("it has {} kernel parameters, not 3", other.len())),
        };
        if count == 0 || vectors.is_empty() || !vectors.len().is_multiple_of(count) {
            return Err(contradiction!("{} numbers do not make {count} vectors", vectors.len()));
        }
        Ok(Self { code, params, vectors: vectors.to_vec(), count })
    }

    fn features(&self) -> usize {
        self.vectors.len() / self.count
    }

    fn expect_columns(&self, columns: usize) -> Result<(), Fault> {
        if columns == self.features() {
            return Ok(());
        }
        Err(contradiction!("its input has {columns} columns, its vectors {}", self.features()))
    }

    /// A buffer of `[rows, vectors]`.
    fn lower(
        &self,
        l: &mut Lowering<'_>,
        node: &TypedNode,
        rows: &Extent,
    ) -> Result<BufferId, Refusal> {
        let x = l.read_f32(node.inputs[0])?;
        let vectors = l.planner.weights_f32(format!("{} (vectors)", node.name), &self.vectors);
        let y = scratch(l, node, "kernels", rows, self.count);
        let [gamma, coef0, degree] = self.params;
        let args = vec![
            x,
            Arg::Count(rows.clone()),
            Arg::count(self.features()),
            Arg::Weights(vectors),
            Arg::count(self.count),
            Arg::Int(self.code),
            Arg::Float(gamma),
            Arg::Float(coef0),
            Arg::Float(degree),
            Arg::write(y),
        ];
        let title = format!("compare with {} vectors of {}", self.count, self.features());
        let cost = self.vectors.len() as f64 * 0.25 + self.count as f64 * 3.0;
        let kernel = l.planner.variant("svm_kernels", "svm_kernels_relaxed");
        l.planner.call(kernel, args, title, cost);
        Ok(y)
    }
}

fn scratch(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    what: &str,
    rows: &Extent,
    width: usize,
) -> BufferId {
    let count = rows.clone().times(Extent::from(width));
    l.planner.buffer(format!("{} ({what})", node.name), Float32, count)
}

/// `ai.onnx.ml.SVMClassifier` with support vectors.
#[derive(Debug)]
pub(super) struct SvmClassifier {
    kernel: Kernel,
    classes: Classes,
    /// First vector of each class, and one behind the last.
    starts: Vec<u32>,
    coefficients: Vec<f32>,
    rho: Vec<f32>,
    /// `prob_a` and `prob_b`.
    coupling: Option<(Vec<f32>, Vec<f32>)>,
    post: PostTransform,
    /// Without support vectors: one linear function a class.
    is_linear: bool,
}

impl SvmClassifier {
    fn pairs(&self) -> usize {
        self.classes.len() * (self.classes.len() - 1) / 2
    }

    fn score_columns(&self) -> usize {
        match (self.is_linear, &self.coupling, self.classes.len()) {
            (false, None, 3..) => self.pairs(),
            (_, _, classes) => classes,
        }
    }
}

impl Operator for SvmClassifier {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let classes = Classes::parse(node, "classlabels_ints")?;
        if !(2..=4096).contains(&classes.len()) {
            return Err(format!("it has {} classes", classes.len()).into());
        }
        let coefficients = attributes::floats(node, "coefficients").to_vec();
        let rho = attributes::floats(node, "rho").to_vec();
        let per_class = attributes::ints(node, "vectors_per_class");
        let mut starts = vec![0_u32];
        let mut total = 0_u32;
        for count in per_class {
            let count = u32::try_from(*count)
                .map_err(|_| contradiction!("`vectors_per_class` is out of range"))?;
            total = total
                .checked_add(count)
                .ok_or_else(|| contradiction!("it has too many vectors"))?;
            starts.push(total);
        }
        let is_linear = total == 0;
        let vectors = attributes::floats(node, "support_vectors");
        let kernel = match is_linear {
            true => Kernel { code: 0, ..Kernel::parse(node, &coefficients, classes.len())? },
            false => Kernel::parse(node, vectors, total as usize)?,
        };
        let (prob_a, prob_b) =
            (attributes::floats(node, "prob_a"), attributes::floats(node, "prob_b"));
        let coupling = (!prob_a.is_empty()).then(|| (prob_a.to_vec(), prob_b.to_vec()));
        let svm = Self {
            kernel,
            starts,
            coefficients,
            rho,
            coupling,
            post: PostTransform::parse(node)?,
            is_linear,
            classes,
        };
        if is_linear {
            return if svm.rho.is_empty() {
                Err(contradiction!("`rho` is empty"))
            } else {
                Ok(svm)
            };
        }
        let (count, pairs) = (svm.classes.len(), svm.pairs());
        let coupled =
            svm.coupling.as_ref().is_none_or(|(a, b)| a.len() == pairs && b.len() == pairs);
        if per_class.len() != count
            || svm.coefficients.len() != (count - 1) * total as usize
            || svm.rho.len() != pairs
            || !coupled
        {
            return Err(contradiction!("its lists do not fit {count} classes and {total} vectors"));
        }
        Ok(svm)
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let (rows, columns) = matrix(inputs.first())?;
        self.kernel.expect_columns(columns)?;
        Ok(self.classes.facts(rows, self.score_columns()))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let rows = rows_of(l, node)?;
        let classes = self.classes.len();
        let kernels = self.kernel.lower(l, node, &rows)?;
        if self.is_linear {
            let base = vec![self.rho[0]; classes];
            let tail = Tail { classes, post: self.post, base, pivot: None };
            let (indices, scores) = tail.lower(l, node, kernels, &rows);
            return Ok(vec![self.classes.label(l, node, indices, rows), Value::Tensor(scores)]);
        }

        let starts = l.planner.weights_u32(format!("{} (classes)", node.name), &self.starts);
        let coefficients =
            l.planner.weights_f32(format!("{} (coefficients)", node.name), &self.coefficients);
        let rho = l.planner.weights_f32(format!("{} (rho)", node.name), &self.rho);
        let decisions = scratch(l, node, "decisions", &rows, self.pairs());
        let indices = l.planner.buffer(format!("{} (index)", node.name), Int32, rows.clone());
        let votes = rows.clone().times(Extent::from(classes));
        let votes = l.planner.buffer(format!("{} (votes)", node.name), Int32, votes);
        let args = vec![
            Arg::read(kernels),
            Arg::Count(rows.clone()),
            Arg::count(classes),
            Arg::count(self.kernel.count),
            Arg::Weights(starts),
            Arg::Weights(coefficients),
            Arg::Weights(rho),
            Arg::write(decisions),
            Arg::write(indices),
            Arg::write(votes),
        ];
        let title = format!("decide {} pairs of classes", self.pairs());
        l.planner.call("svm_decide", args, title, self.coefficients.len() as f64);

        let scores = self.scores(l, node, &rows, decisions);
        Ok(vec![self.classes.label(l, node, indices, rows), Value::Tensor(scores)])
    }

    fn classes(&self) -> Option<Vec<shared::Label>> {
        (self.score_columns() == self.classes.len()).then(|| self.classes.labels())
    }
}

impl SvmClassifier {
    /// Probabilities where there are any, else the decisions.
    fn scores(
        &self,
        l: &mut Lowering<'_>,
        node: &TypedNode,
        rows: &Extent,
        decisions: BufferId,
    ) -> BufferId {
        let classes = self.classes.len();
        let raw = match &self.coupling {
            Some((prob_a, prob_b)) => {
                let prob_a = l.planner.weights_f32(format!("{} (prob_a)", node.name), prob_a);
                let prob_b = l.planner.weights_f32(format!("{} (prob_b)", node.name), prob_b);
                let work = Extent::from(2 * classes * classes + classes);
                let work = l.planner.buffer(format!("{} (work)", node.name), Float32, work);
                let coupled = scratch(l, node, "coupled", rows, classes);
                let args = vec![
                    Arg::read(decisions),
                    Arg::Count(rows.clone()),
                    Arg::count(classes),
                    Arg::Weights(prob_a),
                    Arg::Weights(prob_b),
                    Arg::write(work),
                    Arg::write(coupled),
                ];
                let cost = 20.0 * (classes * classes) as f64;
                l.planner.call("svm_couple", args, format!("couple {classes} classes"), cost);
                coupled
            }
            None if classes == 2 => {
                // One decision speaks for the first class where it is positive.
                let (pair, unused) = super::classes::classifier_buffers(l, node, rows, 2);
                let _ = pair;
                let args = vec![
                    Arg::read(decisions),
                    Arg::Count(rows.clone()),
                    Arg::Float(0.0),
                    Arg::Float(0.0),
                    Arg::Int(i32::from(self.post != PostTransform::None)),
                    self.post.arg(),
                    Arg::write(unused),
                    Arg::write(pair),
                ];
                l.planner.call("scores_binary", args, "two scores from one decision", 10.0);
                return unused;
            }
            None => decisions,
        };
        let columns = self.score_columns();
        if self.post == PostTransform::None {
            return raw;
        }
        let tail =
            Tail { classes: columns, post: self.post, base: vec![0.0; columns], pivot: None };
        tail.lower(l, node, raw, rows).1
    }
}

/// `ai.onnx.ml.SVMRegressor`.
#[derive(Debug)]
pub(super) struct SvmRegressor {
    kernel: Kernel,
    coefficients: Vec<f32>,
    rho: f32,
    one_class: bool,
}

impl Operator for SvmRegressor {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let coefficients = attributes::floats(node, "coefficients");
        let vectors = attributes::floats(node, "support_vectors");
        let count = usize::try_from(attributes::int(node, "n_supports").unwrap_or(0))
            .map_err(|_| contradiction!("`n_supports` is negative"))?;
        let [rho] = attributes::floats(node, "rho") else {
            return Err(contradiction!("`rho` is not one number"));
        };
        let one_class = attributes::int(node, "one_class").unwrap_or(0) != 0;
        if PostTransform::parse(node)? != PostTransform::None {
            return Err("a post transform of a support vector regression".into());
        }
        if count == 0 {
            // One linear function: its coefficients are the one vector.
            let kernel = Kernel { code: 0, ..Kernel::parse(node, coefficients, 1)? };
            return Ok(Self { kernel, coefficients: vec![1.0], rho: *rho, one_class });
        }
        if coefficients.len() != count {
            return Err(contradiction!("{} coefficients for {count} vectors", coefficients.len()));
        }
        let kernel = Kernel::parse(node, vectors, count)?;
        Ok(Self { kernel, coefficients: coefficients.to_vec(), rho: *rho, one_class })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let (rows, columns) = matrix(inputs.first())?;
        self.kernel.expect_columns(columns)?;
        Ok(vec![Fact { datum_type: DatumType::F32, shape: tvec![rows, 1.into()] }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let rows = rows_of(l, node)?;
        let kernels = self.kernel.lower(l, node, &rows)?;
        let coefficients =
            l.planner.weights_f32(format!("{} (coefficients)", node.name), &self.coefficients);
        let y = l.output(node, 0)?;
        let args = vec![
            Arg::read(kernels),
            Arg::Count(rows),
            Arg::count(self.kernel.count),
            Arg::Weights(coefficients),
            Arg::Float(self.rho),
            Arg::Int(i32::from(self.one_class)),
            Arg::write(y),
        ];
        let kernel = l.planner.variant("svm_regress", "svm_regress_relaxed");
        l.planner.call(kernel, args, "weigh the vectors", self.coefficients.len() as f64);
        Ok(vec![Value::Tensor(y)])
    }
}
