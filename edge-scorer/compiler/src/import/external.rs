//! Brings the values that a model keeps in files beside it into the model.
//!
//! # Invariants
//! - Only what the caller hands out is read: a location is a key for `files`, never a path.
//! - No more bytes are taken in than `limits.onnx_bytes`, whatever the locations claim.

use prost::Message as _;
use tract_onnx::pb::{GraphProto, TensorProto};
use tract_onnx::prelude::Framework as _;

use crate::error::{CompileError, Limits};

const EXTERNAL: i32 = 1;

/// The same model with every value inside; the very same bytes where all of them are already.
pub(crate) fn inline(
    onnx: Vec<u8>,
    files: &dyn Fn(&str) -> Option<Vec<u8>>,
    limits: &Limits,
) -> Result<Vec<u8>, CompileError> {
    if super::sniff::something_else(&onnx).is_some() {
        return Ok(onnx);
    }
    let decoded = super::fenced("its encoding is broken", || {
        tract_onnx::onnx().proto_model_for_read(&mut &*onnx)
    });
    // What is not readable is refused, with its reason, by whoever compiles it.
    let Ok(mut model) = decoded else { return Ok(onnx) };
    let Some(graph) = &mut model.graph else { return Ok(onnx) };
    let mut reader = Reader { files, left: limits.onnx_bytes, limit: limits.onnx_bytes, taken: 0 };
    reader.graph(graph, limits.nesting)?;
    if reader.taken == 0 { Ok(onnx) } else { Ok(model.encode_to_vec()) }
}

struct Reader<'a> {
    files: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    left: u64,
    limit: u64,
    taken: u64,
}

impl Reader<'_> {
    fn graph(&mut self, graph: &mut GraphProto, nesting: u64) -> Result<(), CompileError> {
        let Some(deeper) = nesting.checked_sub(1) else { return Ok(()) };
        for tensor in &mut graph.initializer {
            self.tensor(tensor)?;
        }
        for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
            for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
                self.tensor(tensor)?;
            }
            for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                self.graph(graph, deeper)?;
            }
        }
        Ok(())
    }

    fn tensor(&mut self, tensor: &mut TensorProto) -> Result<(), CompileError> {
        if tensor.external_data.is_empty() && tensor.data_location != Some(EXTERNAL) {
            return Ok(());
        }
        let name = tensor.name.clone();
        let entry = |key: &str| {
            tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
        };
        let broken = |what: &str| {
            CompileError::invalid(format!(
                "`{name}` names {what} of the file that holds its values"
            ))
        };
        let number = |key: &str| {
            entry(key)
                .map(|text| text.parse::<usize>().map_err(|_| broken(&format!("no {key}"))))
                .transpose()
        };
        let location = entry("location").ok_or_else(|| broken("no location"))?;
        let bytes = (self.files)(location).ok_or_else(|| {
            CompileError::invalid(format!(
                "the values of `{name}` are in the file `{location}`, which the archive does not hold"
            ))
        })?;
        let start = number("offset")?.unwrap_or(0);
        let end = match number("length")? {
            Some(length) => {
                start.checked_add(length).ok_or_else(|| broken("a length beyond the end"))?
            }
            None => bytes.len(),
        };
        let part = bytes.get(start..end).ok_or_else(|| broken("a part beyond the end"))?;
        self.left =
            self.left.checked_sub(part.len() as u64).ok_or(CompileError::LimitExceeded {
                what: "bytes",
                actual: self.limit - self.left + part.len() as u64,
                limit: self.limit,
            })?;
        self.taken += 1;
        tensor.raw_data = part.to_vec();
        tensor.external_data.clear();
        tensor.data_location = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{ModelProto, StringStringEntryProto};

    use super::*;

    fn model(entries: &[(&str, &str)]) -> Vec<u8> {
        let external_data = entries
            .iter()
            .map(|(key, value)| StringStringEntryProto {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        let weights = TensorProto {
            name: "weights".to_owned(),
            dims: vec![1],
            data_type: 1,
            data_location: Some(EXTERNAL),
            external_data,
            ..TensorProto::default()
        };
        let graph = GraphProto { initializer: vec![weights], ..GraphProto::default() };
        ModelProto { ir_version: 8, graph: Some(graph), ..ModelProto::default() }.encode_to_vec()
    }

    fn inlined(entries: &[(&str, &str)]) -> Result<TensorProto, CompileError> {
        let files = |name: &str| (name == "w.bin").then(|| vec![9, 9, 0, 0, 128, 63]);
        let bytes = inline(model(entries), &files, &Limits::default())?;
        let model = ModelProto::decode(&*bytes).unwrap();
        Ok(model.graph.unwrap().initializer.remove(0))
    }

    #[test]
    fn values_beside_the_model_become_its_own() {
        let tensor = inlined(&[("location", "w.bin"), ("offset", "2"), ("length", "4")]).unwrap();

        assert_eq!(tensor.raw_data, 1.0_f32.to_le_bytes());
        assert!(tensor.external_data.is_empty() && tensor.data_location.is_none());
    }

    #[test]
    fn what_is_not_there_or_beyond_the_end_is_refused_by_name() {
        for (entries, said) in [
            (&[("location", "other.bin")][..], "other.bin"),
            (&[("offset", "1")], "no location"),
            (&[("location", "w.bin"), ("offset", "7")], "beyond the end"),
            (&[("location", "w.bin"), ("length", "7")], "beyond the end"),
            (&[("location", "w.bin"), ("offset", "-1")], "no offset"),
        ] {
            let refusal = inlined(entries).unwrap_err().to_string();
            assert!(refusal.contains(said), "{refusal}");
        }
    }
}
