//! What every list takes, and how its pages are written.

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use control::{ListQuery, Listed};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use shared::Page;

use crate::{auth::Account, error::ApiError, links::Linked, query::Query};

/// Paging, order and search, as the caller wrote them.
pub(crate) fn list_query(query: &Query) -> ListQuery {
    ListQuery {
        count: query.text("count"),
        skip_token: query.text("$skipToken"),
        search: query.text("search"),
        order_by: query.text("$orderby"),
        top: query.text("$top"),
        skip: query.text("$skip"),
        total: query.text("$count"),
    }
}

impl Account {
    /// A page as this caller sees it, with the absolute address of the next.
    pub(crate) fn page<T: Linked>(&self, mut listed: Listed<T>) -> Page<T> {
        listed.value.link(&self.endpoint);
        let next_link = listed.next.as_deref().map(|token| self.next_link(token));
        Page { value: listed.value, next_link, count: listed.count }
    }

    /// This list's address, going on at `token`.
    pub(crate) fn next_link(&self, token: &str) -> String {
        format!("{}{}?{}", self.endpoint.as_str(), self.path, self.query.continued(token))
    }
}

/// Bytes of a long page; it grows beyond.
const PAGE_BYTES: usize = 64 << 10;

/// Rows as JSON. A page can have megabytes: written to plain memory, not in pieces.
pub(crate) fn written(rows: &impl Serialize) -> Result<Response, ApiError> {
    let mut json = Vec::with_capacity(PAGE_BYTES);
    serde_json::to_writer(&mut json, rows).map_err(ApiError::internal)?;
    let content_type = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((content_type, Body::from(json)).into_response())
}
