//! The console's only way to the network: one typed client over the public REST APIs.
//!
//! [`EdgeClient`] holds what every call needs (the CSRF token, the way to the sign-in page);
//! [`AccountClient`] adds the account and has one file of calls per resource.
//!
//! # Deliberately absent
//! - Views and words: a failure is data, `components::failure` phrases it.
//! - A private door: every call here is one that scripts can make too.

mod account;
mod client;
mod failure;
mod images;
mod models;
mod operations;
mod query;
mod scoring;
mod services;
mod session;
mod uploads;

pub(crate) use account::{AccountClient, last_segment, same_origin};
pub(crate) use client::EdgeClient;
pub(crate) use failure::{EdgeError, Failure};
pub(crate) use query::{Phase, Query};
pub(crate) use scoring::ScoreAnswer;
pub(crate) use session::AccountRef;
pub(crate) use uploads::Upload;
