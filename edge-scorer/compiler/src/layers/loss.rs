//! `NegativeLogLikelihoodLoss` and `SoftmaxCrossEntropyLoss`.

use shared::ElementType::Float32;
use tract_onnx::prelude::TDim;

use super::wiring::{fact, values, weight};
use super::{Fault, Inferred, Inputs, Layer, Source, Wired};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, product};

/// A loss of classes.
#[derive(Debug)]
pub(super) struct ClassLoss {
    /// Whether the input holds scores rather than logarithms of probabilities.
    takes_scores: bool,
    /// 0: none, 1: the sum, 2: the mean.
    reduction: usize,
    ignored: Option<i32>,
}

impl Layer for ClassLoss {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let reduction = match node.choice("reduction", &["mean", "none", "sum"])? {
            0 => 2,
            1 => 0,
            _ => 1,
        };
        let ignored = node.int("ignore_index").map(i32::try_from).transpose();
        Ok(Self {
            takes_scores: node.operator() == "SoftmaxCrossEntropyLoss",
            reduction,
            ignored: ignored.map_err(|_| "its `ignore_index` is out of range".to_owned())?,
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let (x, targets) = (inputs.fact(0)?, inputs.shape(1)?);
        let [batch, _, rest @ ..] = x.shape.as_slice() else {
            return Err("its input has no classes".into());
        };
        let places: Vec<TDim> = std::iter::once(batch).chain(rest).cloned().collect();
        if places != targets {
            return Err("its targets have another shape than its input without classes".into());
        }
        let loss = fact(x.datum_type, if self.reduction == 0 { places } else { Vec::new() });
        Ok(Some(vec![loss, x.clone()]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = l.shape(node.input(0)?)?;
        let pixels = product(&shape[2..]);
        let sizes = [shape[0].clone(), shape[1].clone(), pixels].map(Arg::Count);
        let mut x = l.read_f32(node.input(0)?)?;
        let mut logarithms = None;
        if self.takes_scores {
            let to = match node.outlet(1) {
                Some(_) => node.f32_output(l, 1)?,
                None => node.scratch(l, "logarithms", Float32, product(&shape)),
            };
            let mut args = vec![x, Arg::write(to)];
            args.extend(sizes.clone());
            let title = "logarithm of softmax".to_owned();
            let cost = weight(&shape) * 2.0;
            l.call_profiled("log_softmax_f32", "log_softmax_f32_relaxed", args, title, cost);
            x = Arg::read(to);
            logarithms = Some(to);
        }
        let targets = node.i64_or_none(l, 1)?;
        let weights = node.f32_or_none(l, 2)?;
        let y = node.f32_output(l, 0)?;
        let mut args = vec![x, targets, weights, Arg::write(y)];
        args.extend(sizes);
        args.extend([
            Arg::count(usize::from(self.ignored.is_some())),
            Arg::Int(self.ignored.unwrap_or(0)),
            Arg::count(self.reduction),
        ]);
        l.planner.call("class_loss_f32", args, "loss of classes", weight(&shape));
        let first = node.finish(l, 0, y)?;
        let mut all = values(first, [None]);
        if let (Some(_), Some(logarithms)) = (node.outlet(1), logarithms) {
            all[1] = node.finish(l, 1, logarithms)?;
        }
        Ok(all)
    }
}
