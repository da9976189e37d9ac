//! `…/Microsoft.MachineLearningCompute/operationalizationClusters/{cluster}/listKeys`: what older
//! clients ask for before they publish.
//!
//! Any name of a cluster will do in an existing group. The store belongs to the group's account and
//! is reached with access tokens; there is no key to it, no registry, no cluster and no telemetry
//! service of another's, and the documented members say so with empty texts.

use axum::{Json, extract::State, routing::post};
use serde::Deserialize;
use serde_json::{Value, json};

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

async fn list_keys(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<Value>, ApiError> {
    let store =
        api.control.store_of_group(&caller.principal, &path.subscription, &path.group).await?;
    Ok(Json(json!({
        "storageAccount": {"resourceId": store, "primaryKey": "", "secondaryKey": ""},
        "containerRegistry":
            {"loginServer": "", "username": "", "password": "", "password2": ""},
        "containerService": {"acsKubeConfig": ""},
        "appInsights": {"appId": "", "apiKey": ""},
    })))
}
