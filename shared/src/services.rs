//! Services: deployed images, their settings and keys.

use serde::{Deserialize, Serialize};

use crate::{
    ErrorBody, Image, ImageId, Manifest, Model, OperationState, ServiceId, Timestamp,
    wire_enum::wire_enum,
};

wire_enum! {
    /// Kind of compute resource.
    ComputeType {
        /// The only documented kind.
        Cluster = "Cluster",
    }
}

/// Where a service runs; opaque.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputeResource {
    /// Any non-empty text.
    #[serde(default)]
    pub id: Option<String>,
    /// Kind of compute resource.
    #[serde(default, rename = "type")]
    pub compute_type: Option<ComputeType>,
}

/// Lets the number of replicas follow the load.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoScaler {
    /// Whether it is on.
    pub autoscale_enabled: Option<bool>,
    /// At least this many; 1 by default, 0 allowed.
    pub min_replicas: Option<u32>,
    /// At most this many; 10 by default.
    pub max_replicas: Option<u32>,
    /// Seconds between looks at the load; 1 by default.
    pub refresh_period_in_seconds: Option<u32>,
    /// Wanted busy time in per cent; 70 by default.
    pub target_utilization: Option<u32>,
}

/// What one replica may use, as Kubernetes quantities.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerResourceReservation {
    /// CPU seconds per second; `1` by default.
    pub cpu: Option<String>,
    /// Guest memory; `512Mi` by default.
    pub memory: Option<String>,
}

/// What is kept of the calls.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DataCollection {
    /// Send to an event sink.
    pub event_hub_enabled: Option<bool>,
    /// Keep inputs and outputs in the blob store.
    pub storage_enabled: Option<bool>,
    /// Of every hundred calls, so many are kept; 100 by default (ours).
    pub sample_percent: Option<u32>,
    /// Days until they are forgotten; 30 by default (ours).
    pub retention_days: Option<u32>,
}

/// Creates a service.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceCreateRequest {
    /// Unique in its account.
    pub name: String,
    /// A finished image, as text so that a malformed id is answered like an unknown one.
    pub image_id: String,
    /// Opaque.
    pub compute_resource: ComputeResource,
    /// Calls at a time; not together with the autoscaler.
    #[serde(default)]
    pub num_replicas: Option<u32>,
    /// Lets the number of replicas follow the load.
    #[serde(default)]
    pub auto_scaler: Option<AutoScaler>,
    /// What one replica may use.
    #[serde(default)]
    pub container_resource_reservation: Option<ContainerResourceReservation>,
    /// Running plus waiting calls per replica; 100 by default.
    #[serde(default)]
    pub max_concurrent_requests_per_container: Option<u32>,
    /// A trace record per call.
    #[serde(default)]
    pub app_insights_enabled: Option<bool>,
    /// What is kept of the calls.
    #[serde(default)]
    pub data_collection: Option<DataCollection>,
}

/// Changes the members that are present and not null.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceUpdateRequest {
    /// A finished image.
    pub image_id: Option<String>,
    /// As in [`ServiceCreateRequest`].
    pub num_replicas: Option<u32>,
    /// As in [`ServiceCreateRequest`].
    pub auto_scaler: Option<AutoScaler>,
    /// As in [`ServiceCreateRequest`].
    pub container_resource_reservation: Option<ContainerResourceReservation>,
    /// As in [`ServiceCreateRequest`].
    pub max_concurrent_requests_per_container: Option<u32>,
    /// As in [`ServiceCreateRequest`].
    pub app_insights_enabled: Option<bool>,
    /// As in [`ServiceCreateRequest`].
    pub data_collection: Option<DataCollection>,
}

/// A service; the documented name is `ServiceResponse`. Its parts are those of the wire, unless
/// whoever writes many services has them in another form.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Service"))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service<I = Image, F = Manifest, M = Vec<Model>> {
    /// Unique.
    pub id: ServiceId,
    /// Unique in its account.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// How far its creation or update is.
    pub state: OperationState,
    /// Why the last creation or update failed.
    pub error: Option<ErrorBody>,
    /// Where it answers.
    pub scoring_uri: Option<String>,
    /// What it serves (ours).
    pub image_id: ImageId,
    /// What it serves.
    pub image: Option<I>,
    /// What the image was built from.
    pub manifest: Option<F>,
    /// What the manifest names.
    pub models: Option<M>,
    /// As requested.
    pub compute_resource: ComputeResource,
    /// As requested.
    pub num_replicas: Option<u32>,
    /// Replicas at this moment (ours).
    pub replicas: u32,
    /// As requested.
    pub auto_scaler: Option<AutoScaler>,
    /// As requested.
    pub container_resource_reservation: Option<ContainerResourceReservation>,
    /// As requested.
    pub max_concurrent_requests_per_container: Option<u32>,
    /// As requested.
    pub app_insights_enabled: Option<bool>,
    /// As requested.
    pub data_collection: Option<DataCollection>,
}

/// A service without its parts.
pub type BareService = Service<(), (), ()>;

impl BareService {
    /// The same service with these parts.
    pub fn with_parts<I, F, M>(
        self,
        image: Option<I>,
        manifest: Option<F>,
        models: Option<M>,
    ) -> Service<I, F, M> {
        Service {
            id: self.id,
            name: self.name,
            created_at: self.created_at,
            updated_at: self.updated_at,
            state: self.state,
            error: self.error,
            scoring_uri: self.scoring_uri,
            image_id: self.image_id,
            image,
            manifest,
            models,
            compute_resource: self.compute_resource,
            num_replicas: self.num_replicas,
            replicas: self.replicas,
            auto_scaler: self.auto_scaler,
            container_resource_reservation: self.container_resource_reservation,
            max_concurrent_requests_per_container: self.max_concurrent_requests_per_container,
            app_insights_enabled: self.app_insights_enabled,
            data_collection: self.data_collection,
        }
    }
}

wire_enum! {
    /// Which of the two keys.
    KeyType {
        /// The first, and the default.
        Primary = "Primary",
        /// The second.
        Secondary = "Secondary",
    }
}

/// Asks for a new key; the old one dies at once.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegenerateKeysRequest {
    /// `Primary` when absent or null.
    pub key_type: Option<KeyType>,
}

/// A service's keys, base64.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthKeys {
    /// Either opens the service.
    pub primary_key: String,
    /// Either opens the service.
    pub secondary_key: String,
}

impl std::fmt::Debug for AuthKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthKeys(…)")
    }
}
