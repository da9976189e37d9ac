//! Scores whole host tensors of any number of rows.
//!
//! A batch that is larger than the module takes, or than its memory may be, or than would run for
//! about [`CALL_NS`], is split along the rows; a module without `rows` is called once for each row.
//! Between two calls the deadline is looked at.

use std::time::Instant;

use crate::{
    Batch, Fit, ScoreError, Scorer,
    layout::{Extent, Layout},
    tensor::{Tensor, TensorData},
};

/// About how long one uninterrupted call may take.
const CALL_NS: u64 = 10_000_000;

/// How a batch is taken apart.
pub(crate) struct Split {
    /// One value for each symbol; that of `rows`, where there is one, varies from call to call.
    symbols: Vec<u32>,
    /// The symbol that counts rows.
    rows: Option<usize>,
    /// Rows, or calls of a module without rows.
    pub(crate) total: u64,
    /// Whether more than one call can be made.
    splittable: bool,
}

impl Scorer {
    /// Scores `inputs`, one tensor for each of the signature's inputs in order.
    ///
    /// Where the signature says `rows` any number of rows is taken; where it has a fixed first
    /// axis, any multiple of it.
    pub fn score_rows(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, ScoreError> {
        self.score_rows_until(inputs, None)
    }

    /// As [`Scorer::score_rows`], but `until` is the deadline if it comes first.
    pub fn score_rows_until(
        &self,
        inputs: &[Tensor],
        until: Option<Instant>,
    ) -> Result<Vec<Tensor>, ScoreError> {
        let split = Split::of(self, inputs)?;
        if split.total == 0 {
            return self.no_rows(&split);
        }
        let until = until.unwrap_or_else(|| Instant::now() + self.deadline());
        let mut batch = self.batch_until(Some(until))?;
        let mut gathered: Vec<Option<Gathered>> =
            self.module().inner.outputs.iter().map(|_| None).collect();
        let (mut start, mut step, mut held) = (0, self.step(&split)?, 0_u64);
        while start < split.total {
            if start > 0 && Instant::now() >= until {
                return Err(ScoreError::OutOfTime);
            }
            let count = step.min(split.total - start);
            match self.call(&mut batch, &split, inputs, start, count) {
                Ok(Fit::Ready) => {}
                Ok(Fit::TooLarge) if count > 1 && split.splittable => {
                    step = count / 2;
                    continue;
                }
                Ok(Fit::TooLarge) => return Err(ScoreError::OutOfMemory),
                Err(ScoreError::BadInput { row }) => {
                    let row = if split.rows.is_some() { row } else { Some(0) };
                    return Err(ScoreError::BadInput { row: row.map(|row| row + start) });
                }
                Err(error) => return Err(error),
            }
            // A row that is called for alone may answer with as much as a memory holds.
            held = held.saturating_add(batch.held());
            if held > self.memory_bytes() {
                return Err(ScoreError::OutOfMemory);
            }
            for (index, slot) in gathered.iter_mut().enumerate() {
                self.gather(&batch, &split, index, slot)?;
            }
            start += count;
        }
        gathered
            .into_iter()
            .map(|output| {
                let output = output.ok_or_else(|| ScoreError::broken("an output is missing"))?;
                Tensor::new(output.shape, output.data)
                    .map_err(|_| ScoreError::broken("an output changes its shape"))
            })
            .collect()
    }

    /// Rows of the first call.
    fn step(&self, split: &Split) -> Result<u64, ScoreError> {
        let Some(rows) = split.rows else { return Ok(1) };
        let symbol = &self.module().signature().symbols[rows];
        let most = u64::from(symbol.max);
        if !split.splittable {
            if split.total > most {
                return Err(ScoreError::WrongInput(format!("the model takes {most} rows at most")));
            }
            return Ok(split.total);
        }
        let cheap = match (self.module().is_interruptible(), self.module().signature().row_cost_ns)
        {
            (false, Some(cost)) => CALL_NS / cost.max(1),
            _ => most,
        };
        Ok(cheap.min(most).max(u64::from(symbol.min)).max(1))
    }

    /// One call, on the rows from `start` on.
    pub(crate) fn call(
        &self,
        batch: &mut Batch<'_>,
        split: &Split,
        inputs: &[Tensor],
        start: u64,
        count: u64,
    ) -> Result<Fit, ScoreError> {
        let mut symbols = split.symbols.clone();
        if let Some(rows) = split.rows {
            symbols[rows] = count as u32;
        }
        if batch.prepare(&symbols)? == Fit::TooLarge {
            return Ok(Fit::TooLarge);
        }
        for (index, (input, layout)) in inputs.iter().zip(&self.module().inner.inputs).enumerate() {
            let whole = input.data().len();
            let range = if split.varies(layout) && split.total > 0 {
                let row = whole / split.total as usize;
                start as usize * row..(start + count) as usize * row
            } else {
                0..whole
            };
            match batch.write(index, input.data(), range) {
                Ok(()) => {}
                // No room for so much text: fewer rows have less.
                Err(ScoreError::OutOfMemory) if batch.is_sound() => return Ok(Fit::TooLarge),
                Err(error) => return Err(error),
            }
        }
        batch.run()?;
        Ok(Fit::Ready)
    }

    /// Appends output `index` of one call.
    fn gather(
        &self,
        batch: &Batch<'_>,
        split: &Split,
        index: usize,
        slot: &mut Option<Gathered>,
    ) -> Result<(), ScoreError> {
        let (shape, layout) = (batch.output_shape(index)?, &self.module().inner.outputs[index]);
        let Some(gathered) = slot else {
            *slot = Some(Gathered { shape: shape.to_vec(), data: batch.read(index)? });
            return Ok(());
        };
        if !split.varies(layout) {
            if layout.extents.iter().all(|extent| matches!(extent, Extent::Fixed(_))) {
                return Ok(());
            }
            return Err(ScoreError::WrongInput(
                "the batch is too large for a model whose answer cannot be put together from parts"
                    .to_owned(),
            ));
        }
        let (Some((first, rest)), Some((grown, known))) =
            (shape.split_first(), gathered.shape.split_first_mut())
        else {
            return Err(ScoreError::broken("an output has no rows"));
        };
        if rest != known || !gathered.data.append(batch.read(index)?) {
            return Err(ScoreError::broken("an output changes its shape from row to row"));
        }
        *grown += first;
        Ok(())
    }

    /// The answer to no rows at all: nothing, in the right shape.
    fn no_rows(&self, split: &Split) -> Result<Vec<Tensor>, ScoreError> {
        self.module()
            .inner
            .outputs
            .iter()
            .map(|layout| {
                let mut shape: Vec<u64> = layout
                    .extents
                    .iter()
                    .map(|extent| match extent {
                        Extent::Fixed(n) => *n,
                        Extent::Symbol(symbol) => u64::from(split.symbols[*symbol]),
                        Extent::Unknown => 0,
                    })
                    .collect();
                if let Some(first) = shape.first_mut() {
                    *first = 0;
                }
                let data = TensorData::with_capacity(layout.element_type, 0);
                Tensor::new(shape, data).map_err(|_| {
                    ScoreError::WrongInput("the model needs at least one row".to_owned())
                })
            })
            .collect()
    }
}

struct Gathered {
    shape: Vec<u64>,
    data: TensorData,
}

impl Split {
    /// Finds every symbol's value in the inputs' shapes.
    pub(crate) fn of(scorer: &Scorer, inputs: &[Tensor]) -> Result<Self, ScoreError> {
        let module = &scorer.module().inner;
        let signature = &module.signature;
        if inputs.len() != module.inputs.len() {
            return Err(ScoreError::WrongInput(format!(
                "the model takes {} inputs, not {}",
                module.inputs.len(),
                inputs.len()
            )));
        }
        let mut values: Vec<Option<u64>> = vec![None; signature.symbols.len()];
        let mut calls = None;
        for ((input, layout), spec) in inputs.iter().zip(&module.inputs).zip(&signature.inputs) {
            let refuse = || {
                ScoreError::WrongInput(format!(
                    "input `{}` is {} {:?}, where the model takes {} {}",
                    spec.name,
                    input.element_type(),
                    input.shape(),
                    spec.element_type,
                    shape_text(spec)
                ))
            };
            if input.element_type() != layout.element_type
                || input.shape().len() != layout.extents.len()
            {
                return Err(refuse());
            }
            for (axis, (dim, extent)) in input.shape().iter().zip(&layout.extents).enumerate() {
                match extent {
                    Extent::Symbol(symbol) => {
                        if *values[*symbol].get_or_insert(*dim) != *dim {
                            return Err(refuse());
                        }
                    }
                    Extent::Fixed(n) if axis == 0 && module.rows.is_none() && *n > 0 => {
                        if dim % n != 0 || *calls.get_or_insert(dim / n) != dim / n {
                            return Err(refuse());
                        }
                    }
                    Extent::Fixed(n) if n == dim => {}
                    Extent::Fixed(_) | Extent::Unknown => return Err(refuse()),
                }
            }
        }
        let mut symbols = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let value = value.unwrap_or(u64::from(signature.symbols[index].min));
            // `rows` may be anything; the others are checked against their range by `prepare`.
            symbols.push(u32::try_from(value).unwrap_or(u32::MAX));
            if Some(index) == module.rows {
                calls = Some(value);
            }
        }
        let total = calls.unwrap_or(1);
        let by_rows = |layout: &Layout| match module.rows {
            Some(rows) => {
                let elsewhere = layout.extents.iter().skip(1);
                !elsewhere.into_iter().any(|extent| *extent == Extent::Symbol(rows))
            }
            None => true,
        };
        let splittable = module.inputs.iter().all(by_rows);
        Ok(Self { symbols, rows: module.rows, total, splittable })
    }

    /// Whether a tensor has one part for each row or call.
    fn varies(&self, layout: &Layout) -> bool {
        match self.rows {
            Some(rows) => layout.begins_with(Extent::Symbol(rows)),
            None => !layout.extents.is_empty(),
        }
    }
}

fn shape_text(spec: &shared::TensorSpec) -> String {
    let dims: Vec<String> = spec
        .shape
        .iter()
        .map(|dim| match dim {
            shared::Dim::Fixed(n) => n.to_string(),
            shared::Dim::Named(name) => name.clone(),
        })
        .collect();
    format!("[{}]", dims.join(", "))
}
