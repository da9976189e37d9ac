//! `{B}/artifacts/{path}`: model bytes, streamed in and out.

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use control::StoreOutcome;
use hyper::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use shared::StoredArtifact;

use crate::{
    auth::{Account, LinkedAccount, Segments},
    content,
    error::ApiError,
    links::deleted,
    routes::Routes,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    Routes::default().in_account("/artifacts/{*path}", get(fetch).put(store).delete(delete))
}

#[derive(Deserialize)]
struct ArtifactPath {
    path: String,
}

/// The bytes are hashed as they come and never held in memory as a whole.
async fn store(
    State(api): State<Api>,
    account: Account,
    Segments(ArtifactPath { path }): Segments<ArtifactPath>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let limit = api.config.limits.artifact_bytes;
    let announced = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(ApiError::too_large("an artifact", limit));
    }
    let sha256 = parts.headers.get("x-content-sha256").and_then(|value| value.to_str().ok());

    let bytes = body.into_data_stream();
    let (stored, outcome) =
        api.control.store_artifact(&account.access, &path, sha256, bytes).await?;
    Ok(kept(&account, stored, outcome))
}

/// 201 when the bytes are new, 200 when they were there already.
pub(crate) fn kept(account: &Account, stored: StoredArtifact, outcome: StoreOutcome) -> Response {
    let status = match outcome {
        StoreOutcome::Created => StatusCode::CREATED,
        StoreOutcome::Unchanged => StatusCode::OK,
    };
    let Json(stored) = account.show(stored);
    (status, Json(stored)).into_response()
}

/// The address that we hand out names the bytes and no `api-version`.
async fn fetch(
    State(api): State<Api>,
    LinkedAccount(account): LinkedAccount,
    Segments(ArtifactPath { path }): Segments<ArtifactPath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let sha256 = account.query.get("sha256");
    let bytes = api.control.artifact(&account.access, &path, sha256).await?;
    let name = path.rsplit('/').next();
    Ok(content::answer(&method, &headers, &bytes, name))
}

async fn delete(
    State(api): State<Api>,
    account: Account,
    Segments(ArtifactPath { path }): Segments<ArtifactPath>,
) -> Result<Response, ApiError> {
    let sha256 = account.query.get("sha256");
    Ok(deleted(api.control.delete_artifact(&account.access, &path, sha256).await?))
}
