//! Operators that turn values into other values: `LabelEncoder`, `CategoryMapper`, `OneHotEncoder`.

use std::sync::Arc;

use shared::ElementType::{Float32, Float64, Int32, Int64};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, OutletId, TypedNode};

use super::attributes::{self, TensorValues};
use super::{Fact, Fault, Operator, contradiction};
use crate::lower::{Lowering, Refusal, Value, text_table};
use crate::plan::{Arg, BufferId, Extent};

/// Distinct values that are looked for.
#[derive(Debug)]
enum Keys {
    /// Of any integer type.
    Ints(Vec<i64>),
    Texts(Vec<String>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
}

impl Keys {
    fn len(&self) -> usize {
        match self {
            Self::Ints(keys) => keys.len(),
            Self::Texts(keys) => keys.len(),
            Self::Floats(keys) => keys.len(),
            Self::Doubles(keys) => keys.len(),
        }
    }

    /// Whether a tensor of this type can be looked up.
    fn takes(&self, datum_type: DatumType) -> bool {
        match self {
            Self::Ints(_) => datum_type.is_integer() || datum_type == DatumType::TDim,
            Self::Texts(_) => datum_type == DatumType::String,
            Self::Floats(_) => datum_type == DatumType::F32,
            Self::Doubles(_) => datum_type == DatumType::F64,
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
        let count = Arg::Count(count);
        let (kernel, mut args, cost) = match self {
            Self::Ints(keys) => {
                let sorted: Vec<i64> = order.iter().map(|place| keys[*place]).collect();
                let keys = Arg::Weights(l.planner.weights_i64(name, &sorted));
                ("find_i64", vec![l.read_as(outlet, Int64)?, count, keys], 10.0)
            }
            Self::Floats(keys) => {
                let sorted: Vec<f32> = order.iter().map(|place| keys[*place]).collect();
                let keys = Arg::Weights(l.planner.weights_f32(name, &sorted));
                ("find_f32", vec![l.read_as(outlet, Float32)?, count, keys], sorted.len() as f64)
            }
            Self::Doubles(keys) => {
                let sorted = order.iter().flat_map(|place| keys[*place].to_le_bytes()).collect();
                let keys = Arg::Weights(l.planner.weights(name, sorted));
                ("find_f64", vec![l.read_as(outlet, Float64)?, count, keys], order.len() as f64)
            }
            Self::Texts(keys) => {
                let sorted: Vec<&str> = order.iter().map(|place| keys[*place].as_str()).collect();
                let (starts, letters) = text_table(&sorted);
                let spans = Arg::read(l.spans(outlet)?);
                let starts = Arg::Weights(l.planner.weights_u32(name.clone(), &starts));
                let letters = Arg::Weights(l.planner.weights(name, letters));
                ("find_text", vec![spans, count, starts, letters], 30.0)
            }
        };
        args.extend([Arg::count(order.len()), Arg::write(index)]);
        l.planner.call(kernel, args, format!("find one of {}", order.len()), cost);
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
            Self::Floats(_) | Self::Doubles(_) => {}
        }
        order
    }
}

/// Values by key, and the one for unknown keys behind them.
#[derive(Debug)]
enum Values {
    /// Of an integer type.
    Ints(Vec<i64>, DatumType),
    Texts(Vec<String>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Ints(values, _) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Doubles(values) => values.len(),
        }
    }

    fn datum_type(&self) -> DatumType {
        match self {
            Self::Ints(_, datum_type) => *datum_type,
            Self::Texts(_) => DatumType::String,
            Self::Floats(_) => DatumType::F32,
            Self::Doubles(_) => DatumType::F64,
        }
    }
}

/// Keys and what they stand for.
#[derive(Debug)]
pub(super) struct Mapping {
    keys: Keys,
    values: Values,
}

impl Mapping {
    fn new(keys: Keys, values: Values) -> Result<Self, Fault> {
        if values.len() != keys.len() + 1 {
            return Err(contradiction!("{} keys, {} values", keys.len(), values.len() - 1));
        }
        Ok(Self { keys, values })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let input = inputs.first().ok_or("it has no input")?;
        if !self.keys.takes(input.datum_type) {
            return Err(
                format!("its input is {:?}, which its keys are not", input.datum_type).into()
            );
        }
        Ok(vec![Fact { datum_type: self.values.datum_type(), shape: input.shape.clone() }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let (index, mut order) = self.keys.find(l, node, node.inputs[0])?;
        order.push(self.keys.len());
        let count = l.count(node.inputs[0])?;
        let width = self.values.datum_type().size_of();
        let bytes: Vec<u8> = match &self.values {
            Values::Texts(values) => {
                let table: Arc<[String]> = order.iter().map(|i| values[*i].clone()).collect();
                return Ok(vec![Value::Labels { indices: index, table }]);
            }
            // Little-endian: the lower bytes of a wide integer are the narrow one.
            Values::Ints(values, _) => {
                order.iter().flat_map(|i| values[*i].to_le_bytes()[..width].to_vec()).collect()
            }
            Values::Floats(values) => order.iter().flat_map(|i| values[*i].to_le_bytes()).collect(),
            Values::Doubles(values) => {
                order.iter().flat_map(|i| values[*i].to_le_bytes()).collect()
            }
        };
        // Numbers are picked by their width, whatever their type.
        let kernel = match width {
            2 => "pick_2",
            4 => "pick_f32",
            8 => "pick_i64",
            _ => return Err(Refusal::because("its values are of a type that is not supported")),
        };
        let table = l.planner.weights(format!("{} (values)", node.name), bytes);
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

/// A list of texts and their numbers, whichever of the two comes in: `CategoryMapper`, and
/// `LabelEncoder` in version 1.
#[derive(Debug)]
pub(super) struct BothWays {
    to_numbers: Mapping,
    to_texts: Mapping,
}

impl BothWays {
    fn new(node: &NodeProto, texts: Vec<String>, numbers: Vec<i64>) -> Result<Self, Fault> {
        let default_text = attributes::string(node, "default_string", "_Unused")?;
        let default_number = attributes::int(node, "default_int64").unwrap_or(-1);
        let with_default = [numbers.as_slice(), &[default_number]].concat();
        let values = Values::Ints(with_default, DatumType::I64);
        Ok(Self {
            to_numbers: Mapping::new(Keys::Texts(texts.clone()), values)?,
            to_texts: Mapping::new(
                Keys::Ints(numbers),
                Values::Texts([texts, vec![default_text]].concat()),
            )?,
        })
    }

    fn for_input(&self, is_text: bool) -> &Mapping {
        if is_text { &self.to_numbers } else { &self.to_texts }
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let is_text = inputs.first().is_some_and(|input| input.datum_type == DatumType::String);
        self.for_input(is_text).outputs(inputs)
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let is_text = l.element(node.inputs[0])? == shared::ElementType::String;
        self.for_input(is_text).lower(l, node)
    }
}

/// `ai.onnx.ml.CategoryMapper`.
#[derive(Debug)]
pub(super) struct CategoryMapper(BothWays);

impl Operator for CategoryMapper {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let texts = attributes::strings(node, "cats_strings")?;
        let numbers = attributes::ints(node, "cats_int64s").to_vec();
        if texts.is_empty() || texts.len() != numbers.len() {
            return Err(contradiction!("{} texts for {} numbers", texts.len(), numbers.len()));
        }
        Ok(Self(BothWays::new(node, texts, numbers)?))
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        self.0.outputs(inputs)
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        self.0.lower(l, node)
    }
}

/// `ai.onnx.ml.LabelEncoder`, versions 1 to 4.
#[derive(Debug)]
pub(super) enum LabelEncoder {
    First(BothWays),
    Lists(Mapping),
}

impl Operator for LabelEncoder {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let classes = attributes::strings(node, "classes_strings")?;
        if !classes.is_empty() {
            let numbers = (0..classes.len() as i64).collect();
            return Ok(Self::First(BothWays::new(node, classes, numbers)?));
        }
        Ok(Self::Lists(Mapping::new(keys(node)?, values(node)?)?))
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        match self {
            Self::First(both) => both.outputs(inputs),
            Self::Lists(mapping) => mapping.outputs(inputs),
        }
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        match self {
            Self::First(both) => both.lower(l, node),
            Self::Lists(mapping) => mapping.lower(l, node),
        }
    }
}

fn keys(node: &NodeProto) -> Result<Keys, Fault> {
    if let Some(tensor) = attributes::tensor(node, "keys_tensor") {
        return Ok(match attributes::tensor_values(tensor, "keys_tensor")? {
            TensorValues::Ints(keys, _) => Keys::Ints(keys),
            TensorValues::Texts(keys) => Keys::Texts(keys),
            TensorValues::Floats(keys) => Keys::Floats(keys),
            TensorValues::Doubles(keys) => Keys::Doubles(keys),
        });
    }
    let (ints, floats) =
        (attributes::ints(node, "keys_int64s"), attributes::floats(node, "keys_floats"));
    let texts = attributes::strings(node, "keys_strings")?;
    match (ints.is_empty(), floats.is_empty(), texts.is_empty()) {
        (false, true, true) => Ok(Keys::Ints(ints.to_vec())),
        (true, false, true) => Ok(Keys::Floats(floats.to_vec())),
        (true, true, false) => Ok(Keys::Texts(texts)),
        _ => Err(contradiction!("it has no one list of keys")),
    }
}

fn values(node: &NodeProto) -> Result<Values, Fault> {
    let default = attributes::tensor(node, "default_tensor")
        .map(|tensor| attributes::tensor_values(tensor, "default_tensor"))
        .transpose()?;
    let default_text = attributes::string(node, "default_string", "_Unused")?;
    let default_int = attributes::int(node, "default_int64").unwrap_or(-1);
    let default_float = attributes::float(node, "default_float").unwrap_or(-0.0);
    let given = match attributes::tensor(node, "values_tensor") {
        Some(tensor) => attributes::tensor_values(tensor, "values_tensor")?,
        None => {
            let ints = attributes::ints(node, "values_int64s").to_vec();
            let floats = attributes::floats(node, "values_floats").to_vec();
            let texts = attributes::strings(node, "values_strings")?;
            match (ints.is_empty(), floats.is_empty(), texts.is_empty()) {
                (false, true, true) => TensorValues::Ints(ints, DatumType::I64),
                (true, false, true) => TensorValues::Floats(floats),
                (true, true, false) => TensorValues::Texts(texts),
                _ => return Err(contradiction!("it has no one list of values")),
            }
        }
    };
    let first = |length: usize| match length {
        1 => Ok(()),
        length => Err(contradiction!("`default_tensor` has {length} elements")),
    };
    Ok(match (given, default) {
        (TensorValues::Ints(values, datum_type), Some(TensorValues::Ints(default, _))) => {
            first(default.len())?;
            Values::Ints([values, default].concat(), datum_type)
        }
        (TensorValues::Ints(values, datum_type), None) => {
            Values::Ints([values, vec![default_int]].concat(), datum_type)
        }
        (TensorValues::Texts(values), Some(TensorValues::Texts(default))) => {
            first(default.len())?;
            Values::Texts([values, default].concat())
        }
        (TensorValues::Texts(values), None) => Values::Texts([values, vec![default_text]].concat()),
        (TensorValues::Floats(values), Some(TensorValues::Floats(default))) => {
            first(default.len())?;
            Values::Floats([values, default].concat())
        }
        (TensorValues::Floats(values), None) => {
            Values::Floats([values, vec![default_float]].concat())
        }
        (TensorValues::Doubles(values), Some(TensorValues::Doubles(default))) => {
            first(default.len())?;
            Values::Doubles([values, default].concat())
        }
        (TensorValues::Doubles(values), None) => {
            Values::Doubles([values, vec![f64::from(default_float)]].concat())
        }
        _ => return Err(contradiction!("`default_tensor` is not of its values' type")),
    })
}

/// `ai.onnx.ml.OneHotEncoder`.
#[derive(Debug)]
pub(super) struct OneHotEncoder {
    categories: Keys,
    /// Whether an unknown value is an error rather than a row of zeros.
    strict: bool,
}

impl Operator for OneHotEncoder {
    fn parse(node: &NodeProto) -> Result<Self, Fault> {
        let ints = attributes::ints(node, "cats_int64s");
        let texts = attributes::strings(node, "cats_strings")?;
        let categories = match (ints.is_empty(), texts.is_empty()) {
            (false, true) => Keys::Ints(ints.to_vec()),
            (true, false) => Keys::Texts(texts),
            _ => return Err(contradiction!("it has no one list of categories")),
        };
        Ok(Self { categories, strict: attributes::int(node, "zeros").unwrap_or(1) == 0 })
    }

    fn outputs(&self, inputs: &[Fact]) -> Result<Vec<Fact>, Fault> {
        let input = inputs.first().ok_or("it has no input")?;
        // Numbers of other types are looked up as the integers that they are cut off to.
        let fits = match self.categories {
            Keys::Texts(_) => input.datum_type == DatumType::String,
            _ => input.datum_type.is_number() || input.datum_type == DatumType::TDim,
        };
        if !fits {
            return Err("its categories are not of its input's type".into());
        }
        let mut shape = input.shape.clone();
        shape.push((self.categories.len() as i64).into());
        Ok(vec![Fact { datum_type: DatumType::F32, shape }])
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &TypedNode) -> Result<Vec<Value>, Refusal> {
        let input = node.inputs[0];
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
