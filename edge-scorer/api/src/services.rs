//! `{B}/services`: deployed images, their settings and keys.

use std::collections::HashMap;

use axum::{
    Json,
    extract::State,
    response::Response,
    routing::{get, post},
};
use control::{Parts, ServiceFilter, ServicePage};
use serde_json::value::{RawValue, to_raw_value};
use shared::{
    AuthKeys, BareService, ImageId, KeyType, Page, RegenerateKeysRequest, Service,
    ServiceCreateRequest, ServiceUpdateRequest,
};

use crate::{
    auth::{Account, Id, LinkedAccount, Segments},
    body::{ApiJson, OptionalJson},
    error::ApiError,
    events::{Closing, stream},
    links::{Linked as _, deleted},
    lists::{list_query, written},
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

async fn list(State(api): State<Api>, account: Account) -> Result<Response, ApiError> {
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
    let page = api.control.services(&account.access, &filter, &list_query(query)).await?;
    write(&account, page)
}

/// An image with what is in it, as JSON.
struct WrittenParts {
    image: Box<RawValue>,
    manifest: Box<RawValue>,
    models: Box<RawValue>,
}

/// Thousands of services can be of one image: what they have in common is written once.
fn write(account: &Account, page: ServicePage) -> Result<Response, ApiError> {
    let of_image = |(id, mut parts): (ImageId, Parts)| {
        parts.image.link(&account.endpoint);
        parts.models.link(&account.endpoint);
        let written = WrittenParts {
            manifest: to_raw_value(&parts.image.manifest)?,
            image: to_raw_value(&parts.image)?,
            models: to_raw_value(&parts.models)?,
        };
        Ok((id, written))
    };
    let parts = page.parts.into_iter().map(of_image).collect::<Result<HashMap<_, _>, _>>();
    let parts = parts.map_err(|error: serde_json::Error| ApiError::internal(error))?;
    let Page { value, next_link, count } = account.page(page.listed);
    let with_parts = |service: BareService| {
        let parts = parts.get(&service.image_id);
        service.with_parts(
            parts.map(|parts| &parts.image),
            parts.map(|parts| &parts.manifest),
            parts.map(|parts| &parts.models),
        )
    };
    let value = value.into_iter().map(with_parts).collect();
    written(&Page { value, next_link, count })
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
