//! `CastLike`, which tract does not know: a cast to the type of another tensor.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::TypedNode;

use super::{Lowering, Refusal, Value, cast};
use crate::ml::{Fact, Fault, Operator};
use crate::plan::Arg;

/// A cast to the type of the second input.
#[derive(Debug)]
pub(crate) struct CastLike;

impl Operator for CastLike {
    fn parse(_: &NodeProto) -> Result<Self, Fault> {
        Ok(Self)
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let [from, like] = inputs else { return Err("it does not have two inputs".into()) };
        Ok(vec![Fact { datum_type: like.datum_type, shape: from.shape.clone() }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let [input, like] = *node.inputs.as_slice() else {
            return Err(Refusal::because("it does not have two inputs"));
        };
        let (from, to) = (l.element(input)?, l.element(like)?);
        if from == to {
            return Ok(vec![l.value(input)?]);
        }
        let kernel = cast::kernel(from, to)?;
        let (x, count, y) = (l.read(input)?, l.count(input)?, l.output(node, 0)?);
        let args = vec![x, Arg::Count(count), Arg::write(y)];
        l.planner.call(kernel, args, format!("cast {from} to {to}"), 5.0);
        Ok(vec![Value::Tensor(y)])
    }
}
