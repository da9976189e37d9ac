//! `GET /api/version`: which build answers. Nothing secret, so nobody has to sign in for it.

use axum::{Json, extract::State, routing::get};

use crate::{config::BuildInfo, routes::Routes, state::Api};

pub(crate) fn routes() -> Routes {
    Routes::default().at("/api/version", get(version))
}

async fn version(State(api): State<Api>) -> Json<BuildInfo> {
    Json(api.config.build.clone())
}
