//! Service principals: the clients that sign in with a secret.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET /api/servicePrincipals` | | `ArmList<ServicePrincipal>` |
//! | `POST /api/servicePrincipals` | [`ServicePrincipalRequest`] | 201 [`NewServicePrincipal`] |
//! | `GET /api/servicePrincipals/{id}` | | [`ServicePrincipal`] |
//! | `DELETE /api/servicePrincipals/{id}` | | 200, 204 when absent |
//! | `GET /api/servicePrincipals/{id}/secrets` | | `ArmList<SecretSummary>` |
//! | `POST /api/servicePrincipals/{id}/secrets` | [`SecretRequest`], may be absent | 201 [`NewSecret`] |
//! | `DELETE /api/servicePrincipals/{id}/secrets/{secret}` | | 200, 204 when absent |
//!
//! All of them need the role Owner of the subscription.

use serde::{Deserialize, Serialize};

use crate::{RoleAssignment, Timestamp};

/// A client that signs in with a secret.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal {
    /// A GUID.
    pub id: String,
    /// What it signs in as.
    pub client_id: String,
    /// For people.
    pub display_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its secrets, two at most; the secrets themselves cannot be read again.
    pub secrets: Vec<SecretSummary>,
    /// Every role.
    pub roles: Vec<RoleAssignment>,
}

/// A secret that cannot be read again.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretSummary {
    /// A GUID.
    pub id: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The first characters of the secret, to tell two apart; null for those of older versions.
    #[serde(default)]
    pub hint: Option<String>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When it ends; it may have ended already.
    pub expires_at: Timestamp,
}

/// Makes a secret.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretRequest {
    /// What it is for; 120 characters at most.
    #[serde(default)]
    pub description: Option<String>,
    /// When it ends: RFC 3339, two years ahead at most; a year ahead when absent.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// A secret, shown once.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewSecret {
    /// A GUID.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Makes a service principal.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipalRequest {
    /// For people.
    pub display_name: String,
    /// What it may do from the start.
    #[serde(default)]
    pub roles: Vec<RoleAssignment>,
}

/// A service principal that was just made, with its first secret.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewServicePrincipal {
    /// The service principal.
    #[serde(flatten)]
    pub principal: ServicePrincipal,
    /// Its first secret.
    pub secret: NewSecret,
}
