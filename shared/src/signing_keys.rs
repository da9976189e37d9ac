//! The keys that sign access tokens; their private parts never leave the server.
//!
//! | call | answer |
//! |---|---|
//! | `GET /api/signingKeys` | `ArmList<SigningKeySummary>` |
//! | `POST /api/signingKeys/rotate` | 201 [`SigningKeySummary`]: the new key, which signs from now on |
//!
//! Both need the role Owner of the subscription.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A key, as far as others may know it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeySummary {
    /// `kid` in tokens and in the key set.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it does not sign any more; null for the one that signs.
    pub retired_at: Option<Timestamp>,
    /// Until when tokens that it signed are accepted; null for the one that signs.
    pub verifies_until: Option<Timestamp>,
}

/// `GET /{tenant}/discovery/keys`: what verifies access tokens (RFC 7517). Public.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonWebKeySet {
    /// Every key that still verifies.
    pub keys: Vec<JsonWebKey>,
}

/// The public half of an RSA key.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonWebKey {
    /// `RSA`.
    pub kty: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub purpose: String,
    /// `RS256`.
    pub alg: String,
    /// As tokens name it.
    pub kid: String,
    /// The modulus, base64url.
    pub n: String,
    /// The exponent, base64url.
    pub e: String,
}
