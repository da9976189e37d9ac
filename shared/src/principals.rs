//! Service principals: the clients that sign in with a secret.

use serde::{Deserialize, Serialize};

use crate::{RoleAssignment, Timestamp};

/// A client that signs in with a secret.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretSummary {
    /// A GUID.
    pub id: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A secret, shown once.
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
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewServicePrincipal {
    /// The service principal.
    #[serde(flatten)]
    pub principal: ServicePrincipal,
    /// Its first secret.
    pub secret: NewSecret,
}
