//! The outside issuer's addresses and keys: fetched when needed, kept, bounded.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse},
};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::Outside;
use crate::ControlError;

/// How long the issuer is left alone after it was asked, whatever came of it.
pub(super) const REST: Duration = Duration::from_secs(10);
/// How long keys are used without asking again.
const FRESH: Duration = Duration::from_secs(3600);
/// Longest document of the issuer.
pub(super) const DOCUMENT_BYTES: usize = 1 << 20;
/// Keys that are looked at.
const MOST_KEYS: usize = 100;

/// What may sign: never a secret that both sides know, never nothing.
pub(super) const ASYMMETRIC: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What was fetched last. Whoever finds it missing or old fetches it, one at a time.
#[derive(Default)]
pub(super) struct Keys {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: Option<Arc<Known>>,
    fetched: Option<Instant>,
    asked: Option<Instant>,
}

/// What the issuer published.
pub(super) struct Known {
    pub(super) addresses: Addresses,
    keys: Vec<Jwk>,
}

/// Of the discovery document, what we need.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Addresses {
    issuer: String,
    jwks_uri: String,
    #[serde(default)]
    pub(super) authorization_endpoint: String,
    #[serde(default)]
    pub(super) token_endpoint: String,
}

impl Outside {
    /// The issuer's key of this id, meant for this algorithm.
    pub(super) async fn key(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, ControlError> {
        let known = self.known(false).await?;
        let found = match known.find(id, algorithm) {
            Some(found) => Some(found.clone()),
            // The issuer may have a new key.
            None => self.known(true).await?.find(id, algorithm).cloned(),
        };
        let found = found.ok_or(ControlError::Unauthenticated(
            "the token was not signed by a key of the outside issuer",
        ))?;
        DecodingKey::from_jwk(&found)
            .map_err(|_| ControlError::Unauthenticated("the outside issuer's key cannot be used"))
    }

    /// What the issuer published, not older than an hour; newer than what we have when `again`.
    pub(super) async fn known(&self, again: bool) -> Result<Arc<Known>, ControlError> {
        let mut state = self.keys.state.lock().await;
        let within = |moment: Option<Instant>, span| moment.is_some_and(|at| at.elapsed() < span);
        if let Some(known) = &state.known {
            let fresh = !again && within(state.fetched, FRESH);
            if fresh || within(state.asked, REST) {
                return Ok(Arc::clone(known));
            }
        } else if within(state.asked, REST) {
            return Err(UNREACHABLE);
        }
        state.asked = Some(Instant::now());
        match self.fetch().await {
            Ok(fetched) => {
                let known = Arc::new(fetched);
                state.known = Some(Arc::clone(&known));
                state.fetched = Some(Instant::now());
                Ok(known)
            }
            Err(why) => {
                tracing::warn!(issuer = self.config.issuer, why, "the outside issuer is no help");
                // Old keys are better than none: they end with the tokens that they signed.
                state.known.clone().ok_or(UNREACHABLE)
            }
        }
    }

    async fn fetch(&self) -> Result<Known, String> {
        let base = self.config.issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let get = async |url: &str| {
            self.egress.get(url, DOCUMENT_BYTES).await.map_err(|error| chain(&error))
        };
        let addresses: Addresses = serde_json::from_slice(&get(&url).await?)
            .map_err(|error| format!("its discovery document is not one: {error}"))?;
        if addresses.issuer != self.config.issuer {
            return Err(format!("it calls itself `{}`", addresses.issuer));
        }
        let set: serde_json::Value = serde_json::from_slice(&get(&addresses.jwks_uri).await?)
            .map_err(|error| format!("its key set is not one: {error}"))?;
        // A key of a kind that we do not know must not hide the others.
        let listed = set.get("keys").and_then(serde_json::Value::as_array);
        let keys = listed.into_iter().flatten().take(MOST_KEYS);
        let keys = keys.filter_map(|key| serde_json::from_value(key.clone()).ok()).collect();
        let JwkSet { keys } = JwkSet { keys };
        Ok(Known { addresses, keys })
    }
}

const UNREACHABLE: ControlError =
    ControlError::Unauthenticated("the outside issuer's keys cannot be read at the moment");

impl Known {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Jwk> {
        let mut fitting = self.keys.iter().filter(|key| fits(key, algorithm));
        match id {
            Some(id) => fitting.find(|key| key.common.key_id.as_deref() == Some(id)),
            // Without an id there must be no choice.
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }
}

/// Whether a key is meant for an algorithm: of its kind, of its name where it has one, and for
/// signatures.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    use Algorithm as A;
    let kind = match &key.algorithm {
        AlgorithmParameters::RSA(_) => {
            matches!(algorithm, A::RS256 | A::RS384 | A::RS512 | A::PS256 | A::PS384 | A::PS512)
        }
        AlgorithmParameters::EllipticCurve(_) => matches!(algorithm, A::ES256 | A::ES384),
        AlgorithmParameters::OctetKeyPair(_) => algorithm == A::EdDSA,
        _ => false,
    };
    let named = key.common.key_algorithm.is_none_or(|name| {
        name.to_string().parse::<Algorithm>().is_ok_and(|named| named == algorithm)
    });
    let signs =
        key.common.public_key_use.as_ref().is_none_or(|for_| *for_ == PublicKeyUse::Signature);
    kind && named && signs
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
