//! A checked view of guest memory, from `prepare` to the last output.
//!
//! The caller prepares, writes every input, runs, and reads outputs; then it may prepare again.
//! The contract's steps in another order are refused, whatever the guest would have said.
//!
//! # Invariants
//! - Every pointer, length, offset and dimension is checked before it is used, on every call: a
//!   hand-written guest may answer differently each time.
//! - No step allocates on the host, except for text.
//! - What a run answers, copied to the host, takes no more than the guest's memory may.

use std::time::Instant;

use crate::{
    ScoreError, Scorer,
    clock::Running,
    guest::{self, Guest},
    layout::{Extent, Layout},
    tensor::TensorData,
};

/// Whether a batch of the wanted size can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Fit {
    /// Inputs may be written.
    Ready,
    /// Try fewer rows.
    TooLarge,
}

/// An instance at work.
pub struct Batch<'a> {
    scorer: &'a Scorer,
    /// Present until the drop.
    guest: Option<Box<Guest>>,
    phase: Phase,
    /// What host copies of the outputs take, after a run.
    held: u64,
    _running: Option<Running>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Ready,
    Done,
}

/// Where an output lies, after a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    address: usize,
    bytes: usize,
    /// Begin and end of the shape in [`Guest::dims`].
    dims: (usize, usize),
    /// Begin and length of the text, for text.
    text: (usize, usize),
}

impl<'a> Batch<'a> {
    pub(crate) fn new(scorer: &'a Scorer, guest: Box<Guest>, running: Option<Running>) -> Self {
        Self { scorer, guest: Some(guest), phase: Phase::New, held: 0, _running: running }
    }

    /// Places every tensor for these sizes, one for each of the signature's symbols in order.
    ///
    /// Whatever was written or read before is void.
    pub fn prepare(&mut self, symbols: &[u32]) -> Result<Fit, ScoreError> {
        let declared = &self.scorer.module().signature().symbols;
        if symbols.len() != declared.len() {
            return Err(ScoreError::WrongInput(format!(
                "the model has {} symbolic dimensions, not {}",
                declared.len(),
                symbols.len()
            )));
        }
        for (symbol, value) in declared.iter().zip(symbols) {
            if !(symbol.min..=symbol.max).contains(value) {
                return Err(ScoreError::WrongInput(format!(
                    "`{}` must be from {} to {}, not {value}",
                    symbol.name, symbol.min, symbol.max
                )));
            }
        }
        self.phase = Phase::New;
        let guest = self.guest()?;
        guest.symbols.clear();
        guest.symbols.extend_from_slice(symbols);
        match guest.prepare()? {
            0 => {
                self.phase = Phase::Ready;
                Ok(Fit::Ready)
            }
            1 => Ok(Fit::TooLarge),
            2 => Err(ScoreError::broken("`prepare` refuses a size that its signature allows")),
            status => Err(failure("prepare", status)),
        }
    }

    /// The bytes of input `index`, little-endian; a text input has [`Batch::set_strings`].
    ///
    /// They hold anything at all until they are written; write all of them before every run.
    pub fn input_mut(&mut self, index: usize) -> Result<&mut [u8], ScoreError> {
        let scorer = self.scorer;
        let layout = input_layout(scorer, index)?;
        if layout.element_type.byte_width().is_none() {
            return Err(ScoreError::WrongInput(format!("input {index} is text")));
        }
        let guest = self.ready_guest()?;
        let bytes = input_bytes(layout, &guest.symbols)?;
        let address = guest::aligned(guest.input(index)?)?;
        guest.slice_mut(address, bytes)
    }

    /// Writes a text input, one string for each element.
    pub fn set_strings<S: AsRef<str>>(
        &mut self,
        index: usize,
        strings: &[S],
    ) -> Result<(), ScoreError> {
        let scorer = self.scorer;
        let layout = input_layout(scorer, index)?;
        if layout.element_type.byte_width().is_some() {
            return Err(ScoreError::WrongInput(format!("input {index} is not text")));
        }
        let guest = self.ready_guest()?;
        if layout.elements(&guest.symbols) != Some(strings.len() as u64) {
            return Err(ScoreError::WrongInput(format!(
                "input {index} does not have {} elements",
                strings.len()
            )));
        }
        let total: usize = strings.iter().map(|string| string.as_ref().len()).sum();
        let total = u32::try_from(total).map_err(|_| ScoreError::OutOfMemory)?;
        let mut text = 0;
        if total > 0 {
            text = guest.input_bytes(index, total)?;
            if text == 0 {
                return Err(ScoreError::OutOfMemory);
            }
        }
        let mut rest = guest.slice_mut(text, total as usize)?;
        for string in strings {
            let (part, after) = rest.split_at_mut(string.as_ref().len());
            part.copy_from_slice(string.as_ref().as_bytes());
            rest = after;
        }
        let bytes = input_bytes(layout, &guest.symbols)?;
        let address = guest::aligned(guest.input(index)?)?;
        let offsets = guest.slice_mut(address, bytes)?;
        let mut offset = 0_u32;
        let (slots, _) = offsets.as_chunks_mut::<4>();
        for (slot, length) in
            slots.iter_mut().zip(std::iter::once(0).chain(strings.iter().map(|s| s.as_ref().len())))
        {
            // The sum fits, so each part does.
            offset += length as u32;
            *slot = offset.to_le_bytes();
        }
        Ok(())
    }

    /// Writes `range` of a host tensor's elements as the whole of input `index`.
    pub fn write(
        &mut self,
        index: usize,
        data: &TensorData,
        range: std::ops::Range<usize>,
    ) -> Result<(), ScoreError> {
        if let TensorData::String(strings) = data {
            let strings = strings.get(range).ok_or_else(|| wrong_elements(index))?;
            return self.set_strings(index, strings);
        }
        let layout = input_layout(self.scorer, index)?;
        if layout.element_type != data.element_type() {
            return Err(ScoreError::WrongInput(format!(
                "input {index} is {}, not {}",
                layout.element_type,
                data.element_type()
            )));
        }
        let fits = data.write_le(range, self.input_mut(index)?);
        if fits { Ok(()) } else { Err(wrong_elements(index)) }
    }

    /// Runs the module on what was written, and finds the outputs.
    pub fn run(&mut self) -> Result<(), ScoreError> {
        let scorer = self.scorer;
        let rows = scorer.module().inner.rows;
        let guest = self.ready_guest()?;
        match guest.run()? {
            0 => {}
            1 => {
                let row = guest.error_row()?.map(u64::from);
                let rows = rows.and_then(|index| guest.symbols.get(index)).copied();
                let known = row.filter(|row| rows.is_none_or(|rows| *row < u64::from(rows)));
                return Err(ScoreError::BadInput { row: known });
            }
            status => return Err(failure("run", status)),
        }
        guest.found.clear();
        guest.dims.clear();
        let mut held = 0_u64;
        for (index, layout) in scorer.module().inner.outputs.iter().enumerate() {
            // Outputs may lie in the same place. The host's copies do not, and text takes more room there.
            held = held.saturating_add(find(guest, index, layout)?);
            if held > scorer.memory_bytes() {
                return Err(ScoreError::OutOfMemory);
            }
        }
        self.held = held;
        self.phase = Phase::Done;
        Ok(())
    }

    /// When the module passed its marks, in the runs since the list was cleared.
    pub(crate) fn marks(&mut self) -> Result<&mut Vec<Instant>, ScoreError> {
        Ok(self.guest()?.marks())
    }

    /// Bytes that host copies of the outputs take together.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    /// The bytes of output `index`; the offsets, for text.
    pub fn output(&self, index: usize) -> Result<&[u8], ScoreError> {
        let (guest, found) = self.found(index)?;
        guest.slice(found.address, found.bytes)
    }

    /// The shape of output `index`.
    pub fn output_shape(&self, index: usize) -> Result<&[u64], ScoreError> {
        let (guest, found) = self.found(index)?;
        Ok(&guest.dims[found.dims.0..found.dims.1])
    }

    /// The elements of a text output.
    pub fn strings(&self, index: usize) -> Result<Vec<&str>, ScoreError> {
        let layout = self.scorer.module().inner.outputs.get(index);
        if layout.is_none_or(|layout| layout.element_type.byte_width().is_some()) {
            return Err(ScoreError::WrongInput(format!("output {index} is not text")));
        }
        let (guest, found) = self.found(index)?;
        let offsets = guest.slice(found.address, found.bytes)?;
        let text = guest.slice(found.text.0, found.text.1)?;
        let (offsets, _) = offsets.as_chunks::<4>();
        offsets
            .windows(2)
            .map(|pair| {
                let [begin, end] = [pair[0], pair[1]].map(|at| u32::from_le_bytes(at) as usize);
                let bytes = text
                    .get(begin..end)
                    .ok_or_else(|| ScoreError::broken("the offsets of a text output are wrong"))?;
                std::str::from_utf8(bytes)
                    .map_err(|_| ScoreError::broken("a text output is not UTF-8"))
            })
            .collect()
    }

    /// A host copy of output `index`.
    pub fn read(&self, index: usize) -> Result<TensorData, ScoreError> {
        let layout = self.scorer.module().inner.outputs.get(index);
        let Some(layout) = layout else { return Err(no_output(index)) };
        if layout.element_type.byte_width().is_none() {
            let strings = self.strings(index)?;
            return Ok(TensorData::String(strings.into_iter().map(str::to_owned).collect()));
        }
        TensorData::read_le(layout.element_type, self.output(index)?)
            .ok_or_else(|| ScoreError::broken("a truth value is neither 0 nor 1"))
    }

    /// Bytes of guest memory it has now.
    pub fn memory_bytes(&self) -> usize {
        self.guest.as_ref().map_or(0, |guest| guest.memory_bytes())
    }

    /// Fills guest memory from `from` on with a pattern, so that a test can tell whether a plan
    /// reads what it has not written. Everything below, such as weights, stays.
    #[doc(hidden)]
    pub fn fill_with_canaries(&mut self, from: usize) -> Result<(), ScoreError> {
        if let Some(memory) = self.guest()?.memory_mut().get_mut(from..) {
            memory.fill(0xA5);
        }
        Ok(())
    }

    /// As [`Batch::fill_with_canaries`], from the lowest of the inputs on: what a compiled module
    /// keeps from call to call lies below.
    #[doc(hidden)]
    pub fn fill_buffers_with_canaries(&mut self) -> Result<(), ScoreError> {
        let count = self.scorer.module().inner.inputs.len();
        let guest = self.ready_guest()?;
        let mut lowest = usize::MAX;
        for index in 0..count {
            lowest = lowest.min(guest.input(index)?);
        }
        self.fill_with_canaries(lowest)
    }

    /// Whether the instance may still be called.
    pub(crate) fn is_sound(&self) -> bool {
        self.guest.as_ref().is_some_and(|guest| guest.sound)
    }

    fn guest(&mut self) -> Result<&mut Guest, ScoreError> {
        match self.guest.as_deref_mut() {
            Some(guest) if guest.sound => Ok(guest),
            _ => Err(ScoreError::broken("the instance has failed before")),
        }
    }

    fn ready_guest(&mut self) -> Result<&mut Guest, ScoreError> {
        if self.phase == Phase::New {
            return Err(ScoreError::WrongInput("the batch is not prepared".to_owned()));
        }
        // Inputs that are written after a run belong to the next one.
        self.phase = Phase::Ready;
        self.guest()
    }

    fn found(&self, index: usize) -> Result<(&Guest, Found), ScoreError> {
        let guest = self.guest.as_deref().filter(|_| self.phase == Phase::Done);
        let found = guest.and_then(|guest| Some((guest, *guest.found.get(index)?)));
        found.ok_or_else(|| no_output(index))
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if let Some(guest) = self.guest.take() {
            self.scorer.keep(guest);
        }
    }
}

/// Asks where output `index` lies and how large it is, and checks the answers; says what a host copy takes.
fn find(guest: &mut Guest, index: usize, layout: &Layout) -> Result<u64, ScoreError> {
    let begin = guest.dims.len();
    let mut elements = 1_u64;
    for (axis, extent) in layout.extents.iter().enumerate() {
        let dim = match extent {
            Extent::Fixed(n) => *n,
            Extent::Symbol(symbol) => u64::from(guest.symbols[*symbol]),
            Extent::Unknown => u64::try_from(guest.output_dim(index, axis)?)
                .map_err(|_| ScoreError::broken("a dimension of an output is negative"))?,
        };
        guest.dims.push(dim);
        elements = elements.checked_mul(dim).ok_or_else(too_large)?;
    }
    let bytes = layout.bytes(elements).ok_or_else(too_large)?;
    let address = guest::aligned(guest.output(index)?)?;
    let offsets = guest.slice(address, bytes)?;
    let mut text = (0, 0);
    let mut held = bytes as u64;
    if layout.element_type.byte_width().is_none() {
        let length = text_length(offsets)?;
        // Where there is no text there need be no place for it.
        let at = if length == 0 { 0 } else { guest.output_bytes(index)? };
        guest.slice(at, length)?;
        text = (at, length);
        held = elements.saturating_mul(size_of::<String>() as u64).saturating_add(length as u64);
    }
    let dims = (begin, guest.dims.len());
    guest.found.push(Found { address, bytes, dims, text });
    Ok(held)
}

/// The last of a text tensor's offsets, of which the first must be 0 and none may fall.
fn text_length(offsets: &[u8]) -> Result<usize, ScoreError> {
    let (offsets, _) = offsets.as_chunks::<4>();
    let mut last = 0;
    for (index, offset) in offsets.iter().map(|offset| u32::from_le_bytes(*offset)).enumerate() {
        if offset < last || (index == 0 && offset != 0) {
            return Err(ScoreError::broken("the offsets of a text output are wrong"));
        }
        last = offset;
    }
    Ok(last as usize)
}

fn input_layout(scorer: &Scorer, index: usize) -> Result<&Layout, ScoreError> {
    let layout = scorer.module().inner.inputs.get(index);
    layout.ok_or_else(|| ScoreError::WrongInput(format!("the model has no input {index}")))
}

fn input_bytes(layout: &Layout, symbols: &[u32]) -> Result<usize, ScoreError> {
    layout.elements(symbols).and_then(|elements| layout.bytes(elements)).ok_or_else(too_large)
}

fn failure(function: &str, status: i32) -> ScoreError {
    if status >= 16 {
        return ScoreError::Failed(status);
    }
    ScoreError::broken(format!("`{function}` answers {status}"))
}

fn wrong_elements(index: usize) -> ScoreError {
    ScoreError::WrongInput(format!("input {index} has another number of elements"))
}

fn no_output(index: usize) -> ScoreError {
    ScoreError::WrongInput(format!("there is no output {index} to read"))
}

fn too_large() -> ScoreError {
    ScoreError::broken("a tensor is larger than any memory")
}
