//! Counts that are known when a call is prepared: constants and expressions of the symbols.

use std::fmt;

/// A constant or an expression of the symbols, kept in a simplified form.
///
/// Values are exact 64-bit integers; [`Extent::evaluate`] answers `None` instead of overflowing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Extent {
    Fixed(i64),
    /// Index into the plan's symbols.
    Symbol(usize),
    Sum(Box<Extent>, Box<Extent>),
    Product(Box<Extent>, Box<Extent>),
    /// Rounded down; the divisor is positive.
    Quotient(Box<Extent>, i64),
    Larger(Box<Extent>, Box<Extent>),
    Smaller(Box<Extent>, Box<Extent>),
}

impl Extent {
    pub(crate) const ONE: Self = Self::Fixed(1);

    pub(crate) fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fixed(a), Self::Fixed(b)) if a.checked_add(b).is_some() => Self::Fixed(a + b),
            (Self::Fixed(0), other) | (other, Self::Fixed(0)) => other,
            (Self::Fixed(a), other) => Self::Sum(Box::new(other), Box::new(Self::Fixed(a))),
            (a, b) => Self::Sum(Box::new(a), Box::new(b)),
        }
    }

    pub(crate) fn times(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fixed(a), Self::Fixed(b)) if a.checked_mul(b).is_some() => Self::Fixed(a * b),
            (Self::Fixed(1), other) | (other, Self::Fixed(1)) => other,
            (Self::Fixed(0), _) | (_, Self::Fixed(0)) => Self::Fixed(0),
            (other, Self::Fixed(a)) | (Self::Fixed(a), other) => match other {
                // Constants gather in front: 4·(3·rows) is 12·rows.
                Self::Product(front, rest) => match *front {
                    Self::Fixed(b) if a.checked_mul(b).is_some() => {
                        Self::Product(Box::new(Self::Fixed(a * b)), rest)
                    }
                    front => Self::Product(
                        Box::new(Self::Fixed(a)),
                        Box::new(Self::Product(Box::new(front), rest)),
                    ),
                },
                other => Self::Product(Box::new(Self::Fixed(a)), Box::new(other)),
            },
            // A constant in front of either factor moves to the front of the product.
            (Self::Product(front, rest), other) | (other, Self::Product(front, rest))
                if matches!(*front, Self::Fixed(_)) =>
            {
                rest.times(other).times(*front)
            }
            (a, b) => Self::Product(Box::new(a), Box::new(b)),
        }
    }

    pub(crate) fn divided_by(self, divisor: i64) -> Self {
        match self {
            Self::Fixed(a) => Self::Fixed(a.div_euclid(divisor)),
            other if divisor == 1 => other,
            other => Self::Quotient(Box::new(other), divisor),
        }
    }

    pub(crate) fn larger(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fixed(a), Self::Fixed(b)) => Self::Fixed(a.max(b)),
            (a, b) => Self::Larger(Box::new(a), Box::new(b)),
        }
    }

    pub(crate) fn smaller(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fixed(a), Self::Fixed(b)) => Self::Fixed(a.min(b)),
            (a, b) => Self::Smaller(Box::new(a), Box::new(b)),
        }
    }

    pub(crate) fn fixed(&self) -> Option<i64> {
        match self {
            Self::Fixed(value) => Some(*value),
            _ => None,
        }
    }

    /// The value for the given symbols; `None` when it does not fit 64 bits.
    pub(crate) fn evaluate(&self, symbols: &[u32]) -> Option<i64> {
        match self {
            Self::Fixed(value) => Some(*value),
            Self::Symbol(index) => symbols.get(*index).map(|value| i64::from(*value)),
            Self::Sum(a, b) => a.evaluate(symbols)?.checked_add(b.evaluate(symbols)?),
            Self::Product(a, b) => a.evaluate(symbols)?.checked_mul(b.evaluate(symbols)?),
            Self::Quotient(a, divisor) => Some(a.evaluate(symbols)?.div_euclid(*divisor)),
            Self::Larger(a, b) => Some(a.evaluate(symbols)?.max(b.evaluate(symbols)?)),
            Self::Smaller(a, b) => Some(a.evaluate(symbols)?.min(b.evaluate(symbols)?)),
        }
    }

    /// `12·rows + 4`, with the symbols' names.
    pub(crate) fn display<'a>(&'a self, names: &'a [String]) -> impl fmt::Display + 'a {
        Named { extent: self, names }
    }
}

impl From<usize> for Extent {
    fn from(value: usize) -> Self {
        Self::Fixed(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// The product of a shape's dimensions.
pub(crate) fn product<'a>(shape: impl IntoIterator<Item = &'a Extent>) -> Extent {
    shape.into_iter().fold(Extent::ONE, |product, dim| product.times(dim.clone()))
}

struct Named<'a> {
    extent: &'a Extent,
    names: &'a [String],
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |extent| Named { extent, names: self.names };
        match self.extent {
            Extent::Fixed(value) => write!(f, "{value}"),
            Extent::Symbol(index) => {
                f.write_str(self.names.get(*index).map_or("?", String::as_str))
            }
            Extent::Sum(a, b) => write!(f, "{} + {}", name(a), name(b)),
            Extent::Product(a, b) => {
                let factor = |f: &mut fmt::Formatter<'_>, extent: &Extent| match extent {
                    Extent::Sum(..) => write!(f, "({})", Named { extent, names: self.names }),
                    extent => write!(f, "{}", Named { extent, names: self.names }),
                };
                factor(f, a)?;
                f.write_str("·")?;
                factor(f, b)
            }
            Extent::Quotient(a, divisor) => write!(f, "⌊({}) / {divisor}⌋", name(a)),
            Extent::Larger(a, b) => write!(f, "max({}, {})", name(a), name(b)),
            Extent::Smaller(a, b) => write!(f, "min({}, {})", name(a), name(b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_gather_in_front_of_symbols() {
        let rows = Extent::Symbol(0);

        let bytes = product([&rows, &Extent::Fixed(30)]).times(Extent::Fixed(4));

        assert_eq!(bytes, Extent::Fixed(120).times(rows));
        assert_eq!(bytes.display(&["rows".to_owned()]).to_string(), "120·rows");
        assert_eq!(bytes.evaluate(&[3]), Some(360));
    }

    #[test]
    fn a_value_beyond_64_bits_is_none() {
        let huge = Extent::Symbol(0).times(Extent::Fixed(i64::MAX));

        assert_eq!(huge.evaluate(&[2]), None);
    }
}
