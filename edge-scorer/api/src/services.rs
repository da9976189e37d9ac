//! `{B}/services`: deployed images, their settings and keys.

use axum::{
    Json,
    extract::State,
    response::Response,
    routing::{get, post},
};
use control::ServiceFilter;
use shared::{
    AuthKeys, KeyType, Page, RegenerateKeysRequest, Service, ServiceCreateRequest,
    ServiceUpdateRequest,
};

use crate::{
    auth::{Account, Id, LinkedAccount, Segments},
    body::{ApiJson, OptionalJson},
    error::ApiError,
    events::{Closing, stream},
    links::deleted,
    lists::list_query,
    routes::Routes,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .in_account("/services", get(list).post(create))
        .in_account("/services/{id}", get(show).put(update).delete(delete))
        .in_account("/services/{id}/keys", get(keys).post(regenerate))
        .in_account("/services/{id}/regenerateKeys", post(regenerate))
        .in_account("/services/{id}/events", get(events))
}

async fn create(
    State(api): State<Api>,
    account: Account,
    ApiJson(request): ApiJson<ServiceCreateRequest>,
) -> Result<Response, ApiError> {
    Ok(account.accepted(api.control.create_service(&account.access, request).await?))
}

async fn list(State(api): State<Api>, account: Account) -> Result<Json<Page<Service>>, ApiError> {
    let query = &account.query;
    let filter = ServiceFilter {
        service_name: query.text("serviceName"),
        model_id: query.text("modelId"),
        model_name: query.text("modelName"),
        manifest_id: query.text("manifestId"),
        manifest_name: query.text("manifestName"),
        image_id: query.text("imageId"),
        compute_resource_id: query.text("computeResourceId"),
    };
    let listed = api.control.services(&account.access, &filter, &list_query(query)).await?;
    Ok(account.page(listed))
}

async fn show(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Service>, ApiError> {
    Ok(account.show(api.control.service(&account.access, &id).await?))
}

async fn update(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
    ApiJson(request): ApiJson<ServiceUpdateRequest>,
) -> Result<Response, ApiError> {
    Ok(account.accepted(api.control.update_service(&account.access, &id, request).await?))
}

async fn delete(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.delete_service(&account.access, &id).await?))
}

async fn keys(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<AuthKeys>, ApiError> {
    Ok(Json(api.control.service_keys(&account.access, &id).await?))
}

async fn regenerate(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
    OptionalJson(request): OptionalJson<RegenerateKeysRequest>,
) -> Result<Json<AuthKeys>, ApiError> {
    let key = request.key_type.unwrap_or(KeyType::Primary);
    Ok(Json(api.control.regenerate_key(&account.access, &id, key).await?))
}

async fn events(
    State(api): State<Api>,
    LinkedAccount(account): LinkedAccount,
    Segments(Id { id }): Segments<Id>,
    closing: Closing,
) -> Result<Response, ApiError> {
    let changes = api.control.service_events(&account.access, &id).await?;
    Ok(stream("service", changes, account.endpoint, closing))
}
