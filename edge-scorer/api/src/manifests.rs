//! `{B}/manifests`: which models an image is made of.

use axum::{Json, extract::State, response::Response, routing::get};
use control::ManifestFilter;
use shared::{Manifest, ManifestRequest};

use crate::{
    auth::{Account, Id, Segments},
    body::ApiJson,
    error::ApiError,
    links::deleted,
    lists::{list_query, written},
    routes::Routes,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .in_account("/manifests", get(list).post(register))
        .in_account("/manifests/{id}", get(show).delete(delete))
}

async fn register(
    State(api): State<Api>,
    account: Account,
    ApiJson(request): ApiJson<ManifestRequest>,
) -> Result<Json<Manifest>, ApiError> {
    Ok(account.show(api.control.register_manifest(&account.access, request).await?))
}

async fn list(State(api): State<Api>, account: Account) -> Result<Response, ApiError> {
    let query = &account.query;
    let filter = ManifestFilter {
        model_id: query.text("modelId"),
        manifest_name: query.text("manifestName"),
    };
    let listed = api.control.manifests(&account.access, &filter, &list_query(query)).await?;
    written(&account.page(listed))
}

async fn show(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Manifest>, ApiError> {
    Ok(account.show(api.control.manifest(&account.access, &id).await?))
}

async fn delete(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.delete_manifest(&account.access, &id).await?))
}
