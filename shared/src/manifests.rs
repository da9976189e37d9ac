//! Manifests: which models an image is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ManifestId, ModelId, Timestamp, wire_enum::wire_enum};

wire_enum! {
    /// Where a manifest's models come from.
    ModelType {
        /// The model registry.
        Registered = "Registered",
    }
}

wire_enum! {
    /// What runs the model.
    RuntimeType {
        /// Registered like any other; the driver does not run.
        SparkPython = "SparkPython",
        /// Registered like any other; the driver does not run.
        Python = "Python",
        /// An ONNX model, compiled to Wasm (ours).
        Onnx = "Onnx",
        /// A hand-written Wasm module (ours).
        Wasm = "Wasm",
    }
}

wire_enum! {
    /// How a service answers.
    WebserviceType {
        /// One request, one answer.
        Realtime = "Realtime",
    }
}

/// A file beside the models.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asset {
    /// What `driverProgram` refers to.
    #[serde(default)]
    pub id: Option<String>,
    /// Recorded and shown.
    #[serde(default)]
    pub mime_type: Option<String>,
    /// Where the bytes are.
    #[serde(default)]
    pub url: Option<String>,
    /// Whether the url names an archive.
    #[serde(default)]
    pub unpack: Option<bool>,
}

/// The runtime that an image targets.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetRuntime {
    /// What runs the model.
    pub runtime_type: RuntimeType,
    /// Options of the runtime.
    pub properties: BTreeMap<String, String>,
}

/// One version of a manifest.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Unique.
    pub id: ManifestId,
    /// Shared by all versions.
    pub name: String,
    /// From 1, per name, never reused.
    pub version: u64,
    /// Free text.
    pub description: Option<String>,
    /// The id of the asset that holds the driver.
    pub driver_program: String,
    /// Files beside the models.
    pub assets: Vec<Asset>,
    /// The models.
    pub model_ids: Option<Vec<ModelId>>,
    /// Always `Registered`.
    pub model_type: Option<ModelType>,
    /// What runs the model.
    pub target_runtime: TargetRuntime,
    /// How a service answers.
    pub webservice_type: Option<WebserviceType>,
    /// When it was registered.
    pub created_time: Timestamp,
}

/// Registers a manifest.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestRequest {
    /// The same name again makes the next version.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// The id of the asset that holds the driver; any text for `Onnx` and `Wasm`.
    pub driver_program: String,
    /// Files beside the models; may be empty.
    pub assets: Vec<Asset>,
    /// Ids of registered models, as text so that a malformed one is answered like an unknown one.
    #[serde(default)]
    pub model_ids: Option<Vec<String>>,
    /// Only `Registered`.
    #[serde(default)]
    pub model_type: Option<ModelType>,
    /// What runs the model.
    pub target_runtime: TargetRuntime,
    /// Default `Realtime`.
    #[serde(default)]
    pub webservice_type: Option<WebserviceType>,
}
