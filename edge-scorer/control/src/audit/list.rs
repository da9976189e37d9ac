//! Reading the audit log.

use shared::{AuditEntry, AuditOutcome, PrincipalKind, Timestamp};
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use crate::{Action, Control, ControlError, Listed, Principal, Scope, clock};

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

impl Control {
    /// A page of the log, newest first, as far as the caller may read it.
    pub async fn audit_log(
        &self,
        caller: &Principal,
        filter: &AuditFilter,
    ) -> Result<Listed<AuditEntry>, ControlError> {
        let count = page_size(filter.count.as_deref())?;
        let mut query = QueryBuilder::new(
            "SELECT seq, at, request_id, client_request_id, principal_id, principal_name,
                 principal_kind, proof, address, operation, method, path, scope, outcome, status,
                 code, with_change, resource_id, attempts FROM audit WHERE TRUE",
        );
        self.keep_readable(caller, &mut query)?;
        narrow(&mut query, filter)?;
        query.push(" ORDER BY seq DESC LIMIT ").push_bind(i64::from(count) + 1);
        let rows = query.build().fetch_all(self.inner.store.read()).await?;
        let mut value = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let more = value.len() > count as usize;
        value.truncate(count as usize);
        let next = value.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(Listed { value, next, count: None })
    }

    /// An owner of the subscription reads everything; others what lies in scopes that they read.
    fn keep_readable(
        &self,
        caller: &Principal,
        query: &mut QueryBuilder<Sqlite>,
    ) -> Result<(), ControlError> {
        if caller.may(Action::Access, &self.inner.tenant.root) {
            return Ok(());
        }
        let scopes = caller.scopes_of(Action::Read);
        if scopes.is_empty() {
            return Err(ControlError::Forbidden {
                needs: Action::Read.needs(),
                scope: self.inner.tenant.root.as_str().to_owned(),
            });
        }
        query.push(" AND (");
        for (index, scope) in scopes.iter().enumerate() {
            if index > 0 {
                query.push(" OR ");
            }
            within(query, "scope_key", scope);
        }
        query.push(")");
        Ok(())
    }
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &AuditFilter) -> Result<(), ControlError> {
    if let Some(id) = &filter.principal_id {
        query.push(" AND principal_id = ").push_bind(id.to_ascii_lowercase());
    }
    if let Some(method) = &filter.method {
        query.push(" AND method = ").push_bind(method.to_ascii_uppercase());
    }
    if let Some(outcome) = &filter.outcome {
        let outcome: AuditOutcome = outcome.parse().map_err(|message: String| {
            ControlError::invalid(message, "Send one of these outcomes, or leave `outcome` out.")
        })?;
        query.push(" AND outcome = ").push_bind(outcome.as_str());
    }
    if let Some(id) = &filter.request_id {
        query.push(" AND (request_id = ").push_bind(id.clone());
        query.push(" OR client_request_id = ").push_bind(id.clone()).push(")");
    }
    if let Some(address) = &filter.address {
        query.push(" AND address = ").push_bind(address.clone());
    }
    if let Some(resource) = &filter.resource {
        let resource = Scope::new(resource);
        query.push(" AND (");
        within(query, "path_key", &resource);
        // What was made is below the path that made it.
        query.push(" OR path_key || '/' || lower(resource_id) = ");
        query.push_bind(resource.as_str().to_owned()).push(")");
    }
    if let Some(scope) = &filter.scope {
        query.push(" AND ");
        within(query, "scope_key", &Scope::new(scope));
    }
    if let Some(search) = &filter.search {
        let part = search.to_lowercase();
        query.push(" AND (instr(path_key, ").push_bind(part.clone()).push(") > 0");
        query.push(" OR instr(lower(coalesce(principal_name, '')), ").push_bind(part);
        query.push(") > 0)");
    }
    if let Some(since) = &filter.since {
        query.push(" AND at >= ").push_bind(moment("since", since)?);
    }
    if let Some(until) = &filter.until {
        query.push(" AND at <= ").push_bind(moment("until", until)?);
    }
    if let Some(token) = &filter.skip_token {
        let before: i64 = token.parse().map_err(|_| {
            ControlError::invalid(
                "`$skipToken` does not belong to this list",
                "Follow `nextLink` as it is, or begin again without `$skipToken`.",
            )
        })?;
        query.push(" AND seq < ").push_bind(before);
    }
    Ok(())
}

/// `column` is `scope` or lies below it.
fn within(query: &mut QueryBuilder<Sqlite>, column: &str, scope: &Scope) {
    let below = format!("{}/", scope.as_str());
    // Everything that begins with `below`: up to the text with the next letter in its place.
    let end = format!("{}0", scope.as_str());
    query.push("(").push(column).push(" = ").push_bind(scope.as_str().to_owned());
    query.push(" OR (").push(column).push(" >= ").push_bind(below);
    query.push(" AND ").push(column).push(" < ").push_bind(end).push("))");
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
