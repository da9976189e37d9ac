//! How long each step of a module takes that was compiled to tell: it calls `marks.mark` twice when
//! it begins, and once where each step ends.
//!
//! # Invariants
//! - Only a module that is trusted as [`Trust::Measured`](crate::Trust::Measured) may import the mark.

use std::time::{Duration, Instant};

use serde_json::Value as Json;
use shared::{Dim, ElementType, Signature, TensorSpec};
use wasmtime::{Caller, Linker};

use crate::{
    Fit, ScoreError, Scorer, Tensor, TensorData, chunks::Split, f32_to_bf16, f32_to_f16,
    guest::Budget,
};

/// Name that the function is imported from.
pub(crate) const MODULE: &str = "marks";
/// Name of the function; it takes and gives nothing.
pub(crate) const MARK: &str = "mark";

/// Most runs that are timed.
const RUNS: usize = 1_000;
/// Most times that are kept.
const TIMES: usize = 1 << 20;
/// Size of open dimensions other than the batch.
const OPEN: u32 = 16;

/// Offers the function to modules.
pub(crate) fn link(linker: &mut Linker<Budget>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, MARK, |mut caller: Caller<'_, Budget>| {
        caller.data_mut().marks.push(Instant::now());
    })?;
    Ok(())
}

impl Scorer {
    /// Runs the module over and over on one row, for about `time`, and gives the usual time of each
    /// step: the median, without what the marks take themselves.
    ///
    /// The row is the signature's example, or zeros; other open dimensions are 16. Fails where a run
    /// does, and where the module was not compiled to be measured.
    pub fn step_times(&self, time: Duration) -> Result<Vec<Duration>, ScoreError> {
        let inputs = examples(self.module().signature())?;
        let split = Split::of(self, &inputs)?;
        // The first run meets cold caches.
        self.marks(&split, &inputs)?;
        let begun = Instant::now();
        let mut runs: Vec<Vec<Instant>> = Vec::new();
        loop {
            let marks = self.marks(&split, &inputs)?;
            let most = (TIMES / marks.len().max(1)).clamp(1, RUNS);
            runs.push(marks);
            if runs.len() >= most || begun.elapsed() >= time {
                break;
            }
        }
        let [_, _, ..] = runs[0].as_slice() else {
            return Err(ScoreError::broken("it does not mark where its steps end"));
        };
        let mut intervals = (1..runs[0].len()).map(|mark| {
            let mut times: Vec<Duration> = runs
                .iter()
                .filter_map(|marks| Some(marks.get(mark)?.duration_since(*marks.get(mark - 1)?)))
                .collect();
            let middle = times.len() / 2;
            *times.select_nth_unstable(middle).1
        });
        let own = intervals.next().unwrap_or_default();
        Ok(intervals.map(|interval| interval.saturating_sub(own)).collect())
    }

    /// When one run passed its marks.
    fn marks(&self, split: &Split, inputs: &[Tensor]) -> Result<Vec<Instant>, ScoreError> {
        let mut batch = self.batch()?;
        batch.marks()?.clear();
        match self.call(&mut batch, split, inputs, 0, split.total)? {
            Fit::Ready => Ok(std::mem::take(batch.marks()?)),
            Fit::TooLarge => Err(ScoreError::OutOfMemory),
        }
    }
}

/// One row for every input.
fn examples(signature: &Signature) -> Result<Vec<Tensor>, ScoreError> {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => *size,
        Dim::Named(name) => {
            let symbol = signature.symbols.iter().find(|symbol| symbol.name == *name);
            let wanted = if name == "rows" { 1 } else { OPEN };
            symbol.map_or(1, |symbol| u64::from(wanted.min(symbol.max).max(symbol.min)))
        }
    };
    let example = |spec: &TensorSpec| {
        let shape: Vec<u64> = spec.shape.iter().map(size).collect();
        let count = shape.iter().try_fold(1_u64, |all, size| all.checked_mul(*size));
        let count = count.and_then(|count| usize::try_from(count).ok());
        let count = count.ok_or(ScoreError::OutOfMemory)?;
        let data = filled(spec.element_type, spec.example.as_deref().unwrap_or_default(), count);
        Tensor::new(shape, data).map_err(|_| ScoreError::OutOfMemory)
    };
    signature.inputs.iter().map(example).collect()
}

/// `count` elements: `values` over and over, zeros or no letters where there are none.
fn filled(element_type: ElementType, values: &[Json], count: usize) -> TensorData {
    let values = || values.iter().cycle().map(Some).chain(std::iter::repeat(None)).take(count);
    let number = |value: Option<&Json>| match value {
        Some(Json::Bool(value)) => f64::from(u8::from(*value)),
        value => value.and_then(Json::as_f64).unwrap_or_default(),
    };
    macro_rules! filled {
        ($($variant:ident),+) => {
            match element_type {
                ElementType::Bool => {
                    TensorData::Bool(values().map(|value| number(value) != 0.0).collect())
                }
                ElementType::String => TensorData::String(
                    values().map(|it| it.and_then(Json::as_str).unwrap_or_default().to_owned()).collect(),
                ),
                ElementType::Float16 => TensorData::Float16(
                    values().map(|value| f32_to_f16(number(value) as f32)).collect(),
                ),
                ElementType::Bfloat16 => TensorData::Bfloat16(
                    values().map(|value| f32_to_bf16(number(value) as f32)).collect(),
                ),
                $(ElementType::$variant => {
                    TensorData::$variant(values().map(|value| number(value) as _).collect())
                })+
            }
        };
    }
    filled!(Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Float32, Float64)
}
