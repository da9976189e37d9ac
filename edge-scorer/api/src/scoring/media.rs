//! What a scoring body is written in, and what its answer is wanted in.

use axum::body::Body;
use bytes::Bytes;
use hyper::{HeaderMap, StatusCode, header};
use shared::ErrorCode;

use super::sheet::Header;
use crate::{body, encoding, error::ApiError, state::Api};

/// What rows are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    Json,
    Csv(Header),
}

pub(super) const JSON: &str = "application/json";
pub(super) const CSV: &str = "text/csv; charset=utf-8; header=present";
const WHAT: &str = "a scoring request's body";

/// The notation that the headers announce; JSON where they say nothing.
pub(super) fn sent(headers: &HeaderMap) -> Result<Notation, ApiError> {
    if body::is_json(headers) {
        return Ok(Notation::Json);
    }
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = value.unwrap_or_default().split(';');
    if !parts.next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv") {
        return Err(unsupported("send `Content-Type: application/json` or `text/csv`"));
    }
    let absent = parts.any(|part| part.trim().eq_ignore_ascii_case("header=absent"));
    Ok(Notation::Csv(if absent { Header::Absent } else { Header::Present }))
}

fn unsupported(advice: &str) -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::UnsupportedMediaType,
        "the body is of a media type that this path does not take",
    )
    .advise("CheckTheContentType", advice)
}

/// Whether the answer is wanted as CSV: it is named, and liked no less than JSON.
pub(super) fn wants_csv(headers: &HeaderMap) -> bool {
    let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let quality = |media: &str| {
        let named =
            |(name, quality): (&str, f32)| name.eq_ignore_ascii_case(media).then_some(quality);
        encoding::preferences(accept).filter_map(named).fold(0.0, f32::max)
    };
    let csv = quality("text/csv");
    csv > 0.0 && csv >= quality(JSON)
}

/// A scoring request's body, unpacked.
pub(super) async fn read(api: &Api, headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    let limit = api.config.limits.scoring_body_bytes;
    let body = body::read(headers, body, limit, WHAT).await?;
    encoding::unpacked(headers, body, limit, WHAT).await
}

/// As [`read`], where only JSON is taken.
pub(super) async fn read_json(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, ApiError> {
    if !body::is_json(headers) {
        return Err(unsupported("send `Content-Type: application/json`"));
    }
    read(api, headers, body).await
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_content_type_says_what_the_rows_are_written_in() {
        let of = |value| sent(&with(header::CONTENT_TYPE, value));

        assert_eq!(sent(&HeaderMap::new()).unwrap(), Notation::Json);
        assert_eq!(of("application/json; charset=utf-8").unwrap(), Notation::Json);
        assert_eq!(of("Text/CSV").unwrap(), Notation::Csv(Header::Present));
        assert_eq!(of("text/csv; header=absent").unwrap(), Notation::Csv(Header::Absent));
        assert_eq!(of("text/plain").unwrap_err().status, 415);
    }

    #[test]
    fn an_answer_is_csv_only_for_who_asks_for_it() {
        let wants = |value| wants_csv(&with(header::ACCEPT, value));

        assert!(wants("text/csv"));
        assert!(wants("text/csv, */*;q=0.1"));
        assert!(wants("application/json;q=0.5, text/csv"));
        assert!(!wants("*/*"));
        assert!(!wants("text/csv;q=0.5, application/json"));
        assert!(!wants("text/csv;q=0"));
        assert!(!wants_csv(&HeaderMap::new()));
    }
}
