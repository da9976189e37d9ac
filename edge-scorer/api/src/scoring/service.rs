//! `/api/v1/service/{name}`: scores, whether the service is there, and its description.

use axum::{
    body::Body,
    extract::{FromRequestParts as _, Request, State},
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use control::{Call, ServedService, Stage};
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderValue},
};
use serde::Deserialize;

use super::{answer, caller, document, frame::Frame, run, swagger};
use crate::{
    auth::Segments, body, error::ApiError, host::Endpoint, query::Query, routes::Routes, state::Api,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at("/api/v1/service/{name}", get(health))
        .at("/api/v1/service/{name}/score", post(score))
        .at("/api/v1/service/{name}/swagger.json", get(describe))
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

async fn score(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let Segments(Name { name }) = Segments::from_request_parts(&mut parts, &api).await?;
    let service = caller::enter(&api, &name, &mut parts).await?;
    let mut call = service.begin();
    let answer = answer_call(&api, &service, &mut call, &parts.headers, body).await;
    run::counted(call, &answer);
    answer
}

async fn answer_call(
    api: &Api,
    service: &ServedService,
    call: &mut Call<'_>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = read_json(api, headers, body).await?;
    let scorer = service.scorer().await?;
    call.received();

    let signature = scorer.module().signature().clone();
    let document = run::work(run::is_short(&body), {
        let signature = signature.clone();
        move || {
            let document = document::read(&body, &Frame::of(&signature))?;
            let plan = answer::plan(&signature, document.dialect, document.method)?;
            Ok::<_, super::refusal::Refusal>((document, plan))
        }
    });
    let (document, plan) = document.await??;
    let (dialect, inputs) = (document.dialect, document.inputs);
    call.passed(Stage::Parse);
    let write = move |outputs: &[engine::Tensor]| {
        let mut out = Vec::with_capacity(256);
        answer::write(&mut out, &signature, dialect, plan, outputs);
        out
    };
    run::score(service, call, scorer, inputs.tensors, inputs.rows, write).await.map(json)
}

/// `"Healthy"`: the service exists and its caller may call it.
async fn health(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let Segments(Name { name }) = Segments::from_request_parts(&mut parts, &api).await?;
    caller::enter(&api, &name, &mut parts).await?;
    Ok(json(b"\"Healthy\"".to_vec()))
}

async fn describe(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let Segments(Name { name }) = Segments::from_request_parts(&mut parts, &api).await?;
    let service = caller::enter(&api, &name, &mut parts).await?;
    let endpoint = Endpoint::from_request_parts(&mut parts, &api).await?;
    let form = match Query::of(&parts.uri)?.get("version") {
        None | Some("2" | "2.0") => swagger::Form::Swagger2,
        Some("3" | "3.1" | "3.1.0") => swagger::Form::OpenApi31,
        Some(other) => {
            return Err(ApiError::invalid(format!("there is no description of version `{other}`"))
                .advise("UseAKnownVersion", "known versions: 2 (Swagger 2.0), 3 (OpenAPI 3.1)"));
        }
    };
    let scorer = service.scorer().await?;
    let signature = scorer.module().signature().clone();

    // The example's answer is a real one, if the model gives any.
    let example = swagger::example(&signature);
    let body = serde_json::to_vec(&example).map_err(ApiError::internal)?;
    let answer = match document::read(&body, &Frame::of(&signature)) {
        Ok(document) => {
            let plan = answer::plan(&signature, document.dialect, None)?;
            let (signature, inputs) = (signature.clone(), document.inputs);
            let write = move |outputs: &[engine::Tensor]| {
                let mut out = Vec::new();
                answer::write(&mut out, &signature, document::Dialect::Data, plan, outputs);
                out
            };
            run::try_out(&service, scorer, inputs.tensors, inputs.rows, write).await.ok()
        }
        Err(_) => None,
    };
    let answer = answer.and_then(|answer| serde_json::from_slice(&answer).ok());
    let described = swagger::Described {
        name: &service.public_name,
        version: service.version,
        endpoint: endpoint.as_str(),
        signature: &signature,
        example,
        answer,
    };
    serde_json::to_vec(&described.document(form)).map(json).map_err(ApiError::internal)
}

/// A scoring request's body.
pub(super) async fn read_json(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, ApiError> {
    if !body::is_json(headers) {
        return Err(ApiError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    body::read(headers, body, api.config.limits.scoring_body_bytes, "a scoring request's body")
        .await
}

/// 200 with a document that is written already.
pub(super) fn json(document: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(document));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
