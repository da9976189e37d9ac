//! `LRN`, read from the file by our own operator: tract keeps its own out of reach.

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, TypedNode};

use super::{Lowering, Refusal, Value};
use crate::ml::{Fact, Fault, Operator, attributes};
use crate::plan::{Arg, product};

/// Local response normalisation across channels.
#[derive(Debug)]
pub(crate) struct Lrn {
    size: usize,
    alpha: f32,
    beta: f32,
    bias: f32,
}

impl Operator for Lrn {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let size = attributes::int(node, "size")
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| (1..=65_536).contains(size))
            .ok_or("`size` is missing or impossible")?;
        Ok(Self {
            size,
            alpha: attributes::float(node, "alpha").unwrap_or(1e-4),
            beta: attributes::float(node, "beta").unwrap_or(0.75),
            bias: attributes::float(node, "bias").unwrap_or(1.0),
        })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        match inputs.first() {
            Some(fact) if fact.datum_type != DatumType::F32 => {
                Err("it normalises another type than float32".into())
            }
            Some(fact) if fact.shape.len() < 2 => Err("its input has no channels".into()),
            Some(fact) => Ok(vec![fact.clone()]),
            None => Err("it has no input".into()),
        }
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let shape = l.shape(node.inputs[0])?;
        let (x, y) = (l.read(node.inputs[0])?, l.output(node, 0)?);
        let cost = product(&shape).evaluate(&[1, 64, 64, 64]).unwrap_or(1) as f64 * 3.0;
        let args = vec![
            x,
            Arg::write(y),
            Arg::Count(shape[0].clone()),
            Arg::Count(shape[1].clone()),
            Arg::Count(product(&shape[2..])),
            Arg::count((self.size - 1) / 2),
            Arg::count(self.size / 2),
            Arg::Float(self.alpha / self.size as f32),
            Arg::Float(self.beta),
            Arg::Float(self.bias),
        ];
        let title = "local response normalisation".to_owned();
        l.call_profiled("lrn_f32", "lrn_f32_relaxed", args, title, cost);
        Ok(vec![Value::Tensor(y)])
    }
}
