//! Reading the audit log: by the rarest of the conditions, or from its end.

use shared::{AuditEntry, AuditOutcome, PrincipalKind, Timestamp};
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use crate::{
    Action, Control, ControlError, Listed, Principal, Scope, clock,
    lists::{Grams, grams, searchable},
};

const DEFAULT_COUNT: u32 = 100;
const LARGEST_COUNT: u32 = 1_000;

/// Which rows of the log; all that are given must fit.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Who did it, by object id.
    pub principal_id: Option<String>,
    /// The HTTP method.
    pub method: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// `x-ms-request-id`, or what the caller sent as its own.
    pub request_id: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// This path and what is below it.
    pub resource: Option<String>,
    /// The scope and what is below it.
    pub scope: Option<String>,
    /// Part of the path or of who, in any case.
    pub search: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// Rows of a page, 1 to 1,000.
    pub count: Option<String>,
    /// Where the last page ended.
    pub skip_token: Option<String>,
}

/// A filter with fewer rows than this is read whole.
const FEW: i64 = 2_000;

/// One of the conditions that rows must meet.
enum Narrow {
    /// A column has this value; its index is in the order of the log.
    Is(&'static str, String),
    /// What the caller or this server called the request.
    Request(String),
    /// A column is one of these scopes or lies below it.
    Within(&'static str, Vec<Scope>),
    /// The path is this one or lies below it, or made what is there.
    Resource(Scope),
    /// A word, and what the index of words is asked for.
    Word(String, String),
    /// Within these moments.
    Between(Option<i64>, Option<i64>),
}

impl Control {
    /// A page of the log, newest first, as far as the caller may read it.
    pub async fn audit_log(
        &self,
        caller: &Principal,
        filter: &AuditFilter,
    ) -> Result<Listed<AuditEntry>, ControlError> {
        let count = page_size(filter.count.as_deref())?;
        let before = filter.skip_token.as_deref().map(before).transpose()?;
        let mut narrows = conditions(filter)?;
        narrows.extend(self.readable(caller)?);
        let word = match self.word(filter).await? {
            Word::Nowhere => return Ok(Listed { value: Vec::new(), next: None, count: None }),
            Word::Find(word) => word,
        };
        narrows.extend(word);
        let rarest = self.rarest(&narrows).await?;

        let mut query = statement(&narrows, rarest, before, count);
        let rows = query.build().fetch_all(self.inner.store.read()).await?;
        let mut value = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let more = value.len() > count as usize;
        value.truncate(count as usize);
        let next = value.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Listed { value, next, count: None })
    }

    /// An owner of the subscription reads everything; others what lies in scopes that they read.
    fn readable(&self, caller: &Principal) -> Result<Option<Narrow>, ControlError> {
        if caller.may(Action::Access, &self.inner.tenant.root) {
            return Ok(None);
        }
        let scopes = caller.scopes_of(Action::Read);
        if scopes.is_empty() {
            return Err(ControlError::Forbidden {
                needs: Action::Read.needs(),
                scope: self.inner.tenant.root.as_str().to_owned(),
            });
        }
        Ok(Some(Narrow::Within("scope_key", scopes)))
    }

    async fn word(&self, filter: &AuditFilter) -> Result<Word, ControlError> {
        let Some(part) = filter.search.as_deref().filter(|part| !part.is_empty()) else {
            return Ok(Word::Find(None));
        };
        let part = searchable([part]);
        Ok(match grams(&self.inner.store, "audit", &part).await? {
            Grams::Nowhere => Word::Nowhere,
            Grams::Match(expression) => Word::Find(Some(Narrow::Word(part, expression))),
            Grams::Unknown => Word::Find(Some(Narrow::Word(part, String::new()))),
        })
    }

    /// Which of the conditions the fewest rows meet, where those are few.
    async fn rarest(&self, narrows: &[Narrow]) -> Result<Option<usize>, ControlError> {
        let mut rarest = None;
        let mut fewest = FEW;
        for (at, narrow) in narrows.iter().enumerate() {
            let mut query = QueryBuilder::new("SELECT count(*) FROM (");
            if !narrow.rows(&mut query) {
                continue;
            }
            query.push(" LIMIT ").push_bind(fewest + 1).push(")");
            let rows: i64 = query.build_query_scalar().fetch_one(self.inner.store.read()).await?;
            if rows <= fewest {
                (rarest, fewest) = (Some(at), rows);
            }
        }
        Ok(rarest)
    }
}

/// What is known of a word before the log is read.
enum Word {
    Nowhere,
    Find(Option<Narrow>),
}

/// The rows that meet every condition: those of the rarest one are read and sorted; without a rare
/// one the log is read from its end, or from where the page before it ended.
fn statement(
    narrows: &[Narrow],
    rarest: Option<usize>,
    before: Option<i64>,
    count: u32,
) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(
        "SELECT a.seq, a.at, a.request_id, a.client_request_id, a.principal_id, a.principal_name,
             a.principal_kind, a.proof, a.address, a.operation, a.method, a.path, a.scope,
             a.outcome, a.status, a.code, a.with_change, a.resource_id, a.attempts FROM ",
    );
    match rarest {
        Some(at) => {
            query.push("(");
            narrows[at].rows(&mut query);
            query.push(") few CROSS JOIN audit a ON a.seq = few.seq WHERE TRUE");
        }
        None => {
            query.push("audit a WHERE TRUE");
        }
    }
    for narrow in narrows {
        query.push(" AND ");
        narrow.holds(&mut query, rarest.is_some());
    }
    if let Some(before) = before {
        query.push(" AND a.seq < ").push_bind(before);
    }
    query.push(" ORDER BY a.seq DESC LIMIT ").push_bind(i64::from(count) + 1);
    query
}

impl Narrow {
    /// `SELECT seq …` of the rows that meet it and perhaps of some more; `false` when no index knows.
    fn rows(&self, query: &mut QueryBuilder<Sqlite>) -> bool {
        match self {
            Self::Is(column, value) => {
                query.push(format!("SELECT seq FROM audit WHERE {column} = "));
                query.push_bind(value.clone());
            }
            Self::Request(id) => {
                query.push("SELECT seq FROM audit WHERE request_id = ").push_bind(id.clone());
                query.push(" OR client_request_id = ").push_bind(id.clone());
            }
            Self::Within(column, scopes) => {
                query.push("SELECT seq FROM audit WHERE ");
                within(query, column, scopes);
            }
            Self::Resource(resource) => {
                query.push("SELECT seq FROM audit WHERE ");
                about(query, "", resource);
            }
            Self::Word(_, expression) if expression.is_empty() => return false,
            Self::Word(_, expression) => {
                query.push("SELECT rowid AS seq FROM audit_words WHERE audit_words MATCH ");
                query.push_bind(expression.clone());
            }
            Self::Between(since, until) => {
                query.push("SELECT seq FROM audit WHERE at BETWEEN ");
                query.push_bind(since.unwrap_or(i64::MIN)).push(" AND ");
                query.push_bind(until.unwrap_or(i64::MAX));
            }
        }
        true
    }

    /// The condition on `a`. Where a rarer one chose the rows, no index shall choose others.
    fn holds(&self, query: &mut QueryBuilder<Sqlite>, chosen: bool) {
        match self {
            Self::Is(column, value) => {
                query.push(if chosen { "+a." } else { "a." }).push(column);
                query.push(" = ").push_bind(value.clone());
            }
            Self::Request(id) => {
                query.push("(+a.request_id = ").push_bind(id.clone());
                query.push(" OR +a.client_request_id = ").push_bind(id.clone()).push(")");
            }
            Self::Within(column, scopes) => within(query, &format!("+a.{column}"), scopes),
            Self::Resource(resource) => about(query, "+a.", resource),
            Self::Word(part, _) => {
                query.push("instr(a.search, ").push_bind(part.clone()).push(") > 0");
            }
            Self::Between(since, until) => {
                query.push("+a.at BETWEEN ").push_bind(since.unwrap_or(i64::MIN));
                query.push(" AND ").push_bind(until.unwrap_or(i64::MAX));
                if chosen {
                    return;
                }
                // Moments nearly follow the order of the log: it is read between these rows only.
                if let Some(since) = since {
                    query.push(" AND a.seq >= (SELECT min(seq) FROM audit WHERE at >= ");
                    query.push_bind(*since).push(")");
                }
                if let Some(until) = until {
                    query.push(" AND a.seq <= (SELECT max(seq) FROM audit WHERE at <= ");
                    query.push_bind(*until).push(")");
                }
            }
        }
    }
}

fn conditions(filter: &AuditFilter) -> Result<Vec<Narrow>, ControlError> {
    let mut narrows = Vec::new();
    if let Some(id) = &filter.request_id {
        narrows.push(Narrow::Request(id.clone()));
    }
    if let Some(id) = &filter.principal_id {
        narrows.push(Narrow::Is("principal_id", id.to_ascii_lowercase()));
    }
    if let Some(method) = &filter.method {
        narrows.push(Narrow::Is("method", method.to_ascii_uppercase()));
    }
    if let Some(outcome) = &filter.outcome {
        let outcome: AuditOutcome = outcome.parse().map_err(|message: String| {
            ControlError::invalid(message, "Send one of these outcomes, or leave `outcome` out.")
        })?;
        narrows.push(Narrow::Is("outcome", outcome.as_str().to_owned()));
    }
    if let Some(address) = &filter.address {
        narrows.push(Narrow::Is("address", address.clone()));
    }
    if let Some(resource) = &filter.resource {
        narrows.push(Narrow::Resource(Scope::new(resource)));
    }
    if let Some(scope) = &filter.scope {
        narrows.push(Narrow::Within("scope_key", vec![Scope::new(scope)]));
    }
    let since = filter.since.as_ref().map(|text| moment("since", text)).transpose()?;
    let until = filter.until.as_ref().map(|text| moment("until", text)).transpose()?;
    if since.is_some() || until.is_some() {
        narrows.push(Narrow::Between(since, until));
    }
    Ok(narrows)
}

fn before(token: &str) -> Result<i64, ControlError> {
    token.parse().map_err(|_| {
        ControlError::invalid(
            "`$skipToken` does not belong to this list",
            "Follow `nextLink` as it is, or begin again without `$skipToken`.",
        )
    })
}

/// The path is `resource` or lies below it, or below it lies what was made.
fn about(query: &mut QueryBuilder<Sqlite>, prefix: &str, resource: &Scope) {
    query.push("(");
    within(query, &format!("{prefix}path_key"), std::slice::from_ref(resource));
    // As in the index: without `+`, which would be another expression.
    let table = prefix.trim_start_matches('+');
    query.push(format!(" OR {table}path_key || '/' || lower({table}resource_id) = "));
    query.push_bind(resource.as_str().to_owned()).push(")");
}

/// `column` is one of the scopes or lies below it.
fn within(query: &mut QueryBuilder<Sqlite>, column: &str, scopes: &[Scope]) {
    query.push("(");
    for (index, scope) in scopes.iter().enumerate() {
        let below = format!("{}/", scope.as_str());
        // Everything that begins with `below`: up to the text with the next letter in its place.
        let end = format!("{}0", scope.as_str());
        query.push(if index > 0 { " OR " } else { "" });
        query.push(column).push(" = ").push_bind(scope.as_str().to_owned());
        query.push(" OR (").push(column).push(" >= ").push_bind(below);
        query.push(" AND ").push(column).push(" < ").push_bind(end).push(")");
    }
    query.push(")");
}

fn page_size(text: Option<&str>) -> Result<u32, ControlError> {
    let Some(text) = text else { return Ok(DEFAULT_COUNT) };
    match text.trim().parse::<u32>() {
        Ok(count) if count > 0 => Ok(count.min(LARGEST_COUNT)),
        _ => Err(ControlError::invalid(
            format!("`count` is 1 to 1,000, not `{text}`"),
            "Send `count=100`, or leave it out.",
        )),
    }
}

fn moment(name: &str, text: &str) -> Result<i64, ControlError> {
    clock::parse(text).ok_or_else(|| {
        ControlError::invalid(
            format!("`{name}` is not a moment: `{text}`"),
            format!("Send `{name}=2026-11-20T19:21:42Z`, RFC 3339 in UTC, percent-encoded."),
        )
    })
}

fn entry(row: &SqliteRow) -> Result<AuditEntry, ControlError> {
    let kind: Option<&str> = row.try_get("principal_kind")?;
    let status: Option<i64> = row.try_get("status")?;
    Ok(AuditEntry {
        id: row.try_get::<i64, _>("seq")?.unsigned_abs(),
        at: clock::timestamp(row.try_get("at")?),
        request_id: row.try_get("request_id")?,
        client_request_id: row.try_get("client_request_id")?,
        principal_id: row.try_get("principal_id")?,
        principal_name: row.try_get("principal_name")?,
        principal_kind: kind
            .map(str::parse::<PrincipalKind>)
            .transpose()
            .map_err(ControlError::internal)?,
        proof: row.try_get("proof")?,
        address: row.try_get("address")?,
        operation: row.try_get("operation")?,
        method: row.try_get("method")?,
        path: row.try_get("path")?,
        scope: row.try_get("scope")?,
        outcome: row.try_get::<&str, _>("outcome")?.parse().map_err(ControlError::internal)?,
        status: status.and_then(|status| u16::try_from(status).ok()),
        code: row.try_get("code")?,
        with_change: row.try_get::<i64, _>("with_change")? == 1,
        resource_id: row.try_get("resource_id")?,
        attempts: row.try_get::<i64, _>("attempts")?.unsigned_abs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn narrows() -> Vec<Narrow> {
        let all = AuditFilter {
            principal_id: Some("p".to_owned()),
            method: Some("PUT".to_owned()),
            outcome: Some("Failed".to_owned()),
            request_id: Some("r".to_owned()),
            address: Some("::1".to_owned()),
            resource: Some("/subscriptions/s".to_owned()),
            scope: Some("/subscriptions/s".to_owned()),
            since: Some("2026-11-20T19:21:42Z".to_owned()),
            until: Some("2026-11-20T19:21:42Z".to_owned()),
            ..AuditFilter::default()
        };
        let mut narrows = conditions(&all).unwrap();
        let scopes = vec![Scope::new("/subscriptions/s"), Scope::new("/subscriptions/t")];
        narrows.push(Narrow::Within("scope_key", scopes));
        narrows.push(Narrow::Word("part".to_owned(), "part".to_owned()));
        narrows
    }

    async fn plan(store: &Store, query: &QueryBuilder<Sqlite>) -> Vec<String> {
        let text = format!("EXPLAIN QUERY PLAN {}", query.sql().as_str());
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(store.read()).await.unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
    }

    #[tokio::test]
    async fn whatever_is_asked_the_log_is_read_by_an_index_or_from_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.db"), true).await.unwrap();
        let narrows = narrows();
        for at in 0..narrows.len() {
            let mut counted = QueryBuilder::new("");
            assert!(narrows[at].rows(&mut counted));
            let rare = statement(&narrows, Some(at), Some(9), 100);
            for query in [counted, rare] {
                let plan = plan(&store, &query).await;
                let scans = |step: &String| {
                    step.starts_with("SCAN") && !step.contains("VIRTUAL TABLE INDEX")
                };
                assert!(!plan.iter().any(scans), "{}\n{plan:#?}", query.sql().as_str());
            }
            // From the end of the log, or of the part of it that an index names: nothing is sorted.
            let common = plan(&store, &statement(&narrows[at..=at], None, None, 100)).await;
            assert!(!common.iter().any(|step| step.contains("TEMP B-TREE")), "{common:#?}");
        }
        store.close().await;
    }
}
