//! Access tokens: JWTs for client credentials, and the keys that verify them.

use std::{net::IpAddr, time::Duration};

use crate::{Control, control::unfinished};

/// Which of the two token shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenVersion {
    /// `/oauth2/token`, `ver` 1.0.
    V1,
    /// `/oauth2/v2.0/token`, `ver` 2.0.
    V2,
}

/// What a token is for.
#[derive(Debug, Clone)]
pub enum Audience {
    /// `resource=…` (v1).
    Resource(String),
    /// `scope=…/.default` (v2).
    Scope(String),
}

/// How a client proves itself; from the form or from HTTP Basic.
#[derive(Clone)]
pub struct ClientCredentials {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: String,
}

/// A request to the token endpoint, once the form was read.
#[derive(Clone)]
pub struct TokenRequest {
    /// The `{tenant}` of the path.
    pub tenant: String,
    /// Which shape.
    pub version: TokenVersion,
    /// What for.
    pub audience: Audience,
    /// Who.
    pub credentials: ClientCredentials,
    /// Base of our addresses as the caller sees them (`https://host[:port]`), for `iss`.
    pub endpoint: String,
    /// Where the request came from.
    pub from: Option<IpAddr>,
}

/// An access token.
#[derive(Clone)]
pub struct IssuedToken {
    /// The JWT.
    pub access_token: String,
    /// How long it lives.
    pub lifetime: Duration,
    /// Unix seconds.
    pub expires_on: i64,
    /// Unix seconds.
    pub not_before: i64,
    /// The audience, as asked for.
    pub resource: String,
}

/// Why no token was given. `api` maps each to OAuth's `error`.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// `invalid_client`: unknown client or wrong secret.
    #[error("the client is unknown or its secret is wrong or has expired")]
    InvalidClient,
    /// `invalid_request`: the tenant is not ours.
    #[error("there is no tenant `{0}`")]
    UnknownTenant(String),
    /// `invalid_resource` or `invalid_scope`: we issue no tokens for it.
    #[error("tokens for `{0}` are not issued here")]
    InvalidAudience(String),
    /// 429: too many failed attempts.
    #[error("too many failed attempts")]
    TooManyAttempts {
        /// When to try again.
        retry_after: Duration,
    },
    /// `server_error`.
    #[error("something went wrong on the server")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Control {
    /// Gives an access token for client credentials.
    pub async fn issue_token(&self, _request: TokenRequest) -> Result<IssuedToken, TokenError> {
        Err(TokenError::Internal(unfinished().into()))
    }

    /// The public keys as a JSON Web Key Set.
    pub fn json_web_keys(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [] })
    }

    /// The id of the tenant that `{tenant}` names: its id, a domain name, `common`,
    /// `organizations` or `adfs`.
    pub fn resolve_tenant(&self, _tenant: &str) -> Option<String> {
        None
    }
}
