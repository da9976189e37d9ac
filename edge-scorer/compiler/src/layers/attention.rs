//! `Attention`, and what models with a cache of keys and values need beside it.

use shared::ElementType::{Bool, Float32};
use tract_onnx::prelude::{TDim, ToDim};

use super::wiring::{axis_of, fact, values, weight};
use super::{Fault, Inferred, Inputs, Layer, Source, Wired};
use crate::lower::{Lowering, Refusal, Value};
use crate::plan::{Arg, Extent, product};

/// `Attention`.
#[derive(Debug)]
pub(super) struct Attention {
    causal: bool,
    query_heads: Option<i64>,
    key_heads: Option<i64>,
    mode: usize,
    scale: Option<f32>,
    softcap: f32,
    left: i64,
    right: i64,
}

/// The sizes of an attention, whether its inputs have three axes or four.
struct Sizes<D> {
    batch: D,
    query_heads: D,
    key_heads: D,
    queries: D,
    keys: D,
    past: D,
    key_width: D,
    value_width: D,
}

impl Attention {
    /// From the shapes of queries, keys, values and earlier keys.
    fn sizes(
        &self,
        q: &[TDim],
        k: &[TDim],
        v: &[TDim],
        past: Option<&[TDim]>,
    ) -> Result<Sizes<TDim>, Fault> {
        let past = match past {
            Some([_, _, past, _]) => past.clone(),
            Some(_) => return Err("its earlier keys do not have four axes".into()),
            None => 0.to_dim(),
        };
        match (q, k, v) {
            (
                [batch, query_heads, queries, key_width],
                [_, key_heads, keys, _],
                [.., value_width],
            ) if v.len() == 4 => Ok(Sizes {
                batch: batch.clone(),
                query_heads: query_heads.clone(),
                key_heads: key_heads.clone(),
                queries: queries.clone(),
                keys: keys.clone(),
                past,
                key_width: key_width.clone(),
                value_width: value_width.clone(),
            }),
            ([batch, queries, q_width], [_, keys, _], [_, _, v_width]) => {
                let heads = |heads: Option<i64>| heads.filter(|heads| *heads > 0);
                let (Some(query_heads), Some(key_heads)) =
                    (heads(self.query_heads), heads(self.key_heads))
                else {
                    return Err("it does not say how many heads it has".into());
                };
                Ok(Sizes {
                    batch: batch.clone(),
                    query_heads: query_heads.to_dim(),
                    key_heads: key_heads.to_dim(),
                    queries: queries.clone(),
                    keys: keys.clone(),
                    past,
                    key_width: q_width.clone() / query_heads,
                    value_width: v_width.clone() / key_heads,
                })
            }
            _ => Err("its inputs have neither three axes nor four".into()),
        }
    }
}

impl Layer for Attention {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        Ok(Self {
            causal: node.flag("is_causal"),
            query_heads: node.int("q_num_heads"),
            key_heads: node.int("kv_num_heads"),
            mode: usize::try_from(node.int("qk_matmul_output_mode").unwrap_or(0))
                .ok()
                .filter(|mode| *mode < 4)
                .ok_or("its `qk_matmul_output_mode` is none of 0 to 3")?,
            scale: node.float("scale"),
            softcap: node.float("softcap").unwrap_or(0.0),
            left: node.int("left_window_size").unwrap_or(-1),
            right: node.int("right_window_size").unwrap_or(-1),
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let (q, k, v) = (inputs.shape(0)?, inputs.shape(1)?, inputs.shape(2)?);
        let past = inputs.get(4).map(|known| known.fact.shape.as_slice());
        let s = self.sizes(q, k, v, past)?;
        let groups = (s.query_heads.as_i64(), s.key_heads.as_i64());
        if let (Some(queries), Some(keys)) = groups
            && (keys == 0 || queries % keys != 0)
        {
            return Err(format!("its {queries} query heads do not share {keys} key heads").into());
        }
        let total = s.past.clone() + &s.keys;
        let y: Vec<TDim> = match q.len() {
            4 => vec![
                s.batch.clone(),
                s.query_heads.clone(),
                s.queries.clone(),
                s.value_width.clone(),
            ],
            _ => vec![s.batch.clone(), s.queries.clone(), s.query_heads.clone() * &s.value_width],
        };
        let cache = |width: TDim| [s.batch.clone(), s.key_heads.clone(), total.clone(), width];
        let scores = [s.batch.clone(), s.query_heads.clone(), s.queries.clone(), total.clone()];
        let datum_type = inputs.fact(0)?.datum_type;
        Ok(Some(vec![
            fact(datum_type, y),
            fact(inputs.fact(1)?.datum_type, cache(s.key_width.clone())),
            fact(inputs.fact(2)?.datum_type, cache(s.value_width.clone())),
            fact(datum_type, scores),
        ]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let dims = |index: usize| -> Result<Vec<TDim>, Refusal> { l.dims(node.input(index)?) };
        let (q, k, v) = (dims(0)?, dims(1)?, dims(2)?);
        let past = node.optional(4).map(|past| l.dims(past)).transpose()?;
        let s = self.sizes(&q, &k, &v, past.as_deref())?;
        let extent = |dim: &TDim| l.extent(dim);
        let s = Sizes {
            batch: extent(&s.batch)?,
            query_heads: extent(&s.query_heads)?,
            key_heads: extent(&s.key_heads)?,
            queries: extent(&s.queries)?,
            keys: extent(&s.keys)?,
            past: extent(&s.past)?,
            key_width: extent(&s.key_width)?,
            value_width: extent(&s.value_width)?,
        };
        let total = s.past.clone().plus(s.keys.clone());
        let scale = match self.scale {
            Some(scale) => scale,
            None => {
                let width = s
                    .key_width
                    .fixed()
                    .ok_or_else(|| Refusal::because("the width of its heads is not known"))?;
                1.0 / (width as f32).sqrt()
            }
        };

        // The mask lies against the right: its missing axes are repeated.
        let (mut mask, mut kind) = (Arg::Int(0), 0_usize);
        let mut strides = [Extent::Fixed(0), Extent::Fixed(0), Extent::Fixed(0)];
        let mut mask_keys = Extent::Fixed(0);
        if let Some(outlet) = node.optional(3) {
            let shape = l.shape(outlet)?;
            let bool_mask = l.element(outlet)? == Bool;
            kind = if bool_mask { 1 } else { 2 };
            mask = if bool_mask { l.read(outlet)? } else { l.read_f32(outlet)? };
            mask_keys = shape.last().cloned().unwrap_or(Extent::ONE);
            for (place, stride) in strides.iter_mut().enumerate() {
                // Of `[batch, head, query, key]`.
                let Some(axis) = (shape.len() + place).checked_sub(4) else { continue };
                if shape[axis].fixed() != Some(1) {
                    *stride = product(&shape[axis + 1..]);
                }
            }
        }
        let mut numbers = vec![
            s.batch.clone(),
            s.query_heads.clone(),
            s.key_heads.clone(),
            s.queries.clone(),
            s.keys.clone(),
            s.past.clone(),
            s.key_width.clone(),
            s.value_width.clone(),
            Extent::from(usize::from(q.len() == 3)),
            Extent::from(usize::from(self.causal)),
            Extent::from(self.mode),
            Extent::from(kind),
        ];
        numbers.extend(strides);
        numbers.extend([mask_keys, Extent::Fixed(self.left), Extent::Fixed(self.right)]);
        let table = l.table(node.name(), &numbers);

        let mut args = Vec::new();
        for index in 0..3 {
            args.push(l.read_f32(node.input(index)?)?);
        }
        args.push(mask);
        args.push(node.f32_or_none(l, 4)?);
        args.push(node.f32_or_none(l, 5)?);
        args.push(node.i64_or_none(l, 6)?);
        let y = node.f32_output(l, 0)?;
        args.push(Arg::write(y));
        let mut caches = Vec::new();
        for (index, width) in [(1, &s.key_width), (2, &s.value_width)] {
            let count = product([&s.batch, &s.key_heads, &total, width]);
            let buffer = match node.outlet(index) {
                Some(_) => node.f32_output(l, index)?,
                None => node.scratch(l, "all keys or values", Float32, count),
            };
            caches.push(buffer);
            args.push(Arg::write(buffer));
        }
        let scores = match node.outlet(3) {
            Some(_) => Some(node.f32_output(l, 3)?),
            None => None,
        };
        args.push(scores.map_or(Arg::Int(0), Arg::write));
        let scratch = node.scratch(l, "scores", Float32, total.clone().times(Extent::Fixed(2)));
        args.extend([Arg::write(scratch), table, Arg::Float(scale), Arg::Float(self.softcap)]);
        let work = weight([&s.batch, &s.query_heads, &s.queries, &total]);
        let cost = work * (weight([&s.key_width]) + weight([&s.value_width])) * 0.2 + work * 5.0;
        let title = "attention".to_owned();
        l.call_profiled("attention_f32", "attention_f32_relaxed", args, title, cost);

        let first = node.finish(l, 0, y)?;
        let mut all = values(first, [None, None, None]);
        for (index, buffer) in [(1, Some(caches[0])), (2, Some(caches[1])), (3, scores)] {
            if let (Some(_), Some(buffer)) = (node.outlet(index), buffer) {
                all[index] = node.finish(l, index, buffer)?;
            }
        }
        Ok(all)
    }
}

/// `RotaryEmbedding`.
#[derive(Debug)]
pub(super) struct RotaryEmbedding {
    interleaved: bool,
    heads: Option<i64>,
    rotated: Option<i64>,
}

impl Layer for RotaryEmbedding {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let positive = |name: &str| node.int(name).filter(|value| *value > 0);
        Ok(Self {
            interleaved: node.flag("interleaved"),
            heads: positive("num_heads"),
            rotated: positive("rotary_embedding_dim"),
        })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let shape = inputs.shape(0)?;
        if shape.len() != 4 && !(shape.len() == 3 && self.heads.is_some()) {
            return Err("its input has neither four axes nor three and `num_heads`".into());
        }
        Ok(Some(vec![inputs.fact(0)?.clone()]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let shape = l.shape(node.input(0)?)?;
        let (heads, places, width) = match (shape.as_slice(), self.heads) {
            ([_, heads, places, width], _) => (heads.clone(), places.clone(), width.clone()),
            ([_, places, hidden], Some(heads)) => {
                (Extent::Fixed(heads), places.clone(), hidden.clone().divided_by(heads))
            }
            _ => return Err(Refusal::because("its input does not have heads")),
        };
        let rotated = self.rotated.map_or_else(|| width.clone(), Extent::Fixed);
        let rows = l.shape(node.input(1)?)?.first().cloned().unwrap_or(Extent::ONE);
        let mut args = Vec::new();
        for index in 0..3 {
            args.push(l.read_f32(node.input(index)?)?);
        }
        args.push(node.i64_or_none(l, 3)?);
        let y = node.f32_output(l, 0)?;
        args.push(Arg::write(y));
        args.extend([shape[0].clone(), places, heads, width, rotated, rows].map(Arg::Count));
        args.push(Arg::count(usize::from(shape.len() == 3)));
        args.push(Arg::count(usize::from(self.interleaved)));
        l.planner.call("rotary_f32", args, "rotate by position", weight(&shape) * 2.0);
        Ok(vec![node.finish(l, 0, y)?])
    }
}

/// `TensorScatter`.
#[derive(Debug)]
pub(super) struct TensorScatter {
    axis: i64,
    circular: bool,
}

impl Layer for TensorScatter {
    fn parse(node: &Source<'_>) -> Result<Self, Fault> {
        let circular = node.choice("mode", &["linear", "circular"])? == 1;
        Ok(Self { axis: node.int("axis").unwrap_or(-2), circular })
    }

    fn infer(&self, inputs: &Inputs<'_>) -> Inferred {
        let (past, new) = (inputs.fact(0)?, inputs.shape(1)?);
        let axis = axis_of(self.axis, past.shape.len())?;
        let fits = |(index, (a, b)): (usize, (&TDim, &TDim))| index == axis || a == b;
        let all = past.shape.iter().zip(new).enumerate().all(fits);
        if axis == 0 || new.len() != past.shape.len() || !all {
            return Err("what it writes does not fit what it writes to".into());
        }
        Ok(Some(vec![past.clone()]))
    }

    fn lower(&self, l: &mut Lowering<'_>, node: &Wired<'_>) -> Result<Vec<Value>, Refusal> {
        let (past, new) = (node.input(0)?, node.input(1)?);
        let (shape, new_shape) = (l.shape(past)?, l.shape(new)?);
        let axis = axis_of(self.axis, shape.len())?;
        let width =
            l.element(past)?.byte_width().ok_or_else(|| Refusal::because("it writes text"))?;
        let bytes = product(&shape[axis + 1..]).times(Extent::from(width));
        let (past, new) = (l.read(past)?, l.read(new)?);
        let (starts, y) = (node.i64_or_none(l, 2)?, node.output(l, 0)?);
        let args = vec![
            past,
            new,
            starts,
            Arg::write(y),
            Arg::Count(shape[0].clone()),
            Arg::Count(product(&shape[1..axis])),
            Arg::Count(shape[axis].clone()),
            Arg::Count(new_shape[axis].clone()),
            Arg::Count(bytes),
            Arg::count(usize::from(self.circular)),
        ];
        l.planner.call("tensor_scatter", args, "write into a cache", weight(&shape) * 0.5);
        Ok(vec![Value::Tensor(y)])
    }
}
