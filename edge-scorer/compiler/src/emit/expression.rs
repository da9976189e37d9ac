//! Extents as 64-bit Wasm expressions.

use walrus::ir::{BinaryOp, UnaryOp};
use walrus::{GlobalId, InstrSeqBuilder};

use crate::plan::Extent;

/// Pushes the value of `extent` as an `i64`.
///
/// Operands are pushed twice for `max` and `min`: they are rare and small.
pub(crate) fn push_extent(body: &mut InstrSeqBuilder<'_>, extent: &Extent, symbols: &[GlobalId]) {
    match extent {
        Extent::Fixed(value) => {
            body.i64_const(*value);
        }
        Extent::Symbol(index) => {
            body.global_get(symbols[*index]).unop(UnaryOp::I64ExtendUI32);
        }
        Extent::Sum(a, b) => push_binary(body, a, b, BinaryOp::I64Add, symbols),
        Extent::Product(a, b) => push_binary(body, a, b, BinaryOp::I64Mul, symbols),
        Extent::Quotient(a, divisor) => {
            // Sizes are not negative where they are used, so rounding to zero is rounding down.
            push_binary(body, a, &Extent::Fixed(*divisor), BinaryOp::I64DivS, symbols);
        }
        Extent::Larger(a, b) => push_choice(body, a, b, BinaryOp::I64GtS, symbols),
        Extent::Smaller(a, b) => push_choice(body, a, b, BinaryOp::I64LtS, symbols),
    }
}

fn push_binary(
    body: &mut InstrSeqBuilder<'_>,
    a: &Extent,
    b: &Extent,
    operator: BinaryOp,
    symbols: &[GlobalId],
) {
    push_extent(body, a, symbols);
    push_extent(body, b, symbols);
    body.binop(operator);
}

/// `a` where `a operator b`, else `b`.
fn push_choice(
    body: &mut InstrSeqBuilder<'_>,
    a: &Extent,
    b: &Extent,
    operator: BinaryOp,
    symbols: &[GlobalId],
) {
    push_extent(body, a, symbols);
    push_extent(body, b, symbols);
    push_binary(body, a, b, operator, symbols);
    body.select(None);
}
