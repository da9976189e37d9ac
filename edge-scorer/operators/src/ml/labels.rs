//! Values that stand for other values.

use core::cmp::Ordering;

use super::wide;
use crate::movement::moved;
use crate::number::{FLOAT, STRING};
use crate::ordering::order;
use crate::tensor::{Dims, Tensor};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.ml.ArrayFeatureExtractor" => extract,
    "ai.onnx.ml.CategoryMapper" => |node| both_ways(node, "cats_strings", node.ints("cats_int64s")),
    "ai.onnx.ml.LabelEncoder" => label_encoder,
    "ai.onnx.ml.OneHotEncoder" => one_hot,
}

fn extract(node: &Node) -> Done {
    let (x, indices) = (node.input(0)?, node.input(1)?);
    let old = x.dims();
    let count = indices.count();
    let columns = old.last().copied().ok_or(Failure::Unacceptable)?;
    for index in 0..count {
        if usize::try_from(indices.integer(index)?).map_or(true, |index| index >= columns) {
            return Err(Failure::Unacceptable);
        }
    }
    let mut dims = old;
    if old.len() == 1 {
        dims = Dims::of(&[1, count])?;
    } else {
        dims[old.len() - 1] = count;
    }
    moved(node, 0, x, dims, None, |place| {
        let index = indices.integer(place % count).unwrap_or(0);
        place / count * columns + index as usize
    })
}

/// Of each of `count` items the place of the first equal key; `keys` where there is none.
fn places(
    node: &Node,
    count: usize,
    keys: usize,
    between_keys: impl Fn(usize, usize) -> Ordering,
    key_to_item: impl Fn(usize, usize) -> Ordering,
) -> Result<&[usize], Failure> {
    let sorted = node.room::<usize>(keys)?;
    for (place, slot) in sorted.iter_mut().enumerate() {
        *slot = place;
    }
    sorted.sort_unstable_by(|a, b| between_keys(*a, *b).then(a.cmp(b)));
    let found = node.room::<usize>(count)?;
    for (item, slot) in found.iter_mut().enumerate() {
        let at = sorted.partition_point(|key| key_to_item(*key, item) == Ordering::Less);
        *slot = match sorted.get(at) {
            Some(key) if key_to_item(*key, item) == Ordering::Equal => *key,
            _ => keys,
        };
    }
    Ok(found)
}

/// A list of keys or of values, from whichever attribute holds it.
#[derive(Clone, Copy)]
enum List<'a> {
    Ints(&'a [i64]),
    Floats(&'a [f32]),
    /// Text or a tensor of any type.
    Tensor(&'a Tensor),
}

impl<'a> List<'a> {
    fn of(node: &'a Node, [tensor, texts, ints, floats]: [&str; 4]) -> Result<Self, Failure> {
        node.tensor(tensor)
            .or_else(|| node.texts(texts))
            .map(Self::Tensor)
            .or_else(|| node.ints(ints).map(Self::Ints))
            .or_else(|| node.floats(floats).map(Self::Floats))
            .ok_or(Failure::Unsupported)
    }

    fn len(self) -> usize {
        match self {
            Self::Ints(list) => list.len(),
            Self::Floats(list) => list.len(),
            Self::Tensor(tensor) => tensor.count(),
        }
    }
}

fn found<'a>(node: &'a Node, x: &Tensor, keys: List<'_>) -> Result<&'a [usize], Failure> {
    let count = x.count();
    if let List::Tensor(texts) = keys
        && texts.is_text()
    {
        if !x.is_text() {
            return Err(Failure::Unsupported);
        }
        let between = |a, b| texts.string(a).cmp(texts.string(b));
        return places(node, count, texts.count(), between, |key, item| {
            texts.string(key).cmp(x.string(item))
        });
    }
    if x.is_text() {
        return Err(Failure::Unsupported);
    }
    let integers = |list: &[i64]| -> Result<&'a [usize], Failure> {
        let values = node.room::<i64>(count)?;
        whole_numbers!(x.kind; T => {
            for (slot, value) in values.iter_mut().zip(x.as_slice::<T>()) {
                *slot = crate::number::Element::to_i64(*value);
            }
            Ok(())
        })?;
        let between = |a: usize, b: usize| list[a].cmp(&list[b]);
        places(node, count, list.len(), between, |key, item| list[key].cmp(&values[item]))
    };
    let floats = |list: &[f64]| -> Result<&'a [usize], Failure> {
        let values = wide(node, x)?;
        let between = |a: usize, b: usize| order(list[a], list[b]);
        places(node, count, list.len(), between, |key, item| order(list[key], values[item]))
    };
    match keys {
        List::Ints(list) => integers(list),
        List::Floats(list) => {
            let room = node.room::<f64>(list.len())?;
            for (slot, key) in room.iter_mut().zip(list) {
                *slot = f64::from(*key);
            }
            floats(room)
        }
        List::Tensor(tensor) if crate::number::is_float(tensor.kind) => floats(wide(node, tensor)?),
        List::Tensor(tensor) => {
            let room = node.room::<i64>(tensor.count())?;
            whole_numbers!(tensor.kind; T => {
                for (slot, key) in room.iter_mut().zip(tensor.as_slice::<T>()) {
                    *slot = crate::number::Element::to_i64(*key);
                }
                Ok(())
            })?;
            integers(room)
        }
    }
}

fn label_encoder(node: &Node) -> Done {
    if node.texts("classes_strings").is_some() {
        return both_ways(node, "classes_strings", None);
    }
    let x = node.input(0)?;
    let keys = ["keys_tensor", "keys_strings", "keys_int64s", "keys_floats"];
    let values = ["values_tensor", "values_strings", "values_int64s", "values_floats"];
    let (keys, values) = (List::of(node, keys)?, List::of(node, values)?);
    if keys.len() != values.len() {
        return Err(Failure::Unsupported);
    }
    let found = found(node, x, keys)?;
    let default = node.tensor("default_tensor");
    match values {
        List::Ints(values) => {
            let default = node.int("default_int64", -1);
            let y = node.output::<i64>(0, x.dims())?;
            for (y, place) in y.iter_mut().zip(found) {
                *y = values.get(*place).copied().unwrap_or(default);
            }
            Ok(())
        }
        List::Floats(values) => {
            let default = node.float("default_float", -0.0);
            let y = node.output::<f32>(0, x.dims())?;
            for (y, place) in y.iter_mut().zip(found) {
                *y = values.get(*place).copied().unwrap_or(default);
            }
            Ok(())
        }
        List::Tensor(values) if values.is_text() => {
            let unused = node.text("default_string", "_Unused");
            let default = default.map_or(unused, |default| default.string(0));
            let count = values.count();
            node.output_text(0, x.dims(), |place| match found[place] {
                at if at < count => values.string(at),
                _ => default,
            })
        }
        List::Tensor(values) => {
            if default.is_some_and(|default| default.kind != values.kind || default.count() != 1) {
                return Err(Failure::Unsupported);
            }
            elements!(values.kind; T => {
                let default = match default {
                    Some(default) => default.as_slice::<T>()[0],
                    None if values.kind == FLOAT => T::default(),
                    None => <T as crate::number::Element>::from_i64(-1),
                };
                let list = values.as_slice::<T>();
                let y = node.output::<T>(0, x.dims())?;
                for (y, place) in y.iter_mut().zip(found) {
                    *y = list.get(*place).copied().unwrap_or(default);
                }
                Ok(())
            })
        }
    }
}

/// Text to numbers or numbers to text, whichever comes in; without numbers their places.
fn both_ways(node: &Node, texts: &str, numbers: Option<&[i64]>) -> Done {
    let x = node.input(0)?;
    let texts = node.texts(texts).ok_or(Failure::Unsupported)?;
    let count = texts.count();
    if numbers.is_some_and(|numbers| numbers.len() != count) {
        return Err(Failure::Unsupported);
    }
    if x.kind == STRING {
        let found = found(node, x, List::Tensor(texts))?;
        let default = node.int("default_int64", -1);
        let y = node.output::<i64>(0, x.dims())?;
        for (y, place) in y.iter_mut().zip(found) {
            *y = match numbers {
                _ if *place >= count => default,
                Some(numbers) => numbers[*place],
                None => *place as i64,
            };
        }
        return Ok(());
    }
    let own = node.room::<i64>(count)?;
    for (place, slot) in own.iter_mut().enumerate() {
        *slot = numbers.map_or(place as i64, |numbers| numbers[place]);
    }
    let found = found(node, x, List::Ints(own))?;
    let default = node.text("default_string", "_Unused");
    node.output_text(0, x.dims(), |place| match found[place] {
        at if at < count => texts.string(at),
        _ => default,
    })
}

fn one_hot(node: &Node) -> Done {
    let x = node.input(0)?;
    let strict = !node.flag("zeros", true);
    let (found, count) = match (node.texts("cats_strings"), node.ints("cats_int64s")) {
        (Some(texts), None) => (found(node, x, List::Tensor(texts))?, texts.count()),
        (None, Some(numbers)) if !crate::number::is_float(x.kind) => {
            (found(node, x, List::Ints(numbers))?, numbers.len())
        }
        (None, Some(numbers)) => {
            // Floats are cut to whole numbers first.
            let whole = node.room::<i64>(x.count())?;
            for (slot, value) in whole.iter_mut().zip(wide(node, x)?) {
                *slot = *value as i64;
            }
            let between = |a: usize, b: usize| numbers[a].cmp(&numbers[b]);
            let found = places(node, x.count(), numbers.len(), between, |key, item| {
                numbers[key].cmp(&whole[item])
            })?;
            (found, numbers.len())
        }
        _ => return Err(Failure::Unsupported),
    };
    let mut dims = x.dims();
    dims.push(count)?;
    let y = node.output::<f32>(0, dims)?;
    for (item, place) in found.iter().enumerate() {
        match y.get_mut(item * count + place) {
            Some(slot) if *place < count => *slot = 1.0,
            _ if strict => return Err(Failure::Unacceptable),
            _ => {}
        }
    }
    Ok(())
}
