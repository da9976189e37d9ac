//! `{B}/models`: registered models.

use axum::{Json, extract::State, response::Response, routing::get};
use control::ModelFilter;
use shared::{Graph, GraphCosts, Model, ModelPatch, ModelRequest};

use crate::{
    auth::{Account, Id, Segments},
    body::ApiJson,
    error::ApiError,
    links::deleted,
    lists::{list_query, written},
    routes::Routes,
    signatures::Described,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .in_account("/models", get(list).post(register))
        .in_account("/models/{id}", get(show).patch(change).delete(delete))
        .in_account("/models/{id}/signature", get(signature))
        .in_account("/models/{id}/graph", get(graph))
        .in_account("/models/{id}/costs", get(costs))
}

async fn register(
    State(api): State<Api>,
    account: Account,
    ApiJson(mut request): ApiJson<ModelRequest>,
) -> Result<Json<Model>, ApiError> {
    // Our own artefacts are known by their path: the endpoint is what this caller calls us.
    request.url = account.endpoint.relative(&request.url, &api.config);
    let model = api.control.register_model(&account.access, request).await?;
    Ok(account.show(model))
}

async fn list(State(api): State<Api>, account: Account) -> Result<Response, ApiError> {
    let query = &account.query;
    let filter = ModelFilter { name: query.text("name"), tag: query.text("tag") };
    let listed = api.control.models(&account.access, &filter, &list_query(query)).await?;
    written(&account.page(listed))
}

async fn show(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Model>, ApiError> {
    Ok(account.show(api.control.model(&account.access, &id).await?))
}

/// Ours: the documented calls never change a registered model.
async fn change(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
    ApiJson(patch): ApiJson<ModelPatch>,
) -> Result<Json<Model>, ApiError> {
    Ok(account.show(api.control.change_model(&account.access, &id, patch).await?))
}

async fn signature(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Described>, ApiError> {
    let check = api.control.model_signature(&account.access, &id).await?;
    Ok(Json(check.into()))
}

async fn graph(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Graph>, ApiError> {
    Ok(Json(api.control.model_graph(&account.access, &id).await?))
}

/// Takes as long as compiling the model does, and half a second besides.
async fn costs(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<GraphCosts>, ApiError> {
    Ok(Json(api.control.model_costs(&account.access, &id).await?))
}

async fn delete(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.delete_model(&account.access, &id).await?))
}
