//! `ReduceLogSumExp`: tract writes it as it is spelled, and then it overflows.
//!
//! Naive Bayes classifiers are exported with it, over sums of logarithms far from 0.

use shared::ElementType::Float32;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};
use tract_onnx::prelude::{TDim, TypedNode};

use super::attributes::{self, TensorValues};
use super::{Fact, Fault, Operator};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, product};

/// `ReduceLogSumExp` with axes that are known.
#[derive(Debug)]
pub(super) struct ReduceLogSumExp {
    axes: Vec<i64>,
    keeps_axes: bool,
    nothing_means_none: bool,
}

impl ReduceLogSumExp {
    /// The axes, ascending.
    fn axes(&self, rank: usize) -> Result<Vec<usize>, Fault> {
        if self.axes.is_empty() {
            return Ok(if self.nothing_means_none { Vec::new() } else { (0..rank).collect() });
        }
        let mut axes = self
            .axes
            .iter()
            .map(|axis| {
                let counted = if *axis < 0 { axis + rank as i64 } else { *axis };
                usize::try_from(counted)
                    .ok()
                    .filter(|axis| *axis < rank)
                    .ok_or_else(|| format!("there is no axis {axis}"))
            })
            .collect::<Result<Vec<usize>, _>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }
}

impl Operator for ReduceLogSumExp {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        if node.input.iter().filter(|input| !input.is_empty()).count() != 1 {
            return Err("its axes are known only at run time".into());
        }
        Ok(Self {
            axes: attributes::ints(node, "axes").to_vec(),
            keeps_axes: attributes::int(node, "keepdims").unwrap_or(1) != 0,
            nothing_means_none: attributes::int(node, "noop_with_empty_axes").unwrap_or(0) != 0,
        })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let input = inputs.first().ok_or("it has no input")?;
        let axes = self.axes(input.shape.len())?;
        let dims = input.shape.iter().enumerate();
        let shape = dims
            .filter_map(|(axis, dim)| match (axes.contains(&axis), self.keeps_axes) {
                (false, _) => Some(dim.clone()),
                (true, true) => Some(TDim::from(1)),
                (true, false) => None,
            })
            .collect();
        Ok(vec![Fact { datum_type: input.datum_type, shape }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let input = node.inputs[0];
        let shape = l.shape(input)?;
        let axes = self.axes(shape.len())?;
        let begin = axes.first().copied().unwrap_or(shape.len());
        let end = begin + axes.len();
        if l.element(input)? != Float32 || axes.last().is_some_and(|last| last + 1 != end) {
            return Err(Refusal::because("it is not over neighbouring axes of floats"));
        }
        let (x, y) = (l.read(input)?, l.output(node, 0)?);
        let args = vec![
            x,
            Arg::Count(product(&shape[..begin])),
            Arg::Count(product(&shape[begin..end])),
            Arg::Count(product(&shape[end..])),
            Arg::write(y),
        ];
        let length = product(&shape[begin..end]).evaluate(&[64; 8]).unwrap_or(1);
        l.planner.call("log_sum_exp", args, "log of a sum of exponentials", 10.0 * length as f64);
        Ok(vec![Value::Tensor(y)])
    }
}

/// Makes attributes of axes that are constants: newer opsets give them as an input.
pub(crate) fn axes_as_attributes(graph: &mut GraphProto) {
    let constants = &graph.initializer;
    for node in &mut graph.node {
        if node.op_type != "ReduceLogSumExp" || node.input.len() != 2 {
            continue;
        }
        let tensor = constants.iter().find(|tensor| tensor.name == node.input[1]);
        let Some(Ok(TensorValues::Ints(axes, _))) =
            tensor.map(|tensor| attributes::tensor_values(tensor, "axes"))
        else {
            continue;
        };
        node.input.truncate(1);
        node.attribute.push(AttributeProto {
            name: "axes".to_owned(),
            ints: axes,
            ..AttributeProto::default()
        });
    }
}
