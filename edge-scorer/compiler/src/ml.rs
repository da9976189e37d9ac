//! The operators of `ai.onnx.ml`, carried through tract's graph as our own.
//!
//! tract's graph fits them: each is one node with typed, symbolic shapes, and tract infers, folds
//! and removes around it. What tract would do with them itself (it knows five of some twenty, as
//! calls into its own interpreter) is of no use to a compiler, so [`register`] replaces those too.
//!
//! One file per operator or per pair of twins. Each reads its attributes once, in `parse`, into a
//! type that implements [`Operator`]: `outputs` says types and shapes, `lower` appends kernel calls.
//! Adding one is a file, a line in [`ENTRIES`] and a test.

pub(crate) mod attributes;
mod automaton;
mod carrier;
mod classes;
mod columns;
mod encoders;
mod fault;
mod features;
mod linear;
mod logsum;
mod maps;
mod svm;
mod text;
mod trees;
mod words;

use std::fmt::Debug;
use std::sync::Arc;

use shared::Label;
use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::{DatumType, TDim, TVec, Tensor, TractResult, TypedNode};
use tract_onnx::tract_hir::internal::InferenceOp;

use self::carrier::Carried;
pub(crate) use self::carrier::carry;
pub(crate) use self::fault::{Fault, contradiction};
pub(crate) use self::logsum::axes_as_attributes;
pub(crate) use self::maps::tables_for_maps;
pub(crate) use self::text::equal as equal_text;
pub(crate) use self::words::join_tokenizers;
use crate::error::CompileError;
use crate::lower::{Lowered, Lowering, Refusal, Value, cast_like, lrn};

/// Type and shape of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) datum_type: DatumType,
    pub(crate) shape: TVec<TDim>,
}

/// What the compiler knows of an input: its type and shape, and its value if it is a constant.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) fact: Fact,
    pub(crate) value: Option<Arc<Tensor>>,
}

/// An operator of ours, with its attributes read.
pub(crate) trait Operator: Debug + Send + Sync + 'static {
    /// Reads the attributes of a node.
    fn parse(node: &NodeProto) -> Result<Self, Fault>
    where
        Self: Sized;

    /// As [`Operator::parse`], for operators that changed from one version of their domain to another.
    fn parse_at(node: &NodeProto, _opset: i64) -> Result<Self, Fault>
    where
        Self: Sized,
    {
        Self::parse(node)
    }

    /// Types and shapes of all outputs that the operator can have.
    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault>;

    /// As [`Operator::outputs`], for shapes that depend on values; `None` while one is not known.
    fn infer(&self, inputs: &[Known]) -> Result<Option<Vec<Fact>>, Fault> {
        let facts: Vec<Fact> = inputs.iter().map(|known| known.fact.clone()).collect();
        self.outputs(&facts).map(Some)
    }

    /// Appends the kernel calls; answers as many values as [`Operator::outputs`].
    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal>;

    /// The classes that the operator tells apart.
    fn classes(&self) -> Option<Vec<Label>> {
        None
    }

    /// Whether each row of its second output, the scores, adds up to 1 without any below 0.
    fn scores_are_probabilities(&self) -> bool {
        false
    }

    /// Whether its first input is the list that labels are looked up in.
    fn looks_up_labels(&self) -> bool {
        false
    }

    /// Values of each feature that the model tells apart, for an example row.
    fn thresholds(&self) -> Vec<(usize, f32)> {
        Vec::new()
    }
}

/// The operators of `ai.onnx.ml` that can be compiled.
pub(crate) const OPERATORS: &[&str] = &[
    "ArrayFeatureExtractor",
    "Binarizer",
    "CastMap",
    "CategoryMapper",
    "DictVectorizer",
    "FeatureVectorizer",
    "Imputer",
    "LabelEncoder",
    "LinearClassifier",
    "LinearRegressor",
    "Normalizer",
    "OneHotEncoder",
    "SVMClassifier",
    "SVMRegressor",
    "Scaler",
    "TreeEnsemble",
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
    "ZipMap",
];

/// Operators of the main domain that are ours because text goes through them.
pub(crate) const TEXT: &[&str] =
    &["RegexFullMatch", "StringConcat", "StringNormalizer", "TfIdfVectorizer"];

/// Operators of ONNX Runtime's own domain that exporters write for text.
pub(crate) const MICROSOFT: &[&str] = &["MurmurHash3", "Tokenizer"];

/// An operator of ours as tract builds it, and its attributes as they are checked.
struct Entry {
    name: &'static str,
    build: Build,
    check: fn(&NodeProto) -> Result<(), Fault>,
}

/// What tract's register calls.
pub(crate) type Build =
    fn(&ParsingContext<'_>, &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

const fn entry<O: Operator>(name: &'static str) -> Entry {
    Entry { name, build: carry::<O>, check: |node| O::parse(node).map(drop) }
}

/// Every operator of ours, by the name that ONNX gives it.
const ENTRIES: &[Entry] = &[
    entry::<features::ArrayFeatureExtractor>("ArrayFeatureExtractor"),
    entry::<columns::Binarizer>("Binarizer"),
    entry::<cast_like::CastLike>("CastLike"),
    entry::<encoders::CategoryMapper>("CategoryMapper"),
    entry::<words::CountWords>("CountWords"),
    entry::<features::FeatureVectorizer>("FeatureVectorizer"),
    entry::<columns::Imputer>("Imputer"),
    entry::<lrn::Lrn>("LRN"),
    entry::<encoders::LabelEncoder>("LabelEncoder"),
    entry::<linear::LinearClassifier>("LinearClassifier"),
    entry::<linear::LinearRegressor>("LinearRegressor"),
    entry::<text::MurmurHash3>("MurmurHash3"),
    entry::<columns::Normalizer>("Normalizer"),
    entry::<encoders::OneHotEncoder>("OneHotEncoder"),
    entry::<logsum::ReduceLogSumExp>("ReduceLogSumExp"),
    entry::<text::RegexFullMatch>("RegexFullMatch"),
    entry::<svm::SvmClassifier>("SVMClassifier"),
    entry::<svm::SvmRegressor>("SVMRegressor"),
    entry::<columns::Scaler>("Scaler"),
    entry::<text::StringConcat>("StringConcat"),
    entry::<text::StringNormalizer>("StringNormalizer"),
    entry::<words::TfIdfVectorizer>("TfIdfVectorizer"),
    entry::<trees::TreeEnsemble>("TreeEnsemble"),
    entry::<trees::TreeClassifier>("TreeEnsembleClassifier"),
    entry::<trees::TreeRegressor>("TreeEnsembleRegressor"),
];

/// Makes tract build our operators.
pub(crate) fn register(operators: &mut OnnxOpRegister) {
    for Entry { name, build, .. } in ENTRIES {
        operators.insert(name, *build);
    }
}

/// Refuses a graph with a node whose attributes contradict each other, for the tier that reads them as they stand.
pub(crate) fn check(graph: &GraphProto) -> Result<(), CompileError> {
    for node in &graph.node {
        if let Some(entry) = ENTRIES.iter().find(|entry| entry.name == node.op_type)
            && let Err(fault) = (entry.check)(node)
            && fault.is_contradiction()
        {
            return Err(CompileError::invalid(format!(
                "it contradicts itself: node {} ({}): {fault}",
                node.name, node.op_type
            )));
        }
        let graphs = node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs));
        graphs.into_iter().try_for_each(check)?;
    }
    Ok(())
}

/// The rule for all of them.
pub(crate) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    let Some(carried) = node.op_as::<Carried>() else { return Ok(None) };
    let values = carried.operator().lower(l, node)?;
    Ok(Some(carried.wanted(values)))
}

/// Whether an output of a node holds rows of probabilities.
pub(crate) fn has_probabilities(node: &TypedNode, slot: usize) -> bool {
    node.op_as::<Carried>().is_some_and(|carried| carried.has_probabilities_at(slot))
}

/// The operator that a node of the typed graph carries.
pub(crate) fn operator_of(node: &TypedNode) -> Option<&dyn Operator> {
    node.op_as::<Carried>().map(Carried::operator)
}

/// Rows and columns of a `[rows, columns]` input whose columns are known.
fn matrix(input: Option<&Fact>) -> Result<(TDim, usize), Fault> {
    let fact = input.ok_or("it has no input")?;
    match fact.shape.as_slice() {
        [rows, columns] => match columns.as_i64() {
            Some(columns @ 1..) => Ok((rows.clone(), columns as usize)),
            _ => Err("the number of its columns is not known; export the model with it".into()),
        },
        other => {
            Err(format!("its input has {} dimensions, not rows and columns", other.len()).into())
        }
    }
}
