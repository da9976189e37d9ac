//! Model bytes on their way in.

use serde::{Deserialize, Serialize};

use crate::UploadId;

/// Bytes that are stored.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredArtifact {
    /// As the caller named it.
    pub path: String,
    /// Names the bytes, not the path: `{endpoint}{B}/artifacts/{path}?sha256=<hex>`.
    pub url: String,
    /// Hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// Begins an upload in chunks.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRequest {
    /// What the artefact will be called.
    pub path: String,
    /// Bytes in all.
    pub size: u64,
    /// Hex; checked when the upload is completed.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// An upload that takes chunks.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadStarted {
    /// Unique; forgotten after 24 h.
    pub id: UploadId,
    /// Bytes acknowledged.
    pub offset: u64,
    /// Most bytes of one chunk.
    pub chunk_size: u64,
}
