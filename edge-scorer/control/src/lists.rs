//! One page of a list: what a caller may ask for, how it is cut, and how it goes on.
//!
//! A page ends in a cursor, the order's value and the id of its last row, and the next one begins
//! behind it: rows that come and go elsewhere neither repeat nor hide others.
//!
//! # Invariants
//! - The order always ends in the id, so that no two rows are equal.
//! - A cursor fits the order it was made for, or is refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use crate::{ControlError, store::Store};

const DEFAULT_COUNT: u64 = 100;
const LARGEST_COUNT: u64 = 1_000;
const LARGEST_SKIP: u64 = 1_000_000;

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

/// What is listed. Rows are called `r`; every `from` ends where conditions can be appended to its
/// `WHERE`.
pub(crate) struct Table {
    /// `r.id, …`.
    pub(crate) columns: &'static str,
    /// `FROM models r`, with joins.
    pub(crate) from: &'static str,
    /// What `$orderby` may name; the first is the default, newest first.
    pub(crate) orders: &'static [Order],
    /// Lower-case text in which `search` looks.
    pub(crate) search: Option<&'static str>,
}

/// Something to order by.
pub(crate) struct Order {
    pub(crate) name: &'static str,
    pub(crate) column: &'static str,
    pub(crate) is_text: bool,
}

impl Order {
    pub(crate) const fn number(name: &'static str, column: &'static str) -> Self {
        Self { name, column, is_text: false }
    }

    pub(crate) const fn text(name: &'static str, column: &'static str) -> Self {
        Self { name, column, is_text: true }
    }
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    /// The order, so that a cursor of another is noticed.
    o: String,
    /// The last row's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<String>,
    /// The last row's id.
    i: String,
    /// Rows given so far, for `$top`.
    #[serde(default)]
    g: u64,
}

/// A condition to append; begins with ` AND `.
pub(crate) type Conditions<'a> = dyn Fn(&mut QueryBuilder<Sqlite>) + Send + Sync + 'a;

/// Reads one page of `table`.
pub(crate) async fn page<T>(
    store: &Store,
    table: &Table,
    query: &ListQuery,
    account_id: &str,
    conditions: &Conditions<'_>,
    read: impl Fn(&SqliteRow) -> Result<T, ControlError>,
) -> Result<Listed<T>, ControlError> {
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
    let spelled = format!("{} {}", order.name, if descending { "desc" } else { "asc" });
    let cursor = query.skip_token.as_deref().map(|token| cursor(token, &spelled)).transpose()?;
    let search = match (&query.search, table.search) {
        (Some(text), Some(column)) if !text.is_empty() => Some((pattern(text), column)),
        (Some(text), None) if !text.is_empty() => {
            return Err(ControlError::invalid("this list cannot be searched", "Use its filters."));
        }
        _ => None,
    };
    let filtered = |builder: &mut QueryBuilder<Sqlite>| {
        builder
            .push(" ")
            .push(table.from)
            .push(" WHERE r.account_id = ")
            .push_bind(account_id.to_owned());
        conditions(builder);
        if let Some((pattern, column)) = &search {
            builder
                .push(format!(" AND {column} LIKE "))
                .push_bind(pattern.clone())
                .push(" ESCAPE '\\'");
        }
    };

    let given = cursor.as_ref().map_or(0, |cursor| cursor.g);
    let limit = count.min(top.map_or(u64::MAX, |top| top.saturating_sub(given)));
    let more_wanted = top.is_none_or(|top| given + limit < top);
    let direction = if descending { "DESC" } else { "ASC" };

    let mut builder = QueryBuilder::new("SELECT ");
    builder.push(table.columns);
    builder.push(format!(", {} AS order_value", order.column));
    filtered(&mut builder);
    if let Some(cursor) = &cursor {
        let comparison = if descending { "<" } else { ">" };
        builder.push(format!(" AND ({}, r.id) {comparison} (", order.column));
        if order.is_text {
            builder.push_bind(cursor.t.clone());
        } else {
            builder.push_bind(cursor.n);
        }
        builder.push(", ").push_bind(cursor.i.clone()).push(")");
    }
    builder.push(format!(" ORDER BY {} {direction}, r.id {direction} LIMIT ", order.column));
    builder.push_bind((limit + 1).cast_signed());
    if cursor.is_none() && skip > 0 {
        builder.push(" OFFSET ").push_bind(skip.cast_signed());
    }
    let mut rows = builder.build().fetch_all(store.read()).await?;

    let has_more = rows.len() as u64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = match rows.last() {
        Some(last) if has_more && more_wanted => Some(encode(&Cursor {
            o: spelled,
            n: if order.is_text { None } else { Some(last.try_get("order_value")?) },
            t: if order.is_text { Some(last.try_get("order_value")?) } else { None },
            i: last.try_get("id")?,
            g: given + limit,
        })?),
        _ => None,
    };
    let count = if wants_total {
        let mut builder = QueryBuilder::new("SELECT count(*)");
        filtered(&mut builder);
        let count: i64 = builder.build_query_scalar().fetch_one(store.read()).await?;
        Some(count.unsigned_abs())
    } else {
        None
    };
    let value = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Listed { value, next, count })
}

fn number(name: &str, text: &str, least: u64) -> Result<u64, ControlError> {
    text.parse().ok().filter(|number| *number >= least).ok_or_else(|| {
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

fn cursor(token: &str, order: &str) -> Result<Cursor, ControlError> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Cursor>(&bytes).ok())
        .filter(|cursor| cursor.o == order)
        .ok_or_else(|| {
            ControlError::invalid(
                "`$skipToken` does not belong to this list",
                "Follow `nextLink` as it is, or begin again without `$skipToken`.",
            )
        })
}

fn encode(cursor: &Cursor) -> Result<String, ControlError> {
    let bytes = serde_json::to_vec(cursor).map_err(ControlError::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// What `search` looks in: names, tags and descriptions in lower case, a line each.
pub(crate) fn searchable<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().map(str::to_lowercase).collect::<Vec<_>>().join("\n")
}
