//! The statements behind a page: first the rows are chosen, from an index; then they are read.

use sqlx::{QueryBuilder, Sqlite};

use super::{
    Asked, Conditions, Rows, Table,
    scan::{Keys, Wanted},
    words::all_grams,
};
use crate::{ControlError, store::Store};

/// Rows that are looked at one by one, and sorted, without a second thought.
const FEW: i64 = 2_000;
/// Rows in the wanted order that are looked at in the hope that enough of them hold a word.
const GLANCE: u64 = 2_000;
/// Keys whose texts lie in one row: this power of two.
const CHUNK: u32 = 7;

/// The rows of an account that a list is about.
pub(super) struct Selection<'a> {
    table: &'a Table,
    account_id: &'a str,
    number: i64,
    conditions: &'a Conditions<'a>,
    filtered: bool,
    /// The tag that is all the conditions name.
    tag: Option<&'a str>,
}

/// How the rows are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// In the order that is asked for, or by a filter's index.
    Walk,
    /// The index of words names few: those are sorted.
    Sort(String),
    /// In the texts of all rows.
    Scan,
    /// There are none.
    Nowhere,
}

/// A statement with its values.
pub(super) type Statement = QueryBuilder<Sqlite>;

impl<'a> Selection<'a> {
    pub(super) fn new(
        table: &'a Table,
        account_id: &'a str,
        number: i64,
        conditions: &'a Conditions<'a>,
        tag: Option<&'a str>,
    ) -> Self {
        let mut scratch = QueryBuilder::new("");
        conditions(&mut scratch);
        let filtered = table.rows == Rows::Tagged || !scratch.sql().as_str().is_empty();
        Self { table, account_id, number, conditions, filtered, tag }
    }

    /// Decides how to find what is asked for.
    pub(super) async fn way(&self, store: &Store, asked: &Asked<'_>) -> Result<Way, ControlError> {
        let Some(word) = &asked.search else { return Ok(Way::Walk) };
        if let Some(expression) = all_grams(word) {
            let mut some = self.some_matching(&expression);
            match some.build_query_scalar::<i64>().fetch_one(store.read()).await? {
                0 => return Ok(Way::Nowhere),
                few if few <= FEW => return Ok(Way::Sort(expression)),
                _ => {}
            }
        }
        if self.filtered {
            let mut some = self.some_filtered(asked);
            let found: i64 = some.build_query_scalar().fetch_one(store.read()).await?;
            if found <= FEW {
                return Ok(Way::Walk);
            }
        }
        Ok(Way::Scan)
    }

    /// Counts rows that the index of words names, until they are too many.
    fn some_matching(&self, expression: &str) -> Statement {
        let mut some = Statement::new("SELECT count(*) FROM (SELECT 1 FROM ");
        some.push(self.table.name).push("_words w WHERE ");
        self.matching(&mut some, expression);
        some.push(format!(" LIMIT {})", FEW + 1));
        some
    }

    /// Counts rows that meet the conditions, until they are too many.
    fn some_filtered(&self, asked: &Asked<'_>) -> Statement {
        let mut some = Statement::new("SELECT count(*) FROM (SELECT 1 FROM ");
        some.push(self.from()).push(" WHERE ");
        self.of_account(&mut some, asked);
        (self.conditions)(&mut some);
        some.push(format!(" LIMIT {})", FEW + 1));
        some
    }

    /// Rows in the wanted order, as many as may well be enough, of which those that hold a common
    /// word are chosen. Whoever gets fewer than a page has to ask again.
    pub(super) fn glance(&self, asked: &Asked<'_>, way: &Way) -> Option<Statement> {
        if *way != Way::Scan || asked.skip + asked.limit > GLANCE / 2 {
            return None;
        }
        let word = asked.search.clone()?;
        let mut statement = self.open(asked);
        statement.push(" FROM ").push(self.from()).push(" WHERE ");
        self.of_account(&mut statement, asked);
        (self.conditions)(&mut statement);
        self.behind_cursor(&mut statement, asked);
        self.order_by(&mut statement, asked);
        statement.push(format!(" LIMIT {GLANCE}"));
        self.close(&mut statement);
        statement.push(" WHERE instr(r.search, ").push_bind(word).push(") > 0");
        read_order(&mut statement, asked);
        statement.push(" LIMIT ").push_bind((asked.limit + 1).cast_signed());
        if asked.skip > 0 {
            statement.push(" OFFSET ").push_bind(asked.skip.cast_signed());
        }
        Some(statement)
    }

    /// The rows of the page, and one more if there are more.
    pub(super) fn rows(&self, asked: &Asked<'_>, way: &Way) -> Statement {
        let mut statement = self.open(asked);
        self.found(&mut statement, asked, way);
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

    /// How many rows there are in all pages.
    pub(super) async fn count(
        &self,
        store: &Store,
        asked: &Asked<'_>,
        way: &Way,
    ) -> Result<u64, ControlError> {
        if *way == Way::Nowhere {
            return Ok(0);
        }
        let mut statement = self.counted(asked, way);
        let count: i64 = statement.build_query_scalar().fetch_one(store.read()).await?;
        Ok(count.unsigned_abs())
    }

    fn counted(&self, asked: &Asked<'_>, way: &Way) -> Statement {
        let mut statement = Statement::new("SELECT count(*)");
        self.found(&mut statement, asked, way);
        statement
    }

    /// `FROM … WHERE …`: every row that belongs to the list.
    fn found(&self, statement: &mut Statement, asked: &Asked<'_>, way: &Way) {
        let (table, key) = (self.table, self.key());
        statement.push(" FROM ");
        match way {
            Way::Walk | Way::Scan | Way::Nowhere => {
                statement.push(self.from());
                if asked.search.is_some() {
                    statement.push(self.text_join());
                }
                statement.push(" WHERE ");
                self.of_account(statement, asked);
            }
            Way::Sort(expression) => {
                statement.push("(SELECT w.rowid AS key FROM ").push(table.name);
                statement.push("_words w WHERE ");
                self.matching(statement, expression);
                statement.push(") w CROSS JOIN ").push(self.from()).push(self.text_join());
                statement.push(format!(" WHERE {key} = w.key"));
                if table.rows == Rows::Tagged {
                    statement.push(" AND t.account = ");
                    statement.push_bind(self.number);
                }
            }
        }
        (self.conditions)(statement);
        if let Some(word) = &asked.search {
            statement.push(" AND instr(r.search, ");
            statement.push_bind(word.clone());
            statement.push(") > 0");
        }
        if *way == Way::Nowhere {
            statement.push(" AND FALSE");
        }
    }

    /// The texts of all rows.
    pub(super) fn texts(&self) -> Statement {
        let mut statement =
            Statement::new(format!("SELECT text FROM {}_text WHERE chunk >= ", self.table.name));
        let (first, end) = self.keys();
        statement.push_bind(first >> CHUNK);
        statement.push(" AND chunk < ").push_bind(end >> CHUNK);
        statement
    }

    /// What texts must hold, beside the word: what the conditions name.
    pub(super) async fn wanted(
        &self,
        store: &Store,
        asked: &Asked<'_>,
        word: &str,
    ) -> Result<Wanted, ControlError> {
        let mut wanted = Wanted { word: word.to_owned(), tag: None, keys: None };
        if let Some(tag) = self.tag {
            wanted.tag = Some(tag.to_owned());
        } else if self.filtered {
            let mut statement = self.filtered_keys(asked);
            let keys: Option<String> =
                statement.build_query_scalar().fetch_one(store.read()).await?;
            wanted.keys = Some(Keys::read(&keys.unwrap_or_default())?);
        }
        Ok(wanted)
    }

    /// The keys of all rows that meet the conditions.
    fn filtered_keys(&self, asked: &Asked<'_>) -> Statement {
        let mut statement = Statement::new(format!("SELECT group_concat({}) FROM ", self.key()));
        statement.push(self.from()).push(" WHERE ");
        self.of_account(&mut statement, asked);
        (self.conditions)(&mut statement);
        statement
    }

    /// The rows with these keys, as far as they are still there.
    pub(super) fn of_keys(&self, asked: &Asked<'_>, keys: &[i64]) -> Statement {
        let column = asked.order.column.replace("t.", "r.");
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

    /// The index of words, called `w`, within the account.
    fn matching(&self, statement: &mut Statement, expression: &str) {
        statement.push(format!("w.{}_words MATCH ", self.table.name));
        statement.push_bind(expression.to_owned());
        let (first, end) = self.keys();
        statement.push(" AND w.rowid > ");
        statement.push_bind(first);
        statement.push(" AND w.rowid < ");
        statement.push_bind(end);
    }

    /// The narrowest way to say whose rows they are.
    fn of_account(&self, statement: &mut Statement, asked: &Asked<'_>) {
        match self.table.rows {
            Rows::Tagged => {
                statement.push("t.account = ");
                statement.push_bind(self.number);
            }
            Rows::Keyed if !self.filtered && self.is_by_key(asked) => {
                let (first, end) = self.keys();
                statement.push("r.key > ");
                statement.push_bind(first);
                statement.push(" AND r.key < ");
                statement.push_bind(end);
            }
            Rows::Keyed | Rows::Plain => {
                statement.push("r.account_id = ");
                statement.push_bind(self.account_id.to_owned());
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
        statement.push(format!(" AND ({column}, {}) {comparison} (", self.id()));
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
            statement.push(format!(", {} {direction}", self.id()));
        }
    }

    /// Until the rows that are read are chosen.
    fn open(&self, asked: &Asked<'_>) -> Statement {
        let (key, id, column) = (self.key(), self.id(), asked.order.column);
        Statement::new(format!(
            "SELECT {}, p.order_value FROM (SELECT {key} AS place, {id} AS id, \
             {column} AS order_value",
            self.table.columns
        ))
    }

    /// From where they are chosen.
    fn close(&self, statement: &mut Statement) {
        let Table { name, joins, rows, .. } = self.table;
        let place = if *rows == Rows::Plain { "rowid" } else { "key" };
        statement.push(format!(") p CROSS JOIN {name} r ON r.{place} = p.place{joins}"));
    }

    /// Whether the order is that of the keys.
    fn is_by_key(&self, asked: &Asked<'_>) -> bool {
        self.table.rows != Rows::Plain && asked.order.column == self.key()
    }

    /// Keys of the account lie between these.
    fn keys(&self) -> (i64, i64) {
        (self.number << 32, (self.number + 1) << 32)
    }

    fn key(&self) -> &'static str {
        match self.table.rows {
            Rows::Keyed => "r.key",
            Rows::Tagged => "t.key",
            Rows::Plain => "r.rowid",
        }
    }

    fn id(&self) -> &'static str {
        if self.table.rows == Rows::Tagged { "t.model_id" } else { "r.id" }
    }

    fn from(&self) -> String {
        match self.table.rows {
            Rows::Tagged => "tagged t".to_owned(),
            Rows::Keyed | Rows::Plain => format!("{} r", self.table.name),
        }
    }

    fn text_join(&self) -> &'static str {
        if self.table.rows == Rows::Tagged { " CROSS JOIN models r ON r.key = t.key" } else { "" }
    }
}

fn read_order(statement: &mut Statement, asked: &Asked<'_>) {
    let direction = asked.direction();
    statement.push(format!(" ORDER BY p.order_value {direction}, p.id {direction}"));
}

#[cfg(test)]
mod tests;
