//! Stored bytes on their way to a caller: whole, in part, or not at all when it has them already.

use axum::{body::Body, response::Response};
use control::Content;
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{self, HeaderValue},
};
use shared::{ErrorCode, paths};

use crate::{
    conditional::{ByteRange, byte_range, none_match_holds},
    error::ApiError,
};

/// Answers a GET or HEAD; `file_name` is what a browser saves it as.
pub(crate) fn answer(
    method: &Method,
    headers: &HeaderMap,
    content: &Content,
    file_name: Option<&str>,
) -> Response {
    use axum::response::IntoResponse as _;

    let etag = format!("\"{}\"", content.etag);
    if none_match_holds(headers, &etag) {
        let mut fresh = Response::new(Body::empty());
        *fresh.status_mut() = StatusCode::NOT_MODIFIED;
        describe(&mut fresh, &etag);
        return fresh;
    }

    let (status, range) = match byte_range(headers, &etag, content.size) {
        ByteRange::Whole => (StatusCode::OK, 0..content.size),
        ByteRange::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first..last + 1),
        ByteRange::Unsatisfiable => {
            let mut refusal = ApiError::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                ErrorCode::InvalidRequest,
                "the range begins beyond the end",
            )
            .advise("AskForLess", format!("there are {} bytes", content.size))
            .into_response();
            set(&mut refusal, header::CONTENT_RANGE, &format!("bytes */{}", content.size));
            return refusal;
        }
    };
    let length = range.end - range.start;
    let mut response = Response::new(if method == Method::HEAD || length == 0 {
        Body::empty()
    } else {
        Body::from_stream(content.read(range.clone()))
    });
    *response.status_mut() = status;
    if status == StatusCode::PARTIAL_CONTENT {
        let value = format!("bytes {}-{}/{}", range.start, range.end - 1, content.size);
        set(&mut response, header::CONTENT_RANGE, &value);
    }
    describe(&mut response, &etag);
    let out = response.headers_mut();
    out.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content.media_type));
    if let Some(name) = file_name {
        let value = format!("attachment; filename*=UTF-8''{}", paths::encode(name));
        set(&mut response, header::CONTENT_DISPOSITION, &value);
    }
    response
}

fn describe(response: &mut Response, etag: &str) {
    set(response, header::ETAG, etag);
    let out = response.headers_mut();
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
