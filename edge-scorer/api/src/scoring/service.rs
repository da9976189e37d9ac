//! `/api/v1/service/{name}`: scores, whether the service is there, and its description.

use axum::{
    body::Body,
    extract::{FromRequestParts as _, Request, State},
    http::request::Parts,
    response::Response,
    routing::{get, post},
};
use control::{AdmissionError, Call, ServedService, Stage};
use hyper::header::{self, HeaderValue};
use serde::Deserialize;

use super::{
    answer, caller,
    document::{self, Dialect, Document},
    frame::Frame,
    media::{self, Notation},
    mlflow,
    refusal::Refusal,
    rows::Inputs,
    run, sheet, swagger,
};
use crate::{
    auth::Segments, encoding, error::ApiError, host::Endpoint, query::Query, routes::Routes,
    state::Api,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at("/api/v1/service/{name}", get(health))
        .at("/api/v1/service/{name}/score", post(score))
        .at("/api/v1/service/{name}/invocations", post(invoke))
        .at("/api/v1/service/{name}/swagger.json", get(describe))
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

async fn score(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    scored(&api, request, Route::Score).await
}

async fn invoke(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    scored(&api, request, Route::Invocations).await
}

/// Whose documents a route takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Score,
    /// Those of MLflow's scoring server.
    Invocations,
}

/// What is scored, and how its answer is written.
struct Task {
    dialect: Dialect,
    plan: answer::Plan,
    inputs: Inputs,
    csv: Option<Columns>,
}

/// Columns of an answer in CSV: every output's, or one's.
type Columns = Option<usize>;

async fn scored(api: &Api, request: Request, route: Route) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let Segments(Name { name }) = Segments::from_request_parts(&mut parts, api).await?;
    let service = caller::enter(api, &name, &mut parts).await?;
    let mut call = service.begin();
    let answer = answer_call(api, &service, &mut call, &parts, body, route).await;
    run::counted(call, &answer);
    answer
}

async fn answer_call(
    api: &Api,
    service: &ServedService,
    call: &mut Call<'_>,
    parts: &Parts,
    body: Body,
    route: Route,
) -> Result<Response, ApiError> {
    let notation = media::sent(&parts.headers)?;
    let method = match notation {
        Notation::Json => None,
        Notation::Csv(_) => {
            Query::of(&parts.uri)?.get("method").map(document::method).transpose()?
        }
    };
    let wants_csv = media::wants_csv(&parts.headers);
    let body = media::read(api, &parts.headers, body).await?;
    let scorer = service.scorer().await?;
    call.received();

    let signature = scorer.module().signature().clone();
    let task = run::work(run::is_short(&body), {
        let signature = signature.clone();
        move || {
            let frame = Frame::of(&signature);
            let Document { dialect, method, inputs } = match (notation, route) {
                (Notation::Json, Route::Score) => document::read(&body, &frame)?,
                (Notation::Json, Route::Invocations) => mlflow::read(&body, &frame)?,
                (Notation::Csv(header), route) => Document {
                    dialect: match route {
                        Route::Score => Dialect::Data,
                        Route::Invocations => Dialect::Invocation,
                    },
                    method,
                    inputs: sheet::read(&body, header, &frame)?,
                },
            };
            let plan = answer::plan(&signature, dialect, method)?;
            let csv = wants_csv.then(|| answer::columns(plan, method)).transpose()?;
            Ok::<_, Refusal>(Task { dialect, plan, inputs, csv })
        }
    });
    let Task { dialect, plan, inputs, csv } = task.await??;
    call.passed(Stage::Parse);
    let write = move |outputs: &[engine::Tensor]| match csv {
        Some(columns) => sheet::answer(&signature, columns, outputs),
        None => {
            let mut out = Vec::with_capacity(256);
            answer::write(&mut out, &signature, dialect, plan, outputs);
            Ok(out)
        }
    };
    let answer = run::score(service, call, scorer, inputs.tensors, inputs.rows, write).await??;
    let media = if csv.is_some() { media::CSV } else { media::JSON };
    encoding::answer(&parts.headers, media, answer).await
}

/// `"Healthy"`: the service exists, its caller may call it, and it would answer.
async fn health(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    let Segments(Name { name }) = Segments::from_request_parts(&mut parts, &api).await?;
    if caller::enter(&api, &name, &mut parts).await?.is_stopped() {
        return Err(AdmissionError::Stopped.into());
    }
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

/// 200 with a document that is written already.
pub(super) fn json(document: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(document));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
