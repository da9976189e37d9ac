//! `/api/signIn/outside`: to the outside issuer and back.
//!
//! A browser is led from page to page here, so a failed return ends at the sign-in page, with the
//! error's code in `?error=`; the log has its reason.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderValue},
};
use shared::paths;

use crate::{
    auth, config::ApiConfig, error::ApiError, host::Endpoint, query::Query, routes::Routes,
    serve::From, state::Api,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at(paths::OUTSIDE_SIGN_IN, get(depart))
        .at(paths::OUTSIDE_CALLBACK, get(arrive))
}

async fn depart(
    State(api): State<Api>,
    endpoint: Endpoint,
    query: Query,
) -> Result<Response, ApiError> {
    let departure = api.control.depart(endpoint.as_str(), query.get("returnTo")).await?;
    let cookie = cookie(&api.config, &departure.cookie, departure.lifetime.as_secs())?;
    let location = HeaderValue::try_from(departure.location).map_err(ApiError::internal)?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location), (header::SET_COOKIE, cookie)])
        .into_response())
}

async fn arrive(
    State(api): State<Api>,
    From(address): From,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, ApiError> {
    if api.control.sign_in_options().outside.is_none() {
        return Err(ApiError::not_found("nobody signs in at an outside issuer on this server")
            .advise("OpenTheConsole", "open the console at /console/ and sign in there"));
    }
    let journey = auth::cookie(&headers, cookie_name(&api.config));
    let (state, code) = (query.get("state"), query.get("code"));
    let arrived = api
        .control
        .arrive(journey, state.unwrap_or_default(), code.unwrap_or_default(), address)
        .await;
    let gone = cookie(&api.config, "", 0)?;
    let (location, session) = match arrived {
        Ok(arrival) => {
            let lifetime = arrival.session.lifetime.as_secs();
            let set = super::cookie(&api.config, &arrival.session.cookie, lifetime)?;
            (arrival.return_to, Some(set))
        }
        Err(error) => {
            tracing::info!(%error, "a sign-in at the outside issuer came to nothing");
            (format!("{}?error={:?}", paths::SIGN_IN, error.code()), None)
        }
    };
    let location = HeaderValue::try_from(location).map_err(ApiError::internal)?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    response.headers_mut().append(header::SET_COOKIE, gone);
    if let Some(session) = session {
        response.headers_mut().append(header::SET_COOKIE, session);
    }
    Ok(response)
}

fn cookie_name(config: &ApiConfig) -> &'static str {
    if auth::is_https(config) { "__Host-edge-outside" } else { "edge-outside" }
}

/// The issuer's page leads back to us, so this one cookie must come along from another site.
fn cookie(config: &ApiConfig, value: &str, seconds: u64) -> Result<HeaderValue, ApiError> {
    let name = cookie_name(config);
    let secure = if auth::is_https(config) { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::try_from(text).map_err(ApiError::internal)
}
