//! The audit log: every change by a caller, written with the change itself.
//!
//! `api` runs each request of a management route inside [`Control::audited`]. What the request is
//! known by travels in a task-local [`Trail`]; [`crate::store::Write::commit`] finds it and adds the
//! row to the transaction that makes the change, so no function of the domain can forget it. A
//! changing request that committed nothing (refused, failed, nothing to change) gets its row when
//! it ends.
//!
//! # Invariants
//! - A change that was acknowledged and its row are durable together, or neither is.
//! - One request, one row.
//! - A row holds a path and never a query, a body or a header: no secret can get into it.
//! - Who is not recognised leaves no row, or strangers could fill the disk.
//!
//! # Deliberately absent
//! - What the server does by itself (an image that finishes, a replica that starts): operations and
//!   deployments tell that.

mod list;

use std::{
    future::Future,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use shared::{AuditOutcome, PrincipalKind};
use sqlx::SqliteConnection;

use crate::{Control, ControlError, Principal, clock, store::Store};

pub use list::AuditFilter;

/// Longest path that is kept, in characters.
const PATH_CHARS: usize = 1_024;
/// Rows that one round of tidying deletes at most, so that no write waits long behind it.
const TIDY_ROWS: i64 = 10_000;

tokio::task_local! {
    static TRAIL: Arc<Trail>;
}

/// What a request is known by.
#[derive(Debug, Clone)]
pub struct Request {
    /// `x-ms-request-id`.
    pub id: String,
    /// `x-ms-client-request-id`.
    pub client_id: String,
    /// The HTTP method.
    pub method: String,
    /// The route's template.
    pub route: String,
    /// The path, without its query.
    pub path: String,
    /// From where.
    pub address: Option<IpAddr>,
    /// Whether the method is one that changes.
    pub changes: bool,
}

/// How a request ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The HTTP status.
    pub status: u16,
    /// The error code, of a failure.
    pub code: Option<String>,
}

/// One request under way.
#[derive(Debug)]
pub(crate) struct Trail {
    request: Request,
    who: Mutex<Option<Who>>,
    /// Something was read that must not be read unseen.
    sensitive: AtomicBool,
    written: AtomicBool,
}

/// Who a request comes from.
#[derive(Debug, Clone)]
struct Who {
    id: String,
    name: String,
    kind: PrincipalKind,
    proof: &'static str,
}

impl Control {
    /// Runs a request's work and sees to it that what it changed is in the log.
    pub async fn audited<T>(
        &self,
        request: Request,
        work: impl Future<Output = T>,
        ending: impl FnOnce(&T) -> Ending,
    ) -> T {
        let trail = Arc::new(Trail {
            request,
            who: Mutex::new(None),
            sensitive: AtomicBool::new(false),
            written: AtomicBool::new(false),
        });
        let done = TRAIL.scope(Arc::clone(&trail), work).await;
        let ending = ending(&done);
        if let Err(error) = trail.close(&self.inner.store, &ending).await {
            let request_id = trail.request.id.as_str();
            tracing::error!(request_id, ?error, "a refused request is missing in the audit log");
        }
        done
    }

    /// Deletes the rows that are older than the retention.
    pub(crate) async fn forget_old_audit(&self) -> Result<(), ControlError> {
        let before = clock::now() - clock::micros(self.inner.config.audit_retention);
        loop {
            let mut write = self.inner.store.write().await?;
            let done = sqlx::query(
                "DELETE FROM audit WHERE seq IN
                     (SELECT seq FROM audit WHERE at < $1 ORDER BY at LIMIT $2)",
            )
            .bind(before)
            .bind(TIDY_ROWS)
            .execute(&mut *write)
            .await?;
            write.commit().await?;
            if done.rows_affected() < TIDY_ROWS.unsigned_abs() {
                return Ok(());
            }
        }
    }
}

/// Carries the request's trail into a task of its own: work that goes on when the caller hangs up.
pub(crate) fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    match TRAIL.try_with(Arc::clone) {
        Ok(trail) => tokio::spawn(TRAIL.scope(trail, work)),
        Err(_) => tokio::spawn(work),
    }
}

/// The request under way, if one is.
pub(crate) fn trail() -> Option<Arc<Trail>> {
    TRAIL.try_with(Arc::clone).ok()
}

/// Notes who the request under way comes from.
pub(crate) fn recognised(principal: &Principal, proof: &'static str) {
    if let Some(trail) = trail() {
        let who = Who {
            id: principal.id().to_owned(),
            name: principal.name().to_owned(),
            kind: principal.kind(),
            proof,
        };
        *trail.who.lock().unwrap_or_else(PoisonError::into_inner) = Some(who);
    }
}

/// Notes that the request under way reads something that must not be read unseen.
pub(crate) fn sensitive() {
    if let Some(trail) = trail() {
        trail.sensitive.store(true, Ordering::Relaxed);
    }
}

impl Trail {
    /// Adds the row to the transaction that makes the change, once a request. `true` when it did.
    pub(crate) async fn write_with_change(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<bool, sqlx::Error> {
        if self.written.load(Ordering::Acquire) {
            return Ok(false);
        }
        self.insert(connection, AuditOutcome::Succeeded, None, true).await?;
        Ok(true)
    }

    /// The transaction with the row is on the disk.
    pub(crate) fn committed(&self) {
        self.written.store(true, Ordering::Release);
    }

    async fn close(&self, store: &Store, ending: &Ending) -> Result<(), ControlError> {
        let outcome = match ending.status {
            200..=399 => AuditOutcome::Succeeded,
            401 | 403 => AuditOutcome::Denied,
            _ => AuditOutcome::Failed,
        };
        let written = self.written.load(Ordering::Acquire);
        let known = self.who.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if written && outcome == AuditOutcome::Succeeded {
            return Ok(());
        }
        let noteworthy = self.request.changes || self.sensitive.load(Ordering::Relaxed);
        if !(written || known && noteworthy) {
            return Ok(());
        }
        let mut write = store.write_unaudited().await?;
        if written {
            sqlx::query(
                "UPDATE audit SET outcome = $1, status = $2, code = $3 WHERE request_id = $4",
            )
            .bind(outcome.as_str())
            .bind(i64::from(ending.status))
            .bind(&ending.code)
            .bind(&self.request.id)
            .execute(&mut *write)
            .await?;
        } else {
            self.insert(&mut write, outcome, Some(ending), false).await?;
        }
        write.commit().await?;
        Ok(())
    }

    async fn insert(
        &self,
        connection: &mut SqliteConnection,
        outcome: AuditOutcome,
        ending: Option<&Ending>,
        with_change: bool,
    ) -> Result<(), sqlx::Error> {
        let who = self.who.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = &self.request;
        let path: String = request.path.chars().take(PATH_CHARS).collect();
        let scope = scope_of(&path);
        sqlx::query(
            "INSERT INTO audit (at, request_id, client_request_id, principal_id, principal_name,
                 principal_kind, proof, address, operation, method, path, path_key, scope,
                 scope_key, outcome, status, code, with_change)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
             ON CONFLICT (request_id) DO NOTHING",
        )
        .bind(clock::now())
        .bind(&request.id)
        .bind(&request.client_id)
        .bind(who.as_ref().map(|who| who.id.as_str()))
        .bind(who.as_ref().map(|who| who.name.as_str()))
        .bind(who.as_ref().map(|who| who.kind.as_str()))
        .bind(who.as_ref().map(|who| who.proof))
        .bind(request.address.map(|address| address.to_string()))
        .bind(operation(&request.method, &request.route))
        .bind(&request.method)
        .bind(&path)
        .bind(path.to_ascii_lowercase())
        .bind(&scope)
        .bind(scope.as_deref().map(str::to_ascii_lowercase))
        .bind(outcome.as_str())
        .bind(ending.map(|ending| i64::from(ending.status)))
        .bind(ending.and_then(|ending| ending.code.as_deref()))
        .bind(i64::from(with_change))
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Method and kind of thing: the long prefix of an account's routes is shortened.
fn operation(method: &str, route: &str) -> String {
    const ACCOUNT: &str =
        "/api/subscriptions/{subscription}/resourceGroups/{group}/accounts/{account}";
    match route.strip_prefix(ACCOUNT) {
        Some(rest) => format!("{method} {{account}}{rest}"),
        None => format!("{method} {route}"),
    }
}

/// The ARM scope that a path lies in: subscription, resource group, workspace or account.
fn scope_of(path: &str) -> Option<String> {
    let all: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (arm, segments) = match all.as_slice() {
        ["api", "subscriptions", ..] => (false, &all[1..]),
        ["subscriptions", ..] => (true, &all[..]),
        _ => return None,
    };
    match segments {
        [_, subscription, _, group, kind, name, ..]
            if !arm && kind.eq_ignore_ascii_case("accounts") =>
        {
            Some(shared::paths::account_arm_id(subscription, group, name))
        }
        [_, subscription, groups, group, _, namespace, kind, name, ..]
            if groups.eq_ignore_ascii_case("resourceGroups")
                && ["accounts", "workspaces"].iter().any(|k| kind.eq_ignore_ascii_case(k)) =>
        {
            Some(format!(
                "/subscriptions/{subscription}/resourceGroups/{group}/providers/{namespace}/{kind}/{name}"
            ))
        }
        [_, subscription, groups, group, ..] if groups.eq_ignore_ascii_case("resourceGroups") => {
            Some(format!("/subscriptions/{subscription}/resourceGroups/{group}"))
        }
        [_, subscription, ..] if !subscription.is_empty() => {
            Some(format!("/subscriptions/{subscription}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_in_the_narrowest_scope_that_roles_know() {
        for (path, scope) in [
            (
                "/api/subscriptions/s/resourceGroups/g/accounts/a/models/m",
                Some(
                    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningModelManagement/accounts/a",
                ),
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/computes/c",
                Some(
                    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w",
                ),
            ),
            (
                "/subscriptions/s/resourcegroups/g/providers/Microsoft.Authorization/roleAssignments/r",
                Some("/subscriptions/s/resourceGroups/g"),
            ),
            ("/subscriptions/s", Some("/subscriptions/s")),
            ("/api/servicePrincipals/x", None),
            ("/subscriptions", None),
        ] {
            assert_eq!(scope_of(path).as_deref(), scope, "{path}");
        }
    }

    #[test]
    fn an_operation_names_method_and_kind() {
        let route = "/api/subscriptions/{subscription}/resourceGroups/{group}/accounts/{account}/services/{id}";
        assert_eq!(operation("DELETE", route), "DELETE {account}/services/{id}");
        assert_eq!(operation("POST", "/api/session"), "POST /api/session");
    }
}
