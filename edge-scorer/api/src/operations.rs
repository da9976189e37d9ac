//! `{B}/operations`: long-running work.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use control::OperationFilter;
use hyper::{
    StatusCode,
    header::{HeaderValue, RETRY_AFTER},
};

use crate::{
    auth::{Account, Id, LinkedAccount, Segments},
    error::ApiError,
    events::{Closing, stream},
    lists::{list_query, written},
    routes::Routes,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .in_account("/operations", get(list))
        .in_account("/operations/events", get(events))
        .in_account("/operations/{id}", get(show))
        .in_account("/operations/{id}/cancel", post(cancel))
}

async fn list(State(api): State<Api>, account: Account) -> Result<Response, ApiError> {
    let query = &account.query;
    let filter = OperationFilter {
        state: query.text("state"),
        operation_type: query.text("operationType"),
        resource_id: query.text("resourceId"),
    };
    let listed = api.control.operations(&account.access, &filter, &list_query(query)).await?;
    written(&account.page(listed))
}

/// `Operation-Location` has no query, so `api-version` may be missing.
async fn show(
    State(api): State<Api>,
    LinkedAccount(account): LinkedAccount,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    let operation = api.control.operation(&account.access, &id).await?;
    let under_way = !operation.state.is_final();
    let mut response = account.show(operation).into_response();
    if under_way {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Ok(response)
}

async fn cancel(
    State(api): State<Api>,
    account: Account,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    api.control.cancel_operation(&account.access, &id).await?;
    let retry_after = [(RETRY_AFTER, HeaderValue::from_static("1"))];
    Ok((StatusCode::ACCEPTED, retry_after).into_response())
}

async fn events(
    State(api): State<Api>,
    LinkedAccount(account): LinkedAccount,
    closing: Closing,
) -> Result<Response, ApiError> {
    let changes = api.control.operation_events(&account.access)?;
    Ok(stream("operation", changes, account.endpoint, closing))
}
