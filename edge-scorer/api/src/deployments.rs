//! `{B}/deployments`: what services have served, and when.

use axum::{Json, extract::State, response::Response, routing::get};
use control::DeploymentFilter;
use hyper::header::{HeaderValue, LINK};
use shared::Deployment;

use crate::{
    auth::{Account, Id, Segments},
    error::ApiError,
    lists::{list_query, written},
    routes::Routes,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .in_account("/deployments", get(list))
        .in_account("/deployments/{id}", get(show))
}

/// A bare array; the next page's address is in a `Link` header.
async fn list(State(api): State<Api>, account: Account) -> Result<Response, ApiError> {
    let query = &account.query;
    let filter = DeploymentFilter { service_id: query.text("serviceId") };
    let listed = api.control.deployments(&account.access, &filter, &list_query(query)).await?;
    let next = listed.next.as_deref().map(|token| account.next_link(token));
    let mut response = written(&listed.value)?;
    if let Some(next) = next
        && let Ok(link) = HeaderValue::try_from(format!("<{next}>; rel=\"next\""))
    {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

async fn show(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Deployment>, ApiError> {
    Ok(Json(api.control.deployment(&account.access, &id).await?))
}
