//! Transforms to frequencies and the tables that go with them, where a length is a value of a tensor.

use core::f64::consts::TAU;

use crate::number::{Element, FLOAT};
use crate::tensor::{Dims, Tensor};
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.BlackmanWindow" => |node| window(node, [0.42, 0.5, 0.08]),
    "ai.onnx.DFT" => transform,
    "ai.onnx.HammingWindow" => |node| window(node, [25.0 / 46.0, 1.0 - 25.0 / 46.0, 0.0]),
    "ai.onnx.HannWindow" => |node| window(node, [0.5, 0.5, 0.0]),
    "ai.onnx.MelWeightMatrix" => mel_weights,
    "ai.onnx.STFT" => frames,
}

/// The one number of a tensor that may be left out.
fn whole(node: &Node, index: usize) -> Result<Option<i64>, Failure> {
    node.optional(index).map(|tensor| tensor.integer(0)).transpose()
}

/// Longest transform: its cost grows with the square of an odd length.
const LONGEST: usize = 1 << 20;

fn length_of(length: i64) -> Result<usize, Failure> {
    let length = usize::try_from(length).map_err(|_| Failure::Unacceptable)?;
    if (1..=LONGEST).contains(&length) { Ok(length) } else { Err(Failure::Unacceptable) }
}

/// Transforms of one length: the circle, and room for the numbers.
struct Circle<'a> {
    length: usize,
    turns: &'a [[f64; 2]],
    numbers: &'a mut [[f64; 2]],
    result: &'a mut [[f64; 2]],
}

impl<'a> Circle<'a> {
    fn of(node: &'a Node, length: usize, inverse: bool) -> Result<Self, Failure> {
        let turns = node.room::<[f64; 2]>(length)?;
        let turn = if inverse { TAU } else { -TAU };
        for (index, slot) in turns.iter_mut().enumerate() {
            let angle = turn * index as f64 / length as f64;
            *slot = [libm::cos(angle), libm::sin(angle)];
        }
        let (numbers, result) = (node.room(length)?, node.room(length)?);
        Ok(Self { length, turns, numbers, result })
    }

    /// From `numbers` to `result`: by halves where the length allows it, else by definition.
    fn transform(&mut self) {
        let length = self.length;
        if !length.is_power_of_two() {
            for (k, slot) in self.result.iter_mut().enumerate() {
                let (mut sum, mut angle) = ([0.0; 2], 0);
                for [re, im] in self.numbers.iter() {
                    let [c, s] = self.turns[angle];
                    sum = [sum[0] + re * c - im * s, sum[1] + re * s + im * c];
                    angle = (angle + k) % length;
                }
                *slot = sum;
            }
            return;
        }
        // Stockham: halves are put together in the other room, so nothing is reversed.
        let (mut half, mut stride) = (length / 2, 1);
        let (mut from, mut to) = (&mut *self.numbers, &mut *self.result);
        let mut swapped = false;
        while half >= 1 {
            for k in 0..half {
                let [c, s] = self.turns[k * stride];
                for j in 0..stride {
                    let (a, b) = (from[k * stride + j], from[(k + half) * stride + j]);
                    let (re, im) = (a[0] - b[0], a[1] - b[1]);
                    to[2 * k * stride + j] = [a[0] + b[0], a[1] + b[1]];
                    to[(2 * k + 1) * stride + j] = [re * c - im * s, re * s + im * c];
                }
            }
            core::mem::swap(&mut from, &mut to);
            swapped = !swapped;
            (half, stride) = (half / 2, stride * 2);
        }
        if !swapped {
            to.copy_from_slice(from);
        }
    }
}

/// Real and imaginary part at a place of a tensor whose last axis holds one or both.
fn complex<T: Element>(values: &[T], at: usize, parts: usize) -> [f64; 2] {
    let part = |index: usize| if index < parts { values[at * parts + index].to_f64() } else { 0.0 };
    [part(0), part(1)]
}

fn transform(node: &Node) -> Done {
    let x = node.input(0)?;
    let (inverse, one_sided) = (node.flag("inverse", false), node.flag("onesided", false));
    let axis = match node.opset {
        20.. => whole(node, 2)?.unwrap_or(-2),
        _ => node.int("axis", 1),
    };
    let axis = x.axis(axis)?;
    let mut dims = x.dims();
    let rank = dims.len();
    let parts = dims[rank - 1];
    if axis + 1 == rank || !(1..=2).contains(&parts) {
        return Err(Failure::Unacceptable);
    }
    let (from, back) = (dims[axis], inverse && one_sided);
    let length = match whole(node, 1)? {
        Some(length) => length_of(length)?,
        None if back => length_of(2 * (from as i64 - 1))?,
        None => length_of(from as i64)?,
    };
    let to = if one_sided && !inverse { length / 2 + 1 } else { length };
    let parts_out = if back { 1 } else { 2 };
    let inner: usize = dims[axis + 1..rank - 1].iter().product();
    (dims[axis], dims[rank - 1]) = (to, parts_out);
    let mut circle = Circle::of(node, length, inverse)?;
    floats!(x.kind; T => {
        let (values, y) = (x.as_slice::<T>(), node.output::<T>(0, dims)?);
        let lines = values.len() / parts / from.max(1);
        for line in 0..lines {
            let (outer, column) = (line / inner, line % inner);
            for index in 0..length {
                let mirrored = back && index > length / 2;
                let source = if mirrored { length - index } else { index };
                let [re, im] = if source < from {
                    complex(values, (outer * from + source) * inner + column, parts)
                } else {
                    [0.0; 2]
                };
                circle.numbers[index] = [re, if mirrored { -im } else { im }];
            }
            circle.transform();
            let factor = if inverse { 1.0 / length as f64 } else { 1.0 };
            for (index, number) in circle.result.iter().enumerate().take(to) {
                let at = ((outer * to + index) * inner + column) * parts_out;
                for (slot, part) in y[at..at + parts_out].iter_mut().zip(number) {
                    *slot = T::from_f64(part * factor);
                }
            }
        }
        Ok(())
    })
}

fn frames(node: &Node) -> Done {
    let x = node.input(0)?;
    let (batch, from, parts) = match *x.dims() {
        [batch, from] => (batch, from, 1),
        [batch, from, parts @ 1..=2] => (batch, from, parts),
        _ => return Err(Failure::Unacceptable),
    };
    let step = length_of(whole(node, 1)?.ok_or(Failure::Unsupported)?)?;
    let window = node.optional(2);
    let length = match (whole(node, 3)?, window) {
        (Some(length), _) => length_of(length)?,
        (None, Some(window)) => length_of(window.count() as i64)?,
        (None, None) => return Err(Failure::Unsupported),
    };
    let frames = from.checked_sub(length).ok_or(Failure::Unacceptable)? / step + 1;
    let to = if node.flag("onesided", true) { length / 2 + 1 } else { length };
    let mut circle = Circle::of(node, length, false)?;
    floats!(x.kind; T => {
        let window = window.map(Tensor::slice::<T>).transpose()?;
        let values = x.as_slice::<T>();
        let y = node.output::<T>(0, Dims::of(&[batch, frames, to, 2])?)?;
        for (frame, y) in y.chunks_exact_mut(2 * to).enumerate() {
            let first = frame / frames * from + frame % frames * step;
            for (index, slot) in circle.numbers.iter_mut().enumerate() {
                let weight = match window {
                    Some(window) => window.get(index).map_or(0.0, |weight| weight.to_f64()),
                    None => 1.0,
                };
                *slot = complex(values, first + index, parts).map(|part| part * weight);
            }
            circle.transform();
            for (slot, part) in y.iter_mut().zip(circle.result.iter().flatten()) {
                *slot = T::from_f64(*part);
            }
        }
        Ok(())
    })
}

/// `a - b · cos + c · cos of twice`, once around.
fn window(node: &Node, [a, b, c]: [f64; 3]) -> Done {
    let size = length_of(node.input(0)?.integer(0)?)?;
    let kind = u32::try_from(node.int("output_datatype", 1)).unwrap_or(FLOAT);
    let around = if node.flag("periodic", true) { size } else { size - 1 };
    numbers!(kind; T => {
        let y = node.output::<T>(0, Dims::of(&[size])?)?;
        for (index, slot) in y.iter_mut().enumerate() {
            let angle = if around == 0 { 0.0 } else { TAU * index as f64 / around as f64 };
            *slot = T::from_f64(a - b * libm::cos(angle) + c * libm::cos(2.0 * angle));
        }
        Ok(())
    })
}

/// Triangles between equal steps of the mel scale.
fn mel_weights(node: &Node) -> Done {
    let count = |index: usize| length_of(node.input(index)?.integer(0)?);
    let (bins, length, rate) = (count(0)?, count(1)?, count(2)? as f64);
    let edge = |index: usize| -> Result<f64, Failure> {
        let tensor = node.input(index)?;
        floats!(tensor.kind; T => {
            tensor.as_slice::<T>().first().map(|edge| edge.to_f64()).ok_or(Failure::Unacceptable)
        })
    };
    let mel = |frequency: f64| 2595.0 * libm::log10(1.0 + frequency / 700.0);
    let (low, high) = (mel(edge(3)?), mel(edge(4)?));
    let kind = u32::try_from(node.int("output_datatype", 1)).unwrap_or(FLOAT);
    let rows = length / 2 + 1;
    let step = (high - low) / (bins + 2) as f64;
    // Edges are whole numbers of the transform's places.
    let place = |index: usize| {
        let frequency = 700.0 * (libm::pow(10.0, (low + index as f64 * step) / 2595.0) - 1.0);
        libm::floor((length + 1) as f64 * frequency / rate)
    };
    numbers!(kind; T => {
        let y = node.output::<T>(0, Dims::of(&[rows, bins])?)?;
        for bin in 0..bins {
            let [left, centre, right] = [place(bin), place(bin + 1), place(bin + 2)];
            for row in 0..rows {
                let at = row as f64;
                let weight = if centre == left && at == centre {
                    1.0
                } else if at >= left && at <= centre {
                    (at - left) / (centre - left)
                } else if at > centre && at < right {
                    (right - at) / (right - centre)
                } else {
                    continue;
                };
                y[row * bins + bin] = T::from_f64(weight);
            }
        }
        Ok(())
    })
}
