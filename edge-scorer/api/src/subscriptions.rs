//! `/subscriptions`: the least of ARM that finds a model management account.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
    routing::{get, post},
};
use control::Principal;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{ArmList, ErrorCode, Subscription};

use crate::{
    auth::{Caller, Segments},
    error::ApiError,
    query::Query,
    routes::Routes,
    state::Api,
};

/// The namespaces whose resources live here, and their resource types.
const NAMESPACES: [(&str, &[&str]); 4] = [
    ("Microsoft.MachineLearningModelManagement", &["accounts"]),
    ("Microsoft.MachineLearningServices", &["workspaces"]),
    ("Microsoft.MachineLearningCompute", &["operationalizationClusters"]),
    ("Microsoft.Resources", &["subscriptions", "resourceGroups"]),
];

pub(crate) fn routes() -> Routes {
    Routes::default()
        .at("/subscriptions", get(list))
        .at("/subscriptions/{subscription}", get(show))
        .at("/subscriptions/{subscription}/providers/{namespace}", get(provider))
        .at("/subscriptions/{subscription}/providers/{namespace}/register", post(provider))
        .at("/subscriptions/{subscription}/resourceGroups", get(groups))
        .at("/subscriptions/{subscription}/resourceGroups/{group}", get(group))
}

/// Somebody who sent a well-formed `api-version`.
#[derive(Debug, Clone)]
pub(crate) struct ArmCaller {
    pub(crate) principal: Principal,
}

impl FromRequestParts<Api> for ArmCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let Caller(principal) = Caller::from_request_parts(parts, api).await?;
        Query::of(&parts.uri)?.require_arm_version()?;
        Ok(Self { principal })
    }
}

#[derive(Deserialize)]
struct Path {
    subscription: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    group: String,
}

async fn list(
    State(api): State<Api>,
    caller: ArmCaller,
) -> Result<Json<ArmList<Subscription>>, ApiError> {
    let value = api.control.subscriptions(&caller.principal).await?;
    Ok(Json(ArmList { value, next_link: None }))
}

async fn show(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<Subscription>, ApiError> {
    Ok(Json(api.control.subscription(&caller.principal, &path.subscription).await?))
}

async fn provider(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<Value>, ApiError> {
    let subscription = api.control.subscription(&caller.principal, &path.subscription).await?;
    let known = NAMESPACES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&path.namespace));
    let Some((namespace, types)) = known else {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            ErrorCode::NotFound,
            format!("there is no resource provider `{}` here", path.namespace),
        ));
    };
    let types: Vec<_> = types
        .iter()
        .map(|name| {
            json!({
                "resourceType": name,
                "locations": [],
                "apiVersions": crate::query::ARM_VERSIONS,
            })
        })
        .collect();
    Ok(Json(json!({
        "id": format!("{}/providers/{namespace}", subscription.id),
        "namespace": namespace,
        "registrationState": "Registered",
        "resourceTypes": types,
    })))
}

async fn groups(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<ArmList<Value>>, ApiError> {
    let value = groups_of(&api, &caller, &path.subscription).await?.into_values().collect();
    Ok(Json(ArmList { value, next_link: None }))
}

async fn group(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<Value>, ApiError> {
    let mut groups = groups_of(&api, &caller, &path.subscription).await?;
    groups.remove(&path.group.to_ascii_lowercase()).map(Json).ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            ErrorCode::ResourceGroupNotFound,
            format!("there is no resource group `{}`", path.group),
        )
    })
}

/// By name in lower case. A group exists as long as it holds an account that the caller may see.
async fn groups_of(
    api: &Api,
    caller: &ArmCaller,
    subscription: &str,
) -> Result<BTreeMap<String, Value>, ApiError> {
    let subscription = api.control.subscription(&caller.principal, subscription).await?;
    let accounts =
        api.control.accounts(&caller.principal, &subscription.subscription_id, None).await?;
    let mut groups = BTreeMap::new();
    for account in accounts {
        let Some(name) = account.id.split('/').nth(4) else { continue };
        groups.entry(name.to_ascii_lowercase()).or_insert_with(|| {
            json!({
                "id": format!("{}/resourceGroups/{name}", subscription.id),
                "name": name,
                "type": "Microsoft.Resources/resourceGroups",
                "location": account.location,
                "tags": {},
                "properties": {"provisioningState": "Succeeded"},
            })
        });
    }
    Ok(groups)
}
