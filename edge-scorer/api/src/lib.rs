//! The HTTP side: routers, extractors, error mapping. The only user of axum.
//!
//! A request passes [`front`] (ids, host check, spelling), reaches the one handler of its route,
//! which converts it, calls one function of the domain and converts the answer, and passes the
//! front again on its way out, where a failure gets the shape of its route family.
//!
//! # Invariants
//! - Handlers decide nothing: rules live in `control`, the model in `engine`.
//! - Every failure of every path under a root has that root's shape, and every answer the ids.
//!
//! # Deliberately absent
//! - Anything worth a test without HTTP.

mod accounts;
mod artifacts;
mod audit;
mod auth;
mod body;
mod clusters;
mod conditional;
mod config;
mod console;
mod content;
mod cors;
mod deployments;
pub mod documents;
mod encoding;
mod error;
mod events;
mod family;
mod filter;
mod fold;
mod front;
mod host;
mod images;
mod links;
mod lists;
mod manifests;
mod metrics;
mod models;
mod observations;
mod openapi;
mod operations;
mod pages;
mod people;
mod principals;
mod proxies;
mod query;
mod refusals;
mod request_id;
mod roles;
mod router;
mod routes;
mod scoring;
mod serve;
mod services;
mod sessions;
mod signatures;
mod signing_keys;
mod state;
mod subscriptions;
mod tls;
mod tokens;
mod uploads;
mod version;

pub use config::{ApiConfig, ApiLimits, BuildInfo};
pub use console::{Console, ConsoleFile};
pub use front::Front;
pub use proxies::{InvalidNetwork, Network, Proxies, ProxyHeader};
pub use router::router;
pub use serve::{HttpService, Peer, ServeError, serve};
pub use tls::{TlsChoice, TlsError, choose_cryptography};
