//! `POST /workspaces/{w}/services/{s}/execute`: the request-response service.
//!
//! Any document that the scoring path takes is answered with a table; the column names and types
//! only with `details=true`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequestParts as _, Request, State},
    response::Response,
    routing::post,
};
use control::{Call, ServedService, Stage};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use shared::ErrorCode;

use super::{caller, document, frame::Frame, media, run, table};
use crate::{auth::Segments, encoding, error::ApiError, query::Query, routes::Routes, state::Api};

pub(super) fn routes() -> Routes {
    Routes::default().at("/workspaces/{workspace}/services/{service}/execute", post(execute))
}

#[derive(Deserialize)]
struct Names {
    workspace: String,
    service: String,
}

async fn execute(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let Segments(names) = Segments::<Names>::from_request_parts(&mut parts, &api).await?;
    let found = find(api.control.routes().all(), &names);
    let service = caller::admit(&api, found, &names.service, &mut parts).await?;
    let details = Query::of(&parts.uri)?
        .get("details")
        .is_some_and(|details| details.eq_ignore_ascii_case("true"));
    let detail = if details { table::Detail::NamesAndTypes } else { table::Detail::Values };
    let mut call = service.begin();
    let answer = answer_call(&api, &service, &mut call, &parts.headers, body, detail).await;
    run::counted(call, &answer);
    answer
}

async fn answer_call(
    api: &Api,
    service: &ServedService,
    call: &mut Call<'_>,
    headers: &HeaderMap,
    body: Body,
    detail: table::Detail,
) -> Result<Response, ApiError> {
    let body = media::read_json(api, headers, body).await?;
    let scorer = service.scorer().await?;
    call.received();

    let signature = scorer.module().signature().clone();
    let read = run::work(run::is_short(&body), {
        let signature = signature.clone();
        move || document::read(&body, &Frame::of(&signature))
    });
    let inputs = read.await??.inputs;
    call.passed(Stage::Parse);
    let write = move |outputs: &[engine::Tensor]| {
        let mut out = Vec::with_capacity(256);
        table::write(&mut out, &signature, outputs, detail);
        out
    };
    let scored = run::score(service, call, scorer, inputs.tensors, inputs.rows, write).await;
    encoding::answer(headers, media::JSON, scored.map_err(module_error)?).await
}

/// A value that the model itself refuses is this service's `ModuleExecutionError`.
fn module_error(mut error: ApiError) -> ApiError {
    if error.status == StatusCode::BAD_REQUEST {
        error.code = ErrorCode::ScorerFailed;
    }
    error
}

/// By id or name, in the account that the path names.
///
/// The path may name a workspace instead, which holds no services: then the service is taken that
/// has this name on this server.
fn find(services: Vec<Arc<ServedService>>, names: &Names) -> Option<Arc<ServedService>> {
    let in_account = |service: &ServedService| {
        let account = service.scope.as_str().rsplit('/').next().unwrap_or_default();
        account.eq_ignore_ascii_case(&names.workspace)
    };
    let id = |service: &ServedService| service.id.to_string().eq_ignore_ascii_case(&names.service);
    let by =
        |wanted: &dyn Fn(&ServedService) -> bool| services.iter().find(|service| wanted(service));
    by(&|service| id(service))
        .or_else(|| by(&|service| in_account(service) && service.name == names.service))
        .or_else(|| by(&|service| service.public_name == names.service))
        .map(Arc::clone)
}
