//! Sessions of the console, and the one-time links that open them.
//!
//! A session is a random token in a cookie; the store has its hash. The token that changing calls
//! must repeat in a header follows from the cookie, so that nothing more need be kept.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use shared::{Me, SessionRequest, SessionSummary, SignInWay};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    outside::Vouched,
    people::LinkToken,
    roles::{Identity, Session},
    tokens::ClientCredentials,
};
use crate::{
    Control, ControlError, Principal, audit, clock, random,
    store::{Store, Write},
};

/// How long a session lives.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// How long a sign-in link may be used.
const LINK_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// Beyond this many, all are forgotten and read again.
const REMEMBERED: usize = 10_000;

const NO_SESSION: ControlError =
    ControlError::Unauthenticated("the session has ended; sign in again");

/// What a caller sent to prove who it is.
#[derive(Debug, Clone, Copy)]
pub enum SessionProof<'a> {
    /// `Authorization: Bearer …`.
    Bearer(&'a str),
    /// The value of the session cookie.
    Cookie(&'a str),
}

/// A session that was just opened.
pub struct OpenedSession {
    /// The value of the cookie.
    pub cookie: String,
    /// How long it lives.
    pub lifetime: Duration,
    /// Who signed in.
    pub principal: Principal,
}

/// Sessions that were looked up already, by the hash of their token.
#[derive(Default)]
pub(crate) struct Sessions {
    known: RwLock<HashMap<String, Arc<Known>>>,
}

/// A session as the store has it.
struct Known {
    id: String,
    principal_id: String,
    opened_by: SignInWay,
    opened_at: i64,
    expires_at: i64,
    /// What the outside issuer said when it was opened.
    groups: Vec<String>,
}

impl Control {
    /// Who is calling.
    pub async fn authenticate(&self, proof: SessionProof<'_>) -> Result<Principal, ControlError> {
        let (principal, how) = match proof {
            SessionProof::Bearer(token) => (self.verify_token(token).await?, "Token"),
            SessionProof::Cookie(cookie) => {
                let principal = self.verify_session(cookie).await?;
                let way = principal.session.as_ref().map(|session| session.opened_by);
                (principal, way.map_or("Session", SignInWay::as_str))
            }
        };
        audit::recognised(&principal, how);
        Ok(principal)
    }

    /// Opens a session.
    pub async fn open_session(
        &self,
        request: SessionRequest,
        from: Option<IpAddr>,
    ) -> Result<OpenedSession, ControlError> {
        match request {
            SessionRequest::Link { sign_in_token } => self.redeem(&sign_in_token, from).await,
            SessionRequest::Client { client_id, client_secret } => {
                let credentials = ClientCredentials { client_id, client_secret };
                let principal = self.verify_client(&credentials, from).await?;
                self.new_session(principal.identity, SignInWay::Client, &[], from).await
            }
            SessionRequest::Password { name, password } => {
                let identity = self.verify_password(&name, password, from).await?;
                self.new_session(identity, SignInWay::Password, &[], from).await
            }
        }
    }

    /// Opens a session for somebody who proved who it is.
    pub(crate) async fn new_session(
        &self,
        identity: Arc<Identity>,
        way: SignInWay,
        groups: &[String],
        from: Option<IpAddr>,
    ) -> Result<OpenedSession, ControlError> {
        let write = self.inner.store.write().await?;
        self.insert_session(write, identity, way, groups, from).await
    }

    async fn insert_session(
        &self,
        mut write: Write,
        identity: Arc<Identity>,
        way: SignInWay,
        groups: &[String],
        from: Option<IpAddr>,
    ) -> Result<OpenedSession, ControlError> {
        let (cookie, id, now) = (random::token(), random::uuid().to_string(), clock::now());
        audit::recognised(&Principal::new(Arc::clone(&identity)), way.as_str());
        sqlx::query("DELETE FROM sessions WHERE expires_at < $1")
            .bind(now)
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "INSERT INTO sessions (token_hash, id, principal_id, created_at, expires_at, opened_by,
                 address, groups)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(random::token_hash(&cookie))
        .bind(&id)
        .bind(&identity.id)
        .bind(now)
        .bind(now + clock::micros(LIFETIME))
        .bind(way.as_str())
        .bind(from.map(|address| address.to_string()))
        .bind(serde_json::to_string(groups).map_err(ControlError::internal)?)
        .execute(&mut *write)
        .await?;
        audit::made(&id);
        write.commit().await?;
        let session =
            Session { id, opened_by: way, opened_at: now, csrf_token: csrf_token(&cookie) };
        let principal = Principal { identity, session: Some(Arc::new(session)) };
        Ok(OpenedSession { cookie, lifetime: LIFETIME, principal })
    }

    /// Closes a session. `false` when there was none.
    pub async fn close_session(&self, cookie: &str) -> Result<bool, ControlError> {
        let hash = random::token_hash(cookie);
        let mut write = self.inner.store.write().await?;
        let done = sqlx::query("DELETE FROM sessions WHERE token_hash = $1")
            .bind(&hash)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        self.inner.sessions.forget_all();
        Ok(done.rows_affected() > 0)
    }

    /// The open sessions of a principal, newest first; those of others only for owners.
    pub async fn sessions(
        &self,
        caller: &Principal,
        principal_id: Option<&str>,
    ) -> Result<Vec<SessionSummary>, ControlError> {
        let id = principal_id.map_or_else(|| caller.id().to_owned(), str::to_ascii_lowercase);
        if id != caller.id() {
            self.require_access(caller)?;
        }
        let rows = sqlx::query(
            "SELECT id, principal_id, opened_by, created_at, expires_at, address FROM sessions
             WHERE principal_id = $1 AND expires_at > $2 ORDER BY created_at DESC, id",
        )
        .bind(id)
        .bind(clock::now())
        .fetch_all(self.inner.store.read())
        .await?;
        let current = caller.session.as_ref().map(|session| session.id.as_str());
        rows.iter().map(|row| summary(row, current)).collect()
    }

    /// Ends a session of the caller or, for owners, of anybody. `false` when there was none.
    pub async fn end_session(&self, caller: &Principal, id: &str) -> Result<bool, ControlError> {
        let id = id.to_ascii_lowercase();
        let owner: Option<String> =
            sqlx::query_scalar("SELECT principal_id FROM sessions WHERE id = $1")
                .bind(&id)
                .fetch_optional(self.inner.store.read())
                .await?;
        match owner {
            None => return Ok(false),
            Some(owner) if owner == caller.id() => {}
            // Whose it is, is nobody's business: to others it does not exist.
            Some(_) if self.require_access(caller).is_err() => return Ok(false),
            Some(_) => {}
        }
        let mut write = self.inner.store.write().await?;
        let done = sqlx::query("DELETE FROM sessions WHERE id = $1")
            .bind(&id)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        self.inner.sessions.forget_all();
        Ok(done.rows_affected() > 0)
    }

    /// Ends every session of the caller but the one it came with; tells how many.
    pub async fn end_other_sessions(&self, caller: &Principal) -> Result<u64, ControlError> {
        let mut write = self.inner.store.write().await?;
        let closed = end_others(&mut write, caller).await?;
        write.commit().await?;
        self.inner.sessions.forget_all();
        Ok(closed)
    }

    /// A token for a sign-in link of the administrator.
    pub async fn sign_in_token(&self) -> Result<String, ControlError> {
        new_sign_in_link(&self.inner.store, None).await
    }

    /// `GET /api/me`.
    pub fn me(&self, caller: &Principal) -> Me {
        use crate::Action::{Access, Keys, Read, Score, Write};
        let actions = [Read, Write, Keys, Access, Score]
            .into_iter()
            .filter(|action| !caller.scopes_of(*action).is_empty())
            .map(|action| action.as_str().to_owned())
            .collect();
        Me {
            id: caller.id().to_owned(),
            kind: Some(caller.kind()),
            name: caller.name().to_owned(),
            sign_in_name: caller.identity.sign_in_name.clone(),
            tenant_id: caller.tenant_id().to_owned(),
            roles: caller.roles(),
            actions,
            csrf_token: caller.csrf_token().map(str::to_owned),
            opened_by: caller.session.as_ref().map(|session| session.opened_by),
            has_password: caller.identity.has_password,
        }
    }

    async fn verify_session(&self, cookie: &str) -> Result<Principal, ControlError> {
        let hash = random::token_hash(cookie);
        let known = match self.inner.sessions.find(&hash) {
            Some(found) => found,
            None => {
                let row = sqlx::query(
                    "SELECT id, principal_id, opened_by, created_at, expires_at, groups
                     FROM sessions WHERE token_hash = $1",
                )
                .bind(&hash)
                .fetch_optional(self.inner.store.read())
                .await?
                .ok_or(NO_SESSION)?;
                let found = Arc::new(known(&row)?);
                self.inner.sessions.remember(hash, &found);
                found
            }
        };
        if known.expires_at < clock::now() {
            return Err(NO_SESSION);
        }
        let mut identity = self.inner.directory.find(&known.principal_id).ok_or(NO_SESSION)?;
        if known.opened_by == SignInWay::Outside {
            let vouched = Vouched {
                subject: identity.sign_in_name.clone().unwrap_or_default(),
                name: identity.name.clone(),
                groups: known.groups.clone(),
            };
            identity = self.inner.directory.vouched(&vouched, &self.inner.tenant.id);
        }
        let session = Session {
            id: known.id.clone(),
            opened_by: known.opened_by,
            opened_at: known.opened_at,
            csrf_token: csrf_token(cookie),
        };
        Ok(Principal { identity, session: Some(Arc::new(session)) })
    }

    /// Opens the session of a link; it cannot be used again.
    async fn redeem(
        &self,
        token: &str,
        from: Option<IpAddr>,
    ) -> Result<OpenedSession, ControlError> {
        const WHO: &str = "sign-in link";
        self.may_try(WHO, from).inspect_err(|_| audit::refused_sign_in("Link", None))?;
        let mut write = self.inner.store.write().await?;
        let row = sqlx::query(
            "UPDATE sign_in_links SET used_at = $1
             WHERE token_hash = $2 AND used_at IS NULL AND expires_at > $1 RETURNING principal_id",
        )
        .bind(clock::now())
        .bind(random::token_hash(token))
        .fetch_optional(&mut *write)
        .await?;
        let identity = match row {
            Some(row) => self.inner.directory.find(row.try_get(0)?),
            None => None,
        };
        let Some(identity) = identity else {
            self.inner.attempts.failed(WHO, from);
            audit::refused_sign_in("Link", None);
            return Err(ControlError::Unauthenticated(
                "the sign-in link was used already or has expired",
            ));
        };
        // The link is used up exactly when its session exists.
        self.insert_session(write, identity, SignInWay::Link, &[], from).await
    }

    /// Refuses to look at another guess when there were too many within a minute.
    pub(crate) fn may_try(&self, who: &str, from: Option<IpAddr>) -> Result<(), ControlError> {
        let limit = self.inner.config.limits.failed_sign_ins_per_minute;
        self.inner
            .attempts
            .check(who, from, limit)
            .map_err(|retry_after| ControlError::TooManyAttempts { retry_after })
    }
}

/// Ends every session of the caller but the one it came with, within a write.
pub(crate) async fn end_others(write: &mut Write, caller: &Principal) -> Result<u64, ControlError> {
    let current = caller.session.as_ref().map_or("", |session| session.id.as_str());
    let done = sqlx::query("DELETE FROM sessions WHERE principal_id = $1 AND id <> $2")
        .bind(caller.id())
        .bind(current)
        .execute(&mut **write)
        .await?;
    Ok(done.rows_affected())
}

/// Makes a link's token for somebody by sign-in name, or for the administrator: who was made first
/// among the subscription's owners.
pub(crate) async fn new_sign_in_link(
    store: &Store,
    sign_in_name: Option<&str>,
) -> Result<String, ControlError> {
    let mut write = store.write().await?;
    let found: Option<String> = match sign_in_name {
        Some(name) => {
            sqlx::query_scalar(
                "SELECT id FROM principals WHERE sign_in_name = $1
                 AND kind IN ('Person', 'ServicePrincipal')",
            )
            .bind(name.trim().to_lowercase())
            .fetch_optional(&mut *write)
            .await?
        }
        None => {
            sqlx::query_scalar(
                "SELECT p.id FROM principals p JOIN role_assignments a ON a.principal_id = p.id
                 WHERE a.role = 'Owner' AND p.kind IN ('Person', 'ServicePrincipal')
                 ORDER BY p.administrator DESC, length(a.scope_key), p.created_at, p.id LIMIT 1",
            )
            .fetch_optional(&mut *write)
            .await?
        }
    };
    let id = found.ok_or_else(|| {
        ControlError::not_found(crate::Kind::Person, sign_in_name.unwrap_or("administrator"))
    })?;
    let link = insert_sign_in_link(&mut write, &id).await?;
    // Made from the shell: the row says for whom.
    audit::made(&id);
    write.commit().await?;
    Ok(link.token)
}

/// Makes a link's token within a write.
pub(crate) async fn insert_sign_in_link(
    write: &mut Write,
    principal_id: &str,
) -> Result<LinkToken, ControlError> {
    let (token, now) = (random::token(), clock::now());
    let expires_at = now + clock::micros(LINK_LIFETIME);
    sqlx::query("DELETE FROM sign_in_links WHERE expires_at < $1")
        .bind(now)
        .execute(&mut **write)
        .await?;
    sqlx::query(
        "INSERT INTO sign_in_links (token_hash, principal_id, created_at, expires_at)
         VALUES ($1, $2, $3, $4)",
    )
    .bind(random::token_hash(&token))
    .bind(principal_id)
    .bind(now)
    .bind(expires_at)
    .execute(&mut **write)
    .await?;
    Ok(LinkToken { token, expires_at: clock::timestamp(expires_at) })
}

fn csrf_token(cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("csrf:{cookie}").as_bytes()))
}

fn known(row: &SqliteRow) -> Result<Known, ControlError> {
    Ok(Known {
        id: row.try_get(0)?,
        principal_id: row.try_get(1)?,
        opened_by: row.try_get::<&str, _>(2)?.parse().map_err(ControlError::internal)?,
        opened_at: row.try_get(3)?,
        expires_at: row.try_get(4)?,
        groups: serde_json::from_str(row.try_get(5)?).map_err(ControlError::internal)?,
    })
}

fn summary(row: &SqliteRow, current: Option<&str>) -> Result<SessionSummary, ControlError> {
    let id: String = row.try_get(0)?;
    Ok(SessionSummary {
        current: current == Some(id.as_str()),
        id,
        principal_id: row.try_get(1)?,
        opened_by: row.try_get::<&str, _>(2)?.parse().map_err(ControlError::internal)?,
        opened_at: clock::timestamp(row.try_get(3)?),
        expires_at: clock::timestamp(row.try_get(4)?),
        address: row.try_get(5)?,
    })
}

impl Sessions {
    fn find(&self, hash: &str) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    fn remember(&self, hash: String, found: &Arc<Known>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(hash, Arc::clone(found));
    }

    /// After a session has ended: the others are read again when they are next used.
    pub(crate) fn forget_all(&self) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
