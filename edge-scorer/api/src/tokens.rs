//! `/{tenant}/oauth2/…`: access tokens for clients, discovery, and the keys that verify tokens.
//!
//! Failures have OAuth's own shape, with the extra members that clients of the documented
//! endpoint look at.

mod form;
mod wire;

use axum::{
    Json,
    extract::{Request, State},
    http::request::Parts,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use control::{TokenError, TokenRequest, TokenVersion};
use hyper::{
    StatusCode,
    header::{self, HeaderValue},
};
use serde::{Deserialize, Serialize};

use self::form::Form;
pub(crate) use self::wire::{OpenIdConfiguration, TokenError as TokenErrorBody, TokenV1, TokenV2};
use crate::{
    auth::Segments, body, error::ApiError, host::Endpoint, refusals::seconds,
    request_id::RequestIds, routes::Routes, serve::From, state::Api,
};

/// Longest form; a client assertion would fit.
const FORM_BYTES: usize = 64 << 10;

pub(crate) fn routes() -> Routes {
    Routes::default()
        .at("/{tenant}/oauth2/token", post(v1))
        .at("/{tenant}/oauth2/v2.0/token", post(v2))
        .at("/{tenant}/oauth2/authorize", get(authorize))
        .at("/{tenant}/oauth2/v2.0/authorize", get(authorize))
        .at("/{tenant}/.well-known/openid-configuration", get(discovery_v1))
        .at("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery_v2))
        .at("/{tenant}/discovery/keys", get(keys))
        .at("/{tenant}/discovery/v2.0/keys", get(keys))
}

#[derive(Deserialize)]
struct Tenant {
    tenant: String,
}

async fn v1(
    State(api): State<Api>,
    endpoint: Endpoint,
    from: From,
    path: Segments<Tenant>,
    request: Request,
) -> Response {
    issue(api, endpoint, from, path, request, TokenVersion::V1).await
}

async fn v2(
    State(api): State<Api>,
    endpoint: Endpoint,
    from: From,
    path: Segments<Tenant>,
    request: Request,
) -> Response {
    issue(api, endpoint, from, path, request, TokenVersion::V2).await
}

async fn issue(
    api: Api,
    endpoint: Endpoint,
    From(address): From,
    Segments(Tenant { tenant }): Segments<Tenant>,
    request: Request,
    version: TokenVersion,
) -> Response {
    let (parts, body) = request.into_parts();
    let ids = Correlation::of(&parts);
    let refuse = |refusal: Refusal| refusal.answer(&ids);

    let bytes = match body::read(&parts.headers, body, FORM_BYTES, "a token request").await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    if !form::is_form(&parts.headers) {
        return ApiError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response();
    }
    let (credentials, audience) = match Form::read(&bytes)
        .and_then(|form| Ok((form.credentials(&parts.headers)?, form.audience(version)?)))
    {
        Ok(read) => read,
        Err(refusal) => return refuse(refusal),
    };

    let asked = TokenRequest {
        tenant,
        version,
        audience,
        credentials,
        endpoint: endpoint.as_str().to_owned(),
        from: address,
    };
    match api.control.issue_token(asked).await {
        Ok(token) => {
            // One second less, as documented: the token outlives its announced end.
            let lifetime = token.lifetime.as_secs().saturating_sub(1);
            let no_cache = [(header::PRAGMA, HeaderValue::from_static("no-cache"))];
            match version {
                TokenVersion::V1 => {
                    let body = TokenV1 {
                        token_type: "Bearer",
                        expires_in: lifetime.to_string(),
                        ext_expires_in: lifetime.to_string(),
                        expires_on: token.expires_on.to_string(),
                        not_before: token.not_before.to_string(),
                        resource: token.resource,
                        access_token: token.access_token,
                    };
                    (no_cache, Json(body)).into_response()
                }
                TokenVersion::V2 => {
                    let body = TokenV2 {
                        token_type: "Bearer",
                        expires_in: lifetime,
                        ext_expires_in: lifetime,
                        access_token: token.access_token,
                    };
                    (no_cache, Json(body)).into_response()
                }
            }
        }
        Err(error) => refuse_token(error, version, &ids),
    }
}

fn refuse_token(error: TokenError, version: TokenVersion, ids: &Correlation) -> Response {
    let description = error.to_string();
    let refusal = |status, error, number| Refusal { status, error, number, description };
    match error {
        TokenError::InvalidClient => {
            refusal(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215).answer(ids)
        }
        TokenError::UnknownTenant(_) => {
            refusal(StatusCode::BAD_REQUEST, "invalid_request", 90_002).answer(ids)
        }
        TokenError::InvalidAudience(_) => match version {
            TokenVersion::V1 => {
                refusal(StatusCode::BAD_REQUEST, "invalid_resource", 500_011).answer(ids)
            }
            TokenVersion::V2 => {
                refusal(StatusCode::BAD_REQUEST, "invalid_scope", 70_011).answer(ids)
            }
        },
        TokenError::TooManyAttempts { retry_after } => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut response = refusal(status, "slow_down", 50_196).answer(ids);
            let wait = HeaderValue::from(seconds(retry_after));
            response.headers_mut().insert(header::RETRY_AFTER, wait);
            response
        }
        error @ TokenError::Internal(_) => ApiError::internal(error).into_response(),
    }
}

/// The ids by which a caller and we find a token request again.
struct Correlation {
    trace: String,
    correlation: String,
}

impl Correlation {
    /// Clients of the token endpoint send their id as `client-request-id`.
    fn of(parts: &Parts) -> Self {
        let ids = parts.extensions.get::<RequestIds>();
        let trace = ids.map_or("", RequestIds::as_str).to_owned();
        let sent = parts.headers.get("client-request-id").and_then(|value| value.to_str().ok());
        let sent = sent.filter(|sent| uuid::Uuid::try_parse(sent).is_ok());
        let ours = ids.and_then(|ids| ids.client.to_str().ok());
        let correlation = sent.or(ours).unwrap_or(&trace).to_owned();
        Self { trace, correlation }
    }
}

/// A failure in OAuth's words.
struct Refusal {
    status: StatusCode,
    error: &'static str,
    /// The number that clients of the documented endpoint switch on.
    number: u32,
    description: String,
}

impl Refusal {
    fn bad(error: &'static str, number: u32, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, number, description: description.into() }
    }

    fn answer(self, ids: &Correlation) -> Response {
        let timestamp = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let Correlation { trace, correlation } = ids;
        // Clients look for the number at the start and for the ids behind it.
        let description = format!(
            "AADSTS{}: {}.\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {timestamp}",
            self.number, self.description
        );
        let body = TokenErrorBody {
            error: self.error,
            error_description: description,
            error_codes: Some([self.number]),
            timestamp: Some(timestamp),
            trace_id: Some(trace.clone()),
            correlation_id: Some(correlation.clone()),
        };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"oauth2\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

async fn discovery_v1(
    State(api): State<Api>,
    endpoint: Endpoint,
    Segments(Tenant { tenant }): Segments<Tenant>,
) -> Result<Response, ApiError> {
    let id = tenant_id(&api, &tenant)?;
    let base = format!("{}/{id}", endpoint.as_str());
    Ok(discovery(&format!("{base}/"), &format!("{base}/oauth2"), &format!("{base}/discovery/keys")))
}

async fn discovery_v2(
    State(api): State<Api>,
    endpoint: Endpoint,
    Segments(Tenant { tenant }): Segments<Tenant>,
) -> Result<Response, ApiError> {
    let id = tenant_id(&api, &tenant)?;
    let base = format!("{}/{id}", endpoint.as_str());
    Ok(discovery(
        &format!("{base}/v2.0"),
        &format!("{base}/oauth2/v2.0"),
        &format!("{base}/discovery/v2.0/keys"),
    ))
}

/// Discovery has to name this address; people sign in to the console, not here.
async fn authorize(request: Request) -> Response {
    let refusal = Refusal::bad(
        "unsupported_response_type",
        700_054,
        "people sign in at /console/; clients use the grant client_credentials",
    );
    refusal.answer(&Correlation::of(&request.into_parts().0))
}

fn tenant_id(api: &Api, tenant: &str) -> Result<String, ApiError> {
    api.control.resolve_tenant(tenant).ok_or_else(|| {
        ApiError::not_found("there is no such tenant")
            .advise("CheckTheTenant", "use the tenant's id, a domain name of it, or `common`")
    })
}

fn discovery(issuer: &str, endpoints: &str, keys: &str) -> Response {
    cached(OpenIdConfiguration {
        issuer: issuer.to_owned(),
        token_endpoint: format!("{endpoints}/token"),
        authorization_endpoint: format!("{endpoints}/authorize"),
        jwks_uri: keys.to_owned(),
        response_types_supported: Vec::new(),
        grant_types_supported: vec!["client_credentials"],
        subject_types_supported: vec!["public"],
        id_token_signing_alg_values_supported: vec!["RS256"],
        scopes_supported: vec!["https://management.azure.com/.default"],
        token_endpoint_auth_methods_supported: vec!["client_secret_post", "client_secret_basic"],
        claims_supported: vec![
            "iss", "aud", "exp", "nbf", "iat", "tid", "oid", "appid", "azp", "sub", "ver", "idtyp",
        ],
    })
}

async fn keys(
    State(api): State<Api>,
    Segments(Tenant { tenant }): Segments<Tenant>,
) -> Result<Response, ApiError> {
    tenant_id(&api, &tenant)?;
    Ok(cached(api.control.json_web_keys()))
}

/// Keys and addresses change rarely, and a verifier asks often.
fn cached(body: impl Serialize) -> Response {
    let for_a_while = HeaderValue::from_static("public, max-age=300");
    ([(header::CACHE_CONTROL, for_a_while)], Json(body)).into_response()
}
