//! What the operator may do to a data folder from the shell, beside a running server.
//!
//! No lock on the data folder is taken: SQLite in WAL mode lets a second process write.

use std::path::Path;

use crate::OpenError;

/// A new secret, shown once.
pub struct ResetSecret {
    /// The service principal.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// Makes a sign-in link's token for the administrator: `/console/sign-in#<token>`, 15 minutes, once.
pub async fn sign_in_token(_data: &Path) -> Result<String, OpenError> {
    Err(crate::control::unfinished().into())
}

/// Replaces every secret of a service principal (the administrator when `None`) with a new one.
pub async fn reset_secret(
    _data: &Path,
    _client_id: Option<&str>,
) -> Result<ResetSecret, OpenError> {
    Err(crate::control::unfinished().into())
}
