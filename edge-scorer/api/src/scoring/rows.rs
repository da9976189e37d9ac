//! Rows of a document into tensors, in one pass.
//!
//! A row is an array (columns in the signature's order, or in the order of a table's header), an
//! object (by column name, in any order) or, for a model of one column, a bare value. All rows of a
//! document are of one kind.
//!
//! # Invariants
//! - After the last row every input has one complete part for each row.
//! - Every refusal names its row, and its column where there is one.

use std::{borrow::Cow, collections::HashMap};

use engine::{Tensor, TensorData};
use shared::Dim;

use super::{
    cells::{self, CellError},
    frame::{Columns, Frame, Layout},
    json::{Kind, Scanner},
    nested::Shape,
    refusal::Refusal,
};

/// Tensors in the order of the signature's inputs.
#[derive(Debug, PartialEq)]
pub(crate) struct Inputs {
    pub(super) rows: u64,
    pub(crate) tensors: Vec<Tensor>,
}

/// Reads the rows of an array before which `scanner` stands.
///
/// `header` gives the column of each value, for tables that say so themselves.
pub(crate) fn read(
    scanner: &mut Scanner<'_>,
    frame: &Frame<'_>,
    header: Option<&[usize]>,
) -> Result<Inputs, Refusal> {
    if scanner.peek()? != Kind::Array {
        return Err(Refusal::new("the rows are not an array", "send an array of rows"));
    }
    let mut reader = Reader::new(frame);
    let mut rows = scanner.array()?;
    let mut kind = None;
    while scanner.next(&mut rows)? {
        let found = match scanner.peek().map_err(|error| reader.broken(error.into(), None))? {
            found @ (Kind::Array | Kind::Object) => found,
            // Numbers, texts and nulls may stand beside each other.
            _ => Kind::Null,
        };
        if *kind.get_or_insert(found) != found {
            return Err(reader.refuse("is of another kind than the row before", ROWS));
        }
        match (found, header) {
            (Kind::Array, Some(header)) => reader.arranged(scanner, header)?,
            (Kind::Array, None) => reader.ordered(scanner)?,
            (Kind::Object, None) => reader.named(scanner)?,
            (Kind::Null, None) if frame.layout != Layout::Nested && frame.width() == 1 => {
                reader.cell(0, scanner, None)?;
            }
            _ => return Err(reader.refuse("is neither an array nor an object", ROWS)),
        }
        reader.row += 1;
    }
    reader.finish()
}

const ROWS: &str = "make every row an array of values, or every row an object by column name";

/// The columns that a table's own header names, one for each of its values.
pub(super) fn header(names: &[Cow<'_, str>], columns: &Columns<'_>) -> Result<Vec<usize>, Refusal> {
    let width = columns.names.len();
    if !columns.named {
        if names.len() != width {
            return Err(Refusal::new(
                format!("the table has {} columns, where the model takes {width}", names.len()),
                "send one column for each of the model's",
            ));
        }
        return Ok((0..width).collect());
    }
    let known: HashMap<_, _> =
        columns.names.iter().enumerate().map(|(column, name)| (&**name, column)).collect();
    let mut seen = vec![false; width];
    let order = names
        .iter()
        .map(|name| match known.get(name.as_ref()) {
            Some(column) if !std::mem::replace(&mut seen[*column], true) => Ok(*column),
            Some(_) => Err(Refusal::of_column(name, "is there twice", ONCE)),
            None => {
                Err(Refusal::of_column(name, "is no column of the model", expected(&columns.names)))
            }
        })
        .collect::<Result<_, _>>()?;
    match seen.iter().position(|seen| !seen) {
        Some(missing) => {
            Err(Refusal::of_column(&columns.names[missing], "is missing", expected(&columns.names)))
        }
        None => Ok(order),
    }
}

const ONCE: &str = "send each column once";

fn columns_by_name<'s>(frame: &Frame<'s>) -> HashMap<Cow<'s, str>, usize> {
    (0..frame.width()).map(|column| (frame.name(column), column)).collect()
}

/// Advice that lists the columns, as far as a message bears it.
pub(super) fn expected(names: &[Cow<'_, str>]) -> String {
    const SHOWN: usize = 50;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("the columns are {}{more}", names[..names.len().min(SHOWN)].join(", "))
}

struct Reader<'f, 's> {
    frame: &'f Frame<'s>,
    data: Vec<TensorData>,
    /// Of one row, for inputs that are nested.
    shapes: Vec<Shape>,
    row: u64,
    /// The first row's keys with their columns.
    keys: Vec<(String, usize)>,
    /// The same, by name.
    columns: HashMap<String, usize>,
    /// For each column the row that set it last, counted from 1.
    set: Vec<u64>,
}

impl<'f, 's> Reader<'f, 's> {
    fn new(frame: &'f Frame<'s>) -> Self {
        let data = |slot: &super::frame::Slot<'_>| {
            let row = slot.row_len.unwrap_or_default().min(4_096);
            TensorData::with_capacity(slot.spec.element_type, row)
        };
        Self {
            data: frame.slots.iter().map(data).collect(),
            shapes: Vec::new(),
            row: 0,
            keys: Vec::new(),
            columns: HashMap::new(),
            set: Vec::new(),
            frame,
        }
    }

    /// An array in the signature's order.
    fn ordered(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Refusal> {
        if self.frame.layout == Layout::Nested && self.frame.slots.len() == 1 {
            return self.cell(0, scanner, None);
        }
        let (width, mut count) = (self.frame.width(), 0);
        let mut values = scanner.array().map_err(|error| self.broken(error.into(), None))?;
        while scanner.next(&mut values).map_err(|error| self.broken(error.into(), None))? {
            if count == width {
                return Err(self.wrong_length(count + 1 + remaining(scanner, &mut values)));
            }
            self.cell(count, scanner, None)?;
            count += 1;
        }
        if count < width {
            return Err(self.wrong_length(count));
        }
        Ok(())
    }

    /// An array in a header's order.
    fn arranged(&mut self, scanner: &mut Scanner<'_>, header: &[usize]) -> Result<(), Refusal> {
        self.begin();
        let mut values = scanner.array()?;
        let mut count = 0;
        while scanner.next(&mut values).map_err(|error| self.broken(error.into(), None))? {
            let Some(column) = header.get(count) else {
                return Err(self.wrong_length(count + 1 + remaining(scanner, &mut values)));
            };
            self.cell(*column, scanner, None)?;
            count += 1;
        }
        if count < header.len() {
            return Err(self.wrong_length(count));
        }
        Ok(())
    }

    /// An object by column name.
    fn named(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Refusal> {
        self.begin();
        let (width, mut count) = (self.frame.width(), 0);
        self.set.resize(width, 0);
        let mut members = scanner.object()?;
        loop {
            let key = scanner.key(&mut members).map_err(|error| self.broken(error.into(), None))?;
            let Some(key) = key else { break };
            let column = self.column(count, &key)?;
            if std::mem::replace(&mut self.set[column], self.row + 1) > self.row {
                return Err(Refusal::at(self.row, Some(&key), "is there twice", ONCE));
            }
            self.cell(column, scanner, Some(&key))?;
            count += 1;
        }
        if count < width {
            let missing = self.set.iter().position(|set| *set <= self.row).unwrap_or_default();
            let given = self.keys.iter().find(|(_, column)| *column == missing);
            let name = given.map_or_else(|| self.frame.name(missing), |(key, _)| key.into());
            let advice = self.expected();
            return Err(Refusal::at(self.row, Some(&name), "is missing", advice));
        }
        Ok(())
    }

    /// The column of a row's `count`-th key.
    fn column(&mut self, count: usize, key: &str) -> Result<usize, Refusal> {
        if let Some((known, column)) = self.keys.get(count)
            && known == key
        {
            return Ok(*column);
        }
        if self.columns.is_empty() && self.frame.is_named() {
            let columns = columns_by_name(self.frame).into_iter();
            self.columns = columns.map(|(name, column)| (name.into_owned(), column)).collect();
        }
        if let Some(column) = self.columns.get(key).copied() {
            if self.row == 0 {
                self.keys.push((key.to_owned(), column));
            }
            return Ok(column);
        }
        // Without names of its own a model takes the first row's.
        if !self.frame.is_named() && self.row == 0 && count < self.frame.width() {
            self.keys.push((key.to_owned(), count));
            self.columns.insert(key.to_owned(), count);
            return Ok(count);
        }
        let advice = if self.frame.is_named() {
            self.expected()
        } else {
            format!("send the first row's keys, {} in all", self.frame.width())
        };
        Err(Refusal::at(self.row, Some(key), "is no column of the model", advice))
    }

    /// Makes room for a row whose values come in any order.
    fn begin(&mut self) {
        match self.frame.layout {
            Layout::Values(width) => cells::make_room(&mut self.data[0], width),
            Layout::Inputs => self.data.iter_mut().for_each(|data| cells::make_room(data, 1)),
            Layout::Nested => {}
        }
    }

    /// One column of the current row.
    fn cell(
        &mut self,
        column: usize,
        scanner: &mut Scanner<'_>,
        key: Option<&str>,
    ) -> Result<(), Refusal> {
        let row = self.row as usize;
        let read = match self.frame.layout {
            Layout::Values(width) => cells::put(&mut self.data[0], row * width + column, scanner),
            Layout::Inputs => cells::put(&mut self.data[column], row, scanner),
            Layout::Nested => return self.nested(column, scanner),
        };
        read.map_err(|error| {
            let name = key.map_or_else(|| self.frame.name(column), Into::into);
            self.broken(error, Some(&name))
        })
    }

    /// One nested input of the current row.
    fn nested(&mut self, slot: usize, scanner: &mut Scanner<'_>) -> Result<(), Refusal> {
        let column = &self.frame.slots[slot];
        let name = self.frame.name(slot);
        let shape = Shape::read(scanner, &mut self.data[slot])
            .map_err(|error| self.broken(error, Some(&name)))?;
        if self.shapes.len() < self.frame.slots.len() {
            self.shapes.resize_with(self.frame.slots.len(), Shape::default);
        }
        let first = (self.row > 0).then(|| &self.shapes[slot]);
        let shape = shape.settle(column.row_shape, column.row_len, first).map_err(|shape| {
            let problem =
                format!("is of shape {shape}, where the model takes {}", dims(column.row_shape));
            Refusal::at(
                self.row,
                Some(&name),
                &problem,
                "send nested arrays of the model's shape, or one flat array",
            )
        })?;
        self.shapes[slot] = shape;
        Ok(())
    }

    #[cold]
    fn broken(&self, error: CellError, column: Option<&str>) -> Refusal {
        match error {
            CellError::Json(error) => {
                let problem = format!("the body is not JSON: {error}");
                Refusal::at(self.row, column, &problem, "send a JSON document in UTF-8")
            }
            CellError::Value(problem) => {
                Refusal::at(self.row, column, problem, "send a value of the column's type")
            }
        }
    }

    #[cold]
    fn expected(&self) -> String {
        expected(&self.frame.columns().names)
    }

    #[cold]
    fn refuse(&self, problem: &str, advice: &str) -> Refusal {
        Refusal::at(self.row, None, problem, advice)
    }

    #[cold]
    fn wrong_length(&self, found: usize) -> Refusal {
        let problem = format!("has {found} values, where the model takes {}", self.frame.width());
        self.refuse(&problem, &self.expected())
    }

    fn finish(self) -> Result<Inputs, Refusal> {
        assemble(self.frame, self.data, &self.shapes, self.row)
    }
}

/// Elements of `rows` rows as tensors; `shapes` are those of one row, for inputs that are nested.
pub(super) fn assemble(
    frame: &Frame<'_>,
    data: Vec<TensorData>,
    shapes: &[Shape],
    rows: u64,
) -> Result<Inputs, Refusal> {
    let tensors = frame.slots.iter().zip(data).enumerate().map(|(index, (slot, data))| {
        let mut shape = Vec::with_capacity(slot.spec.shape.len());
        if !slot.spec.shape.is_empty() {
            shape.push(rows);
        }
        match shapes.get(index) {
            Some(settled) => shape.extend_from_slice(settled.dims()),
            None => shape.extend(slot.row_shape.iter().map(|dim| match dim {
                Dim::Fixed(n) => *n,
                // There are no rows, or the shape would be settled.
                Dim::Named(_) => 0,
            })),
        }
        Tensor::new(shape, data).map_err(|_| {
            Refusal::new(format!("the model takes one row, not {rows}"), "send one row at a time")
        })
    });
    Ok(Inputs { rows, tensors: tensors.collect::<Result<_, _>>()? })
}

/// Counts what is left of a row that is too long; an error there does not matter any more.
fn remaining(scanner: &mut Scanner<'_>, values: &mut super::json::Members) -> usize {
    let mut count = 0;
    while scanner.skip().is_ok() && scanner.next(values).unwrap_or(false) {
        count += 1;
    }
    count
}

fn dims(shape: &[Dim]) -> String {
    let dims: Vec<_> = shape
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(n) => n.to_string(),
            Dim::Named(name) => name.clone(),
        })
        .collect();
    format!("[{}]", dims.join(", "))
}

#[cfg(test)]
#[path = "rows/tests.rs"]
mod tests;
