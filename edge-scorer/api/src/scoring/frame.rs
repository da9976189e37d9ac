//! How a row of a document becomes a part of each input.
//!
//! # Invariants
//! - Nothing is copied from the signature, and nothing is looked up by name for rows that are
//!   arrays: a frame costs one small allocation for each request.

use std::borrow::Cow;

use shared::{Dim, Signature, TensorSpec};

/// A signature as documents see it.
#[derive(Debug)]
pub(crate) struct Frame<'s> {
    pub(super) slots: Vec<Slot<'s>>,
    pub(super) layout: Layout,
}

/// One input.
#[derive(Debug)]
pub(super) struct Slot<'s> {
    pub(super) spec: &'s TensorSpec,
    /// Dimensions of one row.
    pub(super) row_shape: &'s [Dim],
    /// Elements of one row, where that is known beforehand.
    pub(super) row_len: Option<usize>,
}

/// The names that a table's header may have, in the model's order.
#[derive(Debug)]
pub(super) struct Columns<'s> {
    pub(super) names: Vec<Cow<'s, str>>,
    /// Whether they are the model's own rather than `x0`, `x1`, ….
    pub(super) named: bool,
}

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One input with so many values per row: each is a column.
    Values(usize),
    /// Several inputs with one value per row: each is a column.
    Inputs,
    /// Anything else: each input is a column whose cells are nested arrays.
    Nested,
}

impl<'s> Frame<'s> {
    pub(crate) fn of(signature: &'s Signature) -> Self {
        let slots: Vec<_> = signature.inputs.iter().map(Slot::of).collect();
        let layout = match slots.as_slice() {
            [Slot { row_len: Some(length), row_shape, .. }] if row_shape.len() < 2 => {
                Layout::Values(*length)
            }
            [_] => Layout::Nested,
            slots if slots.iter().all(|slot| slot.row_len == Some(1)) => Layout::Inputs,
            _ => Layout::Nested,
        };
        Self { slots, layout }
    }

    /// Columns of a row.
    pub(super) fn width(&self) -> usize {
        match self.layout {
            Layout::Values(length) => length,
            Layout::Inputs | Layout::Nested => self.slots.len(),
        }
    }

    /// Whether columns have names of their own rather than `x0`, `x1`, ….
    pub(super) fn is_named(&self) -> bool {
        match self.layout {
            Layout::Values(_) => self.slots[0].spec.columns.is_some(),
            Layout::Inputs | Layout::Nested => true,
        }
    }

    /// The name of a column.
    pub(super) fn name(&self, column: usize) -> Cow<'s, str> {
        let name = match self.layout {
            Layout::Values(_) => {
                self.slots[0].spec.columns.as_ref().and_then(|columns| columns.get(column))
            }
            Layout::Inputs | Layout::Nested => {
                self.slots.get(column).map(|slot| match slot.spec.columns.as_deref() {
                    Some([name]) => name,
                    _ => &slot.spec.name,
                })
            }
        };
        name.map_or_else(|| format!("x{column}").into(), |name| name.as_str().into())
    }

    /// Every column.
    pub(super) fn columns(&self) -> Columns<'s> {
        let names = (0..self.width()).map(|column| self.name(column)).collect();
        Columns { names, named: self.is_named() }
    }

    /// Every value of a row as a column of its own, input by input; `None` where their number is
    /// not known beforehand. It is how CSV sees a model whose cells would be nested arrays.
    pub(super) fn flat_columns(&self) -> Option<Columns<'s>> {
        if self.layout != Layout::Nested {
            return Some(self.columns());
        }
        let mut columns = Columns { names: Vec::new(), named: self.slots.len() > 1 };
        for Slot { spec, row_len, .. } in &self.slots {
            let length = (*row_len)?;
            let given = spec.columns.as_ref().filter(|names| names.len() == length);
            columns.named |= given.is_some();
            columns.names.extend((0..length).map(|element| match given {
                Some(names) => Cow::Borrowed(names[element].as_str()),
                None if self.slots.len() == 1 => format!("x{element}").into(),
                None if length == 1 => Cow::Borrowed(spec.name.as_str()),
                None => format!("{}[{element}]", spec.name).into(),
            }));
        }
        Some(columns)
    }

    /// The input and the place in its row that a column stands for.
    pub(super) fn place(&self, column: usize) -> (usize, usize) {
        match self.layout {
            Layout::Values(_) => (0, column),
            Layout::Inputs | Layout::Nested => (column, 0),
        }
    }
}

impl<'s> Slot<'s> {
    fn of(spec: &'s TensorSpec) -> Self {
        let row_len = spec.row_len().and_then(|length| usize::try_from(length).ok());
        Self { spec, row_shape: spec.shape.get(1..).unwrap_or_default(), row_len }
    }
}
