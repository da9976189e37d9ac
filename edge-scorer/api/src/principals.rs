//! `/api/servicePrincipals`: the clients that sign in with a secret, their secrets and their roles.
//!
//! Everything here needs the role Owner. A secret is in the answer that made it and nowhere else.

use axum::{
    Json,
    extract::State,
    response::Response,
    routing::{delete, get, post},
};
use hyper::StatusCode;
use serde::Deserialize;
use shared::{
    ArmList, NewSecret, NewServicePrincipal, RoleAssignment, SecretSummary, ServicePrincipal,
    ServicePrincipalRequest, paths,
};

use crate::{
    auth::{Caller, Id, Segments},
    body::ApiJson,
    error::ApiError,
    links::deleted,
    routes::Routes,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    let below = |rest: &str| format!("{}{rest}", paths::SERVICE_PRINCIPALS);
    Routes::default()
        .at(paths::SERVICE_PRINCIPALS, get(list).post(create))
        .at(&below("/{id}"), delete(remove))
        .at(&below("/{id}/secrets"), post(add_secret))
        .at(&below("/{id}/secrets/{secret}"), delete(remove_secret))
        .at(&below("/{id}/roles"), post(assign).delete(unassign))
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
    let principals = api.control.service_principals(&caller).await?;
    let value = principals.into_iter().map(shown).collect();
    Ok(Json(ArmList { value, next_link: None }))
}

async fn create(
    State(api): State<Api>,
    Caller(caller): Caller,
    ApiJson(request): ApiJson<ServicePrincipalRequest>,
) -> Result<(StatusCode, Json<NewServicePrincipal>), ApiError> {
    let (made, secret) =
        api.control.create_service_principal(&caller, &request.display_name).await?;
    let mut principal = shown(made);
    for role in request.roles {
        // A role that may not be given leaves no half-made client behind.
        if let Err(error) = api.control.assign_role(&caller, &principal.id, role.clone()).await {
            api.control.delete_service_principal(&caller, &principal.id).await?;
            return Err(error.into());
        }
        principal.roles.push(role);
    }
    let made = NewServicePrincipal { principal, secret: once(secret) };
    Ok((StatusCode::CREATED, Json(made)))
}

async fn remove(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.delete_service_principal(&caller, &id).await?))
}

async fn add_secret(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
) -> Result<(StatusCode, Json<NewSecret>), ApiError> {
    let secret = api.control.add_secret(&caller, &id).await?;
    Ok((StatusCode::CREATED, Json(once(secret))))
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

fn shown(principal: control::ServicePrincipal) -> ServicePrincipal {
    let secrets = principal.secrets.into_iter();
    ServicePrincipal {
        id: principal.id,
        client_id: principal.client_id,
        display_name: principal.display_name,
        created_at: principal.created_at,
        secrets: secrets.map(|(id, expires_at)| SecretSummary { id, expires_at }).collect(),
        roles: principal.roles,
    }
}

fn once(secret: control::NewSecret) -> NewSecret {
    NewSecret { id: secret.id, secret: secret.secret, expires_at: secret.expires_at }
}
