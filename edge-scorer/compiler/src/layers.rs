//! Operators of neural networks that are ours from the file to the plan.
//!
//! tract takes most of them apart, knows them with constant weights only, or lacks them. As in `ml`,
//! each is one node of its graph, but here inputs and outputs may be left out, shapes may depend on
//! the values of other inputs, and types other than `float32` are common.
//!
//! # Adding an operator
//! One file holds its attributes, its shape rule and its lowering; one line of [`LAYERS`] makes it
//! known. The shape rule answers `Ok(None)` as long as it needs a value that is not known:
//! ```ignore
//! #[derive(Debug)]
//! struct Hardmax { axis: i64 }
//!
//! impl Layer for Hardmax {
//!     fn parse(node: &Source<'_>) -> Result<Self, Fault> {
//!         Ok(Self { axis: node.int("axis").unwrap_or(-1) })
//!     }
//!     fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
//!         Ok(Some(vec![inputs.fact(0)?.clone()]))
//!     }
//!     fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
//!         let (x, y) = (l.read_f32(node.input(0)?)?, node.f32_output(l, 0)?);
//!         l.planner.call("hardmax_f32", vec![x, Arg::write(y), …], "largest", 10.0);
//!         Ok(vec![node.finish(l, 0, y)?])
//!     }
//! }
//! ```
//!
//! # Deliberately absent
//! - What tract does well with constant weights: [`Choice::Tract`] leaves such nodes to it, because
//!   its simplifications (a batch normalisation folded into a convolution) are worth keeping.

mod attention;
mod convolution;
mod geometry;
mod logarithm;
mod loss;
mod normalisation;
mod pooling;
mod quantisation;
mod recurrent;
mod regions;
mod resize;
mod shuffle;
mod spectra;
mod table;
mod wiring;

use std::fmt::Debug;
use std::sync::OnceLock;

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::TractResult;
use tract_onnx::tract_hir::internal::InferenceOp;

pub(crate) use self::wiring::{Inferred, Inputs, Source, Wired};
use crate::lower::{Lowering, Refusal, Value};
use crate::ml::{Build, Fault, carry, contradiction};

/// An operator with its attributes read.
pub(crate) trait Layer: Debug + Send + Sync + 'static {
    /// Reads the attributes of a node.
    fn parse(node: &Source<'_>) -> Result<Self, Fault>
    where
        Self: Sized;

    /// Types and shapes of all outputs that the operator can have; `None` as long as a value that
    /// they depend on is not known.
    fn infer(&self, inputs: &Inputs<'_>) -> Inferred;

    /// Appends the kernel calls; answers as many values as [`Layer::infer`], those of outputs that
    /// the node does not have being of no account.
    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal>;
}

/// Whose a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Ours,
    Tract,
}

/// Every operator, by the name that ONNX gives it.
const LAYERS: &[(&str, Build)] = &[
    ("AffineGrid", ours::<resize::AffineGrid>),
    ("Attention", ours::<attention::Attention>),
    ("AveragePool", ours::<pooling::AveragePool>),
    ("BatchNormalization", choose::<normalisation::BatchNormalization>),
    ("BlackmanWindow", ours::<spectra::Window>),
    ("CenterCropPad", ours::<shuffle::CenterCropPad>),
    ("Col2Im", ours::<convolution::Col2Im>),
    ("Conv", choose::<convolution::Conv>),
    ("ConvInteger", ours::<quantisation::ConvInteger>),
    ("ConvTranspose", ours::<convolution::ConvTranspose>),
    ("DFT", ours::<spectra::Transform>),
    ("DeformConv", ours::<convolution::DeformConv>),
    ("DepthToSpace", ours::<shuffle::DepthToSpace>),
    ("DequantizeLinear", ours::<quantisation::Dequantize>),
    ("DynamicQuantizeLinear", ours::<quantisation::DynamicQuantize>),
    ("GRU", ours::<recurrent::Recurrent>),
    ("GlobalLpPool", ours::<pooling::GlobalLpPool>),
    ("GridSample", ours::<resize::GridSample>),
    ("GroupNormalization", ours::<normalisation::GroupNormalization>),
    ("HammingWindow", ours::<spectra::Window>),
    ("HannWindow", ours::<spectra::Window>),
    ("Hardmax", ours::<normalisation::Hardmax>),
    ("InstanceNormalization", ours::<normalisation::GroupNormalization>),
    ("LSTM", ours::<recurrent::Recurrent>),
    ("LayerNormalization", ours::<normalisation::LayerNormalization>),
    ("LogSoftmax", logarithm::log_softmax),
    ("LpNormalization", ours::<normalisation::LpNormalization>),
    ("LpPool", ours::<pooling::LpPool>),
    ("MatMulInteger", ours::<quantisation::MatMulInteger>),
    ("MaxPool", ours::<pooling::MaxPool>),
    ("MaxRoiPool", ours::<regions::MaxRoiPool>),
    ("MaxUnpool", ours::<pooling::MaxUnpool>),
    ("MelWeightMatrix", ours::<spectra::MelWeights>),
    ("NegativeLogLikelihoodLoss", ours::<loss::ClassLoss>),
    ("QLinearConv", ours::<quantisation::QLinearConv>),
    ("QLinearMatMul", ours::<quantisation::QLinearMatMul>),
    ("QuantizeLinear", ours::<quantisation::Quantize>),
    ("RMSNormalization", ours::<normalisation::RmsNormalization>),
    ("RNN", ours::<recurrent::Recurrent>),
    ("Resize", ours::<resize::Resize>),
    ("RoiAlign", ours::<regions::RoiAlign>),
    ("RotaryEmbedding", ours::<attention::RotaryEmbedding>),
    ("STFT", ours::<spectra::Frames>),
    ("SoftmaxCrossEntropyLoss", ours::<loss::ClassLoss>),
    ("SpaceToDepth", ours::<shuffle::DepthToSpace>),
    ("TensorScatter", ours::<attention::TensorScatter>),
    ("Upsample", ours::<resize::Resize>),
];

/// Whether ONNX's main domain has an operator of this name that is ours.
pub(crate) fn knows(operator: &str) -> bool {
    LAYERS.iter().any(|(name, _)| *name == operator)
}

/// Makes tract build our operators.
pub(crate) fn register(operators: &mut OnnxOpRegister) {
    for (name, build) in LAYERS {
        operators.insert(name, *build);
    }
}

fn ours<L: Layer>(
    context: &ParsingContext<'_>,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    carry::<wiring::Layered<L>>(context, node)
}

/// An operator that tract keeps where it does better.
trait Contested: Layer {
    fn choice(node: &Source<'_>, context: &ParsingContext<'_>) -> Choice;
}

fn choose<L: Contested>(
    context: &ParsingContext<'_>,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let source = Source::new(node, context.onnx_operator_set_version);
    if L::choice(&source, context) == Choice::Ours {
        return ours::<L>(context, node);
    }
    // The registry that this one was made from; making it anew for every node would take a while.
    static TRACTS: OnceLock<OnnxOpRegister> = OnceLock::new();
    match TRACTS.get_or_init(|| tract_onnx::onnx().op_register).0.get(&node.op_type) {
        Some(build) => build(context, node),
        None => ours::<L>(context, node),
    }
}

/// The constant of that name in the file, if it is one: its element type and its shape.
fn constant_of<'a>(
    context: &'a ParsingContext<'_>,
    name: &str,
) -> Option<&'a tract_onnx::pb::TensorProto> {
    let graphs = context.parent_graphs.iter().copied().chain(context.model.graph.as_ref());
    graphs.into_iter().find_map(|graph| {
        let initializer = graph.initializer.iter().find(|tensor| tensor.name == name);
        initializer.or_else(|| {
            let makes = |node: &&NodeProto| {
                node.op_type == "Constant" && node.output.iter().any(|output| output == name)
            };
            let node = graph.node.iter().find(makes)?;
            crate::ml::attributes::tensor(node, "value")
        })
    })
}
