//! A collected call as a line of JSON.

use std::collections::BTreeMap;

use engine::{Tensor, TensorData};
use serde::{Serialize, Serializer, ser::SerializeSeq as _};
use shared::TensorSpec;

use super::CollectedCall;
use crate::clock;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    time: String,
    request_id: Option<&'a str>,
    version: u64,
    inputs: BTreeMap<&'a str, Nested<'a>>,
    outputs: BTreeMap<&'a str, Nested<'a>>,
}

/// Elements nested as their shape says.
struct Nested<'a> {
    shape: &'a [u64],
    data: &'a TensorData,
    start: usize,
    len: usize,
}

/// Appends the line.
pub(super) fn write(out: &mut Vec<u8>, call: &CollectedCall) -> serde_json::Result<()> {
    let line = Line {
        time: clock::timestamp(call.at),
        request_id: call.request_id.as_deref(),
        version: call.version,
        inputs: named(&call.signature.inputs, &call.inputs),
        outputs: named(&call.signature.outputs, &call.outputs),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.push(b'\n');
    Ok(())
}

fn named<'a>(specs: &'a [TensorSpec], tensors: &'a [Tensor]) -> BTreeMap<&'a str, Nested<'a>> {
    specs
        .iter()
        .zip(tensors)
        .map(|(spec, tensor)| {
            let (shape, data) = (tensor.shape(), tensor.data());
            (spec.name.as_str(), Nested { shape, data, start: 0, len: data.len() })
        })
        .collect()
}

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((&count, inner)) = self.shape.split_first() else {
            return element(self.data, self.start, serializer);
        };
        let count = usize::try_from(count).unwrap_or(0);
        let len = self.len.checked_div(count).unwrap_or(0);
        let mut list = serializer.serialize_seq(Some(count))?;
        for index in 0..count {
            let start = self.start + index * len;
            list.serialize_element(&Nested { shape: inner, data: self.data, start, len })?;
        }
        list.end()
    }
}

fn element<S: Serializer>(data: &TensorData, at: usize, serializer: S) -> Result<S::Ok, S::Error> {
    macro_rules! written {
        ($($kind:ident),*) => {
            match data {
                $(TensorData::$kind(values) => values.get(at).serialize(serializer),)*
                TensorData::Float16(values) => {
                    values.get(at).map(|bits| engine::f16_to_f32(*bits)).serialize(serializer)
                }
                TensorData::Bfloat16(values) => {
                    values.get(at).map(|bits| engine::bf16_to_f32(*bits)).serialize(serializer)
                }
            }
        };
    }
    written!(
        Bool, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Float32, Float64, String
    )
}

/// About how much memory a tensor takes.
pub(super) fn bytes_of(tensor: &Tensor) -> usize {
    match tensor.data() {
        TensorData::String(texts) => texts.iter().map(|text| text.len() + 24).sum(),
        data => data.len() * data.element_type().byte_width().unwrap_or(8),
    }
}
