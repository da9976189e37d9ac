//! Numbers as people read them; everything here is plain arithmetic and is tested natively.

use std::time::Duration;

/// A number with so many digits after the point, as the reader's locale writes it.
pub(crate) fn decimal(value: f64, digits: usize) -> String {
    if cfg!(target_arch = "wasm32") {
        crate::locale::decimal(value, digits)
    } else {
        format!("{value:.digits$}")
    }
}

/// A number for the browser's own eyes: a path, a style. With so many digits after the point.
///
/// It goes through whole numbers, since what the library writes floats with is large.
#[expect(clippy::cast_possible_truncation, reason = "a page is far smaller than 2^53")]
pub(crate) fn fixed(value: f64, digits: u32) -> String {
    let scale = 10_i64.pow(digits);
    let whole = (value * scale as f64).round() as i64;
    let sign = if whole < 0 { "-" } else { "" };
    let (before, after) = (whole.abs() / scale, whole.abs() % scale);
    if digits == 0 {
        format!("{sign}{before}")
    } else {
        format!("{sign}{before}.{after:0>width$}", width = digits as usize)
    }
}

/// A very small or very large number, such as `1.2e-7`.
pub(crate) fn exponent(value: f64) -> String {
    if cfg!(target_arch = "wasm32") {
        crate::locale::exponent(value)
    } else {
        format!("{value:.1e}")
    }
}

/// A text in small letters, whatever its script.
pub(crate) fn small_letters(text: &str) -> String {
    if cfg!(target_arch = "wasm32") {
        crate::locale::small_letters(text)
    } else {
        text.to_lowercase()
    }
}

/// The nearest number that a few digits spell, of those that are the same to 32 bits.
pub(crate) fn short_of_32(value: f32) -> f64 {
    let wide = f64::from(value);
    if !cfg!(target_arch = "wasm32") {
        return value.to_string().parse().unwrap_or(wide);
    }
    #[expect(clippy::cast_possible_truncation, reason = "that is the question")]
    let same = |short: &f64| *short as f32 == value;
    (1..=9).filter_map(|digits| crate::locale::rounded(wide, digits)).find(same).unwrap_or(wide)
}

/// The number that a text spells with digits, a point and an exponent.
///
/// In the browser it is the browser that reads it: a table for all of them is ten kilobytes.
pub(crate) fn parsed(text: &str) -> Option<f64> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    if !text.contains(|c: char| c.is_ascii_digit()) || !text.chars().all(plain) {
        return None;
    }
    if cfg!(target_arch = "wasm32") { crate::locale::parsed(text) } else { text.parse().ok() }
}

/// A count, grouped as the reader's locale does.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub(crate) fn count(n: u64) -> String {
    decimal(n as f64, 0)
}

/// `1.4 MB`, in powers of 1,000 as storage is sold and downloads are counted.
pub(crate) fn bytes(n: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = n as f64;
    if value < 1000.0 {
        return format!("{} B", decimal(value, 0));
    }
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    let digits = if value < 9.95 { 1 } else { 0 };
    format!("{} {unit}", decimal(value, digits))
}

/// `3.2 ms`, `840 µs`, `310 ns`, `1.5 s`.
pub(crate) fn duration(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 1e-6 {
        format!("{} ns", count(took.subsec_nanos().into()))
    } else if seconds < 0.001 {
        format!("{} µs", decimal(seconds * 1e6, 0))
    } else if seconds < 0.01 {
        format!("{} ms", decimal(seconds * 1e3, 1))
    } else if seconds < 1.0 {
        format!("{} ms", decimal(seconds * 1e3, 0))
    } else {
        format!("{} s", decimal(seconds, 1))
    }
}

/// An amount and a unit for `Intl.RelativeTimeFormat`; negative is the past.
pub(crate) fn relative_unit(seconds: f64) -> (f64, &'static str) {
    const STEPS: [(f64, f64, &str); 5] = [
        (60.0, 1.0, "second"),
        (3600.0, 60.0, "minute"),
        (86_400.0, 3600.0, "hour"),
        (2_592_000.0, 86_400.0, "day"),
        (31_536_000.0, 2_592_000.0, "month"),
    ];
    // Clocks differ by a few seconds: nothing has "happened in 2 seconds".
    let seconds = if seconds.abs() < 10.0 { 0.0 } else { seconds };
    let (size, unit) = STEPS
        .iter()
        .find(|(below, _, _)| seconds.abs() < *below)
        .map_or((31_536_000.0, "year"), |(_, size, unit)| (*size, *unit));
    ((seconds / size).trunc() + 0.0, unit)
}

/// The start of a hash, enough to tell two apart.
pub(crate) fn short_hash(hash: &str) -> String {
    hash.chars().take(12).collect()
}

/// A name for a service out of any name: lower case, letters, digits and `-`.
pub(crate) fn service_name(name: &str) -> String {
    let mapped: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(63)
        .collect();
    mapped.trim_matches('-').to_owned()
}

/// A name for a model out of its file's: without the ending, without what names may not hold.
pub(crate) fn model_name(file_name: &str) -> String {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    let mapped: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
        .take(100)
        .collect();
    mapped.trim_matches(['-', '.', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_or_three_digits() {
        let sizes = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (28_713, "29 kB"),
            (999_900, "1.0 MB"),
            (2_147_483_648, "2.1 GB"),
        ];
        for (n, text) in sizes {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn what_a_path_says_is_rounded_as_the_library_rounds() {
        for value in [0.0, 0.04, 0.27, 9.96, -0.26, -12.34, 168.0, 99.999, 1234.5678] {
            for digits in [1, 2] {
                let text = fixed(value, digits);
                let width = digits as usize;
                assert_eq!(
                    text.parse::<f64>().unwrap(),
                    format!("{value:.width$}").parse::<f64>().unwrap()
                );
                assert_eq!(text.split_once('.').unwrap().1.len(), width, "{text}");
            }
        }
        assert_eq!((fixed(168.0, 0), fixed(-0.7, 0)), ("168".to_owned(), "-1".to_owned()));
        assert_eq!(fixed(-0.01, 1), "0.0");
    }

    #[test]
    fn only_a_spelled_number_is_a_number() {
        for (text, number) in [("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("+5", 5.0), ("-2e3", -2e3)]
        {
            assert_eq!(parsed(text), Some(number), "{text}");
        }
        for text in ["", ".", "-", "e5", "inf", "NaN", "0x10", " 1", "1,5", "1-2"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn durations_keep_their_meaning_at_every_scale() {
        for (micros, text) in
            [(840, "840 µs"), (3_240, "3.2 ms"), (48_000, "48 ms"), (1_500_000, "1.5 s")]
        {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn moments_are_told_in_the_largest_whole_unit() {
        assert_eq!(relative_unit(3.0), (0.0, "second"));
        assert_eq!(relative_unit(-59.0), (-59.0, "second"));
        assert_eq!(relative_unit(-3599.0), (-59.0, "minute"));
        assert_eq!(relative_unit(-90_000.0), (-1.0, "day"));
    }

    #[test]
    fn names_are_proposed_that_the_server_accepts() {
        for name in ["Breast Cancer (50 trees).onnx", "_hidden", "模型.v2.onnx", "iris.onnx"] {
            let model = model_name(name);
            assert!(model.is_empty() || shared::validate_name(&model).is_ok(), "{model}");
            let service = service_name(&model);
            assert!(
                service.is_empty() || shared::validate_service_name(&service).is_ok(),
                "{service}"
            );
        }
        assert_eq!(service_name(&model_name("Breast_Cancer.onnx")), "breast-cancer");
    }
}
