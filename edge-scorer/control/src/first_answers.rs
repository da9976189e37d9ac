//! Requests that may be sent again: with the same `Idempotency-Key` they get the first answer.
//!
//! The answer is kept in the very write that did the work, so that a caller who saw no answer, for
//! whatever reason, can ask again and never does the work twice.
//!
//! # Invariants
//! - A key belongs to its account and principal; another caller's key is another key.
//! - Only successes are kept: what was refused is looked at again.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{AccountAccess, Control, ControlError, clock, store::Write};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Longest key.
const KEY_BYTES: usize = 255;

/// A request with a key.
pub(crate) struct Keyed {
    account_id: String,
    principal_id: String,
    key: String,
    fingerprint: String,
}

impl AccountAccess {
    /// The same access for one request that carries an `Idempotency-Key`.
    pub fn keyed(mut self, key: &str) -> Result<Self, ControlError> {
        let key = key.trim();
        if key.is_empty() || key.len() > KEY_BYTES || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ControlError::invalid(
                format!("an `Idempotency-Key` has 1 to {KEY_BYTES} visible ASCII characters"),
                "Send a UUID of your own for each piece of work.",
            ));
        }
        self.request_key = Some(key.to_owned());
        Ok(self)
    }

    /// What tells this request from others with the same key.
    pub(crate) fn keyed_request(
        &self,
        kind: &str,
        request: &impl Serialize,
    ) -> Result<Option<Keyed>, ControlError> {
        let Some(key) = &self.request_key else { return Ok(None) };
        let body = serde_json::to_vec(request).map_err(ControlError::internal)?;
        let hash = Sha256::new().chain_update(kind).chain_update([0_u8]).chain_update(body);
        Ok(Some(Keyed {
            account_id: self.account_id.clone(),
            principal_id: self.principal.id().to_owned(),
            key: key.clone(),
            fingerprint: hex::encode(hash.finalize()),
        }))
    }
}

const FIRST_ANSWER: &str = "SELECT fingerprint, answer FROM first_answers
    WHERE account_id = $1 AND principal_id = $2 AND key = $3 AND created_at > $4";

impl Control {
    /// The first answer, where this request was done before. A look ahead of work that need not be
    /// done again; [`first_answer`] decides.
    pub(crate) async fn known_answer<T: DeserializeOwned>(
        &self,
        keyed: Option<&Keyed>,
    ) -> Result<Option<T>, ControlError> {
        let Some(keyed) = keyed else { return Ok(None) };
        let row = sqlx::query(FIRST_ANSWER)
            .bind(&keyed.account_id)
            .bind(&keyed.principal_id)
            .bind(&keyed.key)
            .bind(clock::now() - clock::micros(KEPT))
            .fetch_optional(self.inner.store.read())
            .await?;
        keyed.answer(row)
    }

    /// Forgets answers that are too old to be asked for.
    pub(crate) async fn forget_first_answers(&self) -> Result<(), ControlError> {
        let mut write = self.inner.store.write().await?;
        sqlx::query("DELETE FROM first_answers WHERE created_at <= $1")
            .bind(clock::now() - clock::micros(KEPT))
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(())
    }
}

/// The first answer, looked for within the write that would do the work.
pub(crate) async fn first_answer<T: DeserializeOwned>(
    write: &mut Write,
    keyed: Option<&Keyed>,
) -> Result<Option<T>, ControlError> {
    let Some(keyed) = keyed else { return Ok(None) };
    let row = sqlx::query(FIRST_ANSWER)
        .bind(&keyed.account_id)
        .bind(&keyed.principal_id)
        .bind(&keyed.key)
        .bind(clock::now() - clock::micros(KEPT))
        .fetch_optional(&mut **write)
        .await?;
    keyed.answer(row)
}

/// Keeps an answer within the write that did the work.
pub(crate) async fn keep_answer(
    write: &mut Write,
    keyed: Option<&Keyed>,
    answer: &impl Serialize,
) -> Result<(), ControlError> {
    let Some(keyed) = keyed else { return Ok(()) };
    let answer = serde_json::to_string(answer).map_err(ControlError::internal)?;
    sqlx::query(
        "INSERT INTO first_answers (account_id, principal_id, key, fingerprint, answer, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (account_id, principal_id, key) DO UPDATE SET
             fingerprint = excluded.fingerprint, answer = excluded.answer,
             created_at = excluded.created_at",
    )
    .bind(&keyed.account_id)
    .bind(&keyed.principal_id)
    .bind(&keyed.key)
    .bind(&keyed.fingerprint)
    .bind(answer)
    .bind(clock::now())
    .execute(&mut **write)
    .await?;
    Ok(())
}

impl Keyed {
    fn answer<T: DeserializeOwned>(
        &self,
        row: Option<SqliteRow>,
    ) -> Result<Option<T>, ControlError> {
        let Some(row) = row else { return Ok(None) };
        if row.try_get::<&str, _>(0)? != self.fingerprint {
            return Err(ControlError::KeyReused(self.key.clone()));
        }
        serde_json::from_str(row.try_get(1)?).map(Some).map_err(ControlError::internal)
    }
}
