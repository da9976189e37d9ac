//! Reading request bodies within their limits.
//!
//! # Invariants
//! - No more bytes are buffered than the family's limit allows, whatever `Content-Length` says.
//! - JSON nested deeper than the limit is refused before it is parsed.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use shared::ErrorCode;

use crate::{encoding, error::ApiError, state::Api};

/// A management request's JSON, refused in the route family's own shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiJson<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Api> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let bytes = management_json(request, api).await?;
        if bytes.is_empty() {
            return Err(ApiError::invalid("the body is empty")
                .advise("SendABody", "send a JSON object as the body"));
        }
        parse(&bytes, api).map(Self)
    }
}

/// As [`ApiJson`], and an absent body means the default.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<Api> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let bytes = management_json(request, api).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) || bytes.trim_ascii() == b"null" {
            return Ok(Self(T::default()));
        }
        parse(&bytes, api).map(Self)
    }
}

async fn management_json(request: Request, api: &Api) -> Result<Bytes, ApiError> {
    let (parts, body) = request.into_parts();
    let limit = api.config.limits.management_body_bytes;
    const WHAT: &str = "a management request's body";
    let bytes = read(&parts.headers, body, limit, WHAT).await?;
    let bytes = encoding::unpacked(&parts.headers, bytes, limit, WHAT).await?;
    if !bytes.is_empty() && !is_json(&parts.headers) {
        return Err(ApiError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8], api: &Api) -> Result<T, ApiError> {
    within_depth(bytes, api.config.limits.json_depth)?;
    // A list would be read as the members in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::invalid("the body is not a JSON object")
            .advise("SendABody", "send a JSON object as the body"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        ApiError::invalid(format!("the body is not what this path takes: {error}"))
            .advise("FixTheBody", "send a JSON object with the documented members")
    })
}

/// Whether the body may be JSON: it says so, or says nothing.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let Ok(value) = value.to_str() else { return false };
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || media == "text/json" || media.ends_with("+json")
}

/// Reads a whole body of at most `limit` bytes; `what` names it in the 413.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    what: &str,
) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::too_large(what, limit as u64);
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    // Most bodies come in one frame, which is handed on without a copy.
    let mut first: Option<Bytes> = None;
    let mut rest: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::invalid("the body could not be read to its end")
                .advise("SendItAgain", "nothing was kept; send the body again")
                .because(error)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        let held = rest.as_ref().map_or(first.as_ref().map_or(0, Bytes::len), BytesMut::len);
        if held + data.len() > limit {
            return Err(too_large());
        }
        match (&mut rest, first.take()) {
            (Some(rest), _) => rest.extend_from_slice(&data),
            (None, None) => first = Some(data),
            (None, Some(start)) => {
                // An announced length is not trusted with more memory than has come.
                let likely = announced.unwrap_or(0).min(limit).min(1 << 20);
                let mut joined = BytesMut::with_capacity(likely.max(start.len() + data.len()));
                joined.extend_from_slice(&start);
                joined.extend_from_slice(&data);
                rest = Some(joined);
            }
        }
    }
    Ok(rest.map(BytesMut::freeze).or(first).unwrap_or_default())
}

/// Refuses JSON nested deeper than `limit`, without parsing it.
pub(crate) fn within_depth(json: &[u8], limit: usize) -> Result<(), ApiError> {
    let mut depth = 0_usize;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return Err(ApiError::new(
                        StatusCode::BAD_REQUEST,
                        ErrorCode::LimitExceeded,
                        format!("the JSON is nested deeper than {limit} levels"),
                    )
                    .advise("NestLess", format!("the limit for JSON depth is {limit}")));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => {
                            bytes.next();
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert!(within_depth(br#"{"a":"[[[[\"[[[","b":[1]}"#, 2).is_ok());
        assert!(within_depth(b"[[[1]]]", 2).is_err());
        assert!(within_depth(b"[[],[],[],{}]", 2).is_ok());
    }

    #[test]
    fn json_is_recognised_by_its_media_type() {
        let says = |value| is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)]));

        assert!(is_json(&HeaderMap::new()));
        assert!(says(HeaderValue::from_static("Application/JSON; charset=utf-8")));
        assert!(says(HeaderValue::from_static("application/merge-patch+json")));
        assert!(!says(HeaderValue::from_static("text/plain")));
        assert!(!says(HeaderValue::from_static("application/x-www-form-urlencoded")));
    }

    #[tokio::test]
    async fn a_body_is_cut_off_at_its_limit_even_when_it_announces_nothing() {
        let chunks = || {
            let parts = [b"12345".as_slice(), b"67890"].map(Ok::<_, std::io::Error>);
            Body::from_stream(futures::stream::iter(parts))
        };

        let whole = read(&HeaderMap::new(), chunks(), 10, "a test").await.unwrap();
        assert_eq!(whole, "1234567890");

        let refusal = read(&HeaderMap::new(), chunks(), 9, "a test").await.unwrap_err();
        assert_eq!(refusal.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(refusal.message.contains("a test"), "{}", refusal.message);
    }
}
