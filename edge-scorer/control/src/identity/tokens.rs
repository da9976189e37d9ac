//! Access tokens: JWTs for client credentials, and how they are verified.
//!
//! # Invariants
//! - Only RS256 by one of our own keys is accepted, or what [`super::outside`] accepts: `alg` is never
//!   taken from the token.
//! - A token is worth its principal: when that is deleted, so is the token; roles are read anew at
//!   every call.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{Algorithm, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::{JsonWebKey, JsonWebKeySet};
use sqlx::Row as _;

use crate::{Control, ControlError, Principal, audit, clock, control::Inner};

use super::{outside::Vouched, signing_keys::SigningKey};

/// Audiences that every documented client may ask for, without a trailing slash.
const AUDIENCES: [&str; 2] =
    ["https://management.azure.com", "https://management.core.windows.net"];

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
    #[error("the client is unknown, or its secret is wrong or has expired")]
    InvalidClient,
    /// `invalid_request`: the tenant is not ours.
    #[error("tenant `{0}` not found")]
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

impl From<ControlError> for TokenError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::TooManyAttempts { retry_after } => Self::TooManyAttempts { retry_after },
            ControlError::Unauthenticated(_) => Self::InvalidClient,
            other => Self::Internal(other.into()),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    tid: String,
    oid: String,
    #[serde(default)]
    sub: String,
    appid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    azp: Option<String>,
    #[serde(default)]
    idtyp: String,
    ver: String,
}

/// Tokens whose signature was checked already, by their SHA-256: a signature takes 20 µs, this less
/// than one.
#[derive(Default)]
pub(crate) struct VerifiedTokens {
    principals: RwLock<HashMap<[u8; 32], Verified>>,
}

#[derive(Clone)]
struct Verified {
    whose: Whose,
    exp: i64,
}

#[derive(Clone)]
enum Whose {
    /// An object id.
    Ours(Arc<str>),
    Outside(Arc<Vouched>),
}

/// Beyond this many, all are forgotten and verified again.
const REMEMBERED: usize = 10_000;

impl Control {
    /// Gives an access token for client credentials.
    pub async fn issue_token(&self, request: TokenRequest) -> Result<IssuedToken, TokenError> {
        let tenant_id = self
            .resolve_tenant(&request.tenant)
            .ok_or_else(|| TokenError::UnknownTenant(request.tenant.clone()))?;
        let resource = match &request.audience {
            Audience::Resource(resource) => resource.clone(),
            Audience::Scope(scope) => resource_of(scope)
                .ok_or_else(|| TokenError::InvalidAudience(scope.clone()))?
                .to_owned(),
        };
        if !self.inner.issues_for(&resource, Some(&request.endpoint)) {
            return Err(TokenError::InvalidAudience(resource));
        }
        let principal = self.verify_client(&request.credentials, request.from).await?;
        let base = self.inner.config.public_url.as_deref().unwrap_or(&request.endpoint);
        let base = base.trim_end_matches('/');
        let (iss, ver) = match request.version {
            TokenVersion::V1 => (format!("{base}/{tenant_id}/"), "1.0"),
            TokenVersion::V2 => (format!("{base}/{tenant_id}/v2.0"), "2.0"),
        };
        let now = clock::now() / 1_000_000;
        let lifetime = self.inner.config.token_lifetime;
        let exp = now + lifetime.as_secs().cast_signed();
        let claims = Claims {
            iss,
            aud: resource.clone(),
            exp,
            nbf: now,
            iat: now,
            tid: tenant_id,
            oid: principal.id().to_owned(),
            sub: principal.id().to_owned(),
            appid: principal.identity.client_id.clone(),
            // The newer shape calls the client `azp`, and the older one `appid`; both are read.
            azp: (ver == "2.0").then(|| principal.identity.client_id.clone()),
            idtyp: "app".to_owned(),
            ver: ver.to_owned(),
        };
        let keys = self.inner.signing_keys.all();
        let key =
            keys.first().ok_or_else(|| TokenError::Internal("there is no signing key".into()))?;
        let header = Header { kid: Some(key.id.clone()), ..Header::new(Algorithm::RS256) };
        let access_token = jsonwebtoken::encode(&header, &claims, &key.encoding)
            .map_err(|error| TokenError::Internal(error.into()))?;
        Ok(IssuedToken { access_token, lifetime, expires_on: exp, not_before: now, resource })
    }

    /// The principal whose id and secret these are.
    pub(crate) async fn verify_client(
        &self,
        credentials: &ClientCredentials,
        from: Option<IpAddr>,
    ) -> Result<Principal, ControlError> {
        let inner = &self.inner;
        let who = &credentials.client_id.to_ascii_lowercase();
        let refused = || audit::refused_sign_in("Client", inner.directory.find_by_client_id(who));
        self.may_try(who, from).inspect_err(|_| refused())?;
        let rows = sqlx::query(
            "SELECT p.id, s.hash FROM principals p JOIN secrets s ON s.principal_id = p.id
             WHERE p.client_id = $1 AND s.expires_at > $2",
        )
        .bind(who)
        .bind(clock::now())
        .fetch_all(inner.store.read())
        .await?;
        let mut id = String::new();
        let mut hashes = Vec::with_capacity(rows.len());
        for row in rows {
            id = row.try_get(0)?;
            hashes.push(row.try_get(1)?);
        }
        let secret = credentials.client_secret.clone();
        if inner.secrets.verify(secret, hashes).await?
            && let Some(identity) = inner.directory.find(&id)
        {
            return Ok(Principal::new(identity));
        }
        inner.attempts.failed(who, from);
        refused();
        Err(ControlError::Unauthenticated(
            "the client is unknown or its secret is wrong or has expired",
        ))
    }

    /// The public keys.
    pub fn json_web_keys(&self) -> JsonWebKeySet {
        let keys = self.inner.signing_keys.all();
        let public = |key: &Arc<SigningKey>| JsonWebKey {
            kty: "RSA".to_owned(),
            purpose: "sig".to_owned(),
            alg: "RS256".to_owned(),
            kid: key.id.clone(),
            n: key.modulus.clone(),
            e: key.exponent.clone(),
        };
        JsonWebKeySet { keys: keys.iter().map(public).collect() }
    }

    /// The id of the tenant that `{tenant}` names: its id, a domain name, `common`,
    /// `organizations` or `adfs`.
    pub fn resolve_tenant(&self, tenant: &str) -> Option<String> {
        let ours = &self.inner.tenant;
        let known = ["common", "organizations", "adfs"].into_iter().chain(
            std::iter::once(ours.id.as_str()).chain(ours.domain_names.iter().map(String::as_str)),
        );
        known.into_iter().any(|name| name.eq_ignore_ascii_case(tenant)).then(|| ours.id.clone())
    }

    /// Who holds this access token: one of ours, or one of the outside issuer.
    pub(crate) async fn verify_token(&self, token: &str) -> Result<Principal, ControlError> {
        let inner = &self.inner;
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let now = clock::now() / 1_000_000;
        let verified = match inner.verified_tokens.find(&hash) {
            Some(verified) => verified,
            None => {
                let verified = match &inner.outside {
                    Some(outside) if outside.claims_to_have_issued(token) => {
                        let (vouched, exp) = outside.verify_access_token(token).await?;
                        Verified { whose: Whose::Outside(Arc::new(vouched)), exp }
                    }
                    _ => {
                        let claims = inner.claims_of(token)?;
                        Verified { whose: Whose::Ours(claims.oid.into()), exp: claims.exp }
                    }
                };
                inner.verified_tokens.remember(hash, verified.clone());
                verified
            }
        };
        if now > verified.exp + inner.config.clock_skew.as_secs().cast_signed() {
            return Err(ControlError::ExpiredToken);
        }
        let identity = match &verified.whose {
            Whose::Ours(oid) => inner.directory.find(oid).ok_or(ControlError::Unauthenticated(
                "the access token's principal does not exist",
            ))?,
            Whose::Outside(vouched) => inner.directory.vouched(vouched, &inner.tenant.id),
        };
        Ok(Principal::new(identity))
    }
}

impl Inner {
    fn claims_of(&self, token: &str) -> Result<Claims, ControlError> {
        let invalid = ControlError::Unauthenticated;
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| invalid("the access token is malformed"))?;
        let keys = self.signing_keys.all();
        let key = keys
            .iter()
            .find(|key| Some(&key.id) == header.kid.as_ref())
            .ok_or(invalid("the access token was not signed by a key of this server"))?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = self.config.clock_skew.as_secs();
        validation.validate_nbf = true;
        // The audience and the issuer are checked below: both depend on how we are addressed.
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => ControlError::ExpiredToken,
                _ => invalid("the access token is not valid"),
            })?
            .claims;
        if claims.tid != self.tenant.id || !self.issued(&claims) {
            return Err(invalid("the access token was issued elsewhere"));
        }
        if !self.issues_for(&claims.aud, issuer_base(&claims)) {
            return Err(invalid("the access token is for another audience"));
        }
        Ok(claims)
    }

    fn issued(&self, claims: &Claims) -> bool {
        issuer_base(claims).is_some_and(|base| match &self.config.public_url {
            Some(public) => public.trim_end_matches('/') == base,
            // Without a public address we are called by many names, and only we have the key.
            None => base.starts_with("http://") || base.starts_with("https://"),
        })
    }

    /// Whether `resource` is something that our routes accept tokens for.
    fn issues_for(&self, resource: &str, endpoint: Option<&str>) -> bool {
        let same = |known: &str| known.trim_end_matches('/') == resource.trim_end_matches('/');
        AUDIENCES.iter().any(|known| same(known))
            || self.config.public_url.as_deref().is_some_and(same)
            || endpoint.is_some_and(same)
    }
}

/// What a scope of the newer endpoint asks for: one `…/.default`, beside the scopes that sign people
/// in, which mean nothing for a client.
fn resource_of(scope: &str) -> Option<&str> {
    const FOR_PEOPLE: [&str; 4] = ["openid", "profile", "email", "offline_access"];
    let mut wanted = scope.split_whitespace().filter(|word| !FOR_PEOPLE.contains(word));
    let resource = wanted.next()?.strip_suffix("/.default")?;
    wanted.next().is_none().then_some(resource)
}

/// The issuer without what its version adds.
fn issuer_base(claims: &Claims) -> Option<&str> {
    let tail = match claims.ver.as_str() {
        "1.0" => format!("/{}/", claims.tid),
        "2.0" => format!("/{}/v2.0", claims.tid),
        _ => return None,
    };
    claims.iss.strip_suffix(&tail)
}

impl VerifiedTokens {
    fn find(&self, hash: &[u8; 32]) -> Option<Verified> {
        self.principals.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    fn remember(&self, hash: [u8; 32], verified: Verified) {
        let mut principals = self.principals.write().unwrap_or_else(PoisonError::into_inner);
        if principals.len() >= REMEMBERED {
            principals.clear();
        }
        principals.insert(hash, verified);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_names_one_resource() {
        for (scope, resource) in [
            ("https://management.azure.com/.default", Some("https://management.azure.com")),
            ("https://management.azure.com//.default", Some("https://management.azure.com/")),
            ("openid profile https://r/.default offline_access", Some("https://r")),
            ("https://a/.default https://b/.default", None),
            ("https://management.azure.com/user_impersonation", None),
            ("openid", None),
            ("", None),
        ] {
            assert_eq!(resource_of(scope), resource, "{scope}");
        }
    }
}
