//! Operators that turn values into other values: `LabelEncoder`, `OneHotEncoder`.

use std::sync::Arc;

use shared::ElementType::{Float32, Int32, Int64, String as Text};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, OutletId, TypedNode};

use super::{Fact, Operator, attributes};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, BufferId, Extent};

/// Distinct values that are looked for.
#[derive(Debug)]
enum Keys {
    Ints(Vec<i64>),
    Texts(Vec<String>),
    Floats(Vec<f32>),
}

impl Keys {
    fn len(&self) -> usize {
        match self {
            Self::Ints(keys) => keys.len(),
            Self::Texts(keys) => keys.len(),
            Self::Floats(keys) => keys.len(),
        }
    }

    fn datum_type(&self) -> DatumType {
        match self {
            Self::Ints(_) => DatumType::I64,
            Self::Texts(_) => DatumType::String,
            Self::Floats(_) => DatumType::F32,
        }
    }

    /// Finds every element of `outlet`; answers a buffer of positions among the sorted keys, the
    /// number of sorted keys standing for "not there", and of each sorted key its place in `self`.
    fn find(
        &self,
        l: &mut Lowering<'_>,
        node: &TypedNode,
        outlet: OutletId,
    ) -> Result<(BufferId, Vec<usize>), Refusal> {
        let count = l.count(outlet)?;
        let order = self.sorted();
        let index = l.planner.buffer(format!("{} (found)", node.name), Int32, count.clone());
        let name = format!("{} (keys)", node.name);
        let cost = 10.0;
        let title = format!("find one of {}", order.len());
        let (count, length) = (Arg::Count(count), Arg::count(order.len()));
        match self {
            Self::Ints(keys) => {
                let sorted: Vec<i64> = order.iter().map(|place| keys[*place]).collect();
                let keys = Arg::Weights(l.planner.weights_i64(name, &sorted));
                let args = vec![l.read(outlet)?, count, keys, length, Arg::write(index)];
                l.planner.call("find_i64", args, title, cost);
            }
            Self::Floats(keys) => {
                let sorted: Vec<f32> = order.iter().map(|place| keys[*place]).collect();
                let keys = Arg::Weights(l.planner.weights_f32(name, &sorted));
                let args = vec![l.read(outlet)?, count, keys, length, Arg::write(index)];
                l.planner.call("find_f32", args, title, cost);
            }
            Self::Texts(keys) => {
                let (mut offsets, mut letters) = (vec![0_u32], Vec::new());
                for place in &order {
                    letters.extend_from_slice(keys[*place].as_bytes());
                    offsets.push(letters.len() as u32);
                }
                let Value::Text { offsets: text, bytes } = l.value(outlet)? else {
                    return Err(Refusal::because("its text does not come straight from an input"));
                };
                let offsets = Arg::Weights(l.planner.weights_u32(name.clone(), &offsets));
                let letters = Arg::Weights(l.planner.weights(name, letters));
                let args = vec![
                    Arg::read(text),
                    bytes,
                    count,
                    offsets,
                    letters,
                    length,
                    Arg::write(index),
                ];
                l.planner.call("find_text", args, title, 3.0 * cost);
            }
        }
        Ok((index, order))
    }

    /// Places of the keys in ascending order; of equal keys the first counts.
    fn sorted(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        match self {
            Self::Ints(keys) => {
                order.sort_by_key(|place| keys[*place]);
                order.dedup_by_key(|place| keys[*place]);
            }
            Self::Texts(keys) => {
                order.sort_by(|a, b| keys[*a].as_bytes().cmp(keys[*b].as_bytes()));
                order.dedup_by(|a, b| keys[*a] == keys[*b]);
            }
            // Floats are compared one by one, in order.
            Self::Floats(_) => {}
        }
        order
    }
}

/// `ai.onnx.ml.LabelEncoder`, versions 1 to 3 (lists, not tensors).
#[derive(Debug)]
pub(super) struct LabelEncoder {
    keys: Keys,
    values: Values,
}

/// Values by key, and the one for unknown keys behind them.
#[derive(Debug)]
enum Values {
    Ints(Vec<i64>),
    Texts(Vec<String>),
    Floats(Vec<f32>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Floats(values) => values.len(),
        }
    }
}

impl Operator for LabelEncoder {
    fn parse(node: &NodeProto) -> Result<Self, String> {
        let default_text = attributes::string(node, "default_string", "_Unused")?;
        let default_int = attributes::int(node, "default_int64").unwrap_or(-1);
        let classes = attributes::strings(node, "classes_strings")?;
        if !classes.is_empty() {
            // Version 1 goes both ways; the input's type says which, and text is what comes in.
            let mut numbers: Vec<i64> = (0..classes.len() as i64).collect();
            numbers.push(default_int);
            return Ok(Self { keys: Keys::Texts(classes), values: Values::Ints(numbers) });
        }
        if attributes::has(node, "keys_tensor") || attributes::has(node, "values_tensor") {
            return Err("it has its keys in tensors; export with `keys_*` lists".to_owned());
        }
        let (ints, floats) =
            (attributes::ints(node, "keys_int64s"), attributes::floats(node, "keys_floats"));
        let texts = attributes::strings(node, "keys_strings")?;
        let keys = match (ints.is_empty(), floats.is_empty(), texts.is_empty()) {
            (false, true, true) => Keys::Ints(ints.to_vec()),
            (true, false, true) => Keys::Floats(floats.to_vec()),
            (true, true, false) => Keys::Texts(texts),
            _ => return Err("it has no one list of keys".to_owned()),
        };
        let (ints, floats) =
            (attributes::ints(node, "values_int64s"), attributes::floats(node, "values_floats"));
        let texts = attributes::strings(node, "values_strings")?;
        let values = match (ints.is_empty(), floats.is_empty(), texts.is_empty()) {
            (false, true, true) => Values::Ints([ints, &[default_int]].concat()),
            (true, false, true) => {
                let default = attributes::float(node, "default_float").unwrap_or(-0.0);
                Values::Floats([floats, &[default]].concat())
            }
            (true, true, false) => Values::Texts([texts, vec![default_text]].concat()),
            _ => return Err("it has no one list of values".to_owned()),
        };
        if values.len() != keys.len() + 1 {
            return Err(format!("{} keys, {} values", keys.len(), values.len() - 1));
        }
        Ok(Self { keys, values })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, String> {
        let input = inputs.first().ok_or("it has no input")?;
        if input.datum_type != self.keys.datum_type() {
            let (is, wanted) = (input.datum_type, self.keys.datum_type());
            return Err(format!("its input is {is:?}, its keys are {wanted:?}"));
        }
        let datum_type = match self.values {
            Values::Ints(_) => DatumType::I64,
            Values::Texts(_) => DatumType::String,
            Values::Floats(_) => DatumType::F32,
        };
        Ok(vec![Fact { datum_type, shape: input.shape.clone() }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let (index, mut order) = self.keys.find(l, node, node.inputs[0])?;
        order.push(self.keys.len());
        let count = l.count(node.inputs[0])?;
        let name = format!("{} (values)", node.name);
        let (kernel, table) = match &self.values {
            Values::Texts(values) => {
                let table: Arc<[String]> = order.iter().map(|i| values[*i].clone()).collect();
                return Ok(vec![Value::Labels { indices: index, table }]);
            }
            Values::Ints(values) => {
                let table: Vec<i64> = order.iter().map(|i| values[*i]).collect();
                ("pick_i64", l.planner.weights_i64(name, &table))
            }
            Values::Floats(values) => {
                let table: Vec<f32> = order.iter().map(|i| values[*i]).collect();
                ("pick_f32", l.planner.weights_f32(name, &table))
            }
        };
        let y = l.output(node, 0)?;
        let args = vec![
            Arg::read(index),
            Arg::Count(count),
            Arg::Weights(table),
            Arg::count(order.len()),
            Arg::write(y),
        ];
        l.planner.call(kernel, args, "encode labels", 3.0);
        Ok(vec![Value::Tensor(y)])
    }
}

/// `ai.onnx.ml.OneHotEncoder`.
#[derive(Debug)]
pub(super) struct OneHotEncoder {
    categories: Keys,
    /// Whether an unknown value is an error rather than a row of zeros.
    strict: bool,
}

impl Operator for OneHotEncoder {
    fn parse(node: &NodeProto) -> Result<Self, String> {
        let ints = attributes::ints(node, "cats_int64s");
        let texts = attributes::strings(node, "cats_strings")?;
        let categories = match (ints.is_empty(), texts.is_empty()) {
            (false, true) => Keys::Ints(ints.to_vec()),
            (true, false) => Keys::Texts(texts),
            _ => return Err("it has no one list of categories".to_owned()),
        };
        Ok(Self { categories, strict: attributes::int(node, "zeros").unwrap_or(1) == 0 })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, String> {
        let input = inputs.first().ok_or("it has no input")?;
        let is_text = input.datum_type == DatumType::String;
        if is_text != matches!(self.categories, Keys::Texts(_)) {
            return Err("its categories are not of its input's type".to_owned());
        }
        let mut shape = input.shape.clone();
        shape.push((self.categories.len() as i64).into());
        Ok(vec![Fact { datum_type: DatumType::F32, shape }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let input = node.inputs[0];
        match l.element(input)? {
            Int64 | Text => {}
            other => return Err(Refusal::because(format!("its input is {other}"))),
        }
        let (index, order) = self.categories.find(l, node, input)?;
        if order.len() != self.categories.len() {
            return Err(Refusal::because("a category is there twice"));
        }
        let places: Vec<u32> = order.iter().map(|place| *place as u32).collect();
        let places = l.planner.weights_u32(format!("{} (places)", node.name), &places);
        let count = l.count(input)?;
        let columns = Extent::from(self.categories.len());
        let y = l.planner.buffer(node.name.clone(), Float32, count.clone().times(columns));
        let args = vec![
            Arg::read(index),
            Arg::Count(count),
            Arg::Weights(places),
            Arg::count(self.categories.len()),
            Arg::Int(i32::from(self.strict)),
            Arg::write(y),
        ];
        l.planner.call("one_hot", args, "one column a category", self.categories.len() as f64);
        Ok(vec![Value::Tensor(y)])
    }
}
