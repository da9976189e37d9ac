//! Sources become the module's inputs; what the graph selects becomes its outputs.

use std::sync::Arc;

use shared::ElementType;
use tract_onnx::prelude::{DatumType, OutletId, TypedNode};
use tract_onnx::tract_hir::tract_core::ops::source::TypedSource;

use super::{Lowered, Lowering, Refusal, Value, constant_bytes, constant_strings};
use crate::plan::{Arg, BufferId, Extent, Port, PortText};

pub(super) fn lower(l: &mut Lowering<'_>, node: &TypedNode) -> Lowered {
    if !node.op_is::<TypedSource>() {
        return Ok(None);
    }
    let outlet = OutletId::new(node.id, 0);
    // `input(i)` follows the order of the graph's inputs, not the order of evaluation.
    let inputs = l.model.input_outlets().map_err(|error| Refusal::because(error.to_string()))?;
    let Some(index) = inputs.iter().position(|input| *input == outlet) else {
        return Err(Refusal::because("it is a source that is not an input"));
    };
    if l.element(outlet)? == ElementType::String {
        let offsets = l.planner.buffer(
            format!("{} (offsets)", node.name),
            ElementType::Uint32,
            l.count(outlet)?.plus(Extent::ONE),
        );
        l.planner.input(index, Port { buffer: offsets, text: None, is_text: true });
        let count = l.count(outlet)?;
        let spans =
            l.planner.buffer(format!("{} (spans)", node.name), ElementType::String, count.clone());
        let args =
            vec![Arg::read(offsets), Arg::InputText(index), Arg::Count(count), Arg::write(spans)];
        l.planner.call("text_spans", args, format!("text of input {index}"), 2.0);
        return Ok(Some(vec![Value::Text(spans)]));
    }
    let buffer = l.output(node, 0)?;
    l.planner.input(index, Port { buffer, text: None, is_text: false });
    Ok(Some(vec![Value::Tensor(buffer)]))
}

impl Lowering<'_> {
    /// Puts every output into memory of its own.
    pub(super) fn finish_outputs(&mut self) -> Result<(), Refusal> {
        let outlets =
            self.model.output_outlets().map_err(|e| Refusal::because(e.to_string()))?.to_vec();
        let mut taken: Vec<BufferId> = self.planner.input_buffers();
        for (index, outlet) in outlets.into_iter().enumerate() {
            let port = match self.value(outlet)? {
                Value::Tensor(buffer) if !taken.contains(&buffer) => {
                    taken.push(buffer);
                    Port { buffer, text: None, is_text: false }
                }
                Value::Tensor(buffer) => self.copied(index, outlet, Arg::read(buffer))?,
                Value::Constant(tensor) if tensor.datum_type() == DatumType::String => {
                    let table = constant_strings(&tensor)?;
                    let indices: Vec<u32> = (0..table.len() as u32).collect();
                    let indices = self.planner.weights_u32("indices of a constant", &indices);
                    self.spelled(index, outlet, Arg::Weights(indices), &table.into())?
                }
                Value::Constant(tensor) => {
                    let name = format!("output {index}");
                    let weights = self.planner.weights(name, constant_bytes(&tensor)?);
                    self.copied(index, outlet, Arg::Weights(weights))?
                }
                Value::Labels { indices, table } => {
                    self.spelled(index, outlet, Arg::read(indices), &table)?
                }
                Value::Text(spans) => self.written(index, outlet, spans)?,
            };
            self.planner.output(port);
        }
        Ok(())
    }

    /// An output with the same bytes as something that has another place already.
    fn copied(&mut self, index: usize, outlet: OutletId, from: Arg) -> Result<Port, Refusal> {
        let (element, count) = (self.element(outlet)?, self.count(outlet)?);
        let bytes = count.clone().times(Extent::from(element.byte_width().unwrap_or(1)));
        let buffer = self.planner.buffer(format!("output {index}"), element, count);
        let args = vec![from, Arg::Count(bytes), Arg::write(buffer)];
        self.planner.call("copy_bytes", args, format!("copy to output {index}"), 5.0);
        Ok(Port { buffer, text: None, is_text: false })
    }

    /// An output of strings, spelled out from indices into a constant table.
    fn spelled(
        &mut self,
        index: usize,
        outlet: OutletId,
        indices: Arg,
        table: &Arc<[String]>,
    ) -> Result<Port, Refusal> {
        let count = self.count(outlet)?;
        let mut offsets = vec![0_u32];
        let mut letters = Vec::new();
        for entry in table.iter() {
            letters.extend_from_slice(entry.as_bytes());
            offsets.push(letters.len() as u32);
        }
        let longest = table.iter().map(String::len).max().unwrap_or(0);
        let offsets = self.planner.weights_u32("label offsets", &offsets);
        let letters = self.planner.weights("labels", letters);

        let buffer = self.planner.buffer(
            format!("output {index} (offsets)"),
            ElementType::Uint32,
            count.clone().plus(Extent::ONE),
        );
        let text = self
            .planner
            .bytes(format!("output {index} (text)"), count.clone().times(Extent::from(longest)));
        let args = vec![
            indices,
            Arg::Count(count),
            Arg::Weights(offsets),
            Arg::Weights(letters),
            Arg::write(buffer),
            Arg::write(text),
        ];
        self.planner.call("spell_labels", args, format!("spell labels of output {index}"), 10.0);
        Ok(Port { buffer, text: Some(PortText::Buffer(text)), is_text: true })
    }

    /// An output of strings that are known only after a run.
    fn written(
        &mut self,
        index: usize,
        outlet: OutletId,
        spans: BufferId,
    ) -> Result<Port, Refusal> {
        let count = self.count(outlet)?;
        let buffer = self.planner.buffer(
            format!("output {index} (offsets)"),
            ElementType::Uint32,
            count.clone().plus(Extent::ONE),
        );
        let place = self.planner.bytes(format!("output {index} (place)"), Extent::Fixed(4));
        let arena = self.arena();
        let args = vec![
            Arg::read(spans),
            Arg::Count(count),
            Arg::read(arena),
            Arg::write(buffer),
            Arg::write(place),
        ];
        self.planner.call("write_text", args, format!("write output {index}"), 10.0);
        Ok(Port { buffer, text: Some(PortText::Place(place)), is_text: true })
    }
}
