//! `/subscriptions`: what of ARM leads to a model management account, and resource groups.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use control::{GroupChange, Principal};
use hyper::{StatusCode, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{ArmList, ErrorCode, ResourceGroup, Subscription};

use crate::{
    auth::{Caller, Segments},
    body::ApiJson,
    error::ApiError,
    host::Endpoint,
    pages::page,
    query::Query,
    routes::Routes,
    state::Api,
};

/// The namespaces whose resources live here, and their resource types.
const NAMESPACES: [(&str, &[&str]); 6] = [
    ("Microsoft.MachineLearningModelManagement", &["accounts"]),
    ("Microsoft.MachineLearningServices", &["workspaces"]),
    ("Microsoft.MachineLearningCompute", &["operationalizationClusters"]),
    ("Microsoft.Resources", &["subscriptions", "resourceGroups"]),
    ("Microsoft.Authorization", &["roleAssignments", "roleDefinitions"]),
    ("Microsoft.Insights", &["eventtypes/management/values"]),
];

pub(crate) fn routes() -> Routes {
    Routes::default()
        .at("/subscriptions", get(list))
        .at("/subscriptions/{subscription}", get(show))
        .at("/subscriptions/{subscription}/providers/{namespace}", get(provider))
        .at("/subscriptions/{subscription}/providers/{namespace}/register", post(register))
        .at("/subscriptions/{subscription}/resourceGroups", get(groups))
        .at(
            "/subscriptions/{subscription}/resourceGroups/{group}",
            get(group).head(exists).put(put_group).patch(change_group).delete(delete_group),
        )
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
    endpoint: Endpoint,
    query: Query,
    uri: Uri,
) -> Result<Json<ArmList<Subscription>>, ApiError> {
    let value = api.control.subscriptions(&caller.principal).await?;
    Ok(Json(page(value, &query, &uri, &endpoint)?))
}

async fn show(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<Subscription>, ApiError> {
    Ok(Json(api.control.subscription(&caller.principal, &path.subscription).await?))
}

/// A resource provider, as ARM shows it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ResourceProvider")]
pub(crate) struct Provider {
    /// `/subscriptions/{s}/providers/{namespace}`.
    id: String,
    /// Such as `Microsoft.Resources`.
    namespace: &'static str,
    /// `Registered`: every namespace is, from the start.
    registration_state: &'static str,
    /// What is there.
    resource_types: Vec<ProviderType>,
}

/// One type of a provider's resources.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ResourceProviderType")]
struct ProviderType {
    /// Such as `resourceGroups`.
    resource_type: &'static str,
    /// Empty: a location is free text here.
    locations: Vec<&'static str>,
    /// Versions of the API that are listed.
    api_versions: Vec<&'static str>,
}

async fn provider(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<Provider>, ApiError> {
    let subscription = api.control.subscription(&caller.principal, &path.subscription).await?;
    let known = NAMESPACES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&path.namespace));
    let Some((namespace, types)) = known else {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            ErrorCode::NotFound,
            format!("there is no resource provider `{}` here", path.namespace),
        ));
    };
    let types = types.iter().map(|resource_type| ProviderType {
        resource_type,
        locations: Vec::new(),
        api_versions: crate::query::ARM_VERSIONS.to_vec(),
    });
    Ok(Json(Provider {
        id: format!("{}/providers/{namespace}", subscription.id),
        namespace,
        registration_state: "Registered",
        resource_types: types.collect(),
    }))
}

/// Every namespace is registered from the start; asking for it takes the role all the same.
async fn register(
    State(api): State<Api>,
    caller: ArmCaller,
    path: Segments<Path>,
) -> Result<Json<Provider>, ApiError> {
    api.control.may_change_subscription(&caller.principal, &path.0.subscription).await?;
    provider(State(api), caller, path).await
}

async fn groups(
    State(api): State<Api>,
    caller: ArmCaller,
    endpoint: Endpoint,
    query: Query,
    uri: Uri,
    Segments(path): Segments<Path>,
) -> Result<Json<ArmList<ResourceGroup>>, ApiError> {
    let value = api.control.resource_groups(&caller.principal, &path.subscription).await?;
    Ok(Json(page(value, &query, &uri, &endpoint)?))
}

async fn group(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Json<ResourceGroup>, ApiError> {
    let control = &api.control;
    Ok(Json(control.resource_group(&caller.principal, &path.subscription, &path.group).await?))
}

/// As documented: 204 for a group that is there, 404 for one that is not.
async fn exists(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<StatusCode, ApiError> {
    api.control.resource_group(&caller.principal, &path.subscription, &path.group).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Members of a group that a caller may send.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ResourceGroupRequest")]
pub(crate) struct SentGroup {
    location: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

impl From<SentGroup> for GroupChange {
    fn from(sent: SentGroup) -> Self {
        Self { location: sent.location, tags: sent.tags }
    }
}

async fn put_group(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
    ApiJson(sent): ApiJson<SentGroup>,
) -> Result<Response, ApiError> {
    let (group, new) = api
        .control
        .put_resource_group(&caller.principal, &path.subscription, &path.group, sent.into())
        .await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(group)).into_response())
}

async fn change_group(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
    ApiJson(sent): ApiJson<SentGroup>,
) -> Result<Json<ResourceGroup>, ApiError> {
    let control = &api.control;
    let change = sent.into();
    Ok(Json(
        control
            .patch_resource_group(&caller.principal, &path.subscription, &path.group, change)
            .await?,
    ))
}

/// An empty group is gone at once; one that holds something is 409 and names it.
async fn delete_group(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<StatusCode, ApiError> {
    let control = &api.control;
    control.delete_resource_group(&caller.principal, &path.subscription, &path.group).await?;
    Ok(StatusCode::OK)
}
