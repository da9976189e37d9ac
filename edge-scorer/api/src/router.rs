//! All routes behind the one front.

#[cfg(test)]
mod guarded;
#[cfg(test)]
mod signed_in;
#[cfg(test)]
mod walk;

use axum::middleware::from_fn_with_state;
use control::Control;

use crate::{
    accounts, artifacts, audit, clusters, config::ApiConfig, deployments, front::Front, images,
    manifests, metrics, models, observations, openapi, operations, people, principals, roles,
    routes::Routes, scoring, services, sessions, signing_keys, state::Api, subscriptions, tokens,
    uploads, version,
};

/// Everything that is served, as one service.
pub fn router(control: Control, config: ApiConfig) -> Front {
    let api = Api::new(control, config);
    let (routes, mut templates) = management().finish(api.clone());
    let routes = routes.layer(from_fn_with_state(api.clone(), audit::note));
    let (scoring, more) = scoring::routes().finish(api.clone());
    templates.extend(more);
    Front::new(&api, templates.iter().map(String::as_str), routes, scoring)
}

fn management() -> Routes {
    [
        accounts::routes(),
        artifacts::routes(),
        audit::routes(),
        clusters::routes(),
        deployments::routes(),
        images::routes(),
        manifests::routes(),
        metrics::routes(),
        models::routes(),
        observations::routes(),
        openapi::routes(),
        operations::routes(),
        people::routes(),
        principals::routes(),
        roles::routes(),
        services::routes(),
        sessions::routes(),
        signing_keys::routes(),
        subscriptions::routes(),
        tokens::routes(),
        uploads::routes(),
        version::routes(),
    ]
    .into_iter()
    .fold(Routes::default(), Routes::and)
}
