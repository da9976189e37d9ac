//! Registered models.

use serde::{Deserialize, Deserializer, Serialize};

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

/// Changes a registered model: a JSON merge patch (RFC 7396). A member that is absent stays as it
/// is, `null` clears it, and a list of tags takes the place of the whole old one.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelPatch {
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub description: Option<Option<String>>,
    /// Free words.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub tags: Option<Option<Vec<String>>>,
}

/// Tells `null` from what is absent.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_tells_null_from_absent_and_knows_two_members() {
        let read = |text| serde_json::from_str::<ModelPatch>(text);

        assert_eq!(read("{}").unwrap(), ModelPatch::default());
        let cleared = ModelPatch { description: Some(None), tags: None };
        assert_eq!(read(r#"{"description": null}"#).unwrap(), cleared);
        assert_eq!(serde_json::to_string(&cleared).unwrap(), r#"{"description":null}"#);
        let tags = Some(Some(vec!["a".to_owned()]));
        assert_eq!(read(r#"{"tags": ["a"]}"#).unwrap(), ModelPatch { description: None, tags });
        assert!(read(r#"{"name": "other"}"#).is_err());
    }
}
