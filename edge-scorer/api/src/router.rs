//! All routes behind the one front.

use axum::Router;
use control::Control;

use crate::{
    accounts, artifacts, config::ApiConfig, deployments, front::Front, images, manifests, models,
    operations, routes::Routes, services, sessions, state::Api, subscriptions, tokens, uploads,
    version,
};

/// Everything that is served, as one router.
pub fn router(control: Control, config: ApiConfig) -> Router {
    let api = Api::new(control, config);
    let (routes, templates) = management().finish(api.clone());
    let front =
        Front::new(&api.config, templates.iter().map(String::as_str), routes, Router::new());
    // The front is a fallback, so that it sees a path before any router does.
    Router::new().fallback_service(front)
}

fn management() -> Routes {
    [
        accounts::routes(),
        artifacts::routes(),
        deployments::routes(),
        images::routes(),
        manifests::routes(),
        models::routes(),
        operations::routes(),
        services::routes(),
        sessions::routes(),
        subscriptions::routes(),
        tokens::routes(),
        uploads::routes(),
        version::routes(),
    ]
    .into_iter()
    .fold(Routes::default(), Routes::and)
}
