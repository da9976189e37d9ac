//! Metrics: the history in Azure Monitor's shape, live streams, and `/metrics` for scrapers.
//!
//! `/metrics` tells of every account, so it is for those who may read the first subscription;
//! Prometheus gets such a token by itself (`oauth2` in its scrape configuration). A listener of its
//! own, which the operator opens with `--metrics-listen`, asks for nothing and serves nothing else.

mod accept;
mod families;
mod native;
mod text;

use axum::{
    Json, Router, body::Body, extract::State, http::HeaderMap, response::Response, routing::get,
};
use control::{LiveFrom, MetricsQuery};
use hyper::{
    StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use shared::metrics::{LIVE_SECONDS, MetricsResponse, SECOND};

pub(crate) use self::families::HttpMeter;
use crate::{
    auth::{Account, Caller, Id, LinkedAccount, Segments},
    error::ApiError,
    events::{Closing, numbered},
    query::Query,
    routes::Routes,
    state::Api,
};

/// What a browser sends when it connects again.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(crate) fn routes() -> Routes {
    Routes::default()
        .in_account("/metrics", get(account_history))
        .in_account("/metrics/live", get(account_live))
        .in_account("/services/{id}/metrics", get(service_history))
        .in_account("/services/{id}/metrics/live", get(service_live))
        .at("/metrics", get(scrape))
}

/// The listener that serves `/metrics` alone.
pub(crate) fn open_to_all(api: Api) -> Router {
    Router::new().route("/metrics", get(scrape_openly)).with_state(api)
}

fn question(query: &Query) -> MetricsQuery {
    MetricsQuery {
        timespan: query.text("timespan"),
        interval: query.text("interval"),
        metric_names: query.text("metricnames"),
        aggregation: query.text("aggregation"),
    }
}

async fn account_history(
    State(api): State<Api>,
    account: Account,
) -> Result<Json<MetricsResponse>, ApiError> {
    Ok(Json(api.control.account_metrics(&account.access, &question(&account.query)).await?))
}

async fn service_history(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<MetricsResponse>, ApiError> {
    let query = question(&account.query);
    Ok(Json(api.control.service_metrics(&account.access, &id, &query).await?))
}

async fn account_live(
    State(api): State<Api>,
    LinkedAccount(account): LinkedAccount,
    headers: HeaderMap,
    closing: Closing,
) -> Result<Response, ApiError> {
    let from = from(&headers, &account.query)?;
    let seconds = api.control.live_account_metrics(&account.access, from)?;
    Ok(numbered(SECOND, seconds, closing))
}

async fn service_live(
    State(api): State<Api>,
    LinkedAccount(account): LinkedAccount,
    Segments(Id { id }): Segments<Id>,
    headers: HeaderMap,
    closing: Closing,
) -> Result<Response, ApiError> {
    let from = from(&headers, &account.query)?;
    let seconds = api.control.live_service_metrics(&account.access, &id, from).await?;
    Ok(numbered(SECOND, seconds, closing))
}

/// A reader that comes back says what it saw last; a new one how much of the past it wants.
fn from(headers: &HeaderMap, query: &Query) -> Result<LiveFrom, ApiError> {
    let seen = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    if let Some(seen) = seen.and_then(|id| id.trim().parse().ok()) {
        return Ok(LiveFrom::After(seen));
    }
    match query.get("last").unwrap_or("0").parse::<u32>() {
        Ok(seconds) if seconds <= LIVE_SECONDS => Ok(LiveFrom::Last(seconds)),
        _ => Err(ApiError::invalid(format!("`last` is not a number from 0 to {LIVE_SECONDS}"))
            .advise("AskForHistory", "what is older is in the history, one path above")),
    }
}

async fn scrape(
    State(api): State<Api>,
    Caller(principal): Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !api.control.may_read_all_metrics(&principal) {
        return Err(ApiError::forbidden("metrics of all accounts need the role Reader").advise(
            "AskAnOwner",
            "ask for the role Reader at the subscription, or start the server with `--metrics-listen`",
        ));
    }
    exposition(&api, &headers).await
}

async fn scrape_openly(State(api): State<Api>, headers: HeaderMap) -> Response {
    exposition(&api, &headers).await.unwrap_or_else(|failure| {
        tracing::error!(cause = ?failure.cause, "metrics could not be read");
        let mut response = Response::new(Body::from(failure.message));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

async fn exposition(api: &Api, headers: &HeaderMap) -> Result<Response, ApiError> {
    let mut exposed = families::build(&api.config.build);
    exposed.extend(api.control.exposed_metrics().await?);
    exposed.extend(api.http.exposed());
    let (content_type, body) = if accept::wants_protobuf(headers) {
        (native::CONTENT_TYPE, native::write(&exposed))
    } else {
        (text::CONTENT_TYPE, text::write(&exposed).into_bytes())
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}
