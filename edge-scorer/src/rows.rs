//! Reads rows into the tensors that a module takes.
//!
//! A [`Layout`] says which columns a signature's inputs have; the readers ([`csv`], [`json`]) put one row after the
//! other into [`Batches`], which cuts them into pieces that are scored one by one.
//!
//! # Invariants
//! - A bad value is reported with its row (from 0) and its column.
//! - Every batch holds the same number of rows in each input.
//!
//! # Deliberately absent
//! - Scoring, and answers: see [`crate::score`] and [`crate::answers`].

mod cell;
pub(crate) mod csv;
pub(crate) mod json;

use std::fmt;

use engine::{Tensor, TensorData};
use shared::{Dim, Signature, TensorSpec};

pub(crate) use self::cell::{Cell, Notation};

/// Most rows of a batch: what one call of a compiled module takes.
const BATCH_ROWS: usize = 4096;
/// Most bytes of a batch, unless one row has more.
const BATCH_BYTES: usize = 16 << 20;

/// What is wrong with the input data, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct InputError {
    pub(crate) row: Option<u64>,
    pub(crate) column: Option<String>,
    pub(crate) message: String,
}

impl InputError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    pub(crate) fn at_row(mut self, row: u64) -> Self {
        self.row.get_or_insert(row);
        self
    }

    pub(crate) fn at_column(mut self, column: &str) -> Self {
        self.column.get_or_insert_with(|| column.to_owned());
        self
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.row, &self.column) {
            (Some(row), Some(column)) => write!(f, "row {row}, column `{column}`: ")?,
            (Some(row), None) => write!(f, "row {row}: ")?,
            (None, Some(column)) => write!(f, "column `{column}`: ")?,
            (None, None) => {}
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for InputError {}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    input: usize,
}

/// The columns that rows have, in the signature's order.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) columns: Vec<Column>,
    /// Names that the model gave; others are `x0`, `x1`, … and match anything.
    pub(crate) real_names: bool,
    inputs: Vec<InputLayout>,
}

#[derive(Debug)]
struct InputLayout {
    name: String,
    element_type: shared::ElementType,
    /// Dimensions after the first.
    row_shape: Vec<u64>,
    row_len: usize,
}

impl Layout {
    /// `None` when the inputs are not rows: such a model takes whole tensors only.
    pub(crate) fn of(signature: &Signature) -> Option<Self> {
        let inputs = signature.inputs.iter().map(InputLayout::of).collect::<Option<Vec<_>>>()?;
        let one_value_each = inputs.len() > 1 && inputs.iter().all(|input| input.row_len == 1);
        let mut columns = Vec::new();
        let mut real_names = inputs.len() > 1;
        for (index, (input, spec)) in inputs.iter().zip(&signature.inputs).enumerate() {
            let given = spec.columns.as_ref().filter(|names| names.len() == input.row_len);
            real_names |= given.is_some();
            for element in 0..input.row_len {
                let name = match given {
                    Some(names) => names.get(element).cloned().unwrap_or_default(),
                    None if one_value_each => input.name.clone(),
                    None if inputs.len() == 1 => format!("x{element}"),
                    None => format!("{}[{element}]", input.name),
                };
                columns.push(Column { name, input: index });
            }
        }
        Some(Self { columns, real_names, inputs })
    }

    fn row_bytes(&self) -> usize {
        let bytes = |input: &InputLayout| {
            // A string's length is not known beforehand.
            input.row_len.saturating_mul(input.element_type.byte_width().unwrap_or(64))
        };
        self.inputs.iter().map(bytes).fold(0, usize::saturating_add)
    }
}

impl InputLayout {
    fn of(spec: &TensorSpec) -> Option<Self> {
        let (first, rest) = spec.shape.split_first()?;
        let row_by_row = match first {
            Dim::Named(name) => name == "rows",
            Dim::Fixed(length) => *length == 1,
        };
        let row_shape = rest
            .iter()
            .map(|dim| match dim {
                Dim::Fixed(length) => Some(*length),
                Dim::Named(_) => None,
            })
            .collect::<Option<Vec<u64>>>()?;
        let row_len = usize::try_from(spec.row_len()?).ok()?;
        row_by_row.then(|| Self {
            name: spec.name.clone(),
            element_type: spec.element_type,
            row_shape,
            row_len,
        })
    }
}

/// Rows on their way into tensors.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    layout: &'a Layout,
    notation: Notation,
    batch_rows: usize,
    rows: u64,
    pending_rows: usize,
    pending: Vec<TensorData>,
    done: Vec<Vec<Tensor>>,
}

impl<'a> Batches<'a> {
    pub(crate) fn new(layout: &'a Layout, notation: Notation) -> Self {
        let batch_rows = (BATCH_BYTES / layout.row_bytes().max(1)).clamp(1, BATCH_ROWS);
        let mut batches = Self {
            layout,
            notation,
            batch_rows,
            rows: 0,
            pending_rows: 0,
            pending: Vec::new(),
            done: Vec::new(),
        };
        batches.pending = batches.empty();
        batches
    }

    /// Index of the row that is next.
    pub(crate) fn next_row(&self) -> u64 {
        self.rows
    }

    pub(crate) fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// Appends one row of `count` cells, one for each column in the layout's order.
    pub(crate) fn push<'c>(
        &mut self,
        count: usize,
        cells: impl Iterator<Item = Cell<'c>>,
    ) -> Result<(), InputError> {
        let columns = &self.layout.columns;
        if count != columns.len() {
            let message = format!("{count} values, but the model takes {} a row", columns.len());
            return Err(InputError::new(message).at_row(self.rows));
        }
        for (column, cell) in columns.iter().zip(cells) {
            let Some(data) = self.pending.get_mut(column.input) else { continue };
            cell.append_to(data, self.notation).map_err(|message| {
                InputError::new(message).at_column(&column.name).at_row(self.rows)
            })?;
        }
        self.rows += 1;
        self.pending_rows += 1;
        if self.pending_rows == self.batch_rows {
            self.cut()?;
        }
        Ok(())
    }

    /// The tensors of each batch, one per input.
    pub(crate) fn finish(mut self) -> Result<Vec<Vec<Tensor>>, InputError> {
        if self.pending_rows > 0 {
            self.cut()?;
        }
        Ok(self.done)
    }

    fn cut(&mut self) -> Result<(), InputError> {
        let empty = self.empty();
        let full = std::mem::replace(&mut self.pending, empty);
        let rows = std::mem::take(&mut self.pending_rows) as u64;
        let tensors = full.into_iter().zip(&self.layout.inputs).map(|(data, input)| {
            let shape = std::iter::once(rows).chain(input.row_shape.iter().copied()).collect();
            Tensor::new(shape, data).map_err(|error| InputError::new(error.to_string()))
        });
        self.done.push(tensors.collect::<Result<_, _>>()?);
        Ok(())
    }

    fn empty(&self) -> Vec<TensorData> {
        let inputs = self.layout.inputs.iter();
        inputs.map(|input| TensorData::with_capacity(input.element_type, 0)).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A signature from the inputs' JSON.
    pub(crate) fn taking(inputs: serde_json::Value) -> Signature {
        serde_json::from_value(serde_json::json!({
            "contract": 1,
            "symbols": [{"name": "rows", "min": 1, "max": 4096}],
            "inputs": inputs,
            "outputs": [],
        }))
        .unwrap()
    }

    fn names(layout: &Layout) -> Vec<&str> {
        layout.columns.iter().map(|column| column.name.as_str()).collect()
    }

    #[test]
    fn columns_are_named_as_the_model_names_them_or_counted() {
        let named = taking(serde_json::json!([
            {"name": "X", "type": "float32", "shape": ["rows", 2], "columns": ["age", "height"]}
        ]));
        let counted = taking(serde_json::json!([
            {"name": "X", "type": "float32", "shape": ["rows", 3]}
        ]));
        let several = taking(serde_json::json!([
            {"name": "age", "type": "float32", "shape": ["rows", 1]},
            {"name": "city", "type": "string", "shape": ["rows", 1]}
        ]));

        let layouts = [named, counted, several].map(|signature| Layout::of(&signature).unwrap());

        assert_eq!(names(&layouts[0]), ["age", "height"]);
        assert_eq!(names(&layouts[1]), ["x0", "x1", "x2"]);
        assert_eq!(names(&layouts[2]), ["age", "city"]);
        assert_eq!(layouts.map(|layout| layout.real_names), [true, false, true]);
    }

    #[test]
    fn a_model_with_a_symbolic_sequence_takes_no_rows() {
        let signature = taking(serde_json::json!([
            {"name": "tokens", "type": "int64", "shape": ["rows", "length"]}
        ]));

        assert!(Layout::of(&signature).is_none());
    }

    #[test]
    fn rows_are_cut_into_batches_that_one_call_takes() {
        let signature = taking(serde_json::json!([
            {"name": "X", "type": "uint8", "shape": ["rows", 1]}
        ]));
        let layout = Layout::of(&signature).unwrap();
        let mut batches = Batches::new(&layout, Notation::Csv);

        for _ in 0..BATCH_ROWS + 1 {
            batches.push(1, [Cell::Text("7")].into_iter()).unwrap();
        }

        let shapes: Vec<_> =
            batches.finish().unwrap().iter().map(|batch| batch[0].shape().to_vec()).collect();
        assert_eq!(shapes, [vec![4096, 1], vec![1, 1]]);
    }
}
