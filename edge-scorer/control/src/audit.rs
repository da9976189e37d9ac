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
//! - Who is not recognised leaves no row, or strangers could fill the disk; failed sign-ins share the
//!   few rows that [`failures`] lets them have.
//!
//! # Deliberately absent
//! - What the server does by itself (an image that finishes, a replica that starts): operations and
//!   deployments tell that.

mod failures;
mod list;
mod naming;
mod system;

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

use self::naming::{operation, scope_of};
use crate::{Control, ControlError, Principal, clock};

pub(crate) use failures::FailedSignIns;
pub use list::AuditFilter;
pub(crate) use naming::ACCOUNT;
pub(crate) use system::{by_server, by_shell};

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
    /// The id of what is made.
    made: Mutex<Option<String>>,
    /// Somebody tried to sign in and was not let in.
    refused: Mutex<Option<Refused>>,
    /// Something was read that must not be read unseen.
    sensitive: AtomicBool,
    written: AtomicBool,
}

/// Who a request comes from.
#[derive(Debug, Clone)]
struct Who {
    id: Option<String>,
    name: String,
    kind: Option<PrincipalKind>,
    proof: &'static str,
}

/// A sign-in that failed.
#[derive(Debug, Clone)]
struct Refused {
    /// How it was tried.
    way: &'static str,
    /// Whose secret was guessed, where there is such a principal.
    principal_id: Option<String>,
}

/// What else a row says.
#[derive(Debug, Clone, Default)]
struct Row {
    proof: Option<&'static str>,
    resource_id: Option<String>,
    status: Option<u16>,
    code: Option<String>,
    with_change: bool,
}

impl Control {
    /// Runs a request's work and sees to it that what it changed is in the log.
    pub async fn audited<T>(
        &self,
        request: Request,
        work: impl Future<Output = T>,
        ending: impl FnOnce(&T) -> Ending,
    ) -> T {
        let trail = Arc::new(Trail::new(request, None));
        let done = TRAIL.scope(Arc::clone(&trail), work).await;
        let ending = ending(&done);
        if let Err(error) = trail.close(self, &ending).await {
            let request_id = trail.request.id.as_str();
            tracing::error!(request_id, ?error, "a refused request is missing in the audit log");
        }
        done
    }

    /// Writes how many failed sign-ins each of their rows stands for.
    pub(crate) async fn note_failed_sign_ins(&self) -> Result<(), ControlError> {
        let due = self.inner.failed_sign_ins.due(std::time::Instant::now());
        if due.is_empty() {
            return Ok(());
        }
        let mut write = self.inner.store.write_unaudited().await?;
        for (request_id, attempts) in due {
            sqlx::query("UPDATE audit SET attempts = $1 WHERE request_id = $2")
                .bind(attempts.cast_signed())
                .bind(request_id)
                .execute(&mut *write)
                .await?;
        }
        write.commit().await?;
        Ok(())
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
            id: Some(principal.id().to_owned()),
            name: principal.name().to_owned(),
            kind: Some(principal.kind()),
            proof,
        };
        set(&trail.who, who);
    }
}

/// Notes what the request under way makes, before it is committed.
pub(crate) fn made(id: impl ToString) {
    if let Some(trail) = trail() {
        set(&trail.made, id.to_string());
    }
}

/// Notes that the request under way tried to sign in and was not let in.
pub(crate) fn refused_sign_in(way: &'static str, principal_id: Option<String>) {
    if let Some(trail) = trail() {
        set(&trail.refused, Refused { way, principal_id });
    }
}

fn set<T>(place: &Mutex<Option<T>>, value: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

fn get<T: Clone>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Notes that the request under way reads something that must not be read unseen.
pub(crate) fn sensitive() {
    if let Some(trail) = trail() {
        trail.sensitive.store(true, Ordering::Relaxed);
    }
}

impl Trail {
    fn new(request: Request, who: Option<Who>) -> Self {
        Self {
            request,
            who: Mutex::new(who),
            made: Mutex::new(None),
            refused: Mutex::new(None),
            sensitive: AtomicBool::new(false),
            written: AtomicBool::new(false),
        }
    }

    /// Adds the row to the transaction that makes the change, once a request. `true` when it did.
    pub(crate) async fn write_with_change(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<bool, sqlx::Error> {
        if self.written.load(Ordering::Acquire) {
            return Ok(false);
        }
        let resource_id = get(&self.made);
        let row = Row { resource_id, with_change: true, ..Row::default() };
        self.insert(connection, AuditOutcome::Succeeded, row).await?;
        Ok(true)
    }

    /// The transaction with the row is on the disk.
    pub(crate) fn committed(&self) {
        self.written.store(true, Ordering::Release);
    }

    async fn close(&self, control: &Control, ending: &Ending) -> Result<(), ControlError> {
        let outcome = match ending.status {
            200..=399 => AuditOutcome::Succeeded,
            401 | 403 => AuditOutcome::Denied,
            _ => AuditOutcome::Failed,
        };
        let written = self.written.load(Ordering::Acquire);
        let known = get(&self.who).is_some();
        if written && outcome == AuditOutcome::Succeeded {
            return Ok(());
        }
        if let Some(refused) = get(&self.refused)
            && !known
        {
            return self.close_refused(control, refused, ending).await;
        }
        let noteworthy = self.request.changes || self.sensitive.load(Ordering::Relaxed);
        if !(written || known && noteworthy) {
            return Ok(());
        }
        let mut write = control.inner.store.write_unaudited().await?;
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
            let (status, code) = (Some(ending.status), ending.code.clone());
            self.insert(&mut write, outcome, Row { status, code, ..Row::default() }).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// A row for a failed sign-in, or one more attempt in the row of those before it.
    async fn close_refused(
        &self,
        control: &Control,
        refused: Refused,
        ending: &Ending,
    ) -> Result<(), ControlError> {
        let failures = &control.inner.failed_sign_ins;
        let target = failures::Target::new(
            refused.way,
            refused.principal_id.as_deref(),
            self.request.address,
        );
        if !failures.count(target, &self.request.id, std::time::Instant::now()) {
            return Ok(());
        }
        // The token endpoint words its refusals itself, and a browser is led on from a failed return.
        let code = match ending.status {
            429 => "TooManyRequests",
            _ => "AuthenticationFailed",
        };
        let row = Row {
            proof: Some(refused.way),
            resource_id: refused.principal_id,
            status: Some(ending.status),
            code: Some(ending.code.clone().unwrap_or_else(|| code.to_owned())),
            with_change: false,
        };
        let mut write = control.inner.store.write_unaudited().await?;
        self.insert(&mut write, AuditOutcome::Denied, row).await?;
        write.commit().await?;
        Ok(())
    }

    async fn insert(
        &self,
        connection: &mut SqliteConnection,
        outcome: AuditOutcome,
        row: Row,
    ) -> Result<(), sqlx::Error> {
        let who = get(&self.who);
        let request = &self.request;
        let path: String = request.path.chars().take(PATH_CHARS).collect();
        let scope = scope_of(&path);
        sqlx::query(
            "INSERT INTO audit (at, request_id, client_request_id, principal_id, principal_name,
                 principal_kind, proof, address, operation, method, path, path_key, scope,
                 scope_key, outcome, status, code, with_change, resource_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                 $18, $19)
             ON CONFLICT (request_id) DO NOTHING",
        )
        .bind(clock::now())
        .bind(&request.id)
        .bind(&request.client_id)
        .bind(who.as_ref().and_then(|who| who.id.as_deref()))
        .bind(who.as_ref().map(|who| who.name.as_str()))
        .bind(who.as_ref().and_then(|who| who.kind).map(PrincipalKind::as_str))
        .bind(who.as_ref().map(|who| who.proof).or(row.proof))
        .bind(request.address.map(|address| address.to_string()))
        .bind(operation(&request.method, &request.route))
        .bind(&request.method)
        .bind(&path)
        .bind(path.to_ascii_lowercase())
        .bind(&scope)
        .bind(scope.as_deref().map(str::to_ascii_lowercase))
        .bind(outcome.as_str())
        .bind(row.status.map(i64::from))
        .bind(row.code)
        .bind(i64::from(row.with_change))
        .bind(row.resource_id)
        .execute(connection)
        .await?;
        Ok(())
    }
}
