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
mod trail;

use std::{
    future::Future,
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
};

use self::trail::{Refused, Trail, Who, set};
use crate::{Control, ControlError, Principal, clock};

pub(crate) use failures::FailedSignIns;
pub use list::AuditFilter;
pub(crate) use naming::ACCOUNT;
pub(crate) use system::{by_server, by_shell};

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

/// Notes that the request under way reads something that must not be read unseen.
pub(crate) fn sensitive() {
    if let Some(trail) = trail() {
        trail.sensitive.store(true, Ordering::Relaxed);
    }
}
