//! `/api/session`, `/api/me` and `/api/signIn`: signing in to the console, and who is signed in.

mod outside;

use axum::{
    Json,
    extract::{FromRequestParts as _, Request, State},
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use hyper::{
    HeaderMap, StatusCode, Uri,
    header::{self, HeaderValue},
};
use shared::{
    ArmList, Me, PasswordChange, SessionRequest, SessionSummary, SessionsClosed, SignInOptions,
    paths,
};

use crate::{
    auth::{self, Caller, Id, Segments},
    body::ApiJson,
    config::ApiConfig,
    error::ApiError,
    host::{self, Hosts},
    links::deleted,
    query::Query,
    routes::Routes,
    serve::From,
    state::Api,
};

pub(crate) fn routes() -> Routes {
    outside::routes().and(
        Routes::default()
            .at(paths::SESSION, post(open).delete(close))
            .at(paths::ME, get(me))
            .at(paths::PASSWORD, put(change_password))
            .at(paths::SESSIONS, get(list).delete(end_others))
            .at(&format!("{}/{{id}}", paths::SESSIONS), delete(end))
            .at(paths::SIGN_IN_OPTIONS, get(options)),
    )
}

/// Before anybody has signed in: which ways there are.
async fn options(State(api): State<Api>) -> Json<SignInOptions> {
    Json(api.control.sign_in_options())
}

async fn change_password(
    State(api): State<Api>,
    Caller(caller): Caller,
    From(address): From,
    ApiJson(change): ApiJson<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    api.control.change_password(&caller, change, address).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    query: Query,
) -> Result<Json<ArmList<SessionSummary>>, ApiError> {
    let value = api.control.sessions(&caller, query.get("principalId")).await?;
    Ok(Json(ArmList { value, next_link: None }))
}

async fn end_others(
    State(api): State<Api>,
    Caller(caller): Caller,
) -> Result<Json<SessionsClosed>, ApiError> {
    Ok(Json(SessionsClosed { closed: api.control.end_other_sessions(&caller).await? }))
}

async fn end(
    State(api): State<Api>,
    Caller(caller): Caller,
    Segments(Id { id }): Segments<Id>,
) -> Result<Response, ApiError> {
    Ok(deleted(api.control.end_session(&caller, &id).await?))
}

/// Answers who signed in, as `GET /api/me` does, so that the console can go on at once.
async fn open(
    State(api): State<Api>,
    From(address): From,
    headers: HeaderMap,
    uri: Uri,
    ApiJson(request): ApiJson<SessionRequest>,
) -> Result<Response, ApiError> {
    refuse_other_sites(&headers, &uri, &api.config)?;
    let session = api.control.open_session(request, address).await?;
    let lifetime = session.lifetime.as_secs();
    let cookie = cookie(&api.config, &session.cookie, lifetime)?;
    let me = api.control.me(&session.principal);
    Ok(([(header::SET_COOKIE, cookie)], Json(me)).into_response())
}

async fn close(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    // A closed or expired session may be closed again; a live one needs its CSRF token.
    if let Some(value) = auth::cookie(&parts.headers, auth::cookie_name(&api.config)) {
        let value = value.to_owned();
        match Caller::from_request_parts(&mut parts, &api).await {
            Ok(_) => {
                api.control.close_session(&value).await?;
            }
            Err(error) if error.status == StatusCode::UNAUTHORIZED => {}
            Err(error) => return Err(error),
        }
    }
    let gone = cookie(&api.config, "", 0)?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response())
}

async fn me(State(api): State<Api>, Caller(principal): Caller) -> Json<Me> {
    Json(api.control.me(&principal))
}

fn cookie(config: &ApiConfig, value: &str, seconds: u64) -> Result<HeaderValue, ApiError> {
    let name = auth::cookie_name(config);
    let secure = if auth::is_https(config) { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::try_from(text).map_err(ApiError::internal)
}

/// Another site must not sign its visitor in as somebody of its choice.
fn refuse_other_sites(headers: &HeaderMap, uri: &Uri, config: &ApiConfig) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let named = origin.split_once("://").map(|(_, host)| host).unwrap_or_default();
    let ours = host::requested(uri, headers).is_some_and(|host| host.eq_ignore_ascii_case(named))
        || config.public_url.as_deref().is_some_and(|url| url.trim_end_matches('/') == origin);
    if ours && Hosts::new(config).allows(named) {
        return Ok(());
    }
    Err(ApiError::forbidden("sessions are opened from this server's own pages")
        .advise("OpenTheConsole", "open the console at /console/ and sign in there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: &'static str) -> Result<(), ApiError> {
        let headers = HeaderMap::from_iter([
            (header::HOST, HeaderValue::from_static("localhost:8080")),
            (header::ORIGIN, HeaderValue::from_static(origin)),
        ]);
        let config = ApiConfig::new("127.0.0.1:8080".parse().unwrap());
        refuse_other_sites(&headers, &Uri::from_static("/api/session"), &config)
    }

    #[test]
    fn only_our_own_pages_open_sessions() {
        assert!(from("http://localhost:8080").is_ok());
        for other in ["http://localhost:9999", "https://evil.example", "null", ""] {
            assert_eq!(from(other).unwrap_err().status, StatusCode::FORBIDDEN, "{other}");
        }
    }

    #[test]
    fn the_cookie_is_out_of_reach_for_scripts_and_other_sites() {
        let mut config = ApiConfig::new("127.0.0.1:8080".parse().unwrap());
        let plain = cookie(&config, "v", 60).unwrap();
        assert_eq!(plain, "edge=v; Path=/; HttpOnly; SameSite=Strict; Max-Age=60");

        config.tls = true;
        let secure = cookie(&config, "v", 60).unwrap();
        assert_eq!(secure, "__Host-edge=v; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure");
    }
}
