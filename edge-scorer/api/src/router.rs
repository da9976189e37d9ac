//! All routes behind the one front.

#[cfg(test)]
mod signed_in;
#[cfg(test)]
mod walk;

use control::Control;

use crate::{
    accounts, artifacts, config::ApiConfig, deployments, front::Front, images, manifests, metrics,
    models, operations, principals, routes::Routes, scoring, services, sessions, state::Api,
    subscriptions, tokens, uploads, version,
};

/// Everything that is served, as one service.
pub fn router(control: Control, config: ApiConfig) -> Front {
    let api = Api::new(control, config);
    let (routes, mut templates) = management().finish(api.clone());
    let (scoring, more) = scoring::routes().finish(api.clone());
    templates.extend(more);
    Front::new(&api, templates.iter().map(String::as_str), routes, scoring)
}

fn management() -> Routes {
    [
        accounts::routes(),
        artifacts::routes(),
        deployments::routes(),
        images::routes(),
        manifests::routes(),
        metrics::routes(),
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
