//! Registered models.

use serde::{Deserialize, Serialize};

use crate::{ModelId, Timestamp};

/// One version of a registered model.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// Unique.
    pub id: ModelId,
    /// Shared by all versions.
    pub name: String,
    /// From 1, per name, never reused.
    pub version: u64,
    /// Where the bytes are.
    pub url: String,
    /// As registered; the bytes decide what they are.
    pub mime_type: String,
    /// Free text.
    pub description: Option<String>,
    /// Free words.
    pub tags: Option<Vec<String>>,
    /// Whether the url names an archive.
    pub unpack: Option<bool>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Hex SHA-256 of the bytes, once they were read (ours).
    pub sha256: Option<String>,
    /// Size in bytes, once they were read (ours).
    pub size: Option<u64>,
}

/// Registers a model.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelRequest {
    /// The same name again makes the next version.
    pub name: String,
    /// An artefact's url, absolute or from the path on, or `http(s)`.
    pub url: String,
    /// Recorded and shown.
    pub mime_type: String,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Free words.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// Whether the url names an archive.
    #[serde(default)]
    pub unpack: Option<bool>,
}
