//! `{B}/services/{id}/logs`, `/traces`, `/data`: what can be seen of a service's calls.

use axum::{Json, extract::State, response::Response, routing::get};
use hyper::{HeaderMap, Method};
use serde::Deserialize;
use shared::{LogEntry, Page, TraceRecord};

use crate::{
    auth::{Account, Id, LinkedAccount, Segments},
    content,
    error::ApiError,
    lists::{list_query, written},
    query::Query,
    routes::Routes,
    state::Api,
};

/// Lines of an answer, unless the caller says otherwise.
const DEFAULT_COUNT: usize = 100;
const LARGEST_COUNT: usize = 1_000;

pub(crate) fn routes() -> Routes {
    Routes::default()
        .in_account("/services/{id}/logs", get(logs))
        .in_account("/services/{id}/traces", get(traces))
        .in_account("/services/{id}/data", get(files))
        .in_account("/services/{id}/data/{file}", get(file))
}

async fn logs(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Page<LogEntry>>, ApiError> {
    let count = count(&account.query)?;
    Ok(page(api.control.service_logs(&account.access, &id, count).await?))
}

async fn traces(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Json<Page<TraceRecord>>, ApiError> {
    let count = count(&account.query)?;
    Ok(page(api.control.service_traces(&account.access, &id, count).await?))
}

async fn files(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    let query = list_query(&account.query);
    written(&account.page(api.control.collected_files(&account.access, &id, &query).await?))
}

#[derive(Deserialize)]
struct FileOf {
    id: String,
    file: String,
}

async fn file(
    State(api): State<Api>,
    LinkedAccount(account): LinkedAccount,
    Segments(FileOf { id, file }): Segments<FileOf>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let bytes = api.control.collected_file(&account.access, &id, &file).await?;
    Ok(content::answer(&method, &headers, &bytes, Some(&format!("{file}.jsonl"))))
}

fn page<T>(value: Vec<T>) -> Json<Page<T>> {
    Json(Page { value, next_link: None, count: None })
}

fn count(query: &Query) -> Result<usize, ApiError> {
    match query.get("count") {
        None => Ok(DEFAULT_COUNT),
        Some(text) => match text.parse::<usize>() {
            Ok(count @ 1..) => Ok(count.min(LARGEST_COUNT)),
            _ => {
                Err(ApiError::invalid(format!("`count` is a whole number from 1 on, not `{text}`"))
                    .advise("FixTheRequest", "send `count=100`, or leave it out"))
            }
        },
    }
}
