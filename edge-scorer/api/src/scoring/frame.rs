//! How a row of a document becomes a part of each input.
//!
//! # Invariants
//! - Nothing is copied from the signature, and nothing is looked up by name for rows that are
//!   arrays: a frame costs one small allocation for each request.

use shared::{Dim, Signature, TensorSpec};

/// A signature as documents see it.
#[derive(Debug)]
pub(super) struct Frame<'s> {
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
    pub(super) fn of(signature: &'s Signature) -> Self {
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
    pub(super) fn name(&self, column: usize) -> std::borrow::Cow<'s, str> {
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
