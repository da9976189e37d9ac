//! Which service is called, and whether the caller may.
//!
//! A service's own key is tried first: it is one hash and needs no signature to be verified.
//!
//! # Invariants
//! - Nobody who sends no credentials at all learns whether a service exists. Who sends a key is told
//!   404 or 401, as documented.

use std::sync::Arc;

use axum::{extract::FromRequestParts as _, http::request::Parts};
use control::{Action, ServedService};
use hyper::{HeaderMap, header};
use shared::ErrorCode;

use crate::{
    auth::{self, Caller},
    error::ApiError,
    state::Api,
};

/// The service of this public name, if the caller may call it.
pub(super) async fn enter(
    api: &Api,
    name: &str,
    parts: &mut Parts,
) -> Result<Arc<ServedService>, ApiError> {
    admit(api, api.control.routes().get(name), name, parts).await
}

/// `service`, if there is one and the caller may call it; `name` is what the caller called it.
///
/// A service that the caller has no role at looks like one that does not exist.
pub(super) async fn admit(
    api: &Api,
    service: Option<Arc<ServedService>>,
    name: &str,
    parts: &mut Parts,
) -> Result<Arc<ServedService>, ApiError> {
    let unknown = || {
        ApiError::not_found(format!("there is no service `{name}`")).advise(
            "CheckTheName",
            "GET the account's services; `scoringUri` says where each answers",
        )
    };
    let key = key(&parts.headers);
    let keyed = key.is_some();
    let service = match service {
        Some(service) if key.is_some_and(|key| service.opens_with(key)) => return Ok(service),
        None if key.is_some() => return Err(unknown()),
        other => other,
    };
    let Caller(principal) =
        Caller::from_request_parts(parts, api).await.map_err(|refusal| explain(refusal, keyed))?;
    let service = service.ok_or_else(unknown)?;
    if service.open_to(&principal) {
        return Ok(service);
    }
    if principal.may(Action::Read, &service.scope) {
        return Err(ApiError::forbidden(
            "this needs the role Scorer or more on the service's account",
        )
        .advise("AskAnOwner", "ask an owner for the role Scorer, or use a key of the service"));
    }
    Err(unknown())
}

fn key(headers: &HeaderMap) -> Option<&str> {
    auth::bearer(headers.get(header::AUTHORIZATION)?.to_str().ok()?)
}

/// Says what a caller of a service may send.
fn explain(mut refusal: ApiError, keyed: bool) -> ApiError {
    if refusal.status == hyper::StatusCode::UNAUTHORIZED {
        if keyed && refusal.code == ErrorCode::AuthenticationFailed {
            "the key is not one of the service's, and no access token either"
                .clone_into(&mut refusal.message);
        }
        refusal.details.clear();
        return refusal.advise(
            "SendAKey",
            "send `Authorization: Bearer <key>` with the service's primary or secondary key, or an access token",
        );
    }
    refusal
}
