//! One page of a list: what a caller may ask for, how it is cut, and how it goes on.
//!
//! A page ends in a cursor, the order's value and the id of its last row, and the next one begins
//! behind it: rows that come and go elsewhere neither repeat nor hide others.
//!
//! The rows of a whole list are chosen from an index in the order that is asked for ([`select`]), and
//! only then are they read. Those that are searched for or filtered by are chosen in memory ([`scan`]),
//! where texts, names and tags of all rows are held ([`held`]); other filters give the keys of their
//! rows first.
//!
//! # Invariants
//! - The order ends in something that no two rows share: the key or the id.
//! - A cursor fits the order it was made for, or is refused.
//! - No statement looks at every row of a table: `select`'s tests ask SQLite how it would run each.
//!
//! # Deliberately absent
//! - An index of words or tags: a hundred thousand rows are looked through in less than a millisecond,
//!   and put in order in ten. Only the audit log, which is not held, has one ([`words`]).

mod asked;
mod chunk;
mod held;
mod place;
mod scan;
mod select;
mod words;

use serde::Deserialize;
use sqlx::{QueryBuilder, Sqlite, sqlite::SqliteRow};

use crate::{AccountAccess, ControlError, store::Store};
use asked::{Asked, Cursor};
pub(crate) use held::Held;
use place::Place;
use scan::Wanted;
use select::Selection;
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

/// What tells the rows of a table apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Keys that lie together for each account; texts are held.
    Keyed,
    /// Nothing but the id.
    Plain,
    /// As [`Rows::Plain`], and the conditions leave few of the account's rows.
    Few,
}

impl Table {
    /// The same rows under conditions that leave few of them, say those of one service: SQLite takes
    /// the conditions' index, not the order's, by which it would look at every row of the account.
    pub(crate) const fn narrowed(self) -> Self {
        Self { rows: Rows::Few, ..self }
    }
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

/// What is compared in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exactly {
    pub(crate) name: Option<String>,
    /// One of the tags.
    pub(crate) tag: Option<String>,
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
    exact_page(store, table, query, account, (conditions, Exactly::default()), read).await
}

/// As [`page`], of rows that have a name or a tag besides.
pub(crate) async fn exact_page<T>(
    store: &Store,
    table: &Table,
    query: &ListQuery,
    account: &AccountAccess,
    (conditions, exactly): (&Conditions<'_>, Exactly),
    read: impl Fn(&SqliteRow) -> Result<T, ControlError>,
) -> Result<Listed<T>, ControlError> {
    let asked = Asked::read(table, query)?;
    let selection = Selection::new(table, &account.account_id, account.number, conditions);
    let (mut rows, total) = match selection.is_whole(&asked, &exactly) {
        false => chosen(store, &selection, &asked, exactly).await?,
        true => {
            let rows = selection.rows(&asked).build().fetch_all(store.read()).await?;
            let total: i64 = match asked.wants_total {
                true => {
                    selection.counted(&asked).build_query_scalar().fetch_one(store.read()).await?
                }
                false => 0,
            };
            (rows, total.unsigned_abs())
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

/// The rows of a page that is chosen in memory, and how many there are in all pages if that is wanted.
async fn chosen(
    store: &Store,
    selection: &Selection<'_>,
    asked: &Asked<'_>,
    exactly: Exactly,
) -> Result<(Vec<SqliteRow>, u64), ControlError> {
    // What is found and what is then read are of one moment.
    let (texts, mut moment) = store.held().now(store, selection.list()).await?;
    let keys = selection.keys_of_conditions(&mut moment, asked).await?;
    let wanted = Wanted { word: asked.search.clone(), exactly, keys };
    let place = Place::new(asked, selection.field(asked));
    let chunks = texts.within(selection.chunks());
    let look = move || scan::look(&chunks, &wanted, &place);
    let found = tokio::task::spawn_blocking(look).await.map_err(ControlError::internal)??;
    let rows = match found.page.as_slice() {
        [] => Vec::new(),
        keys => selection.of_keys(asked, keys).build().fetch_all(&mut *moment).await?,
    };
    moment.commit().await?;
    Ok((rows, found.total))
}

/// What `search` looks in: names, tags and descriptions in lower case, a line each.
pub(crate) fn searchable<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let lines: Vec<_> = parts.into_iter().map(str::to_lowercase).collect();
    // The tokenizer of the audit log's index stops at a NUL; the others stand between texts.
    lines.join("\n").replace(['\0', chunk::ROW, chunk::FIELD], " ")
}
