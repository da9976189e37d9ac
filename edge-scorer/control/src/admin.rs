//! What the operator may do to a data folder from the shell, beside a running server.
//!
//! No lock on the data folder is taken: SQLite in WAL mode lets a second process write, and the
//! server reads secrets and links from the store every time. The master key is not needed either:
//! nothing here is sealed.

use std::path::Path;

use shared::SecretRequest;
use sqlx::Row as _;

use crate::{
    ControlError, OpenError, audit,
    folder::store_path,
    identity::{Minted, Secrets, new_secret_row, new_sign_in_link},
    random,
    store::Store,
};

/// A new secret, shown once.
pub struct ResetSecret {
    /// The service principal.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// Makes a sign-in link's token, for the administrator or for a person by sign-in name:
/// `/console/sign-in#<token>`, 15 minutes, once.
pub async fn sign_in_token(data: &Path, name: Option<&str>) -> Result<String, OpenError> {
    let store = open(data).await?;
    let linked = audit::by_shell("admin sign-in-link", new_sign_in_link(&store, name));
    let token = linked.await.map_err(|error| match error {
        ControlError::NotFound { id, .. } => OpenError::NoSuchPrincipal(id),
        other => other.into(),
    })?;
    store.close().await;
    Ok(token)
}

/// Replaces every secret of a service principal (the administrator when `None`) with a new one.
pub async fn reset_secret(data: &Path, client_id: Option<&str>) -> Result<ResetSecret, OpenError> {
    let store = open(data).await?;
    let client_secret = random::token();
    let hash = Secrets::new()?.hash(client_secret.clone()).await?;
    let minted = Minted { secret: client_secret, hash };
    let reset = replace_secrets(&store, client_id, minted);
    let reset = audit::by_shell("admin reset-secret", reset).await?;
    store.close().await;
    Ok(reset)
}

async fn replace_secrets(
    store: &Store,
    client_id: Option<&str>,
    minted: Minted,
) -> Result<ResetSecret, OpenError> {
    let mut write = store.write().await?;
    let found = match client_id {
        Some(client_id) => {
            sqlx::query("SELECT id, client_id FROM principals WHERE client_id = $1")
                .bind(client_id)
                .fetch_optional(&mut *write)
                .await?
        }
        None => {
            sqlx::query(
                "SELECT id, client_id FROM principals WHERE administrator = 1
                 ORDER BY created_at, id LIMIT 1",
            )
            .fetch_optional(&mut *write)
            .await?
        }
    };
    let Some(row) = found else {
        return Err(OpenError::NoSuchPrincipal(client_id.unwrap_or("administrator").to_owned()));
    };
    let id: String = row.try_get(0)?;
    sqlx::query("DELETE FROM secrets WHERE principal_id = $1")
        .bind(&id)
        .execute(&mut *write)
        .await?;
    new_secret_row(&mut write, &id, &minted, &SecretRequest::default()).await?;
    audit::made(&id);
    write.commit().await?;
    Ok(ResetSecret { client_id: row.try_get(1)?, client_secret: minted.secret })
}

async fn open(data: &Path) -> Result<Store, OpenError> {
    let path = store_path(data);
    if !path.is_file() {
        return Err(OpenError::NoStore(data.to_owned()));
    }
    let store = Store::open(&path, false).await?;
    if store.meta("key_check").await?.is_none() {
        return Err(OpenError::NoStore(data.to_owned()));
    }
    Ok(store)
}
