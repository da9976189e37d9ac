//! Stories that cross a boundary, in one binary.
//!
//! What one function promises is tested beside it; here callers speak HTTP to the real process, and models
//! are compared with ONNX Runtime. Browser journeys are a target of their own, `e2e/browser.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics where it stands")]

mod access;
mod auditing;
mod backups;
mod canary;
mod cli;
mod clients;
mod concurrency;
mod crashes;
mod dialects;
mod drawing;
mod editing;
mod fetching;
mod fixtures;
mod identity;
mod limits;
mod metrics;
mod networks;
mod numeric;
mod observing;
mod openapi;
mod packing;
mod paging;
mod promises;
mod publishing;
mod refusals;
mod registry;
mod repeating;
mod scoring;
mod settings;
mod signing_keys;
mod updating;
