//! Signing in, and who is signed in.

use serde::{Deserialize, Serialize};

use crate::wire_enum::wire_enum;

/// Opens a session; one of the three ways.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SessionRequest {
    /// The one-time token of a sign-in link.
    #[serde(rename_all = "camelCase")]
    Link {
        /// The fragment of the link.
        sign_in_token: String,
    },
    /// A service principal.
    #[serde(rename_all = "camelCase")]
    Client {
        /// Its id.
        client_id: String,
        /// One of its secrets.
        client_secret: String,
    },
    /// A person.
    Password {
        /// Sign-in name.
        name: String,
        /// Password.
        password: String,
    },
}

wire_enum! {
    /// What a principal may do within a scope.
    RoleName {
        /// Everything, role assignments and service principals too.
        Owner = "Owner",
        /// Reads and writes, service keys too.
        Contributor = "Contributor",
        /// Reads everything but keys and secrets.
        Reader = "Reader",
        /// Calls services and sees nothing else.
        Scorer = "Scorer",
    }
}

/// A role within a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// An ARM path: subscription, resource group, workspace or account.
    pub scope: String,
    /// What may be done there.
    pub role: RoleName,
}

/// `GET /api/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Display name.
    pub name: String,
    /// The tenant.
    pub tenant_id: String,
    /// Every role.
    pub roles: Vec<RoleAssignment>,
    /// `read`, `write`, `keys`, `access`, `score`.
    pub actions: Vec<String>,
    /// To be sent as `x-csrf-token` with changing calls; null without a session cookie.
    pub csrf_token: Option<String>,
}
