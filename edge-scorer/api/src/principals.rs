//! `/api/servicePrincipals`: the clients that sign in with a secret, their secrets and their roles.
//!
//! Everything here needs the role Owner. A secret is in the answer that made it and nowhere else.

use axum::{Json, extract::State, response::Response, routing::delete, routing::get};
use hyper::StatusCode;
use serde::Deserialize;
use shared::{
    ArmList, NewSecret, NewServicePrincipal, RoleAssignment, SecretRequest, SecretSummary,
    ServicePrincipal, ServicePrincipalRequest, paths,
};

use crate::{
    auth::{Caller, Id, Segments},
    body::{ApiJson, OptionalJson},
    error::ApiError,
    links::deleted,
    routes::Routes,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    let below = |rest: &str| format!("{}{rest}", paths::SERVICE_PRINCIPALS);
    Routes::default()
        .at(paths::SERVICE_PRINCIPALS, get(list).post(create))
        .at(&below("/{id}"), get(show).delete(remove))
        .at(&below("/{id}/secrets"), get(secrets).post(add_secret))
        .at(&below("/{id}/secrets/{secret}"), delete(remove_secret))
        .at(&below("/{id}/roles"), axum::routing::post(assign).delete(unassign))
}

#[derive(Deserialize)]
struct SecretPath {
    id: String,
    secret: String,
}

async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
) -> Result<Json<ArmList<ServicePrincipal>>, ApiError> {
    Ok(Json(ArmList { value: api.control.service_principals(&caller).await?, next_link: None }))
}

async fn show(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<ServicePrincipal>, ApiError> {
    Ok(Json(api.control.service_principal(&caller, &id).await?))
}

async fn create(
    State(api): State<Api>,
    Caller(caller): Caller,
    ApiJson(request): ApiJson<ServicePrincipalRequest>,
) -> Result<(StatusCode, Json<NewServicePrincipal>), ApiError> {
    let (principal, secret) = api
        .control
        .create_service_principal(&caller, &request.display_name, &request.roles)
        .await?;
    Ok((StatusCode::CREATED, Json(NewServicePrincipal { principal, secret })))
}

async fn remove(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.delete_service_principal(&caller, &id).await?))
}

async fn secrets(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<ArmList<SecretSummary>>, ApiError> {
    Ok(Json(ArmList { value: api.control.secrets(&caller, &id).await?, next_link: None }))
}

async fn add_secret(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
    OptionalJson(request): OptionalJson<SecretRequest>,
) -> Result<(StatusCode, Json<NewSecret>), ApiError> {
    let secret = api.control.add_secret(&caller, &id, &request).await?;
    Ok((StatusCode::CREATED, Json(secret)))
}

async fn remove_secret(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(path): Segments<SecretPath>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.delete_secret(&caller, &path.id, &path.secret).await?))
}

async fn assign(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
    ApiJson(role): ApiJson<RoleAssignment>,
) -> Result<(StatusCode, Json<RoleAssignment>), ApiError> {
    api.control.assign_role(&caller, &id, role.clone()).await?;
    Ok((StatusCode::CREATED, Json(role)))
}

async fn unassign(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
    ApiJson(role): ApiJson<RoleAssignment>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.remove_role(&caller, &id, role).await?))
}
