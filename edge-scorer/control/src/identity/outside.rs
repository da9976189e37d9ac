//! An issuer elsewhere whose tokens are accepted beside our own, and where people may sign in.
//!
//! The operator names the issuer and the audience. Its keys are fetched when they are first needed,
//! kept, and fetched again when a token names a key that is not among them. A token is worth its
//! subject and its groups, which role assignments refer to by principals of the outside kinds.
//!
//! # Invariants
//! - Issuer and audience must be the configured ones, the signature asymmetric and by a key of the
//!   issuer that is meant for that algorithm.
//! - Strangers cannot make us ask the issuer more often than once in [`keys::REST`].
//!
//! # Deliberately absent
//! - More than one issuer, opaque tokens, and calls to the issuer per request.

mod keys;
mod sign_in;

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use jsonwebtoken::{Validation, errors::ErrorKind};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::keys::Keys;
use crate::{ControlError, OpenError, egress::Egress};

pub use sign_in::{OutsideArrival, OutsideDeparture};

/// Groups of a token that are looked at.
const MOST_GROUPS: usize = 1_000;

/// What the operator says about an outside issuer.
#[derive(Clone)]
pub struct OutsideIssuer {
    /// `iss`, and where discovery starts: `https://…`, or `http://` on this machine.
    pub issuer: String,
    /// One of these must be the token's `aud`.
    pub audiences: Vec<String>,
    /// The claim that names a person or client; `sub`.
    pub subject_claim: String,
    /// The claim with the groups; `groups`.
    pub groups_claim: String,
    /// Certificates to trust instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// How far clocks may differ.
    pub clock_skew: Duration,
    /// As whom we send people there; none: only tokens are accepted.
    pub client: Option<OutsideClient>,
}

/// As whom we send people to the outside issuer.
#[derive(Clone)]
pub struct OutsideClient {
    /// `client_id`.
    pub id: String,
    /// `client_secret`; PKCE alone protects a client without one.
    pub secret: Option<String>,
    /// What to call the issuer on a button.
    pub name: String,
}

impl fmt::Debug for OutsideIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutsideIssuer")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("client", &self.client.as_ref().map(|client| client.id.as_str()))
            .finish_non_exhaustive()
    }
}

/// Whom the outside issuer vouches for.
#[derive(Debug, Clone)]
pub(crate) struct Vouched {
    pub(crate) subject: String,
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

/// The issuer, ready to be asked.
pub(crate) struct Outside {
    config: OutsideIssuer,
    egress: Egress,
    keys: Keys,
}

impl Outside {
    /// Checks what the operator said; asks nobody yet.
    pub(crate) fn new(config: OutsideIssuer) -> Result<Self, OpenError> {
        let wrong = |why: &str| OpenError::OutsideIssuer(format!("`{}` {why}", config.issuer));
        let url = reqwest::Url::parse(&config.issuer).map_err(|_| wrong("is no address"))?;
        let host = url.host_str().ok_or_else(|| wrong("has no host"))?.to_owned();
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        let here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        if url.scheme() != "https" && !(url.scheme() == "http" && here) {
            return Err(wrong("must be reached over https, or be on this machine"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(wrong("has a query, a fragment or credentials"));
        }
        if config.audiences.is_empty() && config.client.is_none() {
            return Err(wrong("needs an audience, or a client that signs people in"));
        }
        let egress = Egress::new(&[&host], config.ca_file.as_deref())
            .map_err(|error| wrong(&format!("cannot be asked: {error}")))?;
        Ok(Self { egress, keys: Keys::default(), config })
    }

    /// Whether a token says that it comes from there; nothing is believed yet.
    pub(crate) fn claims_to_have_issued(&self, token: &str) -> bool {
        #[derive(Deserialize)]
        struct Issuer {
            iss: String,
        }
        jsonwebtoken::dangerous::insecure_decode_claims::<Issuer>(token)
            .is_ok_and(|claims| claims.iss == self.config.issuer)
    }

    /// Whom an access token vouches for, and until when (Unix seconds).
    pub(crate) async fn verify_access_token(
        &self,
        token: &str,
    ) -> Result<(Vouched, i64), ControlError> {
        let claims = self.verify(token, &self.config.audiences).await?;
        Ok((self.vouched(&claims)?, expiry(&claims)))
    }

    /// The claims of a token that the issuer signed for one of `audiences`.
    async fn verify(
        &self,
        token: &str,
        audiences: &[String],
    ) -> Result<Map<String, Value>, ControlError> {
        let invalid = ControlError::Unauthenticated;
        let header = jsonwebtoken::decode_header(token).map_err(|_| {
            invalid("the access token is malformed or its algorithm is not accepted")
        })?;
        if !keys::ASYMMETRIC.contains(&header.alg) {
            return Err(invalid("the access token's algorithm is not accepted"));
        }
        let key = self.key(header.kid.as_deref(), header.alg).await?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = self.config.clock_skew.as_secs();
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation);
        Ok(decoded
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => ControlError::ExpiredToken,
                ErrorKind::InvalidAudience => invalid("the access token is for another audience"),
                _ => invalid("the outside issuer's token is not valid"),
            })?
            .claims)
    }

    fn vouched(&self, claims: &Map<String, Value>) -> Result<Vouched, ControlError> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).map(str::to_owned);
        let subject = text(&self.config.subject_claim)
            .filter(|subject| !subject.is_empty())
            .ok_or(ControlError::Unauthenticated(
                "the outside issuer's token does not say whose it is",
            ))?;
        let groups = match claims.get(&self.config.groups_claim) {
            Some(Value::Array(groups)) => {
                let groups = groups.iter().filter_map(Value::as_str).map(str::to_owned);
                groups.take(MOST_GROUPS).collect()
            }
            Some(Value::String(group)) => vec![group.clone()],
            _ => Vec::new(),
        };
        let name = text("name").or_else(|| text("preferred_username"));
        let name = name.unwrap_or_else(|| subject.clone()).chars().take(120).collect();
        Ok(Vouched { subject, name, groups })
    }
}

fn expiry(claims: &Map<String, Value>) -> i64 {
    claims.get("exp").and_then(Value::as_f64).map_or(0, |exp| exp as i64)
}
