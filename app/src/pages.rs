//! One file per page: it says which resource, which parts, which title; the rest is elsewhere.

mod deploy;
mod deploy_flow;
mod image;
mod images;
mod model;
mod models;
mod new_model;
mod not_found;
mod operation;
mod operations;
mod overview;
mod service;
mod service_deployments;
mod service_keys;
mod service_settings;
mod services;
mod settings_form;
mod sign_in;
mod signature;
mod state;
mod try_it;

use leptos::prelude::*;

pub(crate) use deploy_flow::Deploying;
pub(crate) use not_found::{NoAccountPage, NotFoundPage};
pub(crate) use sign_in::SignInPage;

use crate::route::Page;

/// Builds the page of an account that the address names.
pub(crate) fn page(page: Page) -> AnyView {
    match page {
        Page::Overview => view! { <overview::OverviewPage /> }.into_any(),
        Page::Models => view! { <models::ModelsPage /> }.into_any(),
        Page::NewModel => view! { <new_model::NewModelPage /> }.into_any(),
        Page::Model(id) => view! { <model::ModelPage id /> }.into_any(),
        Page::Images => view! { <images::ImagesPage /> }.into_any(),
        Page::Image(id) => view! { <image::ImagePage id /> }.into_any(),
        Page::Services => view! { <services::ServicesPage /> }.into_any(),
        Page::Deploy => view! { <deploy::DeployPage /> }.into_any(),
        Page::Service(name, _) => view! { <service::ServicePage name /> }.into_any(),
        Page::Operations => view! { <operations::OperationsPage /> }.into_any(),
        Page::Operation(id) => view! { <operation::OperationPage id /> }.into_any(),
    }
}
