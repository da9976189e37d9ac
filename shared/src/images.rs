//! Images: models compiled and packed.

use serde::{Deserialize, Serialize};

use crate::{
    ErrorBody, ImageId, Manifest, ManifestId, OperationState, Timestamp, wire_enum::wire_enum,
};

wire_enum! {
    /// Kind of image; both give the same OCI artefact.
    ImageType {
        /// What the documented clients send.
        Docker = "Docker",
        /// What it is.
        Wasm = "Wasm",
    }
}

/// Builds an image.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageRequest {
    /// The same name again makes the next version.
    pub name: String,
    /// The manifest to build, as text so that a malformed id is answered like an unknown one.
    pub manifest_id: String,
    /// Opaque, not empty.
    pub compute_resource_id: String,
    /// Kind of image.
    pub image_type: ImageType,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
}

/// One version of an image.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Unique.
    pub id: ImageId,
    /// Shared by all versions.
    pub name: String,
    /// From 1, per name, never reused.
    pub version: u64,
    /// Free text.
    pub description: Option<String>,
    /// As requested.
    pub compute_resource_id: String,
    /// As requested.
    pub image_type: ImageType,
    /// When it was requested.
    pub created_time: Timestamp,
    /// How far its build is.
    pub creation_state: OperationState,
    /// Why its build failed.
    pub error: Option<ErrorBody>,
    /// The build's log, signed for 24 h.
    pub image_build_log_uri: Option<String>,
    /// Where the OCI layout is.
    pub image_location: Option<String>,
    /// What it was built from (ours).
    pub manifest_id: ManifestId,
    /// What it was built from.
    pub manifest: Option<Manifest>,
    /// Hex SHA-256 of the Wasm module (ours).
    pub module_sha256: Option<String>,
    /// Bytes of the Wasm module (ours).
    pub module_size: Option<u64>,
}
