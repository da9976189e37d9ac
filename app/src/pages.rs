//! One file per page: it says which resource, which parts, which title; the rest is elsewhere.

mod access;
mod access_audit;
mod access_people;
mod access_principals;
mod access_roles;
mod access_sessions;
mod accounts;
mod changes;
mod deploy;
mod deploy_flow;
mod design;
mod image;
mod images;
mod live;
mod manifest;
mod manifests;
mod model;
mod model_edit;
mod model_graph;
mod model_report;
mod model_users;
mod model_versions;
mod models;
mod new_manifest;
mod new_model;
mod not_found;
mod operation;
mod operations;
mod overview;
mod places;
mod service;
mod service_deployments;
mod service_keys;
mod service_metrics;
mod service_records;
mod service_settings;
mod services;
mod settings_form;
mod sign_in;
mod sign_in_again;
mod signature;
mod state;
mod try_answer;
mod try_code;
mod try_entry;
mod try_it;
mod try_tab;

pub(crate) use deploy_flow::Deploying;
pub(crate) use not_found::{NoAccountPage, NotFoundPage};
pub(crate) use places::{Places, named_pages};
pub(crate) use sign_in::SignInPage;
pub(crate) use sign_in_again::SignInAgain;

use crate::{
    markup::{Markup, view},
    route::Page,
};

/// Builds the page of an account that the address names.
pub(crate) fn page(page: Page) -> Markup {
    match page {
        Page::Overview => view! { <overview::OverviewPage /> },
        Page::Models => view! { <models::ModelsPage /> },
        Page::NewModel => view! { <new_model::NewModelPage /> },
        Page::Model(id, _) => view! { <model::ModelPage id /> },
        Page::Manifests => view! { <manifests::ManifestsPage /> },
        Page::Images => view! { <images::ImagesPage /> },
        Page::Image(id) => view! { <image::ImagePage id /> },
        Page::Services => view! { <services::ServicesPage /> },
        Page::Deploy => view! { <deploy::DeployPage /> },
        Page::Service(name, _) => view! { <service::ServicePage name /> },
        Page::Operations => view! { <operations::OperationsPage /> },
        Page::NewManifest => view! { <new_manifest::NewManifestPage /> },
        Page::Manifest(id) => view! { <manifest::ManifestPage id /> },
        Page::Accounts => view! { <accounts::AccountsPage /> },
        Page::Access(_) => view! { <access::AccessPage /> },
        Page::Changes => view! { <changes::ChangesPage /> },
        Page::Design => view! { <design::DesignPage /> },
        Page::Operation(id) => view! { <operation::OperationPage id /> },
    }
}
