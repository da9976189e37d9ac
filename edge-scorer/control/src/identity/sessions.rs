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
use shared::{Me, SessionRequest};
use sqlx::Row as _;

use super::tokens::ClientCredentials;
use crate::{
    Control, ControlError, Principal, clock, random,
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

/// Sessions that were looked up already: hash of the token to principal and end.
#[derive(Default)]
pub(crate) struct Sessions {
    known: RwLock<HashMap<String, (String, i64)>>,
}

impl Control {
    /// Who is calling.
    pub async fn authenticate(&self, proof: SessionProof<'_>) -> Result<Principal, ControlError> {
        match proof {
            SessionProof::Bearer(token) => self.verify_token(token),
            SessionProof::Cookie(cookie) => self.verify_session(cookie).await,
        }
    }

    /// Opens a session.
    pub async fn open_session(
        &self,
        request: SessionRequest,
        from: Option<IpAddr>,
    ) -> Result<OpenedSession, ControlError> {
        let principal = match request {
            SessionRequest::Link { sign_in_token } => self.redeem(&sign_in_token, from).await?,
            SessionRequest::Client { client_id, client_secret } => {
                self.verify_client(&ClientCredentials { client_id, client_secret }, from).await?
            }
            SessionRequest::Password { .. } => {
                return Err(ControlError::NotConfigured {
                    message: "nobody has a password on this server".to_owned(),
                    remedy: "Use a sign-in link, or a client id and its secret.".to_owned(),
                });
            }
        };
        let (cookie, now) = (random::token(), clock::now());
        let mut write = self.inner.store.write().await?;
        sqlx::query("DELETE FROM sessions WHERE expires_at < $1")
            .bind(now)
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "INSERT INTO sessions (token_hash, principal_id, created_at, expires_at)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(random::token_hash(&cookie))
        .bind(principal.id())
        .bind(now)
        .bind(now + clock::micros(LIFETIME))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        let principal = principal.with_csrf_token(&cookie);
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
        self.inner.sessions.forget(&hash);
        Ok(done.rows_affected() > 0)
    }

    /// A token for a sign-in link of the administrator.
    pub async fn sign_in_token(&self) -> Result<String, ControlError> {
        new_sign_in_link(&self.inner.store).await
    }

    /// `GET /api/me`.
    pub fn me(&self, caller: &Principal) -> Me {
        use crate::Action::{Access, Keys, Read, Score, Write};
        let actions = [Read, Write, Keys, Access, Score]
            .into_iter()
            .filter(|action| {
                caller.identity.roles.iter().any(|(scope, _)| caller.may(*action, scope))
            })
            .map(|action| action.as_str().to_owned())
            .collect();
        Me {
            name: caller.name().to_owned(),
            tenant_id: caller.tenant_id().to_owned(),
            roles: caller.roles(),
            actions,
            csrf_token: caller.csrf_token().map(str::to_owned),
        }
    }

    async fn verify_session(&self, cookie: &str) -> Result<Principal, ControlError> {
        let hash = random::token_hash(cookie);
        let (principal_id, expires_at) = match self.inner.sessions.find(&hash) {
            Some(found) => found,
            None => {
                let row = sqlx::query(
                    "SELECT principal_id, expires_at FROM sessions WHERE token_hash = $1",
                )
                .bind(&hash)
                .fetch_optional(self.inner.store.read())
                .await?
                .ok_or(NO_SESSION)?;
                let found = (row.try_get(0)?, row.try_get(1)?);
                self.inner.sessions.remember(hash, &found);
                found
            }
        };
        if expires_at < clock::now() {
            return Err(NO_SESSION);
        }
        let identity = self.inner.directory.find(&principal_id).ok_or(NO_SESSION)?;
        Ok(Principal { identity, csrf_token: None }.with_csrf_token(cookie))
    }

    /// Whose link this is; it cannot be used again.
    async fn redeem(&self, token: &str, from: Option<IpAddr>) -> Result<Principal, ControlError> {
        const WHO: &str = "sign-in link";
        let limit = self.inner.config.limits.failed_sign_ins_per_minute;
        self.inner
            .attempts
            .check(WHO, from, limit)
            .map_err(|retry_after| ControlError::TooManyAttempts { retry_after })?;
        let now = clock::now();
        let mut write = self.inner.store.write().await?;
        let row = sqlx::query(
            "UPDATE sign_in_links SET used_at = $1
             WHERE token_hash = $2 AND used_at IS NULL AND expires_at > $1 RETURNING principal_id",
        )
        .bind(now)
        .bind(random::token_hash(token))
        .fetch_optional(&mut *write)
        .await?;
        write.commit().await?;
        let identity = match row {
            Some(row) => self.inner.directory.find(row.try_get(0)?),
            None => None,
        };
        let identity = identity.ok_or_else(|| {
            self.inner.attempts.failed(WHO, from);
            ControlError::Unauthenticated("the sign-in link was used already or has expired")
        })?;
        Ok(Principal { identity, csrf_token: None })
    }
}

/// Makes a link's token for the administrator.
pub(crate) async fn new_sign_in_link(store: &Store) -> Result<String, ControlError> {
    let mut write = store.write().await?;
    let administrator: String = sqlx::query_scalar(
        "SELECT id FROM principals WHERE administrator = 1 ORDER BY created_at, id LIMIT 1",
    )
    .fetch_one(&mut *write)
    .await?;
    let token = insert_sign_in_link(&mut write, &administrator).await?;
    write.commit().await?;
    Ok(token)
}

/// Makes a link's token within a write.
pub(crate) async fn insert_sign_in_link(
    write: &mut Write,
    principal_id: &str,
) -> Result<String, ControlError> {
    let (token, now) = (random::token(), clock::now());
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
    .bind(now + clock::micros(LINK_LIFETIME))
    .execute(&mut **write)
    .await?;
    Ok(token)
}

impl Principal {
    fn with_csrf_token(self, cookie: &str) -> Self {
        let digest = Sha256::digest(format!("csrf:{cookie}").as_bytes());
        Self { csrf_token: Some(Arc::from(URL_SAFE_NO_PAD.encode(digest))), ..self }
    }
}

impl Sessions {
    fn find(&self, hash: &str) -> Option<(String, i64)> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    fn remember(&self, hash: String, found: &(String, i64)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(hash, found.clone());
    }

    fn forget(&self, hash: &str) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }
}
