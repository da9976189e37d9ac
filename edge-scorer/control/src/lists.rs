//! One page of a list: what a caller may ask for, and how it goes on.

use serde::Deserialize;

/// How a list is cut and ordered, as the caller wrote it; the domain validates.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    /// Rows of a page, 1 to 1,000.
    pub count: Option<String>,
    /// Where the last page ended.
    #[serde(rename = "$skipToken")]
    pub skip_token: Option<String>,
    /// Part of a name, tag or description, in any case.
    pub search: Option<String>,
    /// `name`, `createdAt`, `updatedAt`, `version` or `state`, then `asc` or `desc`.
    #[serde(rename = "$orderby")]
    pub order_by: Option<String>,
    /// Most rows in all pages.
    #[serde(rename = "$top")]
    pub top: Option<String>,
    /// Rows to leave out, to 1,000,000.
    #[serde(rename = "$skip")]
    pub skip: Option<String>,
    /// `true` adds the number of rows in all pages.
    #[serde(rename = "$count")]
    pub total: Option<String>,
}

/// One page.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The rows.
    pub value: Vec<T>,
    /// The `$skipToken` of the next page; `None` on the last.
    pub next: Option<String>,
    /// Rows in all pages, when asked for.
    pub count: Option<u64>,
}
