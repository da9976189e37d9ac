//! What every request passes before and after its route, in one layer.
//!
//! In: the caller's address, ids, host check, spelling of the path, route family. Out: failures in the family's shape,
//! security headers, ids, one line in the log. A panic on the way becomes a 500.
//!
//! # Invariants
//! - Every answer carries both request ids, whatever happened.
//! - No body, query, header or credential of a request reaches the log.
//! - A request that names a foreign host reaches no handler.
//!
//! # Deliberately absent
//! - Reading the body, looking at credentials: the extractors of a route do that, so that a
//!   scoring call pays only for what it needs.

use std::{
    borrow::Cow,
    convert::Infallible,
    net::IpAddr,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Instant, SystemTime},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use futures::FutureExt as _;
use hyper::{
    Method, StatusCode, Uri,
    header::{self, HeaderName, HeaderValue},
};
use shared::{ErrorCode, paths};
use tower::Service;

use crate::{
    console::Console,
    cors::{self, Origins},
    error::ApiError,
    family::Family,
    fold::Paths,
    host::{self, Hosts},
    metrics,
    request_id::RequestIds,
    scoring,
    serve::Peer,
    state::Api,
};

/// Everything that is served: the routes behind their one layer. Cheap to clone.
#[derive(Clone)]
pub struct Front(Arc<Inner>);

struct Inner {
    hosts: Hosts,
    origins: Origins,
    paths: Paths,
    console: Console,
    tls: bool,
    routes: Router,
    scoring: Router,
    api: Api,
}

impl Front {
    /// `templates` are the paths of `routes` and `scoring`, whose fixed segments are folded.
    pub(crate) fn new<'a>(
        api: &Api,
        templates: impl IntoIterator<Item = &'a str>,
        routes: Router,
        scoring: Router,
    ) -> Self {
        let config = &api.config;
        let mut paths = Paths::of(templates.into_iter().chain(["/console/{*rest}"]));
        // The oldest documents call an account so.
        paths.alias("hostingAccounts", "accounts");
        Self(Arc::new(Inner {
            hosts: Hosts::new(config),
            origins: Origins::new(&config.cors_origins),
            paths,
            console: config.console.clone(),
            tls: config.tls,
            routes,
            scoring,
            api: api.clone(),
        }))
    }

    /// `/metrics` alone, for whoever reaches the listener that serves it.
    pub fn metrics_only(&self) -> Router {
        metrics::open_to_all(self.0.api.clone())
    }

    async fn answer(self, mut request: Request) -> Response {
        let started = Instant::now();
        let from = self.0.caller(&mut request);
        let ids = RequestIds::of(request.headers());
        let method = request.method().clone();
        let path = request.uri().clone();
        let watched = self.0.api.control.watches_calls();
        let traceparent = match watched {
            true => request.headers().get("traceparent").cloned(),
            false => None,
        };

        let (family, response) = self.0.pass(request, &ids).await;
        if is_scoring(family) && (watched || !response.status().is_success()) {
            let traceparent = traceparent.as_ref().and_then(|value| value.to_str().ok());
            self.0.note_call(&method, path.path(), &response, &ids, started, traceparent);
        }

        let mut response = worded(family, response, &ids);
        dress(&mut response, family, self.0.tls);
        self.0.api.http.record(family, response.status(), started.elapsed());
        note(&method, path.path(), family, response.status(), &ids, started, from);
        ids.write(response.headers_mut());
        response
    }
}

impl Inner {
    /// Where the request comes from. Whoever asks for its [`Peer`] from now on is told the same.
    fn caller(&self, request: &mut Request) -> Option<IpAddr> {
        let address = request.extensions().get::<Peer>()?.address;
        let caller = self.api.config.proxies.caller(address, request.headers());
        if caller != address
            && let Some(peer) = request.extensions_mut().get_mut::<Peer>()
        {
            peer.address = caller;
        }
        Some(caller.ip())
    }

    async fn pass(&self, request: Request, ids: &RequestIds) -> (Family, Response) {
        let folded = match self.paths.fold(request.uri().path()) {
            Cow::Borrowed(same) if same.len() == request.uri().path().len() => None,
            Cow::Borrowed(shorter) => Some(shorter.to_owned()),
            Cow::Owned(other) => Some(other),
        };
        let family = Family::of(folded.as_deref().unwrap_or(request.uri().path()));

        match host::requested(request.uri(), request.headers()) {
            Some(host) if self.hosts.allows(host) => {}
            _ => return (family, foreign_host().into_response()),
        }
        if let Some(origin) = self.origins.allowed(family, request.headers()) {
            let mut response = if cors::is_preflight(request.method(), request.headers()) {
                cors::preflight()
            } else {
                self.route(request, folded, family, ids).await
            };
            cors::permit(&mut response, origin);
            return (family, response);
        }
        (family, self.route(request, folded, family, ids).await)
    }

    async fn route(
        &self,
        mut request: Request,
        folded: Option<String>,
        family: Family,
        ids: &RequestIds,
    ) -> Response {
        if family == Family::Console {
            return self.page(&request);
        }
        if request.uri().path() == "/" {
            return to_the_console(request.method());
        }
        if let Some(folded) = folded {
            match with_path(request.uri(), &folded) {
                Some(uri) => *request.uri_mut() = uri,
                None => {
                    return ApiError::of_status(StatusCode::BAD_REQUEST).into_response();
                }
            }
        }

        let mut router = match family {
            Family::Scoring | Family::OpenInference | Family::Rrs => self.scoring.clone(),
            _ => {
                request.extensions_mut().insert(ids.clone());
                self.routes.clone()
            }
        };
        let call = AssertUnwindSafe(router.call(request)).catch_unwind();
        let outcome = if is_scoring(family) && self.api.control.watches_calls() {
            let (outcome, timing) = scoring::noted(ids.as_str(), call).await;
            outcome.map(|answered| {
                answered.map(|mut response| {
                    if let Some(timing) = timing {
                        response.extensions_mut().insert(timing);
                    }
                    response
                })
            })
        } else {
            call.await
        };
        match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => {
                let what = panic
                    .downcast_ref::<&str>()
                    .copied()
                    .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                tracing::error!(request_id = ids.as_str(), panic = what, "a handler panicked");
                ApiError::mistake().into_response()
            }
        }
    }

    /// Tells the called service of a call, if there is such a service.
    fn note_call(
        &self,
        method: &Method,
        path: &str,
        response: &Response,
        ids: &RequestIds,
        started: Instant,
        traceparent: Option<&str>,
    ) {
        // A balancer that asks whether a stopped service is back would fill its log.
        if *method == Method::GET && response.status() == StatusCode::SERVICE_UNAVAILABLE {
            return;
        }
        let Some(service) = service_in(path).and_then(|name| self.api.control.routes().find(name))
        else {
            return;
        };
        let took = started.elapsed();
        let error = response.extensions().get::<ApiError>().map(loggable);
        service.note(&control::FinishedCall {
            began: SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH),
            took,
            method: method.as_str(),
            path,
            status: response.status().as_u16(),
            request_id: ids.as_str(),
            traceparent,
            error: error.as_deref(),
            timing: response.extensions().get::<control::Timing>().copied(),
        });
    }

    fn page(&self, request: &Request) -> Response {
        let path = request.uri().path();
        match path.get(paths::CONSOLE.len()..) {
            Some(below) => self.console.answer(request.method(), below, request.headers()),
            None => to_the_console(request.method()),
        }
    }
}

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let front = self.clone();
        Box::pin(async move { Ok(front.answer(request).await) })
    }
}

fn is_scoring(family: Family) -> bool {
    matches!(family, Family::Scoring | Family::OpenInference | Family::Rrs)
}

/// The service that a scoring path names, by its place.
fn service_in(path: &str) -> Option<&str> {
    let mut parts = path.trim_start_matches('/').split('/');
    let named = match parts.next()? {
        root if root.eq_ignore_ascii_case("api") => parts.nth(2),
        root if root.eq_ignore_ascii_case("v2") => parts.nth(1),
        root if root.eq_ignore_ascii_case("workspaces") => parts.nth(2),
        _ => None,
    };
    named.filter(|name| !name.is_empty())
}

/// A failure for the log of a service: what a caller sent is not repeated.
fn loggable(failure: &ApiError) -> String {
    if failure.status.is_server_error() {
        return failure.message.clone();
    }
    let mut text = format!("{:?}", failure.code);
    if let Some(detail) = failure.details.iter().find(|detail| detail.row.is_some()) {
        text.push_str(&format!(" in row {}", detail.row.unwrap_or_default()));
    }
    text
}

fn foreign_host() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        ErrorCode::HostNotAllowed,
        "the host that this request names is not one of this server's",
    )
    .advise("AllowTheHost", "start the server with `--allow-host <host>` or `--public-url <url>`")
}

fn to_the_console(method: &Method) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return ApiError::of_status(StatusCode::METHOD_NOT_ALLOWED).into_response();
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(paths::CONSOLE));
    response
}

/// `uri` with another path and the same query.
fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    parts.path_and_query = Some(target.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Gives a failure its body. One that a handler worded itself is left alone.
fn worded(family: Family, mut response: Response, ids: &RequestIds) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let failure = match response.extensions_mut().remove::<ApiError>() {
        Some(failure) => failure,
        None if response.headers().contains_key(header::CONTENT_TYPE) => return response,
        None => ApiError::of_status(status),
    };
    if status.is_server_error() {
        let cause = failure.cause.as_deref().map(chain);
        tracing::error!(
            request_id = ids.as_str(),
            status = status.as_u16(),
            cause,
            "{}",
            failure.message
        );
    } else if let Some(cause) = &failure.cause {
        tracing::debug!(
            request_id = ids.as_str(),
            cause = chain(cause.as_ref()),
            "{}",
            failure.message
        );
    }
    let body = family.body(status, failure.code, &failure.message, &failure.details);
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    Response::from_parts(parts, Body::from(body))
}

const JSON: &str = "application/json; charset=utf-8";

/// An error and everything below it, for the log.
fn chain(error: &(dyn std::error::Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

/// Headers that tell a browser to be careful. A scorer's callers are not browsers.
fn dress(response: &mut Response, family: Family, tls: bool) {
    const FRAMES: HeaderName = HeaderName::from_static("x-frame-options");
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if matches!(family, Family::Scoring | Family::OpenInference | Family::Rrs) {
        return;
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(FRAMES, HeaderValue::from_static("DENY"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    if tls {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}

/// One line a request. A scorer's successes are noted at debug level: there may be 80,000 a second.
fn note(
    method: &Method,
    path: &str,
    family: Family,
    status: StatusCode,
    ids: &RequestIds,
    started: Instant,
    from: Option<IpAddr>,
) {
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                target: "access",
                $level,
                method = method.as_str(),
                path,
                status = status.as_u16(),
                micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                request_id = ids.as_str(),
                client_request_id = ids.client.to_str().unwrap_or_default(),
                from = from.map(tracing::field::display),
            )
        };
    }
    let quiet = matches!(family, Family::Scoring | Family::OpenInference | Family::Rrs);
    if quiet && status.is_success() {
        line!(tracing::Level::DEBUG);
    } else {
        line!(tracing::Level::INFO);
    }
}
