//! Class labels, post transforms and the two outputs that every classifier has.

use std::sync::Arc;

use shared::Label;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, TDim, TypedNode, tvec};

use super::{Fact, Fault, attributes, contradiction};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, BufferId, Extent};

/// The labels of a classifier, in the order of its scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Classes {
    Ints(Vec<i64>),
    Texts(Arc<[String]>),
}

impl Classes {
    /// Reads `classlabels_strings` and the integer labels, which `ints_name` names.
    pub(crate) fn parse(node: &NodeProto, ints_name: &str) -> Result<Self, Fault> {
        let texts = attributes::strings(node, "classlabels_strings")?;
        let ints = attributes::ints(node, ints_name);
        match (texts.is_empty(), ints.is_empty()) {
            (true, true) => Err(contradiction!("it names no classes")),
            (false, false) => Err(contradiction!("its classes are both numbers and text")),
            (false, true) => Ok(Self::Texts(texts.into())),
            (true, false) => Ok(Self::Ints(ints.to_vec())),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ints(ints) => ints.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    pub(crate) fn labels(&self) -> Vec<Label> {
        match self {
            Self::Ints(ints) => ints.iter().copied().map(Label::Int).collect(),
            Self::Texts(texts) => texts.iter().cloned().map(Label::Text).collect(),
        }
    }

    /// Labels `[rows]` and scores `[rows, columns]`.
    pub(crate) fn facts(&self, rows: TDim, columns: usize) -> Vec<Fact> {
        let label = match self {
            Self::Ints(_) => DatumType::I64,
            Self::Texts(_) => DatumType::String,
        };
        vec![
            Fact { datum_type: label, shape: tvec![rows.clone()] },
            Fact { datum_type: DatumType::F32, shape: tvec![rows, (columns as i64).into()] },
        ]
    }

    /// The label output, from a buffer of `int32` indices into the classes.
    pub(crate) fn label(
        &self,
        l: &mut Lowering<'_>,
        node: &TypedNode,
        indices: BufferId,
        rows: Extent,
    ) -> Value {
        let table = match self {
            Self::Texts(table) => return Value::Labels { indices, table: Arc::clone(table) },
            Self::Ints(table) => table,
        };
        let weights = l.planner.weights_i64(format!("{} (labels)", node.name), table);
        let name = format!("{} (label)", node.name);
        let labels = l.planner.buffer(name, shared::ElementType::Int64, rows.clone());
        let args = vec![
            Arg::read(indices),
            Arg::Count(rows),
            Arg::Weights(weights),
            Arg::count(table.len()),
            Arg::write(labels),
        ];
        l.planner.call("pick_i64", args, "labels", 2.0);
        Value::Tensor(labels)
    }
}

/// What happens to scores at the end; the numbers are the kernels'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostTransform {
    None = 0,
    Logistic = 1,
    Softmax = 2,
    SoftmaxZero = 3,
    Probit = 4,
}

impl PostTransform {
    pub(crate) fn parse(node: &NodeProto) -> Result<Self, Fault> {
        match attributes::string(node, "post_transform", "NONE")?.as_str() {
            "NONE" => Ok(Self::None),
            "LOGISTIC" => Ok(Self::Logistic),
            "SOFTMAX" => Ok(Self::Softmax),
            "SOFTMAX_ZERO" => Ok(Self::SoftmaxZero),
            "PROBIT" => Ok(Self::Probit),
            other => Err(contradiction!("the post transform `{other}` is unknown")),
        }
    }

    pub(crate) fn arg(self) -> Arg {
        Arg::Int(self as i32)
    }

    /// Estimated nanoseconds for one score.
    pub(crate) fn cost_ns(self) -> f64 {
        if self == Self::None { 1.0 } else { 12.0 }
    }
}

/// Scores to label indices and final scores: the tail that classifiers share.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    pub(crate) classes: usize,
    pub(crate) post: PostTransform,
    /// Added to the scores; as long as there are classes.
    pub(crate) base: Vec<f32>,
    /// For two classes: the score that decides, and above which value the second class wins.
    pub(crate) pivot: Option<(usize, f32)>,
}

impl Tail {
    /// Answers the label indices and the final scores.
    pub(crate) fn lower(
        &self,
        l: &mut Lowering<'_>,
        node: &TypedNode,
        raw: BufferId,
        rows: &Extent,
    ) -> (BufferId, BufferId) {
        let base = l.planner.weights_f32(format!("{} (base)", node.name), &self.base);
        let (indices, scores) = classifier_buffers(l, node, rows, self.classes);
        let (pivot, threshold) =
            self.pivot.map_or((-1, 0.0), |(class, threshold)| (class as i32, threshold));
        let args = vec![
            Arg::read(raw),
            Arg::Count(rows.clone()),
            Arg::count(self.classes),
            Arg::Weights(base),
            Arg::Int(pivot),
            Arg::Float(threshold),
            self.post.arg(),
            Arg::write(scores),
            Arg::write(indices),
        ];
        let title = format!("{} classes, {:?}", self.classes, self.post);
        let cost = 3.0 + self.classes as f64 * self.post.cost_ns();
        let kernel = l.planner.variant("scores_multi", "scores_multi_relaxed");
        l.planner.call(kernel, args, title, cost);
        (indices, scores)
    }
}

/// Buffers for a classifier's label indices and final scores.
pub(crate) fn classifier_buffers(
    l: &mut Lowering<'_>,
    node: &TypedNode,
    rows: &Extent,
    classes: usize,
) -> (BufferId, BufferId) {
    let indices = l.planner.buffer(
        format!("{} (index)", node.name),
        shared::ElementType::Int32,
        rows.clone(),
    );
    let scores = l.planner.buffer(
        format!("{} (scores)", node.name),
        shared::ElementType::Float32,
        rows.clone().times(Extent::from(classes)),
    );
    (indices, scores)
}

/// The rows of a node's first input.
pub(crate) fn rows_of(l: &Lowering<'_>, node: &TypedNode) -> Result<Extent, Refusal> {
    l.shape(node.inputs[0])?
        .first()
        .cloned()
        .ok_or_else(|| Refusal::because("its input has no dimensions"))
}
