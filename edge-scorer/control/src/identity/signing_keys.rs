//! The keys that sign access tokens, and their rotation.
//!
//! RSA with 2,048 bits, because that is what clients of the documented API expect (`RS256`). The
//! newest key signs. A key that was replaced still verifies for one token lifetime and the clock
//! skew, then it is forgotten.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{DecodingKey, EncodingKey};
use shared::SigningKeySummary;
use sqlx::Row as _;

use crate::{
    Control, ControlConfig, ControlError, Principal, audit, clock, random, store::Store,
    vault::Vault,
};

const PURPOSE: &str = "signing-key";
/// Every one of them is looked at by whoever verifies a token, and kept in memory.
const KEYS: i64 = 64;

/// A key, ready to use.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    pub(crate) encoding: EncodingKey,
    pub(crate) decoding: DecodingKey,
    pub(crate) modulus: String,
    pub(crate) exponent: String,
    created_at: i64,
    retired_at: Option<i64>,
}

/// The keys that sign or verify, newest first.
#[derive(Default)]
pub(crate) struct SigningKeys {
    keys: RwLock<Arc<Vec<Arc<SigningKey>>>>,
}

impl SigningKeys {
    /// Every key that verifies; the first signs.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<SigningKey>>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the keys, makes one where there is none or the newest is old, forgets dead ones.
    pub(crate) async fn refresh(
        &self,
        store: &Store,
        vault: &Vault,
        config: &ControlConfig,
    ) -> Result<(), ControlError> {
        let mut keys = load(store, vault, overlap(config)).await?;
        let rotate = clock::now() - clock::micros(config.signing_key_age);
        if keys.first().is_none_or(|newest| newest.created_at < rotate) {
            let path = shared::paths::ROTATE_SIGNING_KEY;
            let replacing = replace(store, vault, overlap(config));
            if keys.is_empty() {
                // A part of the first start, which the log tells of as a whole.
                replacing.await?;
            } else {
                audit::by_server("serve", "POST", path, path, replacing).await?;
            }
            keys = load(store, vault, overlap(config)).await?;
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }
}

/// How long a key still verifies after it was replaced, in the store's unit.
fn overlap(config: &ControlConfig) -> i64 {
    clock::micros(config.token_lifetime) + clock::micros(config.clock_skew)
}

impl Control {
    /// The keys that sign or verify, the signing one first.
    pub fn signing_keys(&self, caller: &Principal) -> Result<Vec<SigningKeySummary>, ControlError> {
        self.require_access(caller)?;
        let overlap = overlap(&self.inner.config);
        let keys = self.inner.signing_keys.all();
        Ok(keys.iter().map(|key| key.summary(overlap)).collect())
    }

    /// Makes a new key sign from now on; tokens of the old one live out their time.
    pub async fn rotate_signing_key(
        &self,
        caller: &Principal,
    ) -> Result<SigningKeySummary, ControlError> {
        self.require_access(caller)?;
        let inner = &self.inner;
        replace(&inner.store, &inner.vault, overlap(&inner.config)).await?;
        inner.signing_keys.refresh(&inner.store, &inner.vault, &inner.config).await?;
        let keys = inner.signing_keys.all();
        let newest =
            keys.first().ok_or_else(|| ControlError::internal("there is no signing key"))?;
        tracing::info!(key = newest.id, "a new key signs access tokens");
        Ok(newest.summary(overlap(&inner.config)))
    }
}

impl SigningKey {
    fn summary(&self, overlap: i64) -> SigningKeySummary {
        SigningKeySummary {
            id: self.id.clone(),
            created_at: clock::timestamp(self.created_at),
            retired_at: self.retired_at.map(clock::timestamp),
            verifies_until: self.retired_at.map(|retired| clock::timestamp(retired + overlap)),
        }
    }
}

async fn load(
    store: &Store,
    vault: &Vault,
    overlap: i64,
) -> Result<Vec<Arc<SigningKey>>, ControlError> {
    let rows = sqlx::query(
        "SELECT id, private_key, modulus, exponent, created_at, retired_at FROM signing_keys
         ORDER BY created_at DESC, id",
    )
    .fetch_all(store.read())
    .await?;
    let still_verifies = clock::now() - overlap;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        let retired_at: Option<i64> = row.try_get(5)?;
        if retired_at.is_some_and(|retired_at| retired_at < still_verifies) {
            continue;
        }
        let (sealed, modulus, exponent): (String, String, String) =
            (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let private = vault.open_sealed(PURPOSE, &sealed)?;
        keys.push(Arc::new(SigningKey {
            id: row.try_get(0)?,
            encoding: EncodingKey::from_rsa_pem(pem(&private).as_bytes())
                .map_err(ControlError::internal)?,
            decoding: DecodingKey::from_rsa_components(&modulus, &exponent)
                .map_err(ControlError::internal)?,
            modulus,
            exponent,
            created_at: row.try_get(4)?,
            retired_at,
        }));
    }
    keys.sort_by_key(|key| key.retired_at.is_some());
    Ok(keys)
}

async fn replace(store: &Store, vault: &Vault, overlap: i64) -> Result<(), ControlError> {
    let (private, modulus, exponent) = tokio::task::spawn_blocking(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(ControlError::internal)?;
        let private = pair.as_der().map_err(ControlError::internal)?.as_ref().to_vec();
        let public = pair.public_key();
        let modulus = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
        let exponent = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
        Ok::<_, ControlError>((private, modulus, exponent))
    })
    .await
    .map_err(ControlError::internal)??;
    let (id, now) = (random::uuid().to_string(), clock::now());
    let mut write = store.write().await?;
    let verifying: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM signing_keys WHERE retired_at >= $1 OR retired_at IS NULL",
    )
    .bind(now - overlap)
    .fetch_one(&mut *write)
    .await?;
    if verifying >= KEYS {
        return Err(ControlError::LimitExceeded {
            what: "another signing key".to_owned(),
            limit: format!("{KEYS} keys that still verify tokens"),
            remedy: "Wait until the oldest one has outlived its tokens, then rotate again."
                .to_owned(),
        });
    }
    sqlx::query("DELETE FROM signing_keys WHERE retired_at < $1")
        .bind(now - overlap)
        .execute(&mut *write)
        .await?;
    sqlx::query("UPDATE signing_keys SET retired_at = $1 WHERE retired_at IS NULL")
        .bind(now)
        .execute(&mut *write)
        .await?;
    sqlx::query(
        "INSERT INTO signing_keys (id, private_key, modulus, exponent, created_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&id)
    .bind(vault.seal(PURPOSE, &private)?)
    .bind(modulus)
    .bind(exponent)
    .bind(now)
    .execute(&mut *write)
    .await?;
    audit::made(id);
    write.commit().await?;
    Ok(())
}

fn pem(pkcs8: &[u8]) -> String {
    let text = STANDARD.encode(pkcs8);
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}
