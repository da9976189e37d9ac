//! One request under way: what is known of it so far, and the row that comes of it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use shared::{AuditOutcome, PrincipalKind};
use sqlx::SqliteConnection;

use super::{
    Ending, Request, failures,
    naming::{operation, scope_of},
};
use crate::{Control, ControlError, clock, lists::searchable};

/// Longest path that is kept, in characters.
const PATH_CHARS: usize = 1_024;

/// One request under way.
#[derive(Debug)]
pub(crate) struct Trail {
    pub(super) request: Request,
    pub(super) who: Mutex<Option<Who>>,
    /// The id of what is made.
    pub(super) made: Mutex<Option<String>>,
    /// Somebody tried to sign in and was not let in.
    pub(super) refused: Mutex<Option<Refused>>,
    /// Something was read that must not be read unseen.
    pub(super) sensitive: AtomicBool,
    written: AtomicBool,
}

/// Who a request comes from.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) kind: Option<PrincipalKind>,
    pub(super) proof: &'static str,
}

/// A sign-in that failed.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    /// How it was tried.
    pub(super) way: &'static str,
    /// Whose secret was guessed, where there is such a principal.
    pub(super) principal_id: Option<String>,
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

impl Trail {
    pub(super) fn new(request: Request, who: Option<Who>) -> Self {
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

    pub(super) async fn close(
        &self,
        control: &Control,
        ending: &Ending,
    ) -> Result<(), ControlError> {
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
                 scope_key, outcome, status, code, with_change, resource_id, search)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                 $18, $19, $20)
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
        .bind(searchable([path.as_str(), who.as_ref().map_or("", |who| who.name.as_str())]))
        .execute(connection)
        .await?;
        Ok(())
    }
}

pub(super) fn set<T>(place: &Mutex<Option<T>>, value: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

fn get<T: Clone>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
