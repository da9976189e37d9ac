//! Kubernetes quantities: `100m`, `0.5`, `1G`, `1Gi`, `1e3`.

/// Billionths, the finest unit that a suffix can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity {
    nanos: u128,
}

const UNIT: u128 = 1_000_000_000;
/// Digits that fit into the arithmetic with room for the largest suffix.
const DIGITS: usize = 18;

impl Quantity {
    /// `None` for what is not a quantity, or is negative.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('+').unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty())
            || fraction.contains('.')
            || whole.len() + fraction.len() > DIGITS
        {
            return None;
        }
        let mantissa: u128 = format!("0{whole}{fraction}").parse().ok()?;
        let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let (multiply, divide) = suffix_factor(suffix)?;
        let product = mantissa.checked_mul(UNIT)?.checked_mul(multiply)?;
        // What is finer than a billionth is rounded up, as Kubernetes does.
        Some(Self { nanos: product.div_ceil(scale.checked_mul(divide)?) })
    }

    /// Whole units, rounded up.
    pub(crate) fn units(self) -> u64 {
        u64::try_from(self.nanos.div_ceil(UNIT)).unwrap_or(u64::MAX)
    }

    /// Thousandths, rounded up.
    pub(crate) fn millis(self) -> u64 {
        u64::try_from(self.nanos.div_ceil(UNIT / 1000)).unwrap_or(u64::MAX)
    }
}

/// What a suffix multiplies with, as a fraction.
fn suffix_factor(suffix: &str) -> Option<(u128, u128)> {
    let whole = |factor: u128| Some((factor, 1));
    match suffix {
        "" => whole(1),
        "n" => Some((1, 1_000_000_000)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1_000)),
        "k" => whole(1_000),
        "M" => whole(1_000_000),
        "G" => whole(1_000_000_000),
        "T" => whole(1_000_000_000_000),
        "P" => whole(1_000_000_000_000_000),
        "E" => whole(1_000_000_000_000_000_000),
        "Ki" => whole(1 << 10),
        "Mi" => whole(1 << 20),
        "Gi" => whole(1 << 30),
        "Ti" => whole(1 << 40),
        "Pi" => whole(1 << 50),
        "Ei" => whole(1 << 60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let exponent: i32 = exponent.parse().ok().filter(|e: &i32| (-18..=18).contains(e))?;
            let power = 10_u128.pow(exponent.unsigned_abs());
            if exponent < 0 { Some((1, power)) } else { Some((power, 1)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_kubernetes_is_understood() {
        let millis = |text| Quantity::parse(text).map(Quantity::millis);
        assert_eq!(millis("100m"), Some(100));
        assert_eq!(millis("0.5"), Some(500));
        assert_eq!(millis(".5"), Some(500));
        assert_eq!(millis("2"), Some(2_000));
        let units = |text| Quantity::parse(text).map(Quantity::units);
        assert_eq!(units("1G"), Some(1_000_000_000));
        assert_eq!(units("1Gi"), Some(1 << 30));
        assert_eq!(units("1e3"), Some(1_000));
        assert_eq!(units("1E3"), Some(1_000));
        assert_eq!(units("1E"), Some(1_000_000_000_000_000_000));
        assert_eq!(units("128e6"), Some(128_000_000));
        assert_eq!(units("0.5Mi"), Some(512 << 10));
        assert_eq!(units("1100m"), Some(2));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "", "-1", "1 Gi", "1gi", "Gi", "1.2.3", "1e", "1e99", "one", "1KB", ".", "0x10",
            "1e1.5",
        ] {
            assert_eq!(Quantity::parse(bad), None, "{bad}");
        }
    }
}
