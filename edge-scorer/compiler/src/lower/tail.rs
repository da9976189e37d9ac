//! What follows a product and can be done while its sums are still in registers.
//!
//! A batch normalisation, a bias and a ReLU reach the typed graph as multiplications, additions
//! and comparisons with constants that differ at most from channel to channel. As long as each
//! result has one reader, they are folded into the weights, the bias and a clamp.

use tract_onnx::prelude::{DatumType, OutletId, TypedNode};
use tract_onnx::tract_core::ops::binary::TypedBinOp;

use super::{Lowering, Refusal, Value, constant_f32};
use crate::plan::BufferId;

/// `clamp(product · scale + shift, low, high)`, channel by channel.
pub(super) struct Tail {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) low: f32,
    pub(super) high: f32,
    /// The outlets that are folded, the product's first: the last is what others read.
    outlets: Vec<OutletId>,
}

impl Tail {
    /// Folds what follows `node`, whose output has `channels` along `axis`.
    pub(super) fn of(
        l: &Lowering<'_>,
        node: &TypedNode,
        axis: usize,
        channels: usize,
    ) -> Result<Self, Refusal> {
        let mut tail = Self::none(node, channels);
        while let Some(next) = tail.only_reader(l) {
            if !tail.fold(l, next, axis)? {
                break;
            }
            tail.outlets.push(OutletId::new(next.id, 0));
        }
        Ok(tail)
    }

    /// Nothing: the result of `node` as it is.
    pub(super) fn none(node: &TypedNode, channels: usize) -> Self {
        Self {
            scale: vec![1.0; channels],
            shift: vec![0.0; channels],
            low: f32::NEG_INFINITY,
            high: f32::INFINITY,
            outlets: vec![OutletId::new(node.id, 0)],
        }
    }

    fn last(&self) -> OutletId {
        self.outlets[self.outlets.len() - 1]
    }

    fn only_reader<'m>(&self, l: &Lowering<'m>) -> Option<&'m TypedNode> {
        let last = self.last();
        if l.model.output_outlets().ok()?.contains(&last) {
            return None;
        }
        match l.model.node(last.node).outputs[last.slot].successors.as_slice() {
            [one] => Some(l.model.node(one.node)),
            _ => None,
        }
    }

    /// Whether `next` is part of the tail now.
    fn fold(&mut self, l: &Lowering<'_>, next: &TypedNode, axis: usize) -> Result<bool, Refusal> {
        let Some(TypedBinOp(operator, None)) = next.op_as::<TypedBinOp>() else { return Ok(false) };
        let [a, b] = *next.inputs.as_slice() else { return Ok(false) };
        let (other, product_is_left) = if a == self.last() { (b, true) } else { (a, false) };
        if next.outputs[0].fact.shape != l.fact(self.last())?.shape {
            return Ok(false);
        }
        let Some(values) = self.per_channel(l, other, axis)? else { return Ok(false) };
        let is_open = self.low == f32::NEG_INFINITY && self.high == f32::INFINITY;
        let uniform = values.iter().all(|value| *value == values[0]).then_some(values[0]);
        match (operator.name(), product_is_left) {
            ("Add", _) if is_open => zip(&mut self.shift, &values, |shift, value| shift + value),
            ("Sub", true) if is_open => zip(&mut self.shift, &values, |shift, value| shift - value),
            ("Mul", _) if is_open => {
                zip(&mut self.scale, &values, |scale, value| scale * value);
                zip(&mut self.shift, &values, |shift, value| shift * value);
            }
            ("Div", true) if is_open => {
                zip(&mut self.scale, &values, |scale, value| scale / value);
                zip(&mut self.shift, &values, |shift, value| shift / value);
            }
            ("Max", _) => match uniform {
                Some(low) if low <= self.high => self.low = self.low.max(low),
                _ => return Ok(false),
            },
            ("Min", _) => match uniform {
                Some(high) if high >= self.low => self.high = self.high.min(high),
                _ => return Ok(false),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The constant behind `outlet`, one number for each channel, if it varies in no other way.
    fn per_channel(
        &self,
        l: &Lowering<'_>,
        outlet: OutletId,
        axis: usize,
    ) -> Result<Option<Vec<f32>>, Refusal> {
        let channels = self.scale.len();
        let fact = l.fact(outlet)?;
        let Some(tensor) = fact.konst.as_ref().filter(|_| fact.datum_type == DatumType::F32) else {
            return Ok(None);
        };
        let varies = |(index, dim): (usize, &usize)| *dim != 1 && index != axis;
        if tensor.shape().iter().enumerate().any(varies) {
            return Ok(None);
        }
        let values = constant_f32(tensor)?;
        Ok(match values.len() {
            1 => Some(vec![values[0]; channels]),
            len if len == channels => Some(values),
            _ => None,
        })
    }

    /// The number of folded nodes behind the product.
    pub(super) fn folded(&self) -> usize {
        self.outlets.len() - 1
    }

    /// A buffer for the tail's result, which stands for everything that was folded.
    pub(super) fn output(&self, l: &mut Lowering<'_>) -> Result<BufferId, Refusal> {
        let last = l.model.node(self.last().node);
        let y = l.output(last, 0)?;
        for outlet in &self.outlets {
            l.values.insert(*outlet, Value::Tensor(y));
        }
        Ok(y)
    }
}

fn zip(to: &mut [f32], values: &[f32], f: impl Fn(f32, f32) -> f32) {
    for (to, value) in to.iter_mut().zip(values) {
        *to = f(*to, *value);
    }
}

#[cfg(test)]
mod tests {
    use shared::Profile;
    use tract_onnx::pb::tensor_proto::DataType;
    use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
    use tract_onnx::pb::type_proto::{Tensor, Value as TypeValue};
    use tract_onnx::pb::{
        GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
        TypeProto, ValueInfoProto,
    };

    use crate::import::{Batch, import};
    use crate::lower::lower;

    fn port(name: &str, columns: i64) -> ValueInfoProto {
        let dim = |value| Dimension { value: Some(value), ..Dimension::default() };
        let rows = dim(dimension::Value::DimParam("n".to_owned()));
        let columns = dim(dimension::Value::DimValue(columns));
        let shape = Some(TensorShapeProto { dim: vec![rows, columns] });
        let tensor = Tensor { elem_type: DataType::Float as i32, shape };
        let value = Some(TypeValue::TensorType(tensor));
        let r#type = Some(TypeProto { value, ..TypeProto::default() });
        ValueInfoProto { name: name.to_owned(), r#type, ..ValueInfoProto::default() }
    }

    fn constant(name: &str, dims: &[i64]) -> TensorProto {
        let count = dims.iter().product::<i64>();
        TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: DataType::Float as i32,
            float_data: (0..count).map(|value| value as f32 + 1.0).collect(),
            ..TensorProto::default()
        }
    }

    fn node(op_type: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto {
            name: output.to_owned(),
            op_type: op_type.to_owned(),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            ..NodeProto::default()
        }
    }

    /// The kernels of `clamp(x · w · scale + bias)` with the given outputs.
    fn kernels(outputs: &[&str]) -> Vec<&'static str> {
        let graph = GraphProto {
            node: vec![
                node("MatMul", &["x", "w"], "product"),
                node("Mul", &["product", "scale"], "scaled"),
                node("Add", &["scaled", "bias"], "sum"),
                node("Relu", &["sum"], "y"),
            ],
            initializer: vec![
                constant("w", &[3, 5]),
                constant("scale", &[1]),
                constant("bias", &[5]),
            ],
            input: vec![port("x", 3)],
            output: outputs.iter().map(|name| port(name, 5)).collect(),
            ..GraphProto::default()
        };
        let opset = OperatorSetIdProto { version: 17, ..OperatorSetIdProto::default() };
        let model = ModelProto {
            ir_version: 8,
            graph: Some(graph),
            opset_import: vec![opset],
            ..ModelProto::default()
        };
        let imported = import(model, Batch::AsExported).unwrap();
        let plan = lower(&imported.typed, &imported.symbols, Profile::Portable).unwrap();
        plan.steps.iter().map(|step| step.kernel).collect()
    }

    #[test]
    fn scale_bias_and_clamp_are_folded_into_the_product() {
        assert_eq!(kernels(&["y"]), ["dense_f32"]);
    }

    #[test]
    fn a_sum_that_is_an_output_too_is_kept_apart_from_its_clamp() {
        assert_eq!(kernels(&["sum", "y"]), ["dense_f32", "max_f32"]);
    }
}
