//! Choosing boxes: how many there are in the end depends on their scores.

use core::cmp::Ordering;

use crate::tensor::Dims;
use crate::{Done, Failure, Node, operators};

operators! { "ai.onnx.NonMaxSuppression" => non_max_suppression }

fn non_max_suppression(node: &Node) -> Done {
    let (boxes, scores) = (node.input(0)?, node.input(1)?);
    let (shape, classes_of) = (boxes.dims(), scores.dims());
    let (&[batches, count, 4], &[score_batches, classes, score_count]) = (&*shape, &*classes_of)
    else {
        return Err(Failure::Unacceptable);
    };
    if score_batches != batches || score_count != count {
        return Err(Failure::Unacceptable);
    }
    let (boxes, scores) = (boxes.slice::<f32>()?, scores.slice::<f32>()?);
    let number = |index: usize| -> Result<Option<f32>, Failure> {
        let Some(tensor) = node.optional(index) else { return Ok(None) };
        tensor.slice::<f32>()?.first().copied().map(Some).ok_or(Failure::Unacceptable)
    };
    let most = node.optional(2).map_or(Ok(0), |most| most.integer(0))?;
    let most = usize::try_from(most).map_err(|_| Failure::Unacceptable)?.min(count);
    let (overlap, least) = (number(3)?.unwrap_or(0.0), number(4)?);
    let centred = node.flag("center_point_box", false);

    let order = node.room::<usize>(count)?;
    let kept = node.room::<usize>(count)?;
    let room = batches.checked_mul(classes).and_then(|all| all.checked_mul(most));
    let chosen = node.room::<[i64; 3]>(room.ok_or(Failure::NoMemory)?)?;
    let mut found = 0;
    for batch in 0..batches {
        let corners = |index: usize| Corners::of(&boxes[(batch * count + index) * 4..], centred);
        for class in 0..classes {
            let scores = &scores[(batch * classes + class) * count..][..count];
            for (index, slot) in order.iter_mut().enumerate() {
                *slot = index;
            }
            order.sort_unstable_by(|a, b| {
                scores[*b].partial_cmp(&scores[*a]).unwrap_or(Ordering::Equal).then(a.cmp(b))
            });
            let mut taken = 0;
            for index in order.iter().copied() {
                if taken == most || least.is_some_and(|least| scores[index] <= least) {
                    break;
                }
                let this = corners(index);
                if kept[..taken].iter().all(|other| this.overlap(&corners(*other)) <= overlap) {
                    kept[taken] = index;
                    taken += 1;
                    chosen[found] = [batch as i64, class as i64, index as i64];
                    found += 1;
                }
            }
        }
    }
    let y = node.output::<i64>(0, Dims::of(&[found, 3])?)?;
    for (row, triple) in y.chunks_exact_mut(3).zip(chosen.iter()) {
        row.copy_from_slice(triple);
    }
    Ok(())
}

/// A box by its lower and its upper corner.
struct Corners {
    low: [f32; 2],
    high: [f32; 2],
}

impl Corners {
    fn of(values: &[f32], centred: bool) -> Self {
        let [a, b, c, d] = [values[0], values[1], values[2], values[3]];
        if centred {
            let (half_width, half_height) = (c / 2.0, d / 2.0);
            return Self {
                low: [a - half_width, b - half_height],
                high: [a + half_width, b + half_height],
            };
        }
        Self { low: [a.min(c), b.min(d)], high: [a.max(c), b.max(d)] }
    }

    fn area(&self) -> f32 {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }

    /// What both cover over what either covers.
    fn overlap(&self, other: &Self) -> f32 {
        let side = |axis: usize| {
            (self.high[axis].min(other.high[axis]) - self.low[axis].max(other.low[axis])).max(0.0)
        };
        let shared = side(0) * side(1);
        let all = self.area() + other.area() - shared;
        if all > 0.0 { shared / all } else { 0.0 }
    }
}
