//! Lets pages of named origins call the scoring routes, and no others.
//!
//! # Invariants
//! - Nothing is allowed unless the operator named the origin.
//! - Credentials of a browser are never allowed: a page of another site brings its own key.

use axum::{body::Body, response::Response};
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{self, HeaderValue},
};

use crate::family::Family;

/// The origins that the operator named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    pub(crate) fn new(origins: &[String]) -> Self {
        let bare = |origin: &String| origin.trim_end_matches('/').to_ascii_lowercase();
        Self(origins.iter().map(bare).collect())
    }

    /// The origin of a scoring request, when it may read the answer.
    pub(crate) fn allowed(&self, family: Family, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.0.is_empty()
            || !matches!(family, Family::Scoring | Family::OpenInference | Family::Rrs)
        {
            return None;
        }
        let origin = headers.get(header::ORIGIN)?;
        let named = origin.to_str().ok()?;
        self.0.iter().any(|ours| ours.eq_ignore_ascii_case(named)).then(|| origin.clone())
    }
}

/// Whether a browser asks what it may send.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a page of an allowed origin may send.
pub(crate) fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers
        .insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "authorization, content-type, content-encoding, accept, inference-header-content-length, x-ms-client-request-id",
        ),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// Lets `origin` read the answer.
pub(crate) fn permit(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "x-ms-request-id, x-ms-client-request-id, retry-after, inference-header-content-length",
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))])
    }

    #[test]
    fn only_named_origins_may_read_scores_and_nothing_else() {
        let origins = Origins::new(&["https://Shop.example/".to_owned()]);
        let named = from("https://shop.example");

        assert!(origins.allowed(Family::Scoring, &named).is_some());
        assert!(origins.allowed(Family::OpenInference, &named).is_some());
        assert!(origins.allowed(Family::Rrs, &named).is_some());
        assert!(origins.allowed(Family::ModelManagement, &named).is_none());
        assert!(origins.allowed(Family::Scoring, &from("https://other.example")).is_none());
        assert!(origins.allowed(Family::Scoring, &from("null")).is_none());
        assert!(Origins::default().allowed(Family::Scoring, &named).is_none());
    }
}
