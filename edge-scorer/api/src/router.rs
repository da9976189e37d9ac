//! All routes behind the one front.

use axum::Router;
use control::Control;

use crate::{
    accounts, artifacts, config::ApiConfig, deployments, front::Front, images, manifests, models,
    operations, principals, routes::Routes, services, sessions, state::Api, subscriptions, tokens,
    uploads, version,
};

/// Everything that is served, as one service.
pub fn router(control: Control, config: ApiConfig) -> Front {
    let api = Api::new(control, config);
    let (routes, templates) = management().finish(api.clone());
    Front::new(&api.config, templates.iter().map(String::as_str), routes, Router::new())
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
        principals::routes(),
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
