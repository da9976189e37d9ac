//! Scaled dot-product attention over queries, keys and values, and what surrounds it.
//!
//! Keys and values of earlier calls come first; each row of scores lives in scratch, so the matrix
//! of all scores exists only if somebody asks for it.
//!
//! # Invariants
//! - A key that may not be looked at has weight 0 whatever its score is; a query that may look at
//!   none gets zeros.
//! - An address of 0 means that an optional operand is not there.
#![expect(clippy::too_many_arguments, reason = "a plan step passes every size it knows")]

use crate::{
    lanes::{Lanes, kernel, load_first},
    math,
    recurrent::dot,
    tile::store_first,
};

/// The sizes of an attention, as 32-bit numbers of a table of the plan.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct AttentionShape {
    /// Sequences.
    pub batch: u32,
    /// Heads of the queries.
    pub query_heads: u32,
    /// Heads of keys and values; each serves as many query heads.
    pub key_heads: u32,
    /// Queries of a sequence.
    pub queries: u32,
    /// New keys of a sequence.
    pub keys: u32,
    /// Earlier keys of a sequence.
    pub past: u32,
    /// Numbers of a query and of a key.
    pub key_width: u32,
    /// Numbers of a value.
    pub value_width: u32,
    /// 1 if heads lie behind the sequence's axis (inputs of three axes).
    pub heads_last: u32,
    /// 1 if a query looks at no key behind it.
    pub causal: u32,
    /// What `scores` takes: 0 products, 1 after the soft cap, 2 with the mask, 3 probabilities.
    pub mode: u32,
    /// 0: no mask, 1: booleans, 2: numbers to add.
    pub mask: u32,
    /// The mask's strides of batch, head and query.
    pub mask_strides: [u32; 3],
    /// Keys that the mask speaks of; those behind them are not looked at.
    pub mask_keys: u32,
    /// Keys before a query's own place that it may look at; negative: all.
    pub left: i32,
    /// Keys behind it; negative: all.
    pub right: i32,
}

kernel! {
    /// `y` like the queries, from `q`, `k`, `v`; `present_k` and `present_v`
    /// (`[batch, key_heads, past + keys, width]`) take all keys and values.
    ///
    /// `filled[batch]` says how many keys of each sequence count. `scratch` holds twice as many
    /// numbers as there are keys.
    attention_f32, attention_f32_relaxed,
    attention(q: *const f32, k: *const f32, v: *const f32, mask: *const u8, past_k: *const f32,
              past_v: *const f32, filled: *const i64, y: *mut f32, present_k: *mut f32,
              present_v: *mut f32, scores: *mut f32, scratch: *mut f32,
              shape: *const AttentionShape, scale: f32, softcap: f32)
}

#[inline(always)]
unsafe fn attention<L: Lanes>(
    q: *const f32,
    k: *const f32,
    v: *const f32,
    mask: *const u8,
    past_k: *const f32,
    past_v: *const f32,
    filled: *const i64,
    y: *mut f32,
    present_k: *mut f32,
    present_v: *mut f32,
    scores: *mut f32,
    scratch: *mut f32,
    shape: *const AttentionShape,
    scale: f32,
    softcap: f32,
) {
    let s = unsafe { &*shape };
    let (batch, heads, key_heads) =
        (s.batch as usize, s.query_heads as usize, s.key_heads.max(1) as usize);
    let (queries, past, total) = (s.queries as usize, s.past as usize, (s.past + s.keys) as usize);
    let (key_width, value_width) = (s.key_width as usize, s.value_width as usize);
    let at = |sequence: usize, head: usize, heads: usize, place: usize, places: usize| match s
        .heads_last
    {
        1 => (sequence * places + place) * heads + head,
        _ => (sequence * heads + head) * places + place,
    };
    unsafe {
        for (new, old, to, width) in
            [(k, past_k, present_k, key_width), (v, past_v, present_v, value_width)]
        {
            for sequence in 0..batch {
                for head in 0..key_heads {
                    let block = sequence * key_heads + head;
                    let to = to.add(block * total * width);
                    if past > 0 {
                        let old = old.add(block * past * width);
                        core::ptr::copy_nonoverlapping(old, to, past * width);
                    }
                    for place in 0..total - past {
                        let from = at(sequence, head, key_heads, place, total - past);
                        let to = to.add((past + place) * width);
                        core::ptr::copy_nonoverlapping(new.add(from * width), to, width);
                    }
                }
            }
        }
        let bias = scratch.add(total);
        for sequence in 0..batch {
            let counted = match filled.is_null() {
                true => total,
                false => filled.add(sequence).read().clamp(0, total as i64) as usize,
            };
            // A query's own place among the keys.
            let offset = match filled.is_null() {
                true => past as i64,
                false => filled.add(sequence).read() - queries as i64,
            };
            for head in 0..heads {
                let key_head = head * key_heads / heads.max(1);
                let block = sequence * key_heads + key_head;
                let keys = present_k.add(block * total * key_width);
                let values = present_v.add(block * total * value_width);
                for query in 0..queries {
                    let place = offset + query as i64;
                    let line = at(sequence, head, heads, query, queries);
                    let mask = Mask { shape: s, mask, sequence, head, query, place, counted };
                    let open = mask.fill(bias, total);
                    let row = scratch;
                    for key in 0..total {
                        let score =
                            dot::<L>(q.add(line * key_width), keys.add(key * key_width), key_width);
                        row.add(key).write(score * scale);
                    }
                    let shown = match scores.is_null() {
                        true => scores,
                        false => scores.add(((sequence * heads + head) * queries + query) * total),
                    };
                    let show = |mode: u32| {
                        if !shown.is_null() && s.mode == mode {
                            core::ptr::copy_nonoverlapping(row.cast_const(), shown, total);
                        }
                    };
                    show(0);
                    if softcap > 0.0 {
                        for key in 0..total {
                            let capped = softcap * libm::tanhf(row.add(key).read() / softcap);
                            row.add(key).write(capped);
                        }
                    }
                    show(1);
                    for key in 0..total {
                        row.add(key).write(row.add(key).read() + bias.add(key).read());
                    }
                    show(2);
                    let y = y.add(line * value_width);
                    for i in 0..value_width {
                        y.add(i).write(0.0);
                    }
                    if open {
                        softmax::<L>(row, bias, total);
                    } else {
                        row.write_bytes(0, total);
                    }
                    show(3);
                    for key in 0..total {
                        let weight = row.add(key).read();
                        if weight != 0.0 {
                            add_scaled::<L>(y, values.add(key * value_width), value_width, weight);
                        }
                    }
                }
            }
        }
    }
}

/// What one query may look at.
struct Mask<'a> {
    shape: &'a AttentionShape,
    mask: *const u8,
    sequence: usize,
    head: usize,
    query: usize,
    /// The query's own place among the keys.
    place: i64,
    /// Keys that count.
    counted: usize,
}

impl Mask<'_> {
    /// Writes what is added to each score; answers whether any key may be looked at.
    #[inline(always)]
    unsafe fn fill(&self, bias: *mut f32, total: usize) -> bool {
        let s = self.shape;
        let [of_batch, of_head, of_query] = s.mask_strides.map(|stride| stride as usize);
        let first = self.sequence * of_batch + self.head * of_head + self.query * of_query;
        let mut open = false;
        for key in 0..total {
            let distance = self.place - key as i64;
            let hidden = key >= self.counted
                || (s.causal == 1 && distance < 0)
                || (s.left >= 0 && distance > i64::from(s.left))
                || (s.right >= 0 && -distance > i64::from(s.right));
            let value = match s.mask {
                _ if hidden => f32::NEG_INFINITY,
                0 => 0.0,
                _ if key >= s.mask_keys as usize => f32::NEG_INFINITY,
                1 => match unsafe { self.mask.add(first + key).read() } {
                    0 => f32::NEG_INFINITY,
                    _ => 0.0,
                },
                _ => unsafe { self.mask.cast::<f32>().add(first + key).read() },
            };
            open |= value != f32::NEG_INFINITY;
            unsafe { bias.add(key).write(value) };
        }
        open
    }
}

/// `e^(x - max)` over their sum, in place; 0 where the bias is -∞.
#[inline(always)]
unsafe fn softmax<L: Lanes>(x: *mut f32, bias: *const f32, n: usize) {
    unsafe {
        let mut largest = f32::NEG_INFINITY;
        for i in 0..n {
            if bias.add(i).read() == f32::NEG_INFINITY {
                x.add(i).write(f32::NEG_INFINITY);
            }
            let value = x.add(i).read();
            if value > largest || value.is_nan() {
                largest = value;
            }
        }
        let shift = L::splat(if largest == f32::NEG_INFINITY { 0.0 } else { largest });
        let mut i = 0;
        while i < n {
            let value = load_first::<L>(x.add(i), n - i);
            store_first(math::exp(value.sub(shift)), x.add(i), n - i);
            i += 4;
        }
        let mut total = 0.0;
        for i in 0..n {
            if bias.add(i).read() == f32::NEG_INFINITY {
                x.add(i).write(0.0);
            }
            total += x.add(i).read();
        }
        let factor = if total == 0.0 { 0.0 } else { 1.0 / total };
        for i in 0..n {
            x.add(i).write(x.add(i).read() * factor);
        }
    }
}

/// `y += x · factor`.
#[inline(always)]
unsafe fn add_scaled<L: Lanes>(y: *mut f32, x: *const f32, n: usize, factor: f32) {
    let factor = L::splat(factor);
    let mut i = 0;
    while i < n {
        let left = n - i;
        unsafe {
            let sum = load_first::<L>(x.add(i), left);
            let sum = sum.mul_add(factor, load_first::<L>(y.add(i), left));
            store_first(sum, y.add(i), left);
        }
        i += 4;
    }
}

/// Rotates pairs of numbers of `x` by the angles of their positions.
///
/// `x` is `[batch, heads, places, width]`, or `[batch, places, heads, width]` if `heads_last` is 1;
/// the caches are `[rows, rotated / 2]`, chosen by `positions[batch, places]`, or in order if there
/// are none. Answers 1, as a run does whose input is not acceptable, for a position outside.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rotary_f32(
    x: *const f32,
    cosines: *const f32,
    sines: *const f32,
    positions: *const i64,
    y: *mut f32,
    batch: usize,
    places: usize,
    heads: usize,
    width: usize,
    rotated: usize,
    rows: usize,
    heads_last: usize,
    interleaved: usize,
) -> i32 {
    let half = rotated / 2;
    for sequence in 0..batch {
        for place in 0..places {
            let mut row = sequence * places + place;
            if !positions.is_null() {
                let position = unsafe { positions.add(row).read() };
                if position < 0 || position >= rows as i64 {
                    return 1;
                }
                row = position as usize;
            }
            for head in 0..heads {
                let at = match heads_last {
                    1 => (sequence * places + place) * heads + head,
                    _ => (sequence * heads + head) * places + place,
                };
                unsafe {
                    let (x, y) = (x.add(at * width), y.add(at * width));
                    for i in 0..half {
                        let cosine = cosines.add(row * half + i).read();
                        let sine = sines.add(row * half + i).read();
                        let (a, b) = match interleaved {
                            1 => (2 * i, 2 * i + 1),
                            _ => (i, half + i),
                        };
                        let (left, right) = (x.add(a).read(), x.add(b).read());
                        y.add(a).write(cosine * left - sine * right);
                        y.add(b).write(sine * left + cosine * right);
                    }
                    for i in 2 * half..width {
                        y.add(i).write(x.add(i).read());
                    }
                }
            }
        }
    }
    0
}

/// A cache with new entries: `y` is `past[batch, blocks, places, bytes]` with `new[batch, blocks,
/// count, bytes]` from place `starts[batch]` on, going round if `circular` is 1.
///
/// Answers 1, as a run does whose input is not acceptable, for a place outside.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tensor_scatter(
    past: *const u8,
    new: *const u8,
    starts: *const i64,
    y: *mut u8,
    batch: usize,
    blocks: usize,
    places: usize,
    count: usize,
    bytes: usize,
    circular: usize,
) -> i32 {
    unsafe {
        core::ptr::copy_nonoverlapping(past, y, batch * blocks * places * bytes);
        for block in 0..batch * blocks {
            let start = match starts.is_null() {
                true => 0,
                false => starts.add(block / blocks).read(),
            };
            for index in 0..count {
                let place = start.wrapping_add(index as i64);
                let place = match circular {
                    1 => place.rem_euclid(places.max(1) as i64),
                    _ => place,
                };
                if place < 0 || place >= places as i64 {
                    return 1;
                }
                let from = new.add((block * count + index) * bytes);
                let to = y.add((block * places + place as usize) * bytes);
                core::ptr::copy_nonoverlapping(from, to, bytes);
            }
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::noise;

    fn shape() -> AttentionShape {
        AttentionShape {
            batch: 1,
            query_heads: 2,
            key_heads: 1,
            queries: 3,
            keys: 3,
            past: 1,
            key_width: 5,
            value_width: 4,
            heads_last: 0,
            causal: 1,
            mode: 3,
            mask: 0,
            mask_strides: [0; 3],
            mask_keys: 0,
            left: -1,
            right: -1,
        }
    }

    #[test]
    fn a_query_looks_at_earlier_keys_and_at_those_before_it() {
        let s = shape();
        let (q, k, v) = (noise(2 * 3 * 5, 1), noise(15, 2), noise(12, 3));
        let (past_k, past_v) = (noise(5, 4), noise(4, 5));
        let (mut y, mut weights) = (vec![9.0; 24], vec![9.0; 2 * 3 * 4]);
        let (mut keys, mut values) = (vec![9.0; 20], vec![9.0; 16]);
        let mut scratch = vec![f32::NAN; 8];

        unsafe {
            attention_f32(
                q.as_ptr(),
                k.as_ptr(),
                v.as_ptr(),
                core::ptr::null(),
                past_k.as_ptr(),
                past_v.as_ptr(),
                core::ptr::null(),
                y.as_mut_ptr(),
                keys.as_mut_ptr(),
                values.as_mut_ptr(),
                weights.as_mut_ptr(),
                scratch.as_mut_ptr(),
                &raw const s,
                0.5,
                0.0,
            );
        }

        assert_eq!(keys, [past_k, k].concat());
        for line in 0..6 {
            let query = line % 3;
            let score = |key: usize| -> f32 {
                let pairs = q[line * 5..][..5].iter().zip(&keys[key * 5..][..5]);
                if key > query + 1 {
                    0.0
                } else {
                    (0.5 * pairs.map(|(a, b)| a * b).sum::<f32>()).exp()
                }
            };
            let total: f32 = (0..4).map(score).sum();
            for key in 0..4 {
                assert!((weights[line * 4 + key] - score(key) / total).abs() < 1e-6);
            }
            for i in 0..4 {
                let expected: f32 =
                    (0..4).map(|key| score(key) / total * values[key * 4 + i]).sum();
                assert!((y[line * 4 + i] - expected).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_query_that_may_look_at_nothing_gets_zeros() {
        let s = AttentionShape { past: 0, causal: 0, mask: 1, mask_keys: 3, ..shape() };
        let (q, k, v) = (noise(30, 1), vec![f32::NAN; 15], noise(12, 3));
        let (mut y, mut keys, mut values) = (vec![9.0; 24], vec![9.0; 15], vec![9.0; 12]);
        let (mut scratch, none) = (vec![f32::NAN; 6], core::ptr::null());

        unsafe {
            attention_f32(
                q.as_ptr(),
                k.as_ptr(),
                v.as_ptr(),
                [0_u8; 3].as_ptr(),
                none,
                none,
                core::ptr::null(),
                y.as_mut_ptr(),
                keys.as_mut_ptr(),
                values.as_mut_ptr(),
                core::ptr::null_mut(),
                scratch.as_mut_ptr(),
                &raw const s,
                1.0,
                0.0,
            );
        }

        assert_eq!(y, [0.0; 24]);
    }

    #[test]
    fn a_position_outside_the_caches_is_not_acceptable() {
        let x = [1.0, 2.0];
        let mut y = [9.0; 2];
        let mut turn = |position: i64| unsafe {
            let (cosines, sines, positions) = ([1.0, 0.0], [0.0, 1.0], [position]);
            let (cosines, sines) = (cosines.as_ptr(), sines.as_ptr());
            let (x, at, y) = (x.as_ptr(), positions.as_ptr(), y.as_mut_ptr());
            rotary_f32(x, cosines, sines, at, y, 1, 1, 1, 2, 2, 2, 0, 0)
        };

        assert_eq!([turn(2), turn(-1), turn(1)], [1, 1, 0]);
        assert_eq!(y, [-2.0, 1.0]);
    }

    #[test]
    fn a_circular_cache_goes_round() {
        let (past, new, mut y) = ([1_u8, 2, 3], [8_u8, 9], [0_u8; 3]);

        unsafe {
            let (past, new, y) = (past.as_ptr(), new.as_ptr(), y.as_mut_ptr());
            assert_eq!(tensor_scatter(past, new, [2].as_ptr(), y, 1, 1, 3, 2, 1, 1), 0);
            assert_eq!(tensor_scatter(past, new, [2].as_ptr(), y, 1, 1, 3, 2, 1, 0), 1);
        }
        assert_eq!(y[2], 8);
    }
}
