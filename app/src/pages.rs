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

use leptos::prelude::*;

pub(crate) use deploy_flow::Deploying;
pub(crate) use not_found::{NoAccountPage, NotFoundPage};
pub(crate) use places::{Places, named_pages};
pub(crate) use sign_in::SignInPage;
pub(crate) use sign_in_again::SignInAgain;

use crate::route::Page;

/// Builds the page of an account that the address names.
pub(crate) fn page(page: Page) -> AnyView {
    match page {
        Page::Overview => view! { <overview::OverviewPage /> }.into_any(),
        Page::Models => view! { <models::ModelsPage /> }.into_any(),
        Page::NewModel => view! { <new_model::NewModelPage /> }.into_any(),
        Page::Model(id, _) => view! { <model::ModelPage id /> }.into_any(),
        Page::Manifests => view! { <manifests::ManifestsPage /> }.into_any(),
        Page::Images => view! { <images::ImagesPage /> }.into_any(),
        Page::Image(id) => view! { <image::ImagePage id /> }.into_any(),
        Page::Services => view! { <services::ServicesPage /> }.into_any(),
        Page::Deploy => view! { <deploy::DeployPage /> }.into_any(),
        Page::Service(name, _) => view! { <service::ServicePage name /> }.into_any(),
        Page::Operations => view! { <operations::OperationsPage /> }.into_any(),
        Page::NewManifest => view! { <new_manifest::NewManifestPage /> }.into_any(),
        Page::Manifest(id) => view! { <manifest::ManifestPage id /> }.into_any(),
        Page::Accounts => view! { <accounts::AccountsPage /> }.into_any(),
        Page::Access(_) => view! { <access::AccessPage /> }.into_any(),
        Page::Changes => view! { <changes::ChangesPage /> }.into_any(),
        Page::Design => view! { <design::DesignPage /> }.into_any(),
        Page::Operation(id) => view! { <operation::OperationPage id /> }.into_any(),
    }
}
