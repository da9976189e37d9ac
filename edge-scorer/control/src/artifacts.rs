//! Artefacts: bytes under a path of an account.

use std::error::Error;

use bytes::Bytes;
use futures::Stream;
use shared::StoredArtifact;

use crate::{AccountAccess, Content, Control, ControlError, control::unfinished};

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
        _account: &AccountAccess,
        _path: &str,
        _sha256: Option<&str>,
        _body: S,
    ) -> Result<(StoredArtifact, StoreOutcome), ControlError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Err(unfinished())
    }

    /// The bytes under `path`: the newest, or those with `sha256` (hex).
    pub async fn artifact(
        &self,
        _account: &AccountAccess,
        _path: &str,
        _sha256: Option<&str>,
    ) -> Result<Content, ControlError> {
        Err(unfinished())
    }

    /// Forgets what is under `path`. `false` when nothing is.
    pub async fn delete_artifact(
        &self,
        _account: &AccountAccess,
        _path: &str,
        _sha256: Option<&str>,
    ) -> Result<bool, ControlError> {
        Err(unfinished())
    }
}
