//! Conditional requests and byte ranges (RFC 9110, sections 13 and 14).
//!
//! # Deliberately absent
//! - Dates: every validator here is an ETag, so `If-Modified-Since` never decides anything.
//! - Several ranges in one answer: such a request is answered whole, which the RFC allows.

use hyper::{HeaderMap, header};

/// Whether `If-None-Match` names `etag`, so that a GET may be answered with 304.
pub(crate) fn none_match_holds(headers: &HeaderMap, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.trim() == "*" || value.split(',').any(|tag| bare(tag) == bare(etag)))
}

/// Which bytes of a representation a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteRange {
    /// All of them.
    Whole,
    /// From the first to the last, both included.
    Part { first: u64, last: u64 },
    /// None that exist: 416.
    Unsatisfiable,
}

/// Reads `Range` and `If-Range` for a representation of `size` bytes.
pub(crate) fn byte_range(headers: &HeaderMap, etag: &str, size: u64) -> ByteRange {
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return ByteRange::Whole;
    };
    if let Some(expected) = headers.get(header::IF_RANGE)
        && expected.as_bytes() != etag.as_bytes()
    {
        return ByteRange::Whole;
    }
    let Some((unit, spec)) = range.split_once('=') else { return ByteRange::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return ByteRange::Whole;
    }
    let Some((first, last)) = spec.trim().split_once('-') else { return ByteRange::Whole };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (number(first.trim()), number(last.trim())) {
        (Some(first), _) if first >= size => ByteRange::Unsatisfiable,
        (Some(first), None) if last.trim().is_empty() => ByteRange::Part { first, last: size - 1 },
        (Some(first), Some(last)) if last >= first => {
            ByteRange::Part { first, last: last.min(size - 1) }
        }
        (None, Some(0)) if first.trim().is_empty() => ByteRange::Unsatisfiable,
        (None, Some(_)) if first.trim().is_empty() && size == 0 => ByteRange::Unsatisfiable,
        (None, Some(suffix)) if first.trim().is_empty() => {
            ByteRange::Part { first: size.saturating_sub(suffix), last: size - 1 }
        }
        _ => ByteRange::Whole,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn asked(range: &'static str) -> ByteRange {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
        byte_range(&headers, "\"e\"", 100)
    }

    #[test]
    fn ranges_are_cut_to_what_exists() {
        assert_eq!(asked("bytes=0-9"), ByteRange::Part { first: 0, last: 9 });
        assert_eq!(asked("bytes=90-"), ByteRange::Part { first: 90, last: 99 });
        assert_eq!(asked("bytes=50-4000"), ByteRange::Part { first: 50, last: 99 });
        assert_eq!(asked("bytes=-10"), ByteRange::Part { first: 90, last: 99 });
        assert_eq!(asked("bytes=-1000"), ByteRange::Part { first: 0, last: 99 });
    }

    #[test]
    fn ranges_beyond_the_end_cannot_be_satisfied() {
        assert_eq!(asked("bytes=100-"), ByteRange::Unsatisfiable);
        assert_eq!(asked("bytes=-0"), ByteRange::Unsatisfiable);
        assert_eq!(asked("bytes=99999999999999999999-"), ByteRange::Unsatisfiable);
    }

    #[test]
    fn malformed_or_multiple_ranges_are_answered_whole() {
        for range in ["bytes=9-0", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=", "bytes=-"] {
            assert_eq!(asked(range), ByteRange::Whole, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_is_answered_whole() {
        let headers = HeaderMap::from_iter([
            (header::RANGE, HeaderValue::from_static("bytes=0-9")),
            (header::IF_RANGE, HeaderValue::from_static("\"old\"")),
        ]);

        assert_eq!(byte_range(&headers, "\"e\"", 100), ByteRange::Whole);
    }
}
