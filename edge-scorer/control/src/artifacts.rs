//! Artefacts: bytes under a path of an account.
//!
//! The address of an artefact names its bytes: other bytes put under the same path get another
//! address, and what was registered with the first goes on meaning the first.

use std::error::Error;

use bytes::Bytes;
use futures::Stream;
use shared::StoredArtifact;
use sqlx::Row as _;

use crate::{
    AccountAccess, Action, Content, Control, ControlError, Kind, audit,
    blobs::{Staged, too_large},
    clock,
};

/// Longest path in bytes.
const PATH_BYTES: usize = 1_024;

/// What became of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOutcome {
    /// They are new at this path.
    Created,
    /// The same bytes were there already.
    Unchanged,
}

impl Control {
    /// Stores a body under `path`, hashing while it streams. `sha256` (hex or base64) is checked
    /// before anything is kept.
    pub async fn store_artifact<S, E>(
        &self,
        account: &AccountAccess,
        path: &str,
        sha256: Option<&str>,
        body: S,
    ) -> Result<(StoredArtifact, StoreOutcome), ControlError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        account.require(Action::Write)?;
        validate_path(path)?;
        let expected = sha256.map(parse_sha256).transpose()?;
        let staged = self.inner.blobs.stage(body, self.limits().artifact_bytes).await?;
        self.keep_artifact(account, path, expected.as_deref(), staged).await
    }

    /// Makes staged bytes an artefact.
    pub(crate) async fn keep_artifact(
        &self,
        account: &AccountAccess,
        path: &str,
        expected: Option<&str>,
        staged: Staged,
    ) -> Result<(StoredArtifact, StoreOutcome), ControlError> {
        if let Some(expected) = expected
            && expected != staged.sha256
        {
            let (expected, actual) = (expected.to_owned(), staged.sha256);
            return Err(ControlError::HashMismatch { expected, actual });
        }
        let (sha256, size) = (staged.sha256.clone(), staged.size);
        let gate = self.inner.blobs.gate().await;
        self.inner.blobs.keep(staged, &gate).await?;
        let mut write = self.inner.store.write().await?;
        let known = sqlx::query(
            "SELECT 1 FROM artifacts WHERE account_id = $1 AND path = $2 AND sha256 = $3",
        )
        .bind(&account.account_id)
        .bind(path)
        .bind(&sha256)
        .fetch_optional(&mut *write)
        .await?
        .is_some();
        sqlx::query(
            "INSERT INTO artifacts (account_id, path, sha256, size, stored_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (account_id, path, sha256) DO UPDATE SET stored_at = excluded.stored_at",
        )
        .bind(&account.account_id)
        .bind(path)
        .bind(&sha256)
        .bind(size.cast_signed())
        .bind(clock::now())
        .execute(&mut *write)
        .await?;
        audit::made(path);
        write.commit().await?;
        drop(gate);
        let url = artifact_url(account, path, &sha256);
        let outcome = if known { StoreOutcome::Unchanged } else { StoreOutcome::Created };
        Ok((StoredArtifact { path: path.to_owned(), url, sha256, size }, outcome))
    }

    /// The bytes under `path`: the newest, or those with `sha256` (hex).
    pub async fn artifact(
        &self,
        account: &AccountAccess,
        path: &str,
        sha256: Option<&str>,
    ) -> Result<Content, ControlError> {
        account.require(Action::Read)?;
        let found = self.find_artifact(account, path, sha256).await?;
        let (sha256, size) = found.ok_or_else(|| ControlError::not_found(Kind::Artifact, path))?;
        Ok(Content::blob(self.inner.blobs.clone(), sha256, size, "application/octet-stream"))
    }

    /// SHA-256 and size of what is under `path`.
    pub(crate) async fn find_artifact(
        &self,
        account: &AccountAccess,
        path: &str,
        sha256: Option<&str>,
    ) -> Result<Option<(String, u64)>, ControlError> {
        let row = sqlx::query(
            "SELECT sha256, size FROM artifacts
             WHERE account_id = $1 AND path = $2 AND ($3 IS NULL OR sha256 = $3)
             ORDER BY stored_at DESC, sha256 LIMIT 1",
        )
        .bind(&account.account_id)
        .bind(path)
        .bind(sha256.map(str::to_ascii_lowercase))
        .fetch_optional(self.inner.store.read())
        .await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()))).transpose()
    }

    /// Forgets what is under `path`. `false` when nothing is.
    pub async fn delete_artifact(
        &self,
        account: &AccountAccess,
        path: &str,
        sha256: Option<&str>,
    ) -> Result<bool, ControlError> {
        account.require(Action::Write)?;
        let mut write = self.inner.store.write().await?;
        let rows = sqlx::query(
            "SELECT a.sha256, (SELECT m.name || ' (' || m.id || ')' FROM models m
                 WHERE m.sha256 = a.sha256 AND m.account_id = a.account_id LIMIT 1)
             FROM artifacts a
             WHERE a.account_id = $1 AND a.path = $2 AND ($3 IS NULL OR a.sha256 = $3)",
        )
        .bind(&account.account_id)
        .bind(path)
        .bind(sha256.map(str::to_ascii_lowercase))
        .fetch_all(&mut *write)
        .await?;
        let mut hashes = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(user) = row.try_get::<Option<String>, _>(1)? {
                let users = vec![format!("model {user}")];
                return Err(ControlError::InUse {
                    kind: Kind::Artifact,
                    id: path.to_owned(),
                    users,
                });
            }
            hashes.push(row.try_get::<String, _>(0)?);
        }
        sqlx::query(
            "DELETE FROM artifacts
             WHERE account_id = $1 AND path = $2 AND ($3 IS NULL OR sha256 = $3)",
        )
        .bind(&account.account_id)
        .bind(path)
        .bind(sha256.map(str::to_ascii_lowercase))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        self.sweep(&hashes).await?;
        Ok(!hashes.is_empty())
    }

    /// Removes those blobs that nothing refers to any more.
    pub(crate) async fn sweep(&self, hashes: &[String]) -> Result<(), ControlError> {
        if hashes.is_empty() {
            return Ok(());
        }
        let alone = self.inner.blobs.closed_gate().await;
        for sha256 in hashes {
            let used: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM artifacts WHERE sha256 = $1)
                     OR EXISTS (SELECT 1 FROM models WHERE sha256 = $1)
                     OR EXISTS (SELECT 1 FROM images WHERE module_sha256 = $1)
                     OR EXISTS (SELECT 1 FROM images WHERE source_sha256 = $1)
                     OR EXISTS (SELECT 1 FROM image_blobs WHERE sha256 = $1)
                     OR EXISTS (SELECT 1 FROM collected WHERE sha256 = $1)",
            )
            .bind(sha256)
            .fetch_one(self.inner.store.read())
            .await?;
            if !used {
                self.inner.blobs.remove(sha256, &alone).await?;
            }
        }
        Ok(())
    }
}

/// `{B}/artifacts/{path}?sha256=<hex>`.
pub(crate) fn artifact_url(account: &AccountAccess, path: &str, sha256: &str) -> String {
    format!("{}?sha256={sha256}", account.path.artifact(path))
}

/// A path has segments of visible characters; none is `.` or `..`.
pub(crate) fn validate_path(path: &str) -> Result<(), ControlError> {
    let segment = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.chars().any(char::is_control)
    };
    if path.len() <= PATH_BYTES && !path.contains('\\') && path.split('/').all(segment) {
        return Ok(());
    }
    Err(ControlError::invalid(
        format!("`{path}` is not a path"),
        format!(
            "A path has {PATH_BYTES} bytes at most; its segments are not empty, `.` or `..` and \
             hold no control characters and no `\\`."
        ),
    ))
}

/// Hex in lower case, from hex or base64.
pub(crate) fn parse_sha256(text: &str) -> Result<String, ControlError> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let bytes = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok());
    match bytes {
        Some(bytes) if bytes.len() == 32 => Ok(hex::encode(bytes)),
        _ => Err(ControlError::invalid(
            format!("`{text}` is not a SHA-256"),
            "Send 64 hexadecimal digits, or the base64 of 32 bytes.",
        )),
    }
}

/// The refusal of a size that was announced.
pub(crate) fn refuse_size(size: u64, limit: u64) -> Result<(), ControlError> {
    if size > limit { Err(too_large("the artifact", limit)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_climb() {
        for good in ["model.onnx", "a/b c/ü.onnx", "..hidden"] {
            assert!(validate_path(good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "a//b", "a/", ".", "a/../b", "a\\b", "a\nb", &"x".repeat(1_025)] {
            assert!(validate_path(bad).is_err(), "{bad}");
        }
    }
}
