//! The console's only way to the network: one typed client over the public REST APIs.
//!
//! [`EdgeClient`] holds what every call needs (the CSRF token, the way to the sign-in page);
//! [`AccountClient`] adds the account and has one file of calls per resource.
//!
//! # Deliberately absent
//! - Views and words: a failure is data, `components::failure` phrases it.
//! - A private door: every call here is one that scripts can make too.

mod account;
mod changes;
mod client;
mod directory;
mod events;
mod failure;
mod images;
mod lists;
mod manifests;
mod metrics;
mod models;
mod observations;
mod operations;
mod pending;
mod people;
mod query;
mod reachable;
mod read;
mod roles;
mod scoring;
mod services;
mod session;
mod uploads;

pub(crate) use account::{AccountClient, last_segment, same_origin};
pub(crate) use changes::{Change, Changes, quoted};
pub(crate) use client::EdgeClient;
pub(crate) use directory::AccountDraft;
pub(crate) use failure::{EdgeError, Failure};
pub(crate) use lists::Wanted;
pub(crate) use models::{ModelCheck, ModelUsers};
pub(crate) use query::{Fetched, Known, Phase, Query};
pub(crate) use reachable::Reachable;
pub(crate) use scoring::ScoreAnswer;
pub(crate) use services::create_request;
pub(crate) use session::AccountRef;
pub(crate) use uploads::Upload;
