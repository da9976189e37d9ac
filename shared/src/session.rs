//! Signing in, and who is signed in.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `GET /api/signIn` (no credentials) | | [`SignInOptions`]: which ways there are |
//! | `POST /api/session` | [`SessionRequest`] | [`Me`] and the cookie |
//! | `DELETE /api/session` | | 204; the cookie's session is closed |
//! | `GET /api/me` | | [`Me`] |
//! | `PUT /api/me/password` | [`PasswordChange`] | 204; every other session of the caller ends |
//! | `GET /api/sessions` `principalId` | | `ArmList<SessionSummary>`: the caller's own, or an owner's look at another's |
//! | `DELETE /api/sessions` | | 200 [`SessionsClosed`]: all of the caller's but this one |
//! | `DELETE /api/sessions/{id}` | | 200, 204 when absent |
//! | `GET /api/signIn/outside?returnTo=/console/…` | | 303 to the outside issuer, which leads back to `/api/signIn/outside/callback` and from there to `returnTo` with the cookie |

use serde::{Deserialize, Serialize};

use crate::{PrincipalKind, Timestamp, wire_enum::wire_enum};

/// Opens a session; one of the three ways.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// An ARM path: subscription, resource group, workspace or account.
    pub scope: String,
    /// What may be done there.
    pub role: RoleName,
}

/// `GET /api/me`.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Object id, as role assignments and the audit log name it.
    #[serde(default)]
    pub id: String,
    /// What the caller is; null from older servers.
    #[serde(default)]
    pub kind: Option<PrincipalKind>,
    /// Display name.
    pub name: String,
    /// What a person types to sign in; null for clients.
    #[serde(default)]
    pub sign_in_name: Option<String>,
    /// The tenant.
    pub tenant_id: String,
    /// Every role.
    pub roles: Vec<RoleAssignment>,
    /// `read`, `write`, `keys`, `access`, `score`.
    pub actions: Vec<String>,
    /// To be sent as `x-csrf-token` with changing calls; null without a session cookie.
    pub csrf_token: Option<String>,
    /// How this session was opened; null without a session cookie. After a `Link`, offer to set a
    /// password: `PUT /api/me/password` asks for no current one then.
    #[serde(default)]
    pub opened_by: Option<SignInWay>,
    /// Whether there is a password that may be changed.
    #[serde(default)]
    pub has_password: bool,
}

wire_enum! {
    /// How somebody signed in.
    SignInWay {
        /// A one-time link.
        Link = "Link",
        /// A password.
        Password = "Password",
        /// A client's secret.
        Client = "Client",
        /// The outside issuer.
        Outside = "Outside",
    }
}

/// `GET /api/signIn`: what a sign-in page offers.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInOptions {
    /// The outside issuer, when one is configured for people.
    pub outside: Option<OutsideSignIn>,
}

/// A way to sign in elsewhere.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideSignIn {
    /// What to call it on a button.
    pub name: String,
    /// Where the button leads: `/api/signIn/outside`.
    pub url: String,
}

/// Sets or changes the caller's password. Only within a session, never with an access token.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordChange {
    /// Needed unless a link opened this session.
    #[serde(default)]
    pub current_password: Option<String>,
    /// 12 to 256 characters, not the sign-in name.
    pub new_password: String,
}

/// An open session.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionSummary {
    /// A GUID; not the cookie.
    pub id: String,
    /// Whose.
    pub principal_id: String,
    /// How it was opened.
    pub opened_by: SignInWay,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// From where it was opened.
    pub address: Option<String>,
    /// Whether this call came with it.
    pub current: bool,
}

/// How many sessions ended.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsClosed {
    /// Sessions that were open until now.
    pub closed: u64,
}
