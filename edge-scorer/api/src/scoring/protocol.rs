//! `/v2`: the routes of the Open Inference Protocol.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{FromRequestParts as _, Request, State},
    http::request::Parts,
    response::Response,
    routing::{get, post},
};
use control::{AdmissionError, Call, ServedService, Stage};
use engine::Scorer;
use hyper::{
    HeaderMap, StatusCode,
    header::{HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{caller, inference, media, run};
use crate::{auth::Segments, encoding, error::ApiError, routes::Routes, state::Api};

/// Bytes of a body's JSON part, where tensors follow it.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

pub(super) fn routes() -> Routes {
    Routes::default()
        .at("/v2", get(server))
        .at("/v2/health/live", get(healthy))
        // A server that routes requests has opened its store and picked its operations up.
        .at("/v2/health/ready", get(healthy))
        .at("/v2/models/{model}", get(metadata))
        .at("/v2/models/{model}/ready", get(ready))
        .at("/v2/models/{model}/infer", post(infer))
        .at("/v2/models/{model}/versions/{version}", get(metadata))
        .at("/v2/models/{model}/versions/{version}/ready", get(ready))
        .at("/v2/models/{model}/versions/{version}/infer", post(infer))
}

async fn server(State(api): State<Api>) -> Json<Value> {
    Json(json!({
        "name": "edge-scorer",
        "version": api.config.build.version,
        "extensions": ["binary_tensor_data"],
    }))
}

async fn healthy() -> StatusCode {
    StatusCode::OK
}

#[derive(Deserialize)]
struct Names {
    model: String,
    version: Option<String>,
}

/// A model that the caller may call.
struct Model {
    service: Arc<ServedService>,
    scorer: Arc<Scorer>,
    version: u64,
}

impl Model {
    async fn enter(api: &Api, parts: &mut Parts) -> Result<Self, ApiError> {
        let Segments(names) = Segments::<Names>::from_request_parts(parts, api).await?;
        let service = caller::enter(api, &names.model, parts).await?;
        let (scorer, version) = match names.version {
            None => (service.scorer().await?, service.version),
            Some(version) => {
                let unknown = || {
                    ApiError::not_found(format!(
                        "the service `{}` has served no version `{version}`",
                        names.model
                    ))
                };
                let version = version.parse().map_err(|_| unknown())?;
                if !service.versions().contains(&version) {
                    return Err(unknown());
                }
                (service.scorer_of(version).await?, version)
            }
        };
        Ok(Self { service, scorer, version })
    }
}

async fn metadata(State(api): State<Api>, request: Request) -> Result<Json<Value>, ApiError> {
    let model = Model::enter(&api, &mut request.into_parts().0).await?;
    let signature = model.scorer.module().signature();
    let versions: Vec<_> = model.service.versions().iter().map(u64::to_string).collect();
    Ok(Json(json!({
        "name": model.service.public_name,
        "versions": versions,
        "platform": "edge-scorer_wasm",
        "inputs": inference::metadata(&signature.inputs),
        "outputs": inference::metadata(&signature.outputs),
    })))
}

async fn ready(State(api): State<Api>, request: Request) -> Result<StatusCode, ApiError> {
    let model = Model::enter(&api, &mut request.into_parts().0).await?;
    if model.service.is_stopped() {
        return Err(AdmissionError::Stopped.into());
    }
    Ok(StatusCode::OK)
}

async fn infer(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let model = Model::enter(&api, &mut parts).await?;
    let mut call = model.service.begin();
    let answer = answer_call(&api, &model, &mut call, &parts.headers, body).await;
    run::counted(call, &answer);
    answer
}

async fn answer_call(
    api: &Api,
    Model { service, scorer, version }: &Model,
    call: &mut Call<'_>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let body = media::read(api, headers, body).await?;
    call.received();
    let json_bytes = match headers.get(JSON_LENGTH) {
        None => body.len(),
        Some(length) => length
            .to_str()
            .ok()
            .and_then(|length| length.trim().parse().ok())
            .filter(|length| *length <= body.len())
            .ok_or_else(|| {
                ApiError::invalid(
                    "`Inference-Header-Content-Length` is not a length within the body",
                )
            })?,
    };

    let signature = scorer.module().signature().clone();
    let asked = run::work(run::is_short(&body), {
        let signature = signature.clone();
        move || {
            let (json, bytes) = body.split_at(json_bytes);
            inference::read(json, bytes, &signature, inference::Halves::Binary)
        }
    });
    let mut asked = asked.await??;
    call.passed(Stage::Parse);
    let inputs = std::mem::take(&mut asked.inputs);
    let rows = inputs.first().and_then(|input| input.shape().first()).copied().unwrap_or(1);
    let (name, version) = (service.public_name.clone(), *version);
    let write = move |outputs: &[engine::Tensor]| {
        inference::write(&asked, Some((&name, version)), &signature, outputs)
    };
    let answer = run::score(service, call, Arc::clone(scorer), inputs, rows, write).await?;

    let media = match answer.json_bytes {
        Some(_) => "application/octet-stream",
        None => media::JSON,
    };
    let mut response = encoding::answer(headers, media, answer.body).await?;
    if let Some(length) = answer.json_bytes {
        response.headers_mut().insert(JSON_LENGTH, HeaderValue::from(length));
    }
    Ok(response)
}
