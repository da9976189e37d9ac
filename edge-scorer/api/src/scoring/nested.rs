//! Nested arrays into the elements of a tensor, and the shape that their nesting has.

use std::fmt;

use engine::TensorData;
use shared::Dim;

use super::{
    cells::{self, CellError},
    json::{Kind, Scanner},
};

/// The lengths of nested arrays, outermost first; none for a single value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape(Vec<u64>);

impl Shape {
    /// Appends every value below to `data`.
    pub(super) fn read(
        scanner: &mut Scanner<'_>,
        data: &mut TensorData,
    ) -> Result<Self, CellError> {
        let mut walk = Walk { lengths: Vec::new(), leaf: None };
        walk.visit(scanner, data, 0)?;
        // An empty array hides what would be below it.
        Ok(Self(walk.lengths.into_iter().map(|length| length.unwrap_or_default()).collect()))
    }

    pub(super) fn dims(&self) -> &[u64] {
        &self.0
    }

    /// Number of elements.
    pub(super) fn elements(&self) -> u64 {
        self.0.iter().product()
    }

    /// The shape as the model wants it: nested like `wanted`, or flat where `length` is known.
    ///
    /// Symbolic dimensions are what they were in the `first` row. Gives itself back when it does
    /// not fit.
    pub(super) fn settle(
        self,
        wanted: &[Dim],
        length: Option<usize>,
        first: Option<&Self>,
    ) -> Result<Self, Self> {
        let same = self.0.len() == wanted.len()
            && self.0.iter().zip(wanted).all(|(found, wanted)| match wanted {
                Dim::Fixed(n) => n == found,
                Dim::Named(_) => true,
            });
        if same && first.is_none_or(|first| *first == self) {
            return Ok(self);
        }
        let flat =
            self.0.len() < 2 && length.is_some_and(|length| length as u64 == self.elements());
        if !flat {
            return Err(self);
        }
        Ok(Self(
            wanted
                .iter()
                .map(|dim| match dim {
                    Dim::Fixed(n) => *n,
                    // `length` is known only where nothing is symbolic.
                    Dim::Named(_) => 0,
                })
                .collect(),
        ))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<_> = self.0.iter().map(u64::to_string).collect();
        write!(f, "[{}]", dims.join(", "))
    }
}

struct Walk {
    /// By depth, as soon as the first array there has ended.
    lengths: Vec<Option<u64>>,
    /// The depth of values.
    leaf: Option<usize>,
}

impl Walk {
    fn visit(
        &mut self,
        scanner: &mut Scanner<'_>,
        data: &mut TensorData,
        depth: usize,
    ) -> Result<(), CellError> {
        if scanner.peek()? != Kind::Array {
            if *self.leaf.get_or_insert(depth) != depth || self.lengths.len() > depth {
                return Err(CellError::Value("mixes values and arrays"));
            }
            return cells::put(data, data.len(), scanner);
        }
        if self.leaf.is_some_and(|leaf| leaf <= depth) {
            return Err(CellError::Value("mixes values and arrays"));
        }
        if self.lengths.len() == depth {
            self.lengths.push(None);
        }
        let (mut members, mut count) = (scanner.array()?, 0);
        while scanner.next(&mut members)? {
            self.visit(scanner, data, depth + 1)?;
            count += 1;
        }
        if *self.lengths[depth].get_or_insert(count) != count {
            return Err(CellError::Value("has arrays of different lengths"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shared::ElementType;

    use super::*;

    fn read(json: &str) -> Result<(Vec<u64>, TensorData), CellError> {
        let mut data = TensorData::with_capacity(ElementType::Int32, 0);
        let shape = Shape::read(&mut Scanner::new(json), &mut data)?;
        Ok((shape.0, data))
    }

    #[test]
    fn nesting_becomes_a_shape() {
        for (json, shape, count) in [
            ("5", vec![], 1),
            ("[1,2,3]", vec![3], 3),
            ("[[1,2],[3,4],[5,6]]", vec![3, 2], 6),
            ("[[[1]],[[2]]]", vec![2, 1, 1], 2),
            ("[]", vec![0], 0),
            ("[[],[]]", vec![2, 0], 0),
        ] {
            let (found, data) = read(json).unwrap();
            assert_eq!((found, data.len()), (shape, count), "{json}");
        }
    }

    #[test]
    fn ragged_arrays_are_refused() {
        for json in ["[1,[2]]", "[[1],2]", "[[1],[2,3]]", "[[[1]],[2]]", "[[1],[[2]]]"] {
            assert!(matches!(read(json), Err(CellError::Value(_))), "{json}");
        }
    }

    #[test]
    fn a_flat_array_takes_the_models_shape() {
        let wanted = [Dim::Fixed(2), Dim::Fixed(3)];
        let flat = Shape(vec![6]).settle(&wanted, Some(6), None);
        assert_eq!(flat, Ok(Shape(vec![2, 3])));
        assert!(Shape(vec![3, 2]).settle(&wanted, Some(6), None).is_err());
        assert!(Shape(vec![5]).settle(&wanted, Some(6), None).is_err());
    }

    #[test]
    fn symbolic_dimensions_are_the_first_rows() {
        let wanted = [Dim::Named("length".to_owned()), Dim::Fixed(2)];
        let first = Shape(vec![4, 2]).settle(&wanted, None, None).unwrap();
        assert!(Shape(vec![4, 2]).settle(&wanted, None, Some(&first)).is_ok());
        assert!(Shape(vec![5, 2]).settle(&wanted, None, Some(&first)).is_err());
    }
}
