//! `…/Microsoft.MachineLearningModelManagement/accounts`: model management accounts, as ARM has them.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use control::AccountChange;
use hyper::{StatusCode, Uri};
use serde::Deserialize;
use shared::{Account, ArmList, Sku};

use crate::{
    auth::Segments,
    body::ApiJson,
    error::ApiError,
    host::Endpoint,
    links::{Linked as _, deleted},
    pages::page,
    query::Query,
    routes::Routes,
    state::Api,
    subscriptions::ArmCaller,
};

const ONE: &str = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningModelManagement/accounts/{account}";
const OF_GROUP: &str = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningModelManagement/accounts";
const OF_SUBSCRIPTION: &str =
    "/subscriptions/{subscription}/providers/Microsoft.MachineLearningModelManagement/accounts";

pub(crate) fn routes() -> Routes {
    Routes::default()
        .at(OF_SUBSCRIPTION, get(list))
        .at(OF_GROUP, get(list))
        .at(ONE, get(show).put(put).patch(change).delete(delete))
}

#[derive(Deserialize)]
struct Path {
    subscription: String,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    account: String,
}

impl Path {
    fn group(&self) -> &str {
        self.group.as_deref().unwrap_or_default()
    }
}

/// Members of an account that a caller may send.
#[derive(Deserialize, schemars::JsonSchema)]
#[schemars(rename = "AccountRequest")]
pub(crate) struct Sent {
    location: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    sku: Option<Sku>,
    properties: Option<SentProperties>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[schemars(rename = "AccountRequestProperties")]
struct SentProperties {
    description: Option<String>,
}

impl From<Sent> for AccountChange {
    fn from(sent: Sent) -> Self {
        Self {
            location: sent.location,
            tags: sent.tags,
            sku: sent.sku,
            description: sent.properties.and_then(|properties| properties.description),
        }
    }
}

async fn list(
    State(api): State<Api>,
    caller: ArmCaller,
    endpoint: Endpoint,
    query: Query,
    uri: Uri,
    Segments(path): Segments<Path>,
) -> Result<Json<ArmList<Account>>, ApiError> {
    let group = path.group.as_deref();
    let mut value = api.control.accounts(&caller.principal, &path.subscription, group).await?;
    for account in &mut value {
        account.link(&endpoint);
    }
    Ok(Json(page(value, &query, &uri, &endpoint)?))
}

async fn show(
    State(api): State<Api>,
    caller: ArmCaller,
    endpoint: Endpoint,
    Segments(path): Segments<Path>,
) -> Result<Json<Account>, ApiError> {
    let control = &api.control;
    let mut account =
        control.account(&caller.principal, &path.subscription, path.group(), &path.account).await?;
    account.link(&endpoint);
    Ok(Json(account))
}

async fn put(
    State(api): State<Api>,
    caller: ArmCaller,
    endpoint: Endpoint,
    Segments(path): Segments<Path>,
    ApiJson(sent): ApiJson<Sent>,
) -> Result<Response, ApiError> {
    let control = &api.control;
    let (mut account, new) = control
        .put_account(
            &caller.principal,
            &path.subscription,
            path.group(),
            &path.account,
            sent.into(),
        )
        .await?;
    account.link(&endpoint);
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(account)).into_response())
}

async fn change(
    State(api): State<Api>,
    caller: ArmCaller,
    endpoint: Endpoint,
    Segments(path): Segments<Path>,
    ApiJson(sent): ApiJson<Sent>,
) -> Result<Json<Account>, ApiError> {
    let control = &api.control;
    let mut account = control
        .patch_account(
            &caller.principal,
            &path.subscription,
            path.group(),
            &path.account,
            sent.into(),
        )
        .await?;
    account.link(&endpoint);
    Ok(Json(account))
}

async fn delete(
    State(api): State<Api>,
    caller: ArmCaller,
    Segments(path): Segments<Path>,
) -> Result<Response, ApiError> {
    let control = &api.control;
    let existed = control
        .delete_account(&caller.principal, &path.subscription, path.group(), &path.account)
        .await?;
    Ok(deleted(existed))
}
