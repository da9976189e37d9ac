//! `…/Microsoft.MachineLearningCompute/operationalizationClusters/{cluster}/listKeys`: what older
//! clients ask for before they publish.
//!
//! Any name of a cluster will do in an existing group. The store belongs to the group's account and
//! is reached with access tokens; there is no key to it, no registry, no cluster and no telemetry
//! service of another's, and the documented members say so with empty texts.

use axum::{Json, extract::State, routing::post};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    auth::Segments, error::ApiError, routes::Routes, state::Api, subscriptions::ArmCaller,
};

const LIST_KEYS: &str = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningCompute/operationalizationClusters/{cluster}/listKeys";

pub(crate) fn routes() -> Routes {
    Routes::default().at(LIST_KEYS, post(list_keys))
}

#[derive(Deserialize)]
struct Path {
    subscription: String,
    group: String,
}

/// As documented; what there is nothing of is an empty text.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterKeys {
    storage_account: StorageAccountKeys,
    container_registry: ContainerRegistryKeys,
    container_service: ContainerServiceKeys,
    app_insights: AppInsightsKeys,
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StorageAccountKeys {
    /// ARM id of the account that keeps the group's artefacts.
    resource_id: String,
    primary_key: String,
    secondary_key: String,
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ContainerRegistryKeys {
    login_server: String,
    username: String,
    password: String,
    password2: String,
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ContainerServiceKeys {
    acs_kube_config: String,
}

#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AppInsightsKeys {
    app_id: String,
    api_key: String,
}

async fn list_keys(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<ClusterKeys>, ApiError> {
    let resource_id =
        api.control.store_of_group(&caller.principal, &path.subscription, &path.group).await?;
    let storage_account = StorageAccountKeys { resource_id, ..StorageAccountKeys::default() };
    Ok(Json(ClusterKeys { storage_account, ..ClusterKeys::default() }))
}
