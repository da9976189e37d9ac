//! What the token endpoint and discovery answer: others' documents, member by member.

use schemars::JsonSchema;
use serde::Serialize;

/// A token of the older endpoint, which writes numbers as text.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenV1 {
    /// `Bearer`.
    pub(super) token_type: &'static str,
    /// Seconds.
    pub(super) expires_in: String,
    /// The same.
    pub(super) ext_expires_in: String,
    /// Unix seconds.
    pub(super) expires_on: String,
    /// Unix seconds.
    pub(super) not_before: String,
    /// What it is for, as it was asked for.
    pub(super) resource: String,
    /// A JWT.
    pub(super) access_token: String,
}

/// A token of the newer endpoint.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenV2 {
    /// `Bearer`.
    pub(super) token_type: &'static str,
    /// Seconds.
    pub(super) expires_in: u64,
    /// The same.
    pub(super) ext_expires_in: u64,
    /// A JWT.
    pub(super) access_token: String,
}

/// Why no token was given (RFC 6749, section 5.2), with the members that clients of the documented
/// endpoint look at. A refusal that no handler worded (415, 413) has the first two alone.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenError {
    /// For programs.
    pub(super) error: &'static str,
    /// For people: number, sentence, ids.
    pub(super) error_description: String,
    /// Numbers that clients switch on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_codes: Option<[u32; 1]>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<String>,
    /// Our id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trace_id: Option<String>,
    /// The caller's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation_id: Option<String>,
}

/// OpenID Connect Discovery 1.0, as far as client credentials go.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OpenIdConfiguration {
    /// `iss` of tokens.
    pub(super) issuer: String,
    /// Where tokens are given.
    pub(super) token_endpoint: String,
    /// Named because discovery must; it refuses everybody.
    pub(super) authorization_endpoint: String,
    /// Where the keys are.
    pub(super) jwks_uri: String,
    /// None: people sign in to the console.
    pub(super) response_types_supported: Vec<&'static str>,
    /// `client_credentials`.
    pub(super) grant_types_supported: Vec<&'static str>,
    /// `public`.
    pub(super) subject_types_supported: Vec<&'static str>,
    /// `RS256`.
    pub(super) id_token_signing_alg_values_supported: Vec<&'static str>,
    /// What tokens may be for.
    pub(super) scopes_supported: Vec<&'static str>,
    /// How a client proves itself.
    pub(super) token_endpoint_auth_methods_supported: Vec<&'static str>,
    /// What tokens say.
    pub(super) claims_supported: Vec<&'static str>,
}
