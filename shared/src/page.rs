//! One page of a list.

use serde::{Deserialize, Serialize};

/// `{value, nextLink?, count?}`.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PageOf{T}"))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The rows, newest first unless the caller asked for another order.
    pub value: Vec<T>,
    /// Absolute address of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
    /// Rows in all pages; only when `$count=true` asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}
