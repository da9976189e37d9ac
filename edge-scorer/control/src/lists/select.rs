//! The statements behind a page: first the rows are chosen, from an index; then they are read.

use std::ops::Range;

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{Asked, Conditions, Exactly, Rows, Table, chunk::Keys};
use crate::ControlError;

/// Keys whose texts lie in one row: this power of two.
const CHUNK: u32 = 7;

/// The rows of an account that a list is about.
pub(super) struct Selection<'a> {
    table: &'a Table,
    account_id: &'a str,
    number: i64,
    conditions: &'a Conditions<'a>,
    filtered: bool,
}

/// A statement with its values.
pub(super) type Statement = QueryBuilder<Sqlite>;

impl<'a> Selection<'a> {
    pub(super) fn new(
        table: &'a Table,
        account_id: &'a str,
        number: i64,
        conditions: &'a Conditions<'a>,
    ) -> Self {
        let mut scratch = QueryBuilder::new("");
        conditions(&mut scratch);
        let filtered = !scratch.sql().as_str().is_empty();
        Self { table, account_id, number, conditions, filtered }
    }

    /// Whether all rows belong to the list, or their table has no texts: SQLite chooses.
    pub(super) fn is_whole(&self, asked: &Asked<'_>, exactly: &Exactly) -> bool {
        self.table.rows != Rows::Keyed
            || !self.filtered && asked.search.is_none() && *exactly == Exactly::default()
    }

    /// The rows of the page, and one more if there are more.
    pub(super) fn rows(&self, asked: &Asked<'_>) -> Statement {
        let mut statement = self.open(asked);
        self.found(&mut statement, asked);
        self.behind_cursor(&mut statement, asked);
        self.order_by(&mut statement, asked);
        statement.push(" LIMIT ").push_bind((asked.limit + 1).cast_signed());
        if asked.skip > 0 {
            statement.push(" OFFSET ").push_bind(asked.skip.cast_signed());
        }
        self.close(&mut statement);
        read_order(&mut statement, asked);
        statement
    }

    /// Counts the rows of all pages.
    pub(super) fn counted(&self, asked: &Asked<'_>) -> Statement {
        let mut statement = Statement::new("SELECT count(*)");
        self.found(&mut statement, asked);
        statement
    }

    /// `FROM … WHERE …`: every row that belongs to the list.
    fn found(&self, statement: &mut Statement, asked: &Asked<'_>) {
        statement.push(format!(" FROM {} r WHERE ", self.table.name));
        self.of_account(statement, asked);
        (self.conditions)(statement);
    }

    /// The name of the list.
    pub(super) fn list(&self) -> &'static str {
        self.table.name
    }

    /// The numbers of the account's chunks of texts.
    pub(super) fn chunks(&self) -> Range<i64> {
        let (first, end) = self.keys();
        first >> CHUNK..end >> CHUNK
    }

    /// The keys of the rows that meet the conditions, if there are conditions.
    pub(super) async fn keys_of_conditions(
        &self,
        moment: &mut SqliteConnection,
        asked: &Asked<'_>,
    ) -> Result<Option<Keys>, ControlError> {
        if !self.filtered {
            return Ok(None);
        }
        let mut statement = self.filtered_keys(asked);
        let keys: Option<String> = statement.build_query_scalar().fetch_one(moment).await?;
        Ok(Some(Keys::read(&keys.unwrap_or_default())?))
    }

    /// The keys of all rows that meet the conditions.
    fn filtered_keys(&self, asked: &Asked<'_>) -> Statement {
        let mut statement = Statement::new(format!("SELECT group_concat({})", self.key()));
        self.found(&mut statement, asked);
        statement
    }

    /// The rows with these keys, as far as they are still there.
    pub(super) fn of_keys(&self, asked: &Asked<'_>, keys: &[i64]) -> Statement {
        let column = asked.order.column;
        let mut statement = Statement::new(format!(
            "SELECT {}, p.order_value FROM (SELECT r.key AS place, r.id AS id, \
             {column} AS order_value FROM (SELECT value FROM json_each(",
            self.table.columns
        ));
        statement.push_bind(format!("{keys:?}"));
        statement.push(format!(")) k CROSS JOIN {} r WHERE r.key = k.value", self.table.name));
        self.close(&mut statement);
        read_order(&mut statement, asked);
        statement
    }

    /// Which of the fields beside the texts is ordered by; `None`: the key.
    pub(super) fn field(&self, asked: &Asked<'_>) -> Option<usize> {
        let name = asked.order.column.split('.').next_back();
        self.table.beside.iter().position(|field| Some(*field) == name)
    }

    /// The narrowest way to say whose rows they are.
    fn of_account(&self, statement: &mut Statement, asked: &Asked<'_>) {
        match self.table.rows {
            Rows::Keyed if !self.filtered && self.is_by_key(asked) => {
                let (first, end) = self.keys();
                statement.push("r.key > ");
                statement.push_bind(first);
                statement.push(" AND r.key < ");
                statement.push_bind(end);
            }
            Rows::Keyed | Rows::Plain => {
                statement.push("r.account_id = ").push_bind(self.account_id.to_owned());
            }
            // The plus keeps SQLite from indexes that begin with the account.
            Rows::Few => {
                statement.push("+r.account_id = ").push_bind(self.account_id.to_owned());
            }
        }
    }

    fn behind_cursor(&self, statement: &mut Statement, asked: &Asked<'_>) {
        let Some(cursor) = &asked.cursor else { return };
        let (column, comparison) = (asked.order.column, if asked.descending { "<" } else { ">" });
        if self.is_by_key(asked) {
            statement.push(format!(" AND {column} {comparison} "));
            statement.push_bind(cursor.k);
            return;
        }
        statement.push(format!(" AND ({column}, r.id) {comparison} ("));
        match asked.order.is_text {
            true => statement.push_bind(cursor.t.clone()),
            false => statement.push_bind(cursor.k),
        };
        statement.push(", ");
        statement.push_bind(cursor.i.clone()).push(")");
    }

    fn order_by(&self, statement: &mut Statement, asked: &Asked<'_>) {
        let (column, direction) = (asked.order.column, asked.direction());
        statement.push(format!(" ORDER BY {column} {direction}"));
        if !self.is_by_key(asked) {
            statement.push(format!(", r.id {direction}"));
        }
    }

    /// Until the rows that are read are chosen.
    fn open(&self, asked: &Asked<'_>) -> Statement {
        let (key, column) = (self.key(), asked.order.column);
        Statement::new(format!(
            "SELECT {}, p.order_value FROM (SELECT {key} AS place, r.id AS id, \
             {column} AS order_value",
            self.table.columns
        ))
    }

    /// From where they are chosen.
    fn close(&self, statement: &mut Statement) {
        let Table { name, joins, rows, .. } = self.table;
        let place = if *rows == Rows::Keyed { "key" } else { "rowid" };
        statement.push(format!(") p CROSS JOIN {name} r ON r.{place} = p.place{joins}"));
    }

    /// Whether the order is that of the keys.
    fn is_by_key(&self, asked: &Asked<'_>) -> bool {
        self.table.rows == Rows::Keyed && asked.order.column == self.key()
    }

    /// Keys of the account lie between these.
    fn keys(&self) -> (i64, i64) {
        (self.number << 32, (self.number + 1) << 32)
    }

    fn key(&self) -> &'static str {
        match self.table.rows {
            Rows::Keyed => "r.key",
            Rows::Plain | Rows::Few => "r.rowid",
        }
    }
}

fn read_order(statement: &mut Statement, asked: &Asked<'_>) {
    let direction = asked.direction();
    statement.push(format!(" ORDER BY p.order_value {direction}, p.id {direction}"));
}

#[cfg(test)]
mod tests;
