//! Scoring: documents in, scores out, in every dialect that the documented clients speak.
//!
//! A handler reads the body, [`caller`] finds the service and whether the caller may call it, a
//! codec turns the body into tensors in one pass, [`run`] waits for a slot and scores, and the codec
//! writes the answer into one buffer. The codecs know no HTTP:
//! - [`document`] and [`answer`]: the dialects of `/api/v1/service/{name}/score`,
//! - [`mlflow`]: the documents of MLflow's scoring server,
//! - [`sheet`]: CSV, in and out,
//! - [`table`]: the table of the request-response service,
//! - [`inference`]: the Open Inference Protocol,
//! - [`swagger`]: the description of a service.
//!
//! # Invariants
//! - A call holds its slot from before it scores until after, even when its caller has gone.
//! - Short work is done where the request arrived; long work where it blocks nobody.
//! - What a scorer failed on is for the log; a caller learns that it failed.

use crate::routes::Routes;

pub(crate) use notes::taken as noted;

mod answer;
mod caller;
mod cells;
mod document;
pub(crate) mod frame;
pub(crate) mod inference;
pub(crate) mod json;
mod media;
mod mlflow;
mod nested;
mod notes;
mod protocol;
pub(crate) mod refusal;
pub(crate) mod rows;
mod rrs;
mod run;
mod service;
pub(crate) mod sheet;
mod swagger;
mod table;
pub(crate) mod write;

/// Everything under `/api/v1/service`, `/v2` and `/workspaces`.
pub(crate) fn routes() -> Routes {
    service::routes().and(protocol::routes()).and(rrs::routes())
}
