//! What both ends of the wire must agree on: types, names, ids and paths.
//!
//! The server answers with these types, the console and the command line read them, and
//! [`Signature`] is the one description of a model that every room shares.
//!
//! # Invariants
//! - Compiles for every target, wasm32 included: no clock, no random numbers, no I/O.
//! - Optional response members are written as `null`, never dropped, except
//!   [`Page::next_link`] and [`Page::count`], which are absent when there is nothing to say.
//! - Enumerations are read in any letter case and written as documented.
//!
//! # Deliberately absent
//! - Behaviour beyond parse, format and validate.
//! - Structs of the database or of the engine.

#![warn(missing_docs)]

mod wire_enum;

mod accounts;
mod artifacts;
mod audit;
mod bootstrap;
mod deployments;
mod errors;
mod graph;
mod ids;
mod images;
mod manifests;
pub mod metrics;
mod models;
mod names;
mod observations;
mod operations;
mod page;
pub mod paths;
mod people;
mod principals;
mod roles;
mod services;
mod session;
mod signature;
mod signing_keys;

pub use accounts::{
    Account, AccountProperties, ArmList, Provisioned, ResourceGroup, Sku, Subscription,
};
pub use artifacts::{StoredArtifact, UploadRequest, UploadStarted};
pub use audit::{AuditEntry, AuditOutcome};
pub use bootstrap::Bootstrap;
pub use deployments::Deployment;
pub use errors::{ArmError, ArmErrorBody, ErrorBody, ErrorCode, ErrorDetail};
pub use graph::{Graph, GraphAttribute, GraphCosts, GraphEdge, GraphNode, GraphNodeKind, NodeCost};
pub use ids::{
    DeploymentId, ImageId, InvalidId, ManifestId, ModelId, OperationId, ServiceId, UploadId,
};
pub use images::{Image, ImageRequest, ImageType};
pub use manifests::{
    Asset, Manifest, ManifestRequest, ModelType, RuntimeType, TargetRuntime, WebserviceType,
};
pub use models::{Model, ModelPatch, ModelRequest};
pub use names::{
    InvalidName, validate_description, validate_name, validate_service_name, validate_tags,
};
pub use observations::{CollectedFile, LogEntry, LogLevel, TraceRecord};
pub use operations::{AsyncOperationStatus, OperationState, OperationType};
pub use page::Page;
pub use people::{NewPerson, Person, PersonRequest, PrincipalKind, SignInLink};
pub use principals::{
    NewSecret, NewServicePrincipal, SecretRequest, SecretSummary, ServicePrincipal,
    ServicePrincipalRequest,
};
pub use roles::{
    RoleAssignmentProperties, RoleAssignmentRequest, RoleAssignmentRequestProperties,
    RoleAssignmentResource, RoleDefinition, RoleDefinitionProperties, RolePermissions,
};
pub use services::{
    AuthKeys, AutoScaler, BareService, ComputeResource, ComputeType, ContainerResourceReservation,
    DataCollection, KeyType, RegenerateKeysRequest, Service, ServiceCreateRequest,
    ServiceUpdateRequest,
};
pub use session::{
    Me, OutsideSignIn, PasswordChange, RoleAssignment, RoleName, SessionRequest, SessionSummary,
    SessionsClosed, SignInOptions, SignInWay,
};
pub use signature::{
    Check, Dim, ElementType, Label, Profile, Role, Signature, Symbol, TensorSpec,
    UnsupportedOperator,
};
pub use signing_keys::{JsonWebKey, JsonWebKeySet, SigningKeySummary};

/// A moment in time as RFC 3339 text in UTC, such as `2026-11-20T19:21:42.123456Z`.
pub type Timestamp = String;
