//! `/console/accounts/{a}`: what runs, what happened, what to do first.

use std::time::Duration;

use leptos::prelude::*;

use super::{
    live::{AllServicesLive, LiveServices},
    operations::OperationRows,
    services::ServiceRows,
};
use crate::{
    api::Query,
    app::use_account,
    components::{ButtonKind, Empty, Glyph, Icon, LinkButton, Loaded, PageHeader, Panel},
    markup::{IntoMarkup as _, view},
    react::{derive, memo},
    route::Page,
    text::{fill, t},
};

/// The first page.
#[component]
pub(crate) fn OverviewPage() -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let services =
        Query::polling(move || client.clone().list_services(), |_| Some(Duration::from_secs(3)));
    let client = account.client.clone();
    let operations =
        Query::polling(move || client.clone().list_operations(6), |_| Some(Duration::from_secs(2)));
    let client = account.client.clone();
    let models = Query::new(move || client.clone().list_models());

    let started = memo(move || services.get().is_some_and(|services| !services.is_empty()));
    let registered = memo(move || models.get().is_some_and(|models| !models.is_empty()));
    let know = memo(move || services.get().is_some() && models.get().is_some());

    let actions = account.may_write().then(|| {
        let upload = account.href(Page::NewModel);
        let deploy = account.href(Page::Deploy);
        view! {
            <LinkButton label=t().upload_model href=upload icon=Glyph::Upload />
            <LinkButton label=t().deploy href=deploy icon=Glyph::Rocket kind=ButtonKind::Primary />
        }
    });
    let for_steps = account.clone();
    let steps = move || {
        (know.get() && !started.get())
            .then(|| view! { <FirstSteps registered=registered.get() account=for_steps.clone() /> })
    };
    let live = LiveServices::provide();
    let charts = move || {
        started.get().then(|| {
            view! {
                <Panel id="now" title=t().right_now>
                    <AllServicesLive live />
                </Panel>
            }
        })
    };
    let (see_services, see_operations) =
        (account.href(Page::Services), account.href(Page::Operations));
    view! {
        <PageHeader title=t().overview>{actions}</PageHeader>
        {steps}
        <div class="figures">
            <Figure
                label=t().services
                value=derive(move || services.get().map(|all| all.len()))
                href=see_services.clone()
                glyph=Glyph::Service
            />
            <Figure
                label=t().models
                value=derive(move || models.get().map(|all| distinct(&all)))
                href=account.href(Page::Models)
                glyph=Glyph::Model
            />
            <Figure
                label=t().attention
                value=derive(move || {
                    services.get().map(|all| all.iter().filter(|s| s.error.is_some()).count())
                })
                href=see_services.clone()
                glyph=Glyph::Warning
            />
        </div>
        {charts}
        <Panel
            id="services"
            title=t().services
            actions=view! { <a class="more" href=see_services>{t().see_all}</a> }
        >
            <Loaded query=services let:services>
                <ServiceRows services />
            </Loaded>
        </Panel>
        <Panel
            id="operations"
            title=t().recent_operations
            actions=view! { <a class="more" href=see_operations>{t().see_all}</a> }
        >
            <Loaded query=operations let:operations>
                <Show
                    when=move || operations.with(|all| !all.is_empty())
                    fallback=|| {
                        view! {
                            <Empty
                                glyph=Glyph::Operation
                                title=t().operations_empty
                                hint=t().operations_empty_hint
                            />
                        }
                    }
                >
                    <OperationRows operations />
                </Show>
            </Loaded>
        </Panel>
    }
}

/// Models counted by name: versions are not models of their own to people.
fn distinct(models: &[shared::Model]) -> usize {
    let mut names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

/// A number that leads to its list.
#[component]
fn Figure(
    #[prop(into)] label: String,
    #[prop(into)] value: Signal<Option<usize>>,
    href: String,
    glyph: Glyph,
) -> impl IntoView {
    view! {
        <a class="figure" href=href>
            <Icon glyph />
            <span class="figure-value number">
                {move || value.get().map_or_else(|| "–".to_owned(), |n| n.to_string())}
            </span>
            <span class="figure-label">{label}</span>
        </a>
    }
}

/// From nothing to an answer, in three steps.
#[component]
fn FirstSteps(registered: bool, account: crate::app::CurrentAccount) -> impl IntoView {
    let steps = [
        (t().step_upload, t().step_upload_hint, registered, account.href(Page::NewModel)),
        (t().step_deploy, t().step_deploy_hint, false, account.href(Page::Deploy)),
        (t().step_try, t().step_try_hint, false, account.href(Page::Services)),
    ];
    let items = steps
        .into_iter()
        .enumerate()
        .map(|(place, (title, hint, done, href))| {
            let mark = if done {
                view! { <Icon glyph=Glyph::Check /> }
            } else {
                (place + 1).to_string().into_markup()
            };
            view! {
                <li class:step-done=done>
                    <span class="step-mark" aria-hidden="true">{mark}</span>
                    <div>
                        <a href=href>{title}</a>
                        {done.then(|| view! { <span class="visually-hidden">{t().done}</span> })}
                        <p>{hint}</p>
                    </div>
                </li>
            }
        })
        .collect_view();
    view! {
        <Panel id="first-steps" title=fill(t().first_steps, &[])>
            <ol class="steps">{items}</ol>
        </Panel>
    }
}
