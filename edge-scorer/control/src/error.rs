//! Why the domain refuses, in words that a caller may read.
//!
//! [`ControlError`] is the one vocabulary; `api` gives each variant a status. A failed operation
//! stores its error as [`shared::ErrorBody`], so every variant also knows its stable code and a
//! first detail that says what to do.
//!
//! # Invariants
//! - `Display` is safe to show and never contains its source; the chain is for the log.
//!
//! # Deliberately absent
//! - HTTP. The number in a stored [`shared::ErrorBody`] is the one that `shared` gives its code.

use std::{error::Error, fmt, time::Duration};

use shared::{ErrorBody, ErrorCode, ErrorDetail, RoleName, UnsupportedOperator};

/// What a name or an id was meant to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A subscription.
    Subscription,
    /// A resource group.
    ResourceGroup,
    /// A workspace.
    Workspace,
    /// A model management account.
    Account,
    /// A model.
    Model,
    /// A manifest.
    Manifest,
    /// An image.
    Image,
    /// A service.
    Service,
    /// A deployment.
    Deployment,
    /// An operation.
    Operation,
    /// An artefact.
    Artifact,
    /// A file of collected calls.
    CollectedFile,
    /// An upload under way.
    Upload,
    /// A service principal.
    ServicePrincipal,
    /// A secret of a service principal.
    Secret,
    /// A role assignment.
    RoleAssignment,
    /// A role that may be given.
    RoleDefinition,
    /// Somebody who signs in, or a group of them.
    Person,
    /// A scope at which roles may be given.
    Scope,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subscription => "subscription",
            Self::ResourceGroup => "resource group",
            Self::Workspace => "workspace",
            Self::Account => "model management account",
            Self::Model => "model",
            Self::Manifest => "manifest",
            Self::Image => "image",
            Self::Service => "service",
            Self::Deployment => "deployment",
            Self::Operation => "operation",
            Self::Artifact => "artifact",
            Self::CollectedFile => "file of collected calls",
            Self::Upload => "upload",
            Self::ServicePrincipal => "service principal",
            Self::Secret => "secret",
            Self::RoleAssignment => "role assignment",
            Self::RoleDefinition => "role definition",
            Self::Person => "person",
            Self::Scope => "scope",
        })
    }
}

/// Why a request could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such thing, or the caller may not know of it.
    #[error("there is no {kind} `{id}`")]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// As the caller named it.
        id: String,
    },
    /// The request breaks a rule.
    #[error("{message}")]
    InvalidRequest {
        /// The rule.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// The name is taken.
    #[error("the name `{name}` belongs to another {kind}")]
    NameTaken {
        /// What has the name.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// The `Idempotency-Key` came with another request before.
    #[error("the `Idempotency-Key` {0} came with another request before")]
    KeyReused(String),
    /// Something uses it.
    #[error("the {kind} `{id}` is in use by {}", .users.join(", "))]
    InUse {
        /// What is used.
        kind: Kind,
        /// Its id.
        id: String,
        /// Who uses it, such as `manifest iris (7c9e…)`.
        users: Vec<String>,
    },
    /// The request needs something that is unfinished or failed.
    #[error("{message}")]
    NotReady {
        /// What is missing.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// It exists, and what was asked of it does not exist yet (a signature of unread bytes).
    #[error("{message}")]
    NotYet {
        /// What is missing.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// The operation has ended and cannot be cancelled any more.
    #[error("the operation has ended: {state}")]
    Ended {
        /// Its last state.
        state: shared::OperationState,
    },
    /// An upload continues elsewhere.
    #[error("the upload continues at offset {expected}")]
    WrongOffset {
        /// Bytes acknowledged so far.
        expected: u64,
    },
    /// A setting needs something that this server lacks.
    #[error("{message}")]
    NotConfigured {
        /// What is missing.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// The bytes are not a model that can be served.
    #[error("{message}")]
    UnsupportedModel {
        /// What they are.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// The model uses operators that cannot be compiled.
    #[error("the model uses {} that cannot be compiled", operators(.0))]
    UnsupportedOperator(Vec<UnsupportedOperator>),
    /// The driver of a manifest cannot run here.
    #[error("{message}")]
    DriverNotSupported {
        /// What stands in the way.
        message: String,
        /// The export that helps.
        remedy: String,
    },
    /// A url could not be reached.
    #[error("`{url}` could not be reached")]
    SourceUnreachable {
        /// The url.
        url: String,
        /// What to do.
        remedy: String,
    },
    /// A url may not be fetched.
    #[error("`{url}` may not be fetched")]
    SourceRefused {
        /// The url.
        url: String,
        /// What to do.
        remedy: String,
    },
    /// The bytes are not the ones that were announced.
    #[error("the bytes have SHA-256 {actual}, not {expected}")]
    HashMismatch {
        /// What was announced.
        expected: String,
        /// What came.
        actual: String,
    },
    /// The last owner of the subscription cannot go.
    #[error("the last owner of the subscription cannot go")]
    LastOwner,
    /// The same role is given already, under the name that is told.
    #[error("the role is given already, by the role assignment `{0}`")]
    RoleAssignmentExists(String),
    /// A role was to be given to nobody.
    #[error("there is no principal `{0}`")]
    UnknownPrincipal(String),
    /// A role that does not exist was to be given.
    #[error("there is no role `{0}`")]
    UnknownRole(String),
    /// A limit was exceeded.
    #[error("{what} exceeds the limit of {limit}")]
    LimitExceeded {
        /// What was too large or took too long.
        what: String,
        /// The limit, with its unit.
        limit: String,
        /// The setting that raises it.
        remedy: String,
    },
    /// The body ended before it was complete.
    #[error("the body could not be read to its end")]
    BodyBroken(#[source] Box<dyn Error + Send + Sync>),
    /// Somebody cancelled the operation.
    #[error("the operation was cancelled")]
    Cancelled,
    /// No credentials, or wrong ones.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The access token has expired.
    #[error("the access token has expired")]
    ExpiredToken,
    /// The caller lacks the role.
    #[error("this needs the role {needs} or more at `{scope}`")]
    Forbidden {
        /// The weakest role that would do.
        needs: RoleName,
        /// Where.
        scope: String,
    },
    /// Too many failed attempts.
    #[error("too many failed attempts")]
    TooManyAttempts {
        /// When to try again.
        retry_after: Duration,
    },
    /// Our mistake.
    #[error("something went wrong on the server")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

fn operators(unsupported: &[UnsupportedOperator]) -> String {
    let names: Vec<_> =
        unsupported.iter().map(|u| format!("{}.{}", u.domain, u.operator)).collect();
    match names.as_slice() {
        [one] => format!("the operator {one}"),
        many => format!("the operators {}", many.join(", ")),
    }
}

impl ControlError {
    pub(crate) fn not_found(kind: Kind, id: impl fmt::Display) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }

    pub(crate) fn invalid(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::InvalidRequest { message: message.into(), remedy: remedy.into() }
    }

    pub(crate) fn not_ready(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::NotReady { message: message.into(), remedy: remedy.into() }
    }

    pub(crate) fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::InvalidRequest { .. }
            | Self::WrongOffset { .. }
            | Self::Ended { .. }
            | Self::BodyBroken(_) => ErrorCode::InvalidRequest,
            Self::NameTaken { .. } => ErrorCode::NameTaken,
            Self::KeyReused(_) => ErrorCode::IdempotencyKeyReused,
            Self::InUse { .. } => ErrorCode::InUse,
            Self::NotReady { .. } | Self::NotYet { .. } => ErrorCode::NotReady,
            Self::NotConfigured { .. } => ErrorCode::NotConfigured,
            Self::UnsupportedModel { .. } => ErrorCode::UnsupportedModel,
            Self::UnsupportedOperator(_) => ErrorCode::UnsupportedOperator,
            Self::DriverNotSupported { .. } => ErrorCode::DriverNotSupported,
            Self::SourceUnreachable { .. } => ErrorCode::SourceUnreachable,
            Self::SourceRefused { .. } => ErrorCode::SourceRefused,
            Self::HashMismatch { .. } => ErrorCode::HashMismatch,
            Self::LimitExceeded { .. } => ErrorCode::LimitExceeded,
            Self::LastOwner => ErrorCode::LastOwner,
            Self::RoleAssignmentExists(_) => ErrorCode::RoleAssignmentExists,
            Self::UnknownPrincipal(_) => ErrorCode::PrincipalNotFound,
            Self::UnknownRole(_) => ErrorCode::RoleDefinitionDoesNotExist,
            Self::Cancelled => ErrorCode::Cancelled,
            Self::Unauthenticated(_) => ErrorCode::AuthenticationFailed,
            Self::ExpiredToken => ErrorCode::ExpiredAuthenticationToken,
            Self::Forbidden { .. } => ErrorCode::AuthorizationFailed,
            Self::TooManyAttempts { .. } => ErrorCode::TooManyRequests,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// The details; the first says what to do.
    pub fn details(&self) -> Vec<ErrorDetail> {
        let one = |code: &str, message: String| vec![ErrorDetail::new(code, message)];
        match self {
            Self::NotFound { kind, .. } => one(
                "CheckTheId",
                format!("List what is there and use the id of an existing {kind}."),
            ),
            Self::InvalidRequest { remedy, .. } => one("FixTheRequest", remedy.clone()),
            Self::NameTaken { .. } => one("ChooseAnotherName", "Choose another name.".to_owned()),
            Self::KeyReused(_) => one(
                "UseAnotherKey",
                "Send the first request again unchanged, or this one with a key of its own."
                    .to_owned(),
            ),
            Self::InUse { users, .. } => {
                let mut details =
                    one("DeleteTheUsersFirst", format!("Delete {} first.", users.join(", ")));
                details.extend(users.iter().map(|user| ErrorDetail::new("UsedBy", user.clone())));
                details
            }
            Self::NotReady { remedy, .. } | Self::NotYet { remedy, .. } => {
                one("WaitOrRepair", remedy.clone())
            }
            Self::Ended { .. } => {
                one("NothingToCancel", "Only an operation that is under way can be cancelled.".to_owned())
            }
            Self::WrongOffset { expected } => {
                one("ContinueAtOffset", format!("Send the bytes from offset {expected} on."))
            }
            Self::NotConfigured { remedy, .. } => one("ConfigureIt", remedy.clone()),
            Self::UnsupportedModel { remedy, .. } => one("ExportToOnnx", remedy.clone()),
            Self::UnsupportedOperator(unsupported) => unsupported
                .iter()
                .map(|u| {
                    let hint = u.hint.clone().unwrap_or_else(|| {
                        "Export the model without this operator.".to_owned()
                    });
                    ErrorDetail::new(
                        "UnsupportedOperator",
                        format!("{}.{} in {}: {hint}", u.domain, u.operator, u.nodes.join(", ")),
                    )
                })
                .collect(),
            Self::DriverNotSupported { remedy, .. } => one("ExportToOnnx", remedy.clone()),
            Self::SourceUnreachable { remedy, .. } => one("CheckTheUrl", remedy.clone()),
            Self::SourceRefused { remedy, .. } => one("UploadTheBytes", remedy.clone()),
            Self::HashMismatch { .. } => one(
                "SendTheBytesAgain",
                "Nothing was kept. Send the bytes again, with their own SHA-256.".to_owned(),
            ),
            Self::LimitExceeded { remedy, .. } => one("StayWithinTheLimit", remedy.clone()),
            Self::LastOwner => one(
                "MakeAnotherOwner",
                "Make another service principal or person an Owner of the subscription first."
                    .to_owned(),
            ),
            Self::RoleAssignmentExists(_) => one(
                "UseWhatIsThere",
                "Nothing need be done; to change an assignment, delete it and make another."
                    .to_owned(),
            ),
            Self::UnknownPrincipal(_) => one(
                "CheckThePrincipal",
                "Send the `id` of a service principal, person or group as `principalId`."
                    .to_owned(),
            ),
            Self::UnknownRole(_) => one(
                "CheckTheRole",
                "Send the id of one of the scope's role definitions as `roleDefinitionId`."
                    .to_owned(),
            ),
            Self::BodyBroken(_) => {
                one("SendTheBytesAgain", "Nothing was kept. Send the body again.".to_owned())
            }
            Self::Cancelled => one("StartAgain", "Start it again if it is still wanted.".to_owned()),
            Self::Unauthenticated(_) => one(
                "SignIn",
                "Ask the token endpoint for an access token and send it as `Authorization: Bearer …`."
                    .to_owned(),
            ),
            Self::ExpiredToken => {
                one("SignIn", "Ask the token endpoint for a new access token.".to_owned())
            }
            Self::Forbidden { .. } => {
                one("AskAnOwner", "Ask an owner of this scope for a role assignment.".to_owned())
            }
            Self::TooManyAttempts { retry_after } => {
                one("TryLater", format!("Try again in {} s.", retry_after.as_secs().max(1)))
            }
            Self::Internal(_) => one(
                "TryAgain",
                "Try again; if it happens again, report the request's `x-ms-request-id`.".to_owned(),
            ),
        }
    }

    /// As a failed operation stores it.
    pub fn body(&self) -> ErrorBody {
        let code = self.code();
        ErrorBody {
            code,
            status_code: code.status(),
            message: self.to_string(),
            details: self.details(),
        }
    }
}

impl From<sqlx::Error> for ControlError {
    fn from(source: sqlx::Error) -> Self {
        Self::internal(source)
    }
}

/// Why the domain could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the data folder.
    #[error("the data folder `{0}` is in use by another process")]
    InUse(std::path::PathBuf),
    /// The data folder cannot be made or written.
    #[error("the data folder `{path}` cannot be used")]
    Folder {
        /// The folder or a file in it.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is a store and no master key.
    #[error("the store is encrypted and its master key `{0}` is missing; restore that file")]
    MasterKeyMissing(std::path::PathBuf),
    /// The master key is not the one that the store was made with.
    #[error("the master key `{0}` is not the one that this store was made with")]
    MasterKeyWrong(std::path::PathBuf),
    /// The store was written by a newer version.
    #[error(
        "the store was written by a newer version (schema {found}, this program knows {known})"
    )]
    StoreTooNew {
        /// Schema of the store.
        found: i64,
        /// Newest schema we know.
        known: i64,
    },
    /// There is no store to administer.
    #[error("there is no store in `{0}`; start the server once")]
    NoStore(std::path::PathBuf),
    /// No such principal.
    #[error("there is no principal `{0}`")]
    NoSuchPrincipal(String),
    /// What is said about the outside issuer cannot be.
    #[error("the outside issuer {0}")]
    OutsideIssuer(String),
    /// The engine cannot run on this machine.
    #[error("the engine could not start")]
    Engine(#[source] Box<dyn Error + Send + Sync>),
    /// The store is broken.
    #[error("the store could not be opened")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

impl From<sqlx::Error> for OpenError {
    fn from(source: sqlx::Error) -> Self {
        Self::Store(source.into())
    }
}

impl From<ControlError> for OpenError {
    fn from(source: ControlError) -> Self {
        Self::Store(source.into())
    }
}
