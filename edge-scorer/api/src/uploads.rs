//! `{B}/uploads`: large files in chunks that survive the connection.

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{patch, post},
};
use control::ControlError;
use hyper::{
    HeaderMap, StatusCode,
    header::{HeaderName, HeaderValue},
};
use shared::{UploadRequest, UploadStarted};

use crate::{
    artifacts::kept,
    auth::{Account, Id, Segments},
    body::{self, ApiJson},
    error::ApiError,
    links::deleted,
    routes::Routes,
    state::Api,
};

/// Where the next chunk begins.
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

pub(crate) fn routes() -> Routes {
    Routes::default()
        .in_account("/uploads", post(begin))
        .in_account("/uploads/{id}", patch(append).head(offset).delete(abandon))
        .in_account("/uploads/{id}/complete", post(complete))
}

async fn begin(
    State(api): State<Api>,
    account: Account,
    ApiJson(request): ApiJson<UploadRequest>,
) -> Result<(StatusCode, Json<UploadStarted>), ApiError> {
    let started = api.control.begin_upload(&account.access, request).await?;
    Ok((StatusCode::CREATED, Json(started)))
}

async fn append(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, sent) = request.into_parts();
    let at = announced_offset(&parts.headers)?;
    let limit = api.config.limits.upload_chunk_bytes;
    let chunk = body::read(&parts.headers, sent, limit, "a chunk of an upload").await?;

    match api.control.append_to_upload(&account.access, &id, at, chunk).await {
        Ok(offset) => Ok(at_offset(StatusCode::NO_CONTENT, offset)),
        Err(error) => refuse(error),
    }
}

/// A conflict names the offset that is right.
fn refuse(error: ControlError) -> Result<Response, ApiError> {
    let ControlError::WrongOffset { expected } = error else { return Err(error.into()) };
    let mut response = ApiError::from(error).into_response();
    response.headers_mut().insert(UPLOAD_OFFSET, HeaderValue::from(expected));
    Ok(response)
}

fn announced_offset(headers: &HeaderMap) -> Result<u64, ApiError> {
    headers
        .get(UPLOAD_OFFSET)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| {
            ApiError::invalid("the header `Upload-Offset` is missing or is not a number")
                .advise("SendTheOffset", "send the bytes acknowledged so far; HEAD tells them")
        })
}

fn at_offset(status: StatusCode, offset: u64) -> Response {
    (status, [(UPLOAD_OFFSET, HeaderValue::from(offset))]).into_response()
}

async fn offset(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    let offset = api.control.upload_offset(&account.access, &id).await?;
    Ok(at_offset(StatusCode::OK, offset))
}

async fn complete(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    match api.control.complete_upload(&account.access, &id).await {
        Ok((stored, outcome)) => Ok(kept(&account, stored, outcome)),
        Err(error) => refuse(error),
    }
}

async fn abandon(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.abandon_upload(&account.access, &id).await?))
}
