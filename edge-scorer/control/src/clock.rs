//! Moments, as the store keeps them: microseconds since 1970.

use shared::Timestamp;

/// Now.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// Whole seconds of a moment.
pub(crate) fn seconds(micros: i64) -> i64 {
    micros.div_euclid(1_000_000)
}

/// As the wire shows it.
pub(crate) fn timestamp(micros: i64) -> Timestamp {
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// The moment that RFC 3339 text names.
pub(crate) fn parse(text: &str) -> Option<i64> {
    text.trim().parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

/// A length of time in the store's unit.
pub(crate) fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_rfc_3339_in_utc() {
        assert_eq!(timestamp(1_795_202_502_123_456), "2026-11-20T19:21:42.123456Z");
    }
}
