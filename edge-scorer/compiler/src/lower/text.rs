//! Text within a plan: spans of it, and the arena that holds new letters.

use std::sync::Arc;

use shared::ElementType;
use tract_onnx::prelude::OutletId;

use super::{Lowering, Refusal, Value, constant_strings};
use crate::plan::{Arg, BufferId, Extent};

impl Lowering<'_> {
    /// A buffer of spans of the text behind `outlet`.
    pub(crate) fn spans(&mut self, outlet: OutletId) -> Result<BufferId, Refusal> {
        let (indices, table): (Arg, Arc<[String]>) = match self.value(outlet)? {
            Value::Text(spans) => return Ok(spans),
            Value::Tensor(_) => {
                return Err(Refusal::because("it takes text, and its input is numbers"));
            }
            Value::Labels { indices, table } => (Arg::read(indices), table),
            Value::Constant(tensor) => {
                let table = constant_strings(&tensor)?;
                let indices: Vec<u32> = (0..table.len() as u32).collect();
                let weights = self.planner.weights_u32("indices of a constant", &indices);
                (Arg::Weights(weights), table.into())
            }
        };
        let count = self.count(outlet)?;
        let name = format!("{} (spans)", self.model.node(outlet.node).name);
        let (starts, letters) = text_table(&table);
        let starts = self.planner.weights_u32(format!("{name} starts"), &starts);
        let letters = self.planner.weights(format!("{name} letters"), letters);
        let spans = self.planner.buffer(name, ElementType::String, count.clone());
        let args = vec![
            indices,
            Arg::Count(count),
            Arg::Weights(starts),
            Arg::Weights(letters),
            Arg::count(table.len()),
            Arg::write(spans),
        ];
        self.planner.call("label_spans", args, "spans of known text", 2.0);
        Ok(spans)
    }

    /// The arena for new letters, which every run begins anew.
    ///
    /// Steps that take letters from it name it as something they read, although they move its end: so
    /// none of them keeps another alive.
    pub(crate) fn arena(&mut self) -> BufferId {
        if let Some(arena) = self.arena {
            return arena;
        }
        let arena = self.planner.bytes("arena of text", Extent::Fixed(8));
        self.planner.call(
            "text_begin",
            vec![Arg::FreeMemory, Arg::write(arena)],
            "begin the arena of text",
            1.0,
        );
        self.arena = Some(arena);
        arena
    }
}

/// Where each text of a table begins, and behind the last; and all letters.
pub(crate) fn text_table<T: AsRef<str>>(table: &[T]) -> (Vec<u32>, Vec<u8>) {
    let (mut starts, mut letters) = (vec![0_u32], Vec::new());
    for text in table {
        letters.extend_from_slice(text.as_ref().as_bytes());
        starts.push(letters.len() as u32);
    }
    (starts, letters)
}
