//! Error bodies, in the shapes of the route families.

use serde::{Deserialize, Serialize};

/// What went wrong, for programs. Stable; unknown codes are read as [`ErrorCode::Unknown`].
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorCode {
    /// The request breaks a rule; the details say which.
    InvalidRequest,
    /// There is no such resource, or the caller may not know of it.
    NotFound,
    /// The name belongs to another resource.
    NameTaken,
    /// The `Idempotency-Key` came with another request before.
    IdempotencyKeyReused,
    /// Something still uses the resource; the details name it.
    InUse,
    /// A resource that the request needs is unfinished or failed.
    NotReady,
    /// The bytes are not a model that can be served.
    UnsupportedModel,
    /// The model uses operators that cannot be compiled.
    UnsupportedOperator,
    /// The driver program cannot be run here.
    DriverNotSupported,
    /// A url could not be reached.
    SourceUnreachable,
    /// A url may not be fetched.
    SourceRefused,
    /// The bytes are not the ones that were announced.
    HashMismatch,
    /// A limit was exceeded; the message names it.
    LimitExceeded,
    /// Somebody cancelled the operation.
    Cancelled,
    /// A setting needs something that the operator has not configured.
    NotConfigured,
    /// The scoring document is of no known dialect.
    UnknownDialect,
    /// No credentials, or wrong or expired ones.
    AuthenticationFailed,
    /// The access token has expired.
    ExpiredAuthenticationToken,
    /// The caller lacks the role.
    AuthorizationFailed,
    /// The query lacks `api-version`.
    MissingApiVersionParameter,
    /// `api-version` is malformed or unknown.
    InvalidApiVersionParameter,
    /// An ARM request body is malformed.
    InvalidRequestContent,
    /// There is no such ARM resource.
    ResourceNotFound,
    /// There is no such resource group.
    ResourceGroupNotFound,
    /// There is no such subscription.
    SubscriptionNotFound,
    /// The last owner of the subscription cannot go.
    LastOwner,
    /// The same role is given already.
    RoleAssignmentExists,
    /// A role was to be given to nobody.
    PrincipalNotFound,
    /// A role that does not exist was to be given.
    RoleDefinitionDoesNotExist,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body's media type is not understood.
    UnsupportedMediaType,
    /// The service has no replicas.
    ServiceStopped,
    /// Too many calls are in flight; retry later.
    ServiceBusy,
    /// The scorer ran too long.
    ScoreTimeout,
    /// The scorer failed; the service's log says how.
    ScorerFailed,
    /// The host in the request is not one of ours.
    HostNotAllowed,
    /// Too many attempts; retry later.
    TooManyRequests,
    /// Our mistake.
    Internal,
    /// A code that this version does not know.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The HTTP status that goes with the code where nothing more is known.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest
            | Self::NotReady
            | Self::UnsupportedModel
            | Self::UnsupportedOperator
            | Self::DriverNotSupported
            | Self::SourceUnreachable
            | Self::SourceRefused
            | Self::HashMismatch
            | Self::NotConfigured
            | Self::UnknownDialect
            | Self::MissingApiVersionParameter
            | Self::InvalidApiVersionParameter
            | Self::InvalidRequestContent
            | Self::PrincipalNotFound
            | Self::RoleDefinitionDoesNotExist
            | Self::HostNotAllowed => 400,
            Self::AuthenticationFailed | Self::ExpiredAuthenticationToken => 401,
            Self::AuthorizationFailed => 403,
            Self::NotFound
            | Self::ResourceNotFound
            | Self::ResourceGroupNotFound
            | Self::SubscriptionNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NameTaken
            | Self::InUse
            | Self::Cancelled
            | Self::LastOwner
            | Self::RoleAssignmentExists => 409,
            Self::LimitExceeded => 413,
            Self::UnsupportedMediaType => 415,
            Self::IdempotencyKeyReused => 422,
            Self::TooManyRequests => 429,
            Self::ScorerFailed | Self::Internal | Self::Unknown => 500,
            Self::ServiceStopped | Self::ServiceBusy => 503,
            Self::ScoreTimeout => 504,
        }
    }
}

/// The flat shape of the model management family.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// For programs.
    pub code: ErrorCode,
    /// The HTTP status.
    pub status_code: u16,
    /// For people.
    pub message: String,
    /// The first says what to do.
    #[serde(default)]
    pub details: Vec<ErrorDetail>,
}

/// One aspect of an error.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// The row of a scoring request, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// The column of a scoring request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

impl ErrorDetail {
    /// A detail that concerns no row or column.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), row: None, column: None }
    }
}

/// The nested shape of the ARM family.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmErrorBody {
    /// What went wrong.
    pub error: ArmError,
}

/// The content of an [`ArmErrorBody`].
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmError {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// Never absent.
    #[serde(default)]
    pub details: Vec<ErrorDetail>,
}
