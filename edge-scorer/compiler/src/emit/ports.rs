//! `input`, `output` and, for string tensors, `input_bytes` and `output_bytes`.

use walrus::ir::{BinaryOp, LoadKind, MemArg, UnaryOp};
use walrus::{FunctionBuilder, FunctionId, GlobalId, InstrSeqBuilder, LocalId, ValType};

use super::prepare::push_grow;
use super::{ALIGNMENT, Emission};
use crate::plan::{BufferId, Port, PortText};

/// A global that holds an address, or the address of an address.
#[derive(Clone, Copy)]
struct Address {
    global: GlobalId,
    is_place: bool,
}

impl Emission<'_> {
    /// `input(i)` or `output(i)`: the address of a port's data, 0 for a port that is not there.
    pub(super) fn data_of(&mut self, ports: &[Port]) -> FunctionId {
        let addresses: Vec<_> = ports
            .iter()
            .map(|port| Some(Address { global: self.slot(port.buffer)?, is_place: false }))
            .collect();
        self.address_of(&addresses)
    }

    /// `output_bytes(i)`: the address of a string output's bytes.
    pub(super) fn output_bytes(&mut self) -> FunctionId {
        let addresses: Vec<_> = self
            .plan
            .outputs
            .iter()
            .map(|port| {
                let text = port.text?;
                let is_place = matches!(text, PortText::Place(_));
                Some(Address { global: self.slot(text.buffer())?, is_place })
            })
            .collect();
        self.address_of(&addresses)
    }

    /// `input_bytes(i, n)`: room for a string input's bytes, kept until the next `prepare`.
    pub(super) fn input_bytes(&mut self) -> FunctionId {
        let locals = &mut self.module.locals;
        let (input, bytes) = (locals.add(ValType::I32), locals.add(ValType::I32));
        let end = locals.add(ValType::I64);
        let mut builder = FunctionBuilder::new(
            &mut self.module.types,
            &[ValType::I32, ValType::I32],
            &[ValType::I32],
        );
        let mut body = builder.func_body();
        for (index, text) in self.texts.iter().enumerate() {
            let Some(text) = *text else { continue };
            let (memory, last) = (self.memory, self.end);
            when_equal(&mut body, input, index, |body| {
                // What was reserved before is enough: use it again.
                body.local_get(bytes).global_get(text.capacity).binop(BinaryOp::I32LeU).if_else(
                    None,
                    |enough| {
                        enough.global_get(text.address).return_();
                    },
                    |_| {},
                );
                body.global_get(last).unop(UnaryOp::I64ExtendUI32);
                body.local_get(bytes).unop(UnaryOp::I64ExtendUI32).binop(BinaryOp::I64Add);
                body.i64_const(ALIGNMENT - 1).binop(BinaryOp::I64Add);
                body.i64_const(-ALIGNMENT).binop(BinaryOp::I64And).local_tee(end);
                body.i64_const(i64::from(u32::MAX)).binop(BinaryOp::I64GtU);
                return_zero_if(body);
                push_grow(body, memory, end);
                body.i32_const(-1).binop(BinaryOp::I32Eq);
                return_zero_if(body);
                body.global_get(last).global_set(text.address);
                body.local_get(bytes).global_set(text.capacity);
                body.local_get(end).unop(UnaryOp::I32WrapI64).global_set(last);
                body.global_get(text.address).return_();
            });
        }
        body.i32_const(0);
        builder.finish(vec![input, bytes], &mut self.module.funcs)
    }

    fn slot(&self, buffer: BufferId) -> Option<GlobalId> {
        self.placement.slot_of[buffer.0].map(|slot| self.slots[slot])
    }

    fn address_of(&mut self, addresses: &[Option<Address>]) -> FunctionId {
        let memory = self.memory;
        let index = self.module.locals.add(ValType::I32);
        let mut builder =
            FunctionBuilder::new(&mut self.module.types, &[ValType::I32], &[ValType::I32]);
        let mut body = builder.func_body();
        for (port, address) in addresses.iter().enumerate() {
            let Some(address) = *address else { continue };
            when_equal(&mut body, index, port, |body| {
                body.global_get(address.global);
                if address.is_place {
                    let arg = MemArg { align: 4, offset: 0 };
                    body.load(memory, LoadKind::I32 { atomic: false }, arg);
                }
                body.return_();
            });
        }
        body.i32_const(0);
        builder.finish(vec![index], &mut self.module.funcs)
    }
}

fn when_equal(
    body: &mut InstrSeqBuilder<'_>,
    local: LocalId,
    value: usize,
    then: impl FnOnce(&mut InstrSeqBuilder<'_>),
) {
    body.local_get(local).i32_const(value as i32).binop(BinaryOp::I32Eq).if_else(
        None,
        then,
        |_| {},
    );
}

fn return_zero_if(body: &mut InstrSeqBuilder<'_>) {
    body.if_else(
        None,
        |then| {
            then.i32_const(0).return_();
        },
        |_| {},
    );
}
