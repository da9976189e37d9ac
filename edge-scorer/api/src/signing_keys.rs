//! `/api/signingKeys`: the keys that sign access tokens, and putting a new one in their place.
//!
//! Everything here needs the role Owner. What verifies tokens is public: `/{tenant}/discovery/keys`.

use axum::{Json, extract::State, routing::get, routing::post};
use hyper::StatusCode;
use shared::{ArmList, SigningKeySummary, paths};

use crate::{auth::Caller, error::ApiError, routes::Routes, state::Api};

pub(crate) fn routes() -> Routes {
    Routes::default().at(paths::SIGNING_KEYS, get(list)).at(paths::ROTATE_SIGNING_KEY, post(rotate))
}

async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
) -> Result<Json<ArmList<SigningKeySummary>>, ApiError> {
    Ok(Json(ArmList { value: api.control.signing_keys(&caller)?, next_link: None }))
}

async fn rotate(
    State(api): State<Api>,
    Caller(caller): Caller,
) -> Result<(StatusCode, Json<SigningKeySummary>), ApiError> {
    Ok((StatusCode::CREATED, Json(api.control.rotate_signing_key(&caller).await?)))
}
