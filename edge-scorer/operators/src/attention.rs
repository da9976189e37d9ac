//! Scaled dot-product attention, with a cache of earlier keys and values.
//!
//! # Invariants
//! - A key that may not be looked at has no weight whatever its score is; a query that may look at
//!   none gets zeros.

use crate::number::{BOOL, Element};
use crate::tensor::{Dims, Tensor};
use crate::{Done, Failure, Node, operators};

operators! { "ai.onnx.Attention" => attention }

struct Sizes {
    batch: usize,
    heads: usize,
    key_heads: usize,
    queries: usize,
    keys: usize,
    past: usize,
    key_width: usize,
    value_width: usize,
    /// Whether heads lie behind the axis of the sequence.
    heads_last: bool,
}

impl Sizes {
    fn of(node: &Node) -> Result<Self, Failure> {
        let dims = |index: usize| Ok::<_, Failure>(node.input(index)?.dims());
        let (q, k, v) = (dims(0)?, dims(1)?, dims(2)?);
        let past = match node.optional(4).map(Tensor::dims) {
            Some(past) => *past.get(2).ok_or(Failure::Unacceptable)?,
            None => 0,
        };
        let head_count = |name: &str| usize::try_from(node.int(name, 0)).unwrap_or(0);
        let sizes = match (&*q, &*k, &*v) {
            (
                &[batch, heads, queries, key_width],
                &[_, key_heads, keys, _],
                &[_, _, _, value_width],
            ) => Self {
                batch,
                heads,
                key_heads,
                queries,
                keys,
                past,
                key_width,
                value_width,
                heads_last: false,
            },
            (&[batch, queries, q_width], &[_, keys, _], &[_, _, v_width]) => {
                let (heads, key_heads) = (head_count("q_num_heads"), head_count("kv_num_heads"));
                if heads == 0 || key_heads == 0 {
                    return Err(Failure::Unsupported);
                }
                Self {
                    batch,
                    heads,
                    key_heads,
                    queries,
                    keys,
                    past,
                    key_width: q_width / heads,
                    value_width: v_width / key_heads,
                    heads_last: true,
                }
            }
            _ => return Err(Failure::Unacceptable),
        };
        let Self { batch, heads, key_heads, queries, keys, key_width, value_width, .. } = sizes;
        let fits = |dims: &Dims, heads: usize, places: usize, width: usize| {
            dims.count() == Ok(batch * heads * places * width)
        };
        if key_heads == 0
            || heads % key_heads != 0
            || !fits(&q, heads, queries, key_width)
            || !fits(&k, key_heads, keys, key_width)
            || !fits(&v, key_heads, keys, value_width)
        {
            return Err(Failure::Unacceptable);
        }
        Ok(sizes)
    }

    fn total(&self) -> usize {
        self.past + self.keys
    }

    /// Which run of numbers belongs to a place of a head.
    fn line(
        &self,
        sequence: usize,
        head: usize,
        heads: usize,
        place: usize,
        places: usize,
    ) -> usize {
        if self.heads_last {
            (sequence * places + place) * heads + head
        } else {
            (sequence * heads + head) * places + place
        }
    }
}

/// Earlier and new keys, or values, one after the other; output `index` too.
fn cache<'a, T: Element>(
    node: &'a Node,
    sizes: &Sizes,
    index: usize,
    new: &[T],
    past: Option<&Tensor>,
    width: usize,
) -> Result<&'a [T], Failure> {
    let (heads, total) = (sizes.key_heads, sizes.total());
    let dims = Dims::of(&[sizes.batch, heads, total, width])?;
    let past = past.map_or(Ok(&[][..]), |past| past.slice::<T>())?;
    if past.len() != sizes.batch * heads * sizes.past * width {
        return Err(Failure::Unacceptable);
    }
    let all = node.output::<T>(index, dims)?;
    for (line, to) in all.chunks_exact_mut(width.max(1)).enumerate() {
        let (block, place) = (line / total, line % total);
        let from = if place < sizes.past {
            &past[(block * sizes.past + place) * width..]
        } else {
            let (sequence, head) = (block / heads, block % heads);
            let at = sizes.line(sequence, head, heads, place - sizes.past, sizes.keys);
            &new[at * width..]
        };
        to.copy_from_slice(&from[..width]);
    }
    Ok(all)
}

/// What a mask adds to a score; nothing is known of keys that it does not reach.
struct Mask<'a> {
    tensor: &'a Tensor,
    dims: Dims,
}

impl<'a> Mask<'a> {
    fn of(tensor: &'a Tensor, [batch, heads, queries]: [usize; 3]) -> Result<Self, Failure> {
        let mut dims = tensor.dims();
        while dims.len() < 4 {
            dims.insert(0, 1)?;
        }
        let fits = dims.len() == 4
            && [batch, heads, queries]
                .iter()
                .zip(dims.iter())
                .all(|(all, dim)| dim == all || *dim == 1);
        if fits { Ok(Self { tensor, dims }) } else { Err(Failure::Unacceptable) }
    }

    fn bias(&self, place: [usize; 3], key: usize) -> Result<f64, Failure> {
        if key >= self.dims[3] {
            return Ok(f64::NEG_INFINITY);
        }
        let mut at = 0;
        for (axis, index) in place.iter().enumerate() {
            at = at * self.dims[axis] + if self.dims[axis] == 1 { 0 } else { *index };
        }
        let at = at * self.dims[3] + key;
        if self.tensor.kind == BOOL {
            return Ok(if self.tensor.as_slice::<u8>()[at] == 0 { f64::NEG_INFINITY } else { 0.0 });
        }
        floats!(self.tensor.kind; T => Ok(self.tensor.as_slice::<T>()[at].to_f64()))
    }
}

fn attention(node: &Node) -> Done {
    let s = Sizes::of(node)?;
    let (q, k, v) = (node.input(0)?, node.input(1)?, node.input(2)?);
    if k.kind != q.kind || v.kind != q.kind {
        return Err(Failure::Unsupported);
    }
    let total = s.total();
    let mask = node.optional(3).map(|mask| Mask::of(mask, [s.batch, s.heads, s.queries]));
    let mask = mask.transpose()?;
    let filled = node.optional(6);
    if filled.is_some_and(|filled| filled.count() != s.batch) {
        return Err(Failure::Unacceptable);
    }
    let causal = node.flag("is_causal", false);
    let (left, right) = (node.int("left_window_size", -1), node.int("right_window_size", -1));
    let softcap = f64::from(node.float("softcap", 0.0));
    let mode = node.int("qk_matmul_output_mode", 0);
    let scale = node.floats("scale").and_then(|scale| scale.first());
    let scale =
        scale.map_or_else(|| 1.0 / libm::sqrt(s.key_width as f64), |scale| f64::from(*scale));
    let dims = if s.heads_last {
        Dims::of(&[s.batch, s.queries, s.heads * s.value_width])?
    } else {
        Dims::of(&[s.batch, s.heads, s.queries, s.value_width])?
    };
    let row = node.room::<f64>(total)?;
    floats!(q.kind; T => {
        let queries = q.slice::<T>()?;
        let keys = cache::<T>(node, &s, 1, k.slice::<T>()?, node.optional(4), s.key_width)?;
        let values = cache::<T>(node, &s, 2, v.slice::<T>()?, node.optional(5), s.value_width)?;
        let mut shown = match node.wants(3) {
            true => Some(node.output::<T>(3, Dims::of(&[s.batch, s.heads, s.queries, total])?)?),
            false => None,
        };
        let y = node.output::<T>(0, dims)?;
        for line in 0..s.batch * s.heads * s.queries {
            let (sequence, head) = (line / s.queries / s.heads, line / s.queries % s.heads);
            let query = line % s.queries;
            let counted = filled.map(|filled| filled.integer(sequence)).transpose()?;
            // A query's own place among the keys.
            let place = query as i64
                + counted.map_or(s.past as i64, |counted| counted.saturating_sub(s.queries as i64));
            let block = sequence * s.key_heads + head * s.key_heads / s.heads;
            let at = s.line(sequence, head, s.heads, query, s.queries);
            let own = &queries[at * s.key_width..][..s.key_width];
            let mut show = |wanted: i64, row: &[f64]| {
                if let Some(shown) = &mut shown
                    && mode == wanted
                {
                    for (slot, value) in shown[line * total..].iter_mut().zip(row) {
                        *slot = T::from_f64(*value);
                    }
                }
            };
            for (key, score) in row.iter_mut().enumerate() {
                let other = &keys[(block * total + key) * s.key_width..][..s.key_width];
                let dot: f64 = own.iter().zip(other).map(|(a, b)| a.to_f64() * b.to_f64()).sum();
                *score = dot * scale;
            }
            show(0, row);
            if softcap > 0.0 {
                row.iter_mut().for_each(|score| *score = softcap * libm::tanh(*score / softcap));
            }
            show(1, row);
            let mut largest = f64::NEG_INFINITY;
            for (key, score) in row.iter_mut().enumerate() {
                let distance = place - key as i64;
                let hidden = counted.is_some_and(|counted| key as i64 >= counted)
                    || causal && distance < 0
                    || left >= 0 && distance > left
                    || right >= 0 && -distance > right;
                let bias = match &mask {
                    _ if hidden => f64::NEG_INFINITY,
                    Some(mask) => mask.bias([sequence, head, query], key)?,
                    None => 0.0,
                };
                *score += bias;
                largest = largest.max(*score);
            }
            show(2, row);
            let mut sum = 0.0;
            for score in row.iter_mut() {
                *score = if *score == f64::NEG_INFINITY { 0.0 } else { libm::exp(*score - largest) };
                sum += *score;
            }
            if sum > 0.0 {
                row.iter_mut().for_each(|score| *score /= sum);
            }
            show(3, row);
            for (column, slot) in y[at * s.value_width..][..s.value_width].iter_mut().enumerate() {
                let value = |key: usize| values[(block * total + key) * s.value_width + column];
                let sum: f64 = row
                    .iter()
                    .enumerate()
                    .filter(|(_, weight)| **weight != 0.0)
                    .map(|(key, weight)| weight * value(key).to_f64())
                    .sum();
                *slot = T::from_f64(sum);
            }
        }
        Ok(())
    })
}
