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
