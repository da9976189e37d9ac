//! The audit log: the layer that every management request passes, and reading what it wrote.
//!
//! The layer is put around all management routes at once ([`crate::router`]), so that no handler can
//! be forgotten. `GET /api/audit` reads the log in our own shape, and
//! `GET /subscriptions/{s}/providers/Microsoft.Insights/eventtypes/management/values` in the
//! documented one of the activity log, which existing clients ask for.

mod activity;

use axum::{
    Json,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
    routing::get,
};
use control::audit::{AuditFilter, Ending, Request as Noted};
use hyper::Method;
use shared::{AuditEntry, Page, paths};

pub(crate) use self::activity::Event;
use crate::{
    auth::Caller, error::ApiError, host::Endpoint, query::Query, request_id::RequestIds,
    routes::Routes, serve::Peer, state::Api,
};

pub(crate) fn routes() -> Routes {
    activity::routes().and(Routes::default().at(paths::AUDIT, get(list)))
}

/// Runs a request so that what it changes is in the log.
pub(crate) async fn note(State(api): State<Api>, request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let (Some(route), Some(ids)) =
        (extensions.get::<MatchedPath>(), extensions.get::<RequestIds>())
    else {
        return next.run(request).await;
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // Handing out tokens changes nothing and happens often; a refusal is noted all the same.
    let hands_out_tokens = route.as_str().starts_with("/{tenant}/");
    if hands_out_tokens && reads {
        return next.run(request).await;
    }
    let noted = Noted {
        id: ids.as_str().to_owned(),
        client_id: ids.client.to_str().unwrap_or_default().to_owned(),
        method: request.method().as_str().to_owned(),
        route: route.as_str().to_owned(),
        path: request.uri().path().to_owned(),
        address: extensions.get::<Peer>().map(|peer| peer.address.ip()),
        // Coming back from the outside issuer opens a session, and browsers come back with GET.
        changes: !(reads || hands_out_tokens) || route.as_str() == paths::OUTSIDE_CALLBACK,
    };
    let ending = |response: &Response| Ending {
        status: response.status().as_u16(),
        code: response.extensions().get::<ApiError>().map(|error| format!("{:?}", error.code)),
    };
    api.control.audited(noted, next.run(request), ending).await
}

async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    endpoint: Endpoint,
    query: Query,
) -> Result<Json<Page<AuditEntry>>, ApiError> {
    let filter = AuditFilter {
        principal_id: query.text("principalId"),
        method: query.text("method"),
        outcome: query.text("outcome"),
        request_id: query.text("requestId"),
        address: query.text("address"),
        resource: query.text("resource"),
        scope: query.text("scope"),
        search: query.text("search"),
        since: query.text("since"),
        until: query.text("until"),
        count: query.text("count"),
        skip_token: query.text("$skipToken"),
    };
    let listed = api.control.audit_log(&caller, &filter).await?;
    let next_link = listed
        .next
        .map(|token| format!("{}{}?{}", endpoint.as_str(), paths::AUDIT, query.continued(&token)));
    Ok(Json(Page { value: listed.value, next_link, count: None }))
}
