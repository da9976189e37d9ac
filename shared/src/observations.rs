//! What can be seen of a service from outside: its log, its traces, the calls it collected.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, wire_enum::wire_enum};

wire_enum! {
    /// How grave a line of a log is.
    LogLevel {
        /// Something happened as it should.
        Information = "Information",
        /// A caller was refused.
        Warning = "Warning",
        /// The service failed.
        Error = "Error",
    }
}

/// A line of a service's log: a change of the service, or a call that was refused or failed.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// When.
    pub time: Timestamp,
    /// How grave.
    pub level: LogLevel,
    /// What happened. Never holds a body or a credential.
    pub message: String,
    /// `x-ms-request-id` of the call.
    pub request_id: Option<String>,
    /// Status of the call's answer.
    pub status: Option<u16>,
    /// How long the call took.
    pub duration_micros: Option<u64>,
}

/// One call of a service with `appInsightsEnabled`.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceRecord {
    /// 32 hexadecimal digits; the caller's, when it sent a `traceparent`.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// The caller's span, when it sent a `traceparent`.
    pub parent_span_id: Option<String>,
    /// When the call began.
    pub time: Timestamp,
    /// From the first byte of the headers to the answer.
    pub duration_micros: u64,
    /// Of the request.
    pub method: String,
    /// Of the request, without its query.
    pub path: String,
    /// Of the answer.
    pub status: u16,
    /// `x-ms-request-id`.
    pub request_id: String,
    /// Version of the image that the service serves.
    pub version: u64,
    /// Rows that were scored.
    pub rows: Option<u64>,
    /// How long the call waited for a replica.
    pub queue_micros: Option<u64>,
    /// How long the model ran.
    pub score_micros: Option<u64>,
    /// Why the call failed.
    pub error: Option<String>,
}

/// A file of collected calls: JSON Lines, one object a call with `time`, `requestId`, `version`,
/// `inputs` and `outputs`, the latter by the names of the signature.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectedFile {
    /// Names it in paths.
    pub id: String,
    /// Where its lines are.
    pub url: String,
    /// Lines.
    pub records: u64,
    /// Bytes.
    pub size: u64,
    /// Hex SHA-256.
    pub sha256: String,
    /// When the first call was made.
    pub first_at: Timestamp,
    /// When the file was closed.
    pub created_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}
