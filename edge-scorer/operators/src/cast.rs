//! Changing types: Cast, CastLike, BitCast.
//!
//! Floats to integers cut off and saturate; text is read and written as ONNX says.

use crate::number::{BOOL, Bool, Element, FLOAT, STRING, is_float, width};
use crate::tensor::Tensor;
use crate::{Done, Failure, Node, operators};

operators! {
    "ai.onnx.Cast" => |node| convert(node, u32::try_from(node.int("to", 0)).unwrap_or(0)),
    "ai.onnx.CastLike" => |node| convert(node, node.input(1)?.kind),
    "ai.onnx.BitCast" => bit_cast,
}

fn convert(node: &Node, to: u32) -> Done {
    let x = node.input(0)?;
    if to == x.kind {
        return node.share(0, x, x.dims());
    }
    if to == STRING {
        return spell(node, x);
    }
    if x.is_text() {
        return read(node, x, to);
    }
    let by_float = is_float(x.kind) || is_float(to);
    // Through the widest type, some at a time: a loop for each type, not for each pair of types.
    let (mut floats, mut integers) = ([0.0; CHUNK], [0; CHUNK]);
    elements!(to; U => {
        let y = node.output::<U>(0, x.dims())?;
        for (turn, part) in y.chunks_mut(CHUNK).enumerate() {
            if by_float {
                load(x, turn * CHUNK, &mut floats)?;
                part.iter_mut().zip(&floats).for_each(|(y, value)| *y = U::from_f64(*value));
            } else {
                load_integers(x, turn * CHUNK, &mut integers)?;
                part.iter_mut().zip(&integers).for_each(|(y, value)| *y = U::from_i64(*value));
            }
        }
        Ok(())
    })
}

/// Elements that are changed at a time.
const CHUNK: usize = 64;

fn load(x: &Tensor, start: usize, chunk: &mut [f64; CHUNK]) -> Done {
    elements!(x.kind; T => {
        let values = x.as_slice::<T>().get(start..).unwrap_or(&[]);
        chunk.iter_mut().zip(values).for_each(|(slot, value)| *slot = value.to_f64());
        Ok(())
    })
}

fn load_integers(x: &Tensor, start: usize, chunk: &mut [i64; CHUNK]) -> Done {
    elements!(x.kind; T => {
        let values = x.as_slice::<T>().get(start..).unwrap_or(&[]);
        chunk.iter_mut().zip(values).for_each(|(slot, value)| *slot = value.to_i64());
        Ok(())
    })
}

/// The number that text stands for.
fn read(node: &Node, x: &Tensor, to: u32) -> Done {
    elements!(to; U => {
        let y = node.output::<U>(0, x.dims())?;
        for (index, y) in y.iter_mut().enumerate() {
            let text = core::str::from_utf8(x.string(index)).map_err(|_| Failure::Unacceptable)?;
            let text = text.trim();
            *y = match text.parse::<i64>() {
                Ok(whole) if !is_float(to) => U::from_i64(whole),
                _ => U::from_f64(text.parse::<f64>().map_err(|_| Failure::Unacceptable)?),
            };
        }
        Ok(())
    })
}

/// Longest number in text.
const LONGEST: usize = 32;

/// Text of a number, in a place of its own.
#[derive(Clone, Copy)]
struct Spelled {
    bytes: [u8; LONGEST],
    length: usize,
}

impl core::fmt::Write for Spelled {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let end = self.length + text.len();
        let slot = self.bytes.get_mut(self.length..end).ok_or(core::fmt::Error)?;
        slot.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

fn spell(node: &Node, x: &Tensor) -> Done {
    use core::fmt::Write as _;
    let spelled = node.room::<Spelled>(x.count())?;
    elements!(x.kind; T => {
        for (slot, value) in spelled.iter_mut().zip(x.as_slice::<T>()) {
            let number: f64 = value.to_f64();
            let written = if x.kind == BOOL {
                slot.write_str(if number != 0.0 { "True" } else { "False" })
            } else if !is_float(x.kind) {
                write!(slot, "{}", value.to_i64())
            } else if number.is_nan() {
                slot.write_str("NaN")
            } else if number.is_infinite() {
                slot.write_str(if number > 0.0 { "INF" } else { "-INF" })
            } else if x.kind == FLOAT {
                general(slot, number, &ShortSingle(number as f32))
            } else {
                general(slot, number, &number)
            };
            written.map_err(|_| Failure::Unsupported)?;
        }
        Ok(())
    })?;
    let spelled = &*spelled;
    node.output_text(0, x.dims(), |index| {
        spelled.get(index).map_or(&[][..], |text| &text.bytes[..text.length])
    })
}

/// A single as its own shortest digits.
struct ShortSingle(f32);

impl core::fmt::Display for ShortSingle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(&self.0, f)
    }
}

impl core::fmt::LowerExp for ShortSingle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::LowerExp::fmt(&self.0, f)
    }
}

/// Plain where that is short, else with an exponent of two digits and a sign.
fn general<N: core::fmt::Display + core::fmt::LowerExp>(
    slot: &mut Spelled,
    number: f64,
    text: &N,
) -> core::fmt::Result {
    use core::fmt::Write as _;
    let size = number.abs();
    if number == 0.0 || (1e-4..1e16).contains(&size) {
        return write!(slot, "{text}");
    }
    let mut scratch = Spelled { bytes: [0; LONGEST], length: 0 };
    write!(scratch, "{text:e}")?;
    let letters = core::str::from_utf8(&scratch.bytes[..scratch.length]).unwrap_or_default();
    let (digits, exponent) = letters.split_once('e').unwrap_or((letters, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(slot, "{digits}e{sign}{exponent:0>2}")
}

fn bit_cast(node: &Node) -> Done {
    let x = node.input(0)?;
    let to = u32::try_from(node.int("to", 0)).unwrap_or(0);
    if width(to) == 0 || width(to) != width(x.kind) {
        return Err(Failure::Unsupported);
    }
    if to == BOOL {
        let y = node.output::<Bool>(0, x.dims())?;
        for (y, x) in y.iter_mut().zip(x.as_slice::<u8>()) {
            *y = Bool(u8::from(*x != 0));
        }
        return Ok(());
    }
    node.share(0, &Tensor { kind: to, ..*x }, x.dims())
}
