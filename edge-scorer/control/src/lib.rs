//! The management domain: models, manifests, images, services, operations, identity, and the
//! store and blobs they live in.
//!
//! A request comes in with a [`Principal`]; [`Control::enter`] turns the names in its path into an
//! [`AccountAccess`]; the functions on [`Control`], one file per noun, do the rest and answer with
//! the wire types of `shared`. Scoring does not come this way: it reads [`Control::routes`].
//!
//! # Invariants
//! - What a function acknowledged is on the disk: `kill -9` loses none of it.
//! - Every function on an account checks the caller's role itself.
//! - Every address in an answer starts at the path (`/api/subscriptions/…`); `api` puts the
//!   endpoint in front.
//!
//! # Deliberately absent
//! - HTTP, and the JSON of the wire (`shared` has it).

mod clock;
mod config;
mod control;
mod egress;
mod error;
mod first_answers;
mod first_start;
mod folder;
mod housekeeping;
mod random;

mod blobs;
mod content;
mod lists;
mod store;
mod vault;

mod accounts;
mod artifacts;
mod deployments;
mod groups;
mod identity;
mod images;
mod manifests;
mod models;
mod observing;
mod operations;
mod services;
mod uploads;

mod admission;
mod child;
mod demo;
mod metrics;
mod routes;

pub mod admin;
pub mod audit;
pub mod backup;

pub use accounts::{AccountAccess, AccountChange};
pub use admission::{AdmissionError, Permit};
pub use artifacts::StoreOutcome;
pub use child::compile_child_main;
pub use config::{ControlConfig, Limits};
pub use content::Content;
pub use control::{Control, FirstStart, Opened};
pub use deployments::DeploymentFilter;
pub use error::{ControlError, Kind, OpenError};
pub use groups::GroupChange;
pub(crate) use identity::require;
pub use identity::{
    Action, AssignmentFilter, Audience, ClientCredentials, IssuedToken, LinkToken, OpenedSession,
    OutsideArrival, OutsideClient, OutsideDeparture, OutsideIssuer, Principal, Scope, SessionProof,
    TokenError, TokenRequest, TokenVersion,
};
pub use images::{ImageFilter, Registry};
pub use lists::{ListQuery, Listed};
pub use manifests::ManifestFilter;
pub use metrics::{
    AtomicHistogram, Call, Exposed, ExposedKind, ExposedSeries, ExposedValue, Histogram, Live,
    LiveFrom, Meter, MetricsQuery, Outcome, SCHEMA, Stage, ZERO_THRESHOLD,
};
pub use models::{ModelFilter, ModelHost};
pub use observing::{FinishedCall, Timing, TraceExport};
pub use operations::OperationFilter;
pub use routes::{Routes, ServedService};
pub use services::{Parts, ServiceFilter, ServicePage};
