//! `{B}/images`: models compiled and packed, their logs and their bytes.

use axum::{
    Json,
    extract::{FromRequestParts as _, Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use control::ImageFilter;
use hyper::{
    HeaderMap, Method,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;
use shared::{Image, ImageRequest};

use crate::{
    auth::{Account, Id, LinkedAccount, Segments},
    body::ApiJson,
    content,
    error::ApiError,
    links::deleted,
    lists::{list_query, written},
    query::Query,
    routes::Routes,
    signatures::Described,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .in_account("/images", get(list).post(create))
        .in_account("/images/{id}", get(show).delete(delete))
        .in_account("/images/{id}/signature", get(signature))
        .in_account("/images/{id}/log", get(log))
        .in_account("/images/{id}/module.wasm", get(module))
        .in_account("/images/{id}/portable.wasm", get(portable_module))
        .in_account("/images/{id}/content", get(layout))
}

async fn create(
    State(api): State<Api>,
    account: Account,
    ApiJson(request): ApiJson<ImageRequest>,
) -> Result<Response, ApiError> {
    Ok(account.accepted(api.control.create_image(&account.access, request).await?))
}

async fn list(State(api): State<Api>, account: Account) -> Result<Response, ApiError> {
    let query = &account.query;
    let filter = ImageFilter {
        manifest_id: query.text("manifestId"),
        manifest_name: query.text("manifestName"),
    };
    let listed = api.control.images(&account.access, &filter, &list_query(query)).await?;
    written(&account.page(listed))
}

async fn show(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Image>, ApiError> {
    Ok(account.show(api.control.image(&account.access, &id).await?))
}

async fn signature(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Described>, ApiError> {
    let check = api.control.image_signature(&account.access, &id).await?;
    Ok(Json(check.into()))
}

#[derive(Deserialize)]
struct LogPath {
    subscription: String,
    group: String,
    account: String,
    id: String,
}

/// With the link's signature nobody needs credentials; without it, the usual rules hold.
async fn log(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let query = Query::of(&parts.uri)?;
    let Segments(path) = Segments::<LogPath>::from_request_parts(&mut parts, &api).await?;
    let text = match (query.get("se"), query.get("sig")) {
        (Some(expires), Some(signature)) => {
            let LogPath { subscription, group, account, id } = &path;
            let control = &api.control;
            control.image_log_by_link(subscription, group, account, id, expires, signature).await?
        }
        _ => {
            let LinkedAccount(account) =
                LinkedAccount::from_request_parts(&mut parts, &api).await?;
            api.control.image_log(&account.access, &path.id).await?
        }
    };
    let plain = [(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))];
    Ok((plain, text).into_response())
}

async fn module(
    State(api): State<Api>,
    LinkedAccount(account): LinkedAccount,
    Segments(Id { id }): Segments<Id>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let bytes = api.control.image_module(&account.access, &id).await?;
    Ok(content::answer(&method, &headers, &bytes, Some(&format!("{id}.wasm"))))
}

/// The same model for engines without relaxed SIMD, such as some browsers.
async fn portable_module(
    State(api): State<Api>,
    LinkedAccount(account): LinkedAccount,
    Segments(Id { id }): Segments<Id>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let bytes = api.control.image_portable_module(&account.access, &id).await?;
    Ok(content::answer(&method, &headers, &bytes, Some(&format!("{id}.portable.wasm"))))
}

async fn layout(
    State(api): State<Api>,
    LinkedAccount(account): LinkedAccount,
    Segments(Id { id }): Segments<Id>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let bytes = api.control.image_content(&account.access, &id).await?;
    Ok(content::answer(&method, &headers, &bytes, Some(&format!("{id}.oci.tar"))))
}

async fn delete(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.delete_image(&account.access, &id).await?))
}
