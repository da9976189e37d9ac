//! The audit log: who changed what, when, from where, and how it ended.
//!
//! `GET /api/audit` answers `Page<AuditEntry>`, newest first, with `count` and `$skipToken` as every
//! list. Filters, combined with AND: `principalId`, `method`, `outcome`, `requestId`, `address`,
//! `resource` (this path and what is below it, what a POST made there too), `search` (a part of the path or of who, any case),
//! `since` and `until` (RFC 3339). Whoever has Reader at a scope sees the changes at that scope and
//! below; what belongs to no scope (principals, sessions, keys) only Owners of the subscription see.
//!
//! What the server does by itself (the demo, a key that has grown old) and what is done in the data
//! folder from the shell is in the log as well, under the name of the program and with the proof
//! `System`. A failed sign-in has a row without a principal; those of one kind at one principal from
//! one address within ten minutes share it and are counted in `attempts`.
//!
//! `GET /subscriptions/{s}/providers/Microsoft.Insights/eventtypes/management/values` answers the
//! same rows in the documented shape of the activity log.

use serde::{Deserialize, Serialize};

use crate::{PrincipalKind, Timestamp, wire_enum::wire_enum};

wire_enum! {
    /// How a change ended.
    AuditOutcome {
        /// It was made, or there was nothing to change.
        Succeeded = "Succeeded",
        /// The caller may not make it.
        Denied = "Denied",
        /// It could not be made.
        Failed = "Failed",
    }
}

/// One change, or an attempt at one.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Position in the log; grows.
    pub id: u64,
    /// When the change was made.
    pub at: Timestamp,
    /// `x-ms-request-id` of the request.
    pub request_id: String,
    /// `x-ms-client-request-id` of the request.
    pub client_request_id: String,
    /// Object id of who did it; null when somebody tried to sign in and nobody was recognised.
    pub principal_id: Option<String>,
    /// Display name of who did it, as it was then.
    pub principal_name: Option<String>,
    /// What who did it is.
    pub principal_kind: Option<PrincipalKind>,
    /// `Token`, or how the session was opened: `Link`, `Password`, `Client`, `Outside`. `System` for
    /// what nobody asked for over HTTP.
    pub proof: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// What was done: method and the kind of thing, such as `DELETE {account}/services/{id}`.
    pub operation: String,
    /// The HTTP method; `COMMAND` for what was done from the shell.
    pub method: String,
    /// What it was done to: the path, without its query; of a command, its name.
    pub path: String,
    /// The ARM scope that the path lies in; null for what belongs to no scope.
    pub scope: Option<String>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The HTTP status, where it is known; a success that is written with its change has none yet.
    pub status: Option<u16>,
    /// The error code of what was denied or failed.
    pub code: Option<String>,
    /// Whether the row was written in the same transaction as the change.
    pub with_change: bool,
    /// What the path does not name: the id of what was made; of a failed sign-in, of the principal
    /// whose secret was guessed, if there is such a one.
    #[serde(default)]
    pub resource_id: Option<String>,
    /// How many attempts the row stands for; more than one only of failed sign-ins.
    #[serde(default = "once")]
    pub attempts: u64,
}

fn once() -> u64 {
    1
}
