//! The functions that a module may import from `linalg`: dense products and convolutions, run
//! natively with the widest vectors that the machine has.
//!
//! Everything that they touch lies in the guest's memory; operands are addresses, as the module's own
//! kernels take them. Any module may import them, whoever made it: they can do nothing that a slow
//! kernel inside the sandbox could not do as well.
//!
//! # Invariants
//! - Every operand is checked against the memory, and results overlap no operand, before the first
//!   number is read; whatever does not fit is a trap.
//! - A call is bounded: more than [`CALL_PRODUCTS`] multiplications at once are a trap, so a deadline
//!   is noticed soon after it passed.
//! - What a call needs besides is bounded too: [`GATHERED`] numbers for each instance.
//!
//! # Deliberately absent
//! - Threads: a slot is one core.
#![expect(unsafe_code, reason = "the native kernels take addresses, which are checked here first")]

use std::ops::Range;

use wasmparser::ValType::{self, F32, I32};
use wasmtime::{Caller, Linker, Memory};

use crate::guest::Budget;
use tiles::{Product, Start};

mod convolution;
mod tiles;

pub(crate) use tiles::PANEL;

/// Name that the functions are imported from.
pub(crate) const MODULE: &str = "linalg";

/// Most multiplications of one call: some tenth of a second.
const CALL_PRODUCTS: u64 = 1 << 33;

/// Numbers that a call packs or gathers at once: what a second-level cache has room for.
const GATHERED: usize = 96 * 1024;

/// Lines of a panel that are packed at once; a longer sum is added up in parts.
const LINES: usize = 2048;

/// What each function takes; none of them gives anything.
const FUNCTIONS: &[(&str, &[ValType])] = &[
    ("dense_panels", &[I32, I32, I32, I32, I32, I32, I32, F32, F32]),
    ("conv", &[I32, I32, I32, I32, I32, I32, F32, F32]),
    ("products", &[I32, I32, I32, I32, I32, I32, I32]),
];

/// The parameters of the function of that name, if there is one.
pub(crate) fn parameters(name: &str) -> Option<&'static [ValType]> {
    FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, parameters)| *parameters)
}

/// Offers the functions to modules.
pub(crate) fn link(linker: &mut Linker<Budget>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "dense_panels", dense)?;
    linker.func_wrap(MODULE, "conv", convolution::conv)?;
    linker.func_wrap(MODULE, "products", products)?;
    Ok(())
}

/// The memory of the calling instance, as numbers that may be read and written.
struct Field<'a> {
    bytes: &'a mut [u8],
    budget: &'a mut Budget,
}

/// Where an operand's numbers lie, in bytes.
type Place = Range<usize>;

impl<'a> Field<'a> {
    fn of(caller: &'a mut Caller<'_, Budget>) -> wasmtime::Result<Self> {
        let memory: Memory =
            caller.data().memory.ok_or_else(|| trap("a product before the memory is known"))?;
        let (bytes, budget) = memory.data_and_store_mut(caller);
        Ok(Self { bytes, budget })
    }

    /// `count` numbers at `address`.
    fn place(&self, address: i32, count: u64) -> wasmtime::Result<Place> {
        let start = address.cast_unsigned() as usize;
        let end = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(4))
            .and_then(|bytes| start.checked_add(bytes))
            .filter(|end| *end <= self.bytes.len() && start.is_multiple_of(4))
            .ok_or_else(|| trap("an operand of a product lies outside the memory"))?;
        Ok(start..end)
    }

    /// A result, which overlaps none of the operands.
    fn result(&self, address: i32, count: u64, operands: &[&Place]) -> wasmtime::Result<Place> {
        let place = self.place(address, count)?;
        let overlaps = |other: &&&Place| other.start < place.end && place.start < other.end;
        if operands.iter().any(|operand| overlaps(&operand)) {
            return Err(trap("the result of a product overlaps an operand"));
        }
        Ok(place)
    }

    fn read(&self, place: &Place) -> *const f32 {
        self.bytes[place.clone()].as_ptr().cast()
    }

    fn write(&mut self, place: &Place) -> *mut f32 {
        self.bytes[place.clone()].as_mut_ptr().cast()
    }
}

fn trap(what: &'static str) -> wasmtime::Error {
    wasmtime::Error::msg(what)
}

fn size(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

/// The product of sizes, if a call may do so much.
fn work(sizes: &[u64]) -> wasmtime::Result<()> {
    let products = sizes.iter().try_fold(1_u64, |all, size| all.checked_mul(*size));
    match products {
        Some(products) if products <= CALL_PRODUCTS => Ok(()),
        _ => Err(trap("a product is larger than one call may be")),
    }
}

fn count(sizes: &[u64]) -> wasmtime::Result<u64> {
    sizes
        .iter()
        .try_fold(1_u64, |all, size| all.checked_mul(*size))
        .ok_or_else(|| trap("an operand of a product lies outside the memory"))
}

/// `y[rows, n] = clamp(x[rows, k] · w[k, n] + bias[n], low, high)`; `w` lies in panels.
#[expect(clippy::too_many_arguments, reason = "an imported function takes every size it needs")]
fn dense(
    mut caller: Caller<'_, Budget>,
    x: i32,
    w: i32,
    bias: i32,
    y: i32,
    rows: i32,
    k: i32,
    n: i32,
    low: f32,
    high: f32,
) -> wasmtime::Result<()> {
    let mut field = Field::of(&mut caller)?;
    let [rows, k, n] = [rows, k, n].map(size);
    work(&[rows, k, n])?;
    let x = field.place(x, count(&[rows, k])?)?;
    let w = field.place(w, count(&[k, n.next_multiple_of(PANEL as u64)])?)?;
    let bias = field.place(bias, n)?;
    let y = field.result(y, count(&[rows, n])?, &[&x, &w, &bias])?;
    let [rows, k, n] = [rows, k, n].map(|size| size as usize);
    let y = field.write(&y);
    let (x, w, bias) = (field.read(&x), field.read(&w), field.read(&bias));
    let product = Product {
        m: rows,
        n,
        k,
        a: x,
        a_stride: k,
        b: w,
        y,
        y_stride: n,
        start: Start::Columns(bias),
        low,
        high,
    };
    // SAFETY: every place was checked, and `y` overlaps none of the others.
    unsafe { product.run() };
    Ok(())
}

/// `y[count, m, n] = a[count, m, k] · b[count, k, n]`.
#[expect(clippy::too_many_arguments, reason = "an imported function takes every size it needs")]
fn products(
    mut caller: Caller<'_, Budget>,
    a: i32,
    b: i32,
    y: i32,
    blocks: i32,
    m: i32,
    k: i32,
    n: i32,
) -> wasmtime::Result<()> {
    let mut field = Field::of(&mut caller)?;
    let [blocks, m, k, n] = [blocks, m, k, n].map(size);
    work(&[blocks, m, k, n])?;
    let a = field.place(a, count(&[blocks, m, k])?)?;
    let b = field.place(b, count(&[blocks, k, n])?)?;
    let y = field.result(y, count(&[blocks, m, n])?, &[&a, &b])?;
    let [blocks, m, k, n] = [blocks, m, k, n].map(|size| size as usize);
    let y = field.write(&y);
    let (a, b) = (field.read(&a), field.read(&b));
    let panels = &mut field.budget.gathered;
    // SAFETY: every place was checked, and `y` overlaps none of the others.
    unsafe {
        y.write_bytes(0, blocks * m * n);
        for block in 0..blocks {
            let (a, y) = (a.add(block * m * k), y.add(block * m * n));
            let b = std::slice::from_raw_parts(b.add(block * k * n), k * n);
            for first in (0..k).step_by(LINES) {
                let lines = LINES.min(k - first);
                let at_once = (GATHERED / lines / PANEL).max(1) * PANEL;
                for column in (0..n).step_by(at_once) {
                    let width = at_once.min(n - column);
                    pack(b, n, [first, lines], [column, width], panels);
                    let product = Product {
                        m,
                        n: width,
                        k: lines,
                        a: a.add(first),
                        a_stride: k,
                        b: panels.as_ptr(),
                        y: y.add(column),
                        y_stride: n,
                        start: if first == 0 { Start::Zero } else { Start::Sums },
                        low: f32::NEG_INFINITY,
                        high: f32::INFINITY,
                    };
                    product.run();
                }
            }
        }
    }
    Ok(())
}

/// Some lines and columns of `b[_, n]` as panels.
fn pack(
    b: &[f32],
    n: usize,
    [first, lines]: [usize; 2],
    [column, width]: [usize; 2],
    panels: &mut Vec<f32>,
) {
    panels.resize(lines * width.next_multiple_of(PANEL), 0.0);
    for (index, panel) in panels.chunks_exact_mut(lines * PANEL).enumerate() {
        let from = column + index * PANEL;
        let columns = PANEL.min(column + width - from);
        for (line, to) in panel.chunks_exact_mut(PANEL).enumerate() {
            to[..columns].copy_from_slice(&b[(first + line) * n + from..][..columns]);
        }
    }
}
