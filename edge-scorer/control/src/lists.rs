//! One page of a list: what a caller may ask for, how it is cut, and how it goes on.
//!
//! A page ends in a cursor, the order's value and the id of its last row, and the next one begins
//! behind it: rows that come and go elsewhere neither repeat nor hide others.
//!
//! The rows of a page are chosen from indexes alone ([`select`]); only then are they read. A word is
//! looked up in an index of trigrams ([`words`]), and where that names many rows, in the texts of all
//! of them ([`scan`]).
//!
//! # Invariants
//! - The order ends in something that no two rows share: the key or the id.
//! - A cursor fits the order it was made for, or is refused.
//! - No statement looks at every row of a table: `select`'s tests ask SQLite how it would run each.
//!
//! # Deliberately absent
//! - Promises for words that very many rows hold in lists of millions: their texts are all read.

mod asked;
mod scan;
mod select;
mod words;

use serde::Deserialize;
use sqlx::{QueryBuilder, Sqlite, sqlite::SqliteRow};

use crate::{AccountAccess, ControlError, store::Store};
use asked::{Asked, Cursor};
use scan::Place;
use select::{Selection, Way};
pub(crate) use words::{Grams, grams};

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

/// What is listed. Rows are called `r`.
pub(crate) struct Table {
    /// What is read of each row, `r.id` among it.
    pub(crate) columns: &'static str,
    /// Where rows are read: `models`.
    pub(crate) name: &'static str,
    /// What `columns` need besides.
    pub(crate) joins: &'static str,
    /// What tells the rows apart.
    pub(crate) rows: Rows,
    /// What `$orderby` may name; the first is the default, newest first.
    pub(crate) orders: &'static [Order],
    /// What stands beside the texts that are searched, in this order; empty where nothing is.
    pub(crate) beside: &'static [&'static str],
}

/// What tells the rows of a table apart, and where they are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// In the table itself, by keys that lie together for each account.
    Keyed,
    /// In `tagged`, called `t`, by the same keys.
    Tagged,
    /// In the table itself; it has no keys.
    Plain,
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

/// A condition to append; begins with ` AND `.
pub(crate) type Conditions<'a> = dyn Fn(&mut QueryBuilder<Sqlite>) + Send + Sync + 'a;

/// Reads one page of `table`.
pub(crate) async fn page<T>(
    store: &Store,
    table: &Table,
    query: &ListQuery,
    account: &AccountAccess,
    conditions: &Conditions<'_>,
    read: impl Fn(&SqliteRow) -> Result<T, ControlError>,
) -> Result<Listed<T>, ControlError> {
    tagged_page(store, table, query, account, (conditions, None), read).await
}

/// As [`page`]; `tag` is all that the conditions name, if it is one.
pub(crate) async fn tagged_page<T>(
    store: &Store,
    table: &Table,
    query: &ListQuery,
    account: &AccountAccess,
    (conditions, tag): (&Conditions<'_>, Option<&str>),
    read: impl Fn(&SqliteRow) -> Result<T, ControlError>,
) -> Result<Listed<T>, ControlError> {
    let asked = Asked::read(table, query)?;
    let selection = Selection::new(table, &account.account_id, account.number, conditions, tag);
    let (mut rows, total) = match selection.way(store, &asked).await? {
        Way::Nowhere => (Vec::new(), 0),
        Way::Scan => scanned(store, &selection, &asked).await?,
        way => {
            let rows = selection.rows(&asked, &way).build().fetch_all(store.read()).await?;
            let total = match asked.wants_total {
                true => selection.count(store, &asked, &way).await?,
                false => 0,
            };
            (rows, total)
        }
    };

    let has_more = rows.len() as u64 > asked.limit;
    rows.truncate(usize::try_from(asked.limit).unwrap_or(usize::MAX));
    let next = match rows.last() {
        Some(last) if has_more && asked.more_wanted => {
            Some(Cursor::behind(&asked, last)?.encode()?)
        }
        _ => None,
    };
    let value = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Listed { value, next, count: asked.wants_total.then_some(total) })
}

/// The rows of a page whose word is common, and how many there are in all pages if that is wanted.
async fn scanned(
    store: &Store,
    selection: &Selection<'_>,
    asked: &Asked<'_>,
) -> Result<(Vec<SqliteRow>, u64), ControlError> {
    let mut rows = Vec::new();
    if let Some(mut glance) = selection.glance(asked, &Way::Scan) {
        rows = glance.build().fetch_all(store.read()).await?;
    }
    let is_whole = rows.len() as u64 > asked.limit;
    if is_whole && !asked.wants_total {
        return Ok((rows, 0));
    }

    let place = (!is_whole).then(|| Place::new(asked, selection.field(asked)));
    let wanted = selection.wanted(store, asked, asked.search.as_deref().unwrap_or_default());
    let wanted = wanted.await?;
    // What is found and what is then read are of one moment.
    let mut moment = store.read().begin().await?;
    let texts = selection.texts().build().fetch_all(&mut *moment).await?;
    let look = move || scan::scan(&texts, &wanted, place.as_ref());
    let found = tokio::task::spawn_blocking(look).await.map_err(ControlError::internal)??;
    if !is_whole {
        rows = selection.of_keys(asked, &found.page).build().fetch_all(&mut *moment).await?;
    }
    moment.commit().await?;
    Ok((rows, found.total))
}

/// What `search` looks in: names, tags and descriptions in lower case, a line each.
pub(crate) fn searchable<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let lines: Vec<_> = parts.into_iter().map(str::to_lowercase).collect();
    // The tokenizer of the index stops at a NUL; the others stand between texts.
    lines.join("\n").replace(['\0', scan::ROW, scan::FIELD], " ")
}
