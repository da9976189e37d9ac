//! Who is calling, and which account the path names.
//!
//! # Invariants
//! - Credentials are looked at before anything else of a request.
//! - A changing call that is proved by a cookie carries the session's CSRF token.
//! - An account of another tenant looks exactly like one that does not exist.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use control::{AccountAccess, Principal, SessionProof};
use hyper::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;

use crate::{
    config::ApiConfig,
    error::ApiError,
    host::{self, Endpoint},
    query::Query,
    state::Api,
};

/// Names the header that a changing call with a cookie carries.
pub(crate) const CSRF: &str = "x-csrf-token";

/// Somebody whose credentials were accepted.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Principal);

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let proof = proof(&parts.headers, &api.config)?;
        let principal = api.control.authenticate(proof).await?;
        if matches!(proof, SessionProof::Cookie(_)) {
            require_csrf(&parts.method, &parts.headers, principal.csrf_token())?;
        }
        Ok(Self(principal))
    }
}

/// The bearer token, else the session cookie.
pub(crate) fn proof<'a>(
    headers: &'a HeaderMap,
    config: &ApiConfig,
) -> Result<SessionProof<'a>, ApiError> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        return bearer(value.to_str().unwrap_or_default()).map(SessionProof::Bearer).ok_or_else(
            || ApiError::unauthenticated("the Authorization header holds no bearer token"),
        );
    }
    cookie(headers, cookie_name(config))
        .map(SessionProof::Cookie)
        .ok_or_else(|| ApiError::unauthenticated("this request needs credentials"))
}

/// The token of `Bearer <token>`, the scheme in any letter case.
pub(crate) fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whether callers reach us over HTTPS, through us or through a proxy.
pub(crate) fn is_https(config: &ApiConfig) -> bool {
    config.public_url.as_deref().map_or(config.tls, |url| url.starts_with("https:"))
}

/// A browser binds a `__Host-` cookie to HTTPS and to this host.
pub(crate) fn cookie_name(config: &ApiConfig) -> &'static str {
    if is_https(config) { "__Host-edge" } else { "edge" }
}

pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Reading needs no token: another site cannot see the answer.
fn require_csrf(
    method: &Method,
    headers: &HeaderMap,
    expected: Option<&str>,
) -> Result<(), ApiError> {
    if is_reading(method) {
        return Ok(());
    }
    let sent = headers.get(CSRF).map(|value| value.as_bytes()).unwrap_or_default();
    match expected {
        Some(expected) if same(expected.as_bytes(), sent) => Ok(()),
        _ => Err(ApiError::forbidden("a changing call with a session cookie needs its CSRF token")
            .advise("SendTheCsrfToken", "send `csrfToken` of GET /api/me as `x-csrf-token`")),
    }
}

/// Compares without telling how much was right.
fn same(expected: &[u8], sent: &[u8]) -> bool {
    let differing = expected.iter().zip(sent).fold(0, |seen, (a, b)| seen | (a ^ b));
    expected.len() == sent.len() && !expected.is_empty() && std::hint::black_box(differing) == 0
}

/// The endpoint as this caller sees it.
impl FromRequestParts<Api> for Endpoint {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let host = host::requested(&parts.uri, &parts.headers).unwrap_or_default();
        Ok(Self::of(&api.config, host))
    }
}

/// The account that a path names, entered by its caller, under a known `api-version`.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The domain's proof that the caller may know of it.
    pub(crate) access: AccountAccess,
    /// Base of the addresses in the answer.
    pub(crate) endpoint: Endpoint,
    /// The query.
    pub(crate) query: Query,
    /// The path as it was routed.
    pub(crate) path: String,
}

/// As [`Account`], where `api-version` may be missing: addresses that we hand out without a query.
#[derive(Debug, Clone)]
pub(crate) struct LinkedAccount(pub(crate) Account);

#[derive(Deserialize)]
struct Names {
    subscription: String,
    group: String,
    account: String,
}

impl Account {
    async fn enter(
        parts: &mut Parts,
        api: &Api,
        version_may_be_missing: bool,
    ) -> Result<Self, ApiError> {
        let Caller(principal) = Caller::from_request_parts(parts, api).await?;
        let query = Query::of(&parts.uri)?;
        query.require_management_version(version_may_be_missing)?;
        let Segments(names) = Segments::<Names>::from_request_parts(parts, api).await?;
        let access = api
            .control
            .enter(&principal, &names.subscription, &names.group, &names.account)
            .await?;
        // Before the body is looked at: who may not change anything need not learn what is wrong with it.
        if !is_reading(&parts.method) {
            access.require_change()?;
        }
        let access = match parts.headers.get("idempotency-key") {
            Some(key) if parts.method == Method::POST => {
                access.keyed(key.to_str().unwrap_or_default())?
            }
            _ => access,
        };
        let endpoint = Endpoint::from_request_parts(parts, api).await?;
        Ok(Self { access, endpoint, query, path: parts.uri.path().to_owned() })
    }
}

impl FromRequestParts<Api> for Account {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        Self::enter(parts, api, false).await
    }
}

impl FromRequestParts<Api> for LinkedAccount {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        Account::enter(parts, api, true).await.map(Self)
    }
}

/// The named segments of a path, decoded. One that cannot be decoded names nothing.
#[derive(Debug, Clone)]
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned + Send> FromRequestParts<Api> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let path = Path::<T>::from_request_parts(parts, api).await;
        path.map(|Path(segments)| Self(segments))
            .map_err(|_| ApiError::of_status(StatusCode::NOT_FOUND))
    }
}

/// The `{id}` of a path.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Id {
    /// As the caller wrote it; the domain decides whether it names anything.
    pub(crate) id: String,
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn config() -> ApiConfig {
        ApiConfig::new("127.0.0.1:0".parse().unwrap())
    }

    #[test]
    fn the_scheme_is_read_in_any_letter_case() {
        assert_eq!(bearer("bEARER abc"), Some("abc"));
        assert_eq!(bearer("Bearer   abc "), Some("abc"));
        for other in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            assert_eq!(bearer(other), None, "{other}");
        }
    }

    #[test]
    fn a_token_wins_over_a_cookie_and_other_schemes_are_no_credentials() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; edge=session"));
        assert!(matches!(proof(&headers, &config()), Ok(SessionProof::Cookie("session"))));

        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("bearer token"));
        assert!(matches!(proof(&headers, &config()), Ok(SessionProof::Bearer("token"))));

        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic x"));
        assert_eq!(proof(&headers, &config()).unwrap_err().status, 401);
    }

    #[test]
    fn the_cookie_of_https_is_bound_to_the_host() {
        let mut secure = config();
        secure.public_url = Some("https://edge.example".to_owned());

        assert_eq!(cookie_name(&secure), "__Host-edge");
        let headers =
            HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static("edge=planted"))]);
        assert_eq!(proof(&headers, &secure).unwrap_err().status, 401);
    }

    #[test]
    fn a_changing_call_with_a_cookie_needs_the_csrf_token() {
        let with = |token: &'static str| {
            HeaderMap::from_iter([(
                header::HeaderName::from_static(CSRF),
                HeaderValue::from_static(token),
            )])
        };
        let check = |method, headers: HeaderMap| require_csrf(&method, &headers, Some("right"));

        assert!(check(Method::GET, HeaderMap::new()).is_ok());
        assert!(check(Method::POST, with("right")).is_ok());
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(check(method.clone(), HeaderMap::new()).unwrap_err().status, 403);
            assert_eq!(check(method.clone(), with("wrong")).unwrap_err().status, 403);
            assert_eq!(check(method, with("righ")).unwrap_err().status, 403);
        }
        assert!(require_csrf(&Method::POST, &with(""), Some("")).is_err());
        assert!(require_csrf(&Method::POST, &with("x"), None).is_err());
    }
}
