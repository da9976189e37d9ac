//! Client secrets as Argon2id hashes, at most two verifications at a time.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString},
};
use tokio::sync::Semaphore;

use crate::{ControlError, random};

/// Each verification takes 19 MiB and some 20 ms of a core.
const AT_A_TIME: usize = 2;

/// Hashes and verifies secrets.
#[derive(Clone)]
pub(crate) struct Secrets {
    turns: Arc<Semaphore>,
    /// What the secrets of unknown principals are compared with, so that they take as long.
    nobody: Arc<str>,
}

impl Secrets {
    pub(crate) fn new() -> Result<Self, ControlError> {
        let nobody = hash(&random::token())?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_A_TIME)), nobody: nobody.into() })
    }

    /// The hash to store.
    pub(crate) async fn hash(&self, secret: String) -> Result<String, ControlError> {
        let _turn = self.turns.acquire().await.map_err(ControlError::internal)?;
        tokio::task::spawn_blocking(move || hash(&secret)).await.map_err(ControlError::internal)?
    }

    /// Whether `secret` belongs to one of `hashes`; as slow when there are none.
    pub(crate) async fn verify(
        &self,
        secret: String,
        hashes: Vec<String>,
    ) -> Result<bool, ControlError> {
        let _turn = self.turns.acquire().await.map_err(ControlError::internal)?;
        let nobody = Arc::clone(&self.nobody);
        tokio::task::spawn_blocking(move || {
            if hashes.is_empty() {
                matches(&secret, &nobody);
                return false;
            }
            hashes.iter().any(|hash| matches(&secret, hash))
        })
        .await
        .map_err(ControlError::internal)
    }
}

fn hash(secret: &str) -> Result<String, ControlError> {
    let salt = SaltString::encode_b64(&random::bytes::<16>())
        .map_err(|error| ControlError::internal(error.to_string()))?;
    let hash = Argon2::default()
        .hash_password(secret.as_bytes(), &salt)
        .map_err(|error| ControlError::internal(error.to_string()))?;
    Ok(hash.to_string())
}

fn matches(secret: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(secret.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_secret_matches_its_own_hash_and_no_other() {
        let secrets = Secrets::new().unwrap();
        let hash = secrets.hash("correct horse".to_owned()).await.unwrap();

        assert!(hash.starts_with("$argon2id$"));
        assert!(secrets.verify("correct horse".to_owned(), vec![hash.clone()]).await.unwrap());
        assert!(!secrets.verify("battery staple".to_owned(), vec![hash]).await.unwrap());
        assert!(!secrets.verify("correct horse".to_owned(), vec![]).await.unwrap());
    }
}
