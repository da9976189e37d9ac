//! What a caller asks of a list, validated, and the cursor between two pages.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{ListQuery, Order, Table, searchable};
use crate::ControlError;

const DEFAULT_COUNT: u64 = 100;
const LARGEST_COUNT: u64 = 1_000;
const LARGEST_SKIP: u64 = 1_000_000;

/// One page's worth of questions.
pub(super) struct Asked<'a> {
    pub(super) order: &'a Order,
    pub(super) descending: bool,
    pub(super) cursor: Option<Cursor>,
    /// Most rows of this page.
    pub(super) limit: u64,
    /// Whether there may be a page after it.
    pub(super) more_wanted: bool,
    /// Rows to leave out; none behind a cursor.
    pub(super) skip: u64,
    pub(super) wants_total: bool,
    /// As it lies in the store.
    pub(super) search: Option<String>,
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The order, so that a cursor of another is noticed.
    o: String,
    /// The last row's value. Numbers of older versions had another name: they were no keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) k: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) t: Option<String>,
    /// The last row's id.
    pub(super) i: String,
    /// Rows given so far, for `$top`.
    #[serde(default)]
    g: u64,
}

impl<'a> Asked<'a> {
    pub(super) fn read(table: &'a Table, query: &ListQuery) -> Result<Self, ControlError> {
        let count = match &query.count {
            None => DEFAULT_COUNT,
            Some(text) => number("count", text, 1)?.min(LARGEST_COUNT),
        };
        let top = query.top.as_deref().map(|text| number("$top", text, 0)).transpose()?;
        let skip = match &query.skip {
            None => 0,
            Some(text) => number("$skip", text, 0)?,
        };
        if skip > LARGEST_SKIP {
            return Err(ControlError::invalid(
                format!("`$skip` may be {LARGEST_SKIP} at most"),
                "Follow `nextLink`, or narrow the list with filters.",
            ));
        }
        let wants_total = match query.total.as_deref() {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("true") => true,
            Some(text) if text.eq_ignore_ascii_case("false") => false,
            Some(_) => {
                return Err(ControlError::invalid(
                    "`$count` is `true` or `false`",
                    "Send `$count=true`.",
                ));
            }
        };
        let (order, descending) = order(table, query.order_by.as_deref())?;
        let cursor = match &query.skip_token {
            None => None,
            Some(token) => Some(Cursor::decode(token, order, descending)?),
        };
        let search = query.search.as_deref().filter(|text| !text.is_empty());
        if search.is_some() && table.beside.is_empty() {
            return Err(ControlError::invalid("this list cannot be searched", "Use its filters."));
        }
        let given = cursor.as_ref().map_or(0, |cursor| cursor.g);
        let limit = count.min(top.map_or(u64::MAX, |top| top.saturating_sub(given)));
        Ok(Self {
            order,
            descending,
            limit,
            more_wanted: top.is_none_or(|top| given + limit < top),
            skip: if cursor.is_none() { skip } else { 0 },
            cursor,
            wants_total,
            search: search.map(|text| searchable([text])),
        })
    }

    pub(super) fn direction(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }
}

impl Cursor {
    /// Behind `last`, a row with an `order_value` and an `id`.
    pub(super) fn behind(asked: &Asked<'_>, last: &SqliteRow) -> Result<Self, ControlError> {
        let given = asked.cursor.as_ref().map_or(0, |cursor| cursor.g);
        let is_text = asked.order.is_text;
        Ok(Self {
            o: spelled(asked.order, asked.descending),
            k: if is_text { None } else { Some(last.try_get("order_value")?) },
            t: if is_text { Some(last.try_get("order_value")?) } else { None },
            i: last.try_get("id")?,
            g: given + asked.limit,
        })
    }

    /// Somewhere in the middle.
    #[cfg(test)]
    pub(super) fn example(asked: &Asked<'_>) -> Self {
        let o = spelled(asked.order, asked.descending);
        Self { o, k: Some(1), t: Some("t".to_owned()), i: "i".to_owned(), g: 0 }
    }

    pub(super) fn encode(&self) -> Result<String, ControlError> {
        let bytes = serde_json::to_vec(self).map_err(ControlError::internal)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn decode(token: &str, order: &Order, descending: bool) -> Result<Self, ControlError> {
        let fits = |cursor: &Self| {
            let value = if order.is_text { cursor.t.is_some() } else { cursor.k.is_some() };
            value && cursor.o == spelled(order, descending)
        };
        URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok())
            .filter(fits)
            .ok_or_else(|| {
                ControlError::invalid(
                    "`$skipToken` does not belong to this list",
                    "Follow `nextLink` as it is, or begin again without `$skipToken`.",
                )
            })
    }
}

fn spelled(order: &Order, descending: bool) -> String {
    format!("{} {}", order.name, if descending { "desc" } else { "asc" })
}

fn number(name: &str, text: &str, least: u64) -> Result<u64, ControlError> {
    // `parse` would take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && *number >= least);
    number.ok_or_else(|| {
        ControlError::invalid(
            format!("`{name}` is a whole number from {least} on, not `{text}`"),
            format!("Send `{name}=100`, or leave it out."),
        )
    })
}

fn order<'a>(table: &'a Table, text: Option<&str>) -> Result<(&'a Order, bool), ControlError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok((&table.orders[0], true));
    };
    let refusal = || {
        let names: Vec<_> = table.orders.iter().map(|order| order.name).collect();
        ControlError::invalid(
            format!("`$orderby={text}` is not understood"),
            format!("Send one of {}, then `asc` or `desc`.", names.join(", ")),
        )
    };
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let descending = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("asc") => false,
        Some(word) if word.eq_ignore_ascii_case("desc") => true,
        Some(_) => return Err(refusal()),
    };
    let order = table.orders.iter().find(|order| order.name == name);
    match (order, words.next()) {
        (Some(order), None) => Ok((order, descending)),
        _ => Err(refusal()),
    }
}
