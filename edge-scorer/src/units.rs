//! Times and sizes as people write them: `30s`, `500ms`, `16MiB`.
//!
//! # Invariants
//! - What is printed reads back to the same value.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A text that is no time or size; the message says what is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub(crate) struct InvalidQuantity {
    text: String,
    expected: &'static str,
}

/// A length of time, such as `500ms`, `30s`, `5m` or `1h`. A bare number counts seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeSpan(pub(crate) Duration);

/// A number of bytes, such as `16MiB`, `2GiB` or `100kB`. A bare number counts bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

const TIMES: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl FromStr for TimeSpan {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        quantity(text, &TIMES, 1_000)
            .filter(|milliseconds| *milliseconds > 0)
            .map(|milliseconds| Self(Duration::from_millis(milliseconds)))
            .ok_or_else(|| InvalidQuantity {
                text: text.to_owned(),
                expected: "a time such as 500ms, 30s or 5m",
            })
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        write_exactly(f, milliseconds, &TIMES)
    }
}

impl FromStr for ByteSize {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        quantity(text, &SIZES, 1).map(Self).ok_or_else(|| InvalidQuantity {
            text: text.to_owned(),
            expected: "a size such as 16MiB, 2GiB or 100kB",
        })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_exactly(f, self.0, &SIZES)
    }
}

/// A whole number and one of `units`, letter case ignored; `None` when it is neither or too large.
fn quantity(text: &str, units: &[(&str, u64)], bare: u64) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let factor = if unit.is_empty() {
        bare
    } else {
        units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// The largest unit that divides the value.
fn write_exactly(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let unit = units.iter().find(|(_, factor)| value.is_multiple_of(*factor) && value >= *factor);
    let (name, factor) = unit.or(units.last()).copied().unwrap_or(("", 1));
    write!(f, "{}{name}", value / factor)
}

macro_rules! as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                /// A file may say `30` as well as `"30s"`.
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum Written {
                    Number(u64),
                    Text(String),
                }
                match Written::deserialize(deserializer)? {
                    Written::Number(number) => number.to_string().parse(),
                    Written::Text(text) => text.parse(),
                }
                .map_err(D::Error::custom)
            }
        }
    };
}

as_text!(TimeSpan);
as_text!(ByteSize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_as_they_are_printed() {
        for (text, milliseconds, printed) in [
            ("30", 30_000, "30s"),
            ("500ms", 500, "500ms"),
            ("90 s", 90_000, "90s"),
            ("5m", 300_000, "5m"),
        ] {
            let span: TimeSpan = text.parse().unwrap();

            assert_eq!(span.0, Duration::from_millis(milliseconds));
            assert_eq!(span.to_string(), printed);
            assert_eq!(printed.parse::<TimeSpan>().unwrap(), span);
        }
    }

    #[test]
    fn sizes_read_back_as_they_are_printed() {
        for (text, bytes, printed) in
            [("16MiB", 16 << 20, "16MiB"), ("1kb", 1_000, "1kB"), ("7", 7, "7B"), ("0", 0, "0B")]
        {
            let size: ByteSize = text.parse().unwrap();

            assert_eq!(size.0, bytes);
            assert_eq!(size.to_string(), printed);
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_an_example() {
        for bad in ["", "s", "-1s", "1.5s", "3 weeks", "0s", "99999999999999999999h"] {
            let error = bad.parse::<TimeSpan>().unwrap_err();

            assert!(error.to_string().contains("30s"), "{bad}");
        }
        assert!("12 parsecs".parse::<ByteSize>().is_err());
        assert!("18446744073709551615GiB".parse::<ByteSize>().is_err());
    }
}
