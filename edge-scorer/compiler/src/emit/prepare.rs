//! `prepare`: checks the symbols, places every slot, grows the memory.

use walrus::ir::{BinaryOp, UnaryOp};
use walrus::{FunctionBuilder, FunctionId, InstrSeqBuilder, LocalId, ValType};

use super::expression::push_extent;
use super::{ALIGNMENT, Emission, PAGE};

/// Answers of `prepare`.
const READY: i32 = 0;
const DOES_NOT_FIT: i32 = 1;
const OUT_OF_RANGE: i32 = 2;

impl Emission<'_> {
    /// `prepare(symbol…) -> status`.
    pub(super) fn prepare(&mut self) -> FunctionId {
        let module = &mut self.module;
        let params: Vec<LocalId> =
            self.symbols.iter().map(|_| module.locals.add(ValType::I32)).collect();
        let end = module.locals.add(ValType::I64);
        let size = module.locals.add(ValType::I64);
        let param_types = vec![ValType::I32; params.len()];
        let mut builder = FunctionBuilder::new(&mut module.types, &param_types, &[ValType::I32]);
        let mut body = builder.func_body();

        for ((param, global), symbol) in params.iter().zip(&self.symbols).zip(&self.plan.symbols) {
            body.local_get(*param).i32_const(symbol.min as i32).binop(BinaryOp::I32LtU);
            body.local_get(*param).i32_const(symbol.max as i32).binop(BinaryOp::I32GtU);
            body.binop(BinaryOp::I32Or);
            return_if(&mut body, OUT_OF_RANGE);
            body.local_get(*param).global_set(*global);
        }

        body.i64_const(self.base).local_set(end);
        for (slot, sizes) in self.slots.iter().zip(&self.placement.slots) {
            body.local_get(end).unop(UnaryOp::I32WrapI64).global_set(*slot);
            body.i64_const(0).local_set(size);
            for extent in sizes {
                // size = max(size, extent)
                push_extent(&mut body, extent, &self.symbols);
                body.local_get(size);
                push_extent(&mut body, extent, &self.symbols);
                body.local_get(size).binop(BinaryOp::I64GtS).select(None).local_set(size);
            }
            body.local_get(end).local_get(size).binop(BinaryOp::I64Add);
            body.i64_const(ALIGNMENT - 1).binop(BinaryOp::I64Add);
            body.i64_const(-ALIGNMENT).binop(BinaryOp::I64And).local_tee(end);
            body.i64_const(i64::from(u32::MAX)).binop(BinaryOp::I64GtU);
            return_if(&mut body, DOES_NOT_FIT);
        }
        body.local_get(end).unop(UnaryOp::I32WrapI64).global_set(self.end);
        for text in self.texts.iter().flatten() {
            body.local_get(end).unop(UnaryOp::I32WrapI64).global_set(text.address);
            body.i32_const(0).global_set(text.capacity);
        }

        push_grow(&mut body, self.memory, end);
        body.i32_const(-1).binop(BinaryOp::I32Eq);
        return_if(&mut body, DOES_NOT_FIT);
        body.i32_const(READY);
        builder.finish(params, &mut self.module.funcs)
    }
}

/// Grows the memory to hold `end` bytes; pushes -1 when it cannot.
pub(super) fn push_grow(body: &mut InstrSeqBuilder<'_>, memory: walrus::MemoryId, end: LocalId) {
    let pages_missing = |body: &mut InstrSeqBuilder<'_>| {
        body.local_get(end)
            .i64_const(PAGE as i64 - 1)
            .binop(BinaryOp::I64Add)
            .i64_const(PAGE.trailing_zeros().into())
            .binop(BinaryOp::I64ShrU)
            .unop(UnaryOp::I32WrapI64)
            .memory_size(memory)
            .binop(BinaryOp::I32Sub);
    };
    pages_missing(body);
    body.i32_const(0).binop(BinaryOp::I32GtS).if_else(
        ValType::I32,
        |grow| {
            pages_missing(grow);
            grow.memory_grow(memory);
        },
        |enough| {
            enough.i32_const(0);
        },
    );
}

fn return_if(body: &mut InstrSeqBuilder<'_>, status: i32) {
    body.if_else(
        None,
        |then| {
            then.i32_const(status).return_();
        },
        |_| {},
    );
}
