//! `/services/{name}[/{tab}]`: one service: its state, a way to try it, and all that can be set.

use std::time::Duration;

use leptos::prelude::*;
use shared::{OperationState, Service};
use wasm_bindgen_futures::spawn_local;

use super::{
    service_deployments::Deployments, service_keys::Keys, service_metrics::Metrics,
    service_records::Records, service_settings::Settings, state::State, try_it::TryIt,
};
use crate::{
    api::{EdgeError, Known, Query},
    app::use_account,
    components::{
        Button, CodeBlock, ConfirmDialog, CopyButton, Crumb, FailureNote, Glyph, KeyValue,
        KeyValues, Loaded, Moment, PageHeader, Panel, Tab, Tabs, use_toasts,
    },
    markup::{IntoMarkup as _, view},
    navigation::use_navigation,
    react::{derive, memo},
    route::{ModelTab, Page, ServiceTab},
    text::{fill, t},
};

/// One service.
#[component]
pub(crate) fn ServicePage(name: String) -> impl IntoView {
    let account = use_account();
    let (client, wanted) = (account.client.clone(), name.clone());
    let service = Query::polling(
        move || client.clone().service(wanted.clone()),
        |service: &Service| Some(Duration::from_secs(if service.state.is_final() { 5 } else { 1 })),
    );
    let fallback = name.clone();
    let title = move || service.get().map_or_else(|| fallback.clone(), |service| service.name);
    let state = memo(move || service.get().map(|service| service.state));
    let aside = move || state.get().map(|state| view! { <State state succeeded=t().serving /> });

    let tab = use_navigation().tab();
    let tabs = ServiceTab::ALL
        .into_iter()
        .zip([
            t().summary,
            t().metrics,
            t().try_it,
            t().deployments,
            t().keys,
            t().settings,
            t().records,
        ])
        .map(|(tab, label)| Tab { label, href: account.href(Page::Service(name.clone(), tab)) })
        .collect();
    let place = move || ServiceTab::ALL.iter().position(|known| *known == tab.get()).unwrap_or(0);
    let may_write = account.may_write();
    let deletable = name.clone();
    let actions = move || {
        let known = state.get().is_some() && may_write;
        known.then(|| view! { <DeleteService name=deletable.clone() /> })
    };
    view! {
        <PageHeader
            title=derive(title)
            crumbs=vec![
                Crumb { label: t().services.to_owned(), href: account.href(Page::Services) },
            ]
            aside=aside.into_markup()
        >
            {actions}
        </PageHeader>
        <Tabs label=t().parts_of_service tabs current=derive(place) />
        <Loaded query=service let:current>
            {move || {
                current
                    .get()
                    .error
                    .map(|error| view! { <FailureNote error=EdgeError::from(error) /> })
            }}
            {move || match tab.get() {
                ServiceTab::Summary => view! { <Summary service=current /> },
                ServiceTab::Metrics => view! { <Metrics service=current /> },
                ServiceTab::TryIt => view! { <TryIt service=current /> },
                ServiceTab::Deployments => {
                    view! { <Deployments service=current changed=move |()| service.refetch() /> }
                }
                ServiceTab::Keys => view! { <Keys service=current /> },
                ServiceTab::Records => view! { <Records service=current /> },
                ServiceTab::Settings => {
                    view! { <Settings service=current changed=move |()| service.refetch() /> }
                }
            }}
        </Loaded>
    }
}

#[component]
fn Summary(service: Known<Service>) -> impl IntoView {
    let account = use_account();
    let facts = move || {
        let service = service.get();
        let image = service.image.map(|image| {
            let href = account.href(Page::Image(image.id));
            let label = format!("{} v{}", image.name, image.version);
            view! { <KeyValue name=t().image><a href=href>{label}</a></KeyValue> }
        });
        let models = service.models.unwrap_or_default();
        let models = models
            .into_iter()
            .map(|model| {
                let href = account.href(Page::Model(model.id, ModelTab::Summary));
                let label = format!("{} v{}", model.name, model.version);
                view! { <KeyValue name=t().model><a href=href>{label}</a></KeyValue> }
            })
            .collect_view();
        let stopped = service.replicas == 0 && service.state == OperationState::Succeeded;
        view! {
            <KeyValues>
                {image}
                {models}
                <KeyValue name=t().replicas>
                    {service.replicas}
                    {stopped.then(|| view! { <span class="sub">{t().stopped_hint}</span> })}
                </KeyValue>
                <KeyValue name=t().created><Moment at=service.created_at /></KeyValue>
                <KeyValue name=t().updated><Moment at=service.updated_at /></KeyValue>
                <KeyValue name=t().id>
                    <code>{service.id.to_string()}</code>
                    <CopyButton
                        text=service.id.to_string()
                        label=format!("{} {}", t().copy, t().id)
                    />
                </KeyValue>
            </KeyValues>
        }
    };
    let uri = memo(move || service.with(|service| service.scoring_uri.clone()));
    let address = move || {
        uri.get().map(|uri| {
            let swagger = uri.replace("/score", "/swagger.json");
            view! {
                <Panel id="address" title=t().address>
                    <CodeBlock text=uri label=t().scoring_uri />
                    <CodeBlock text=swagger label=t().description_uri />
                </Panel>
            }
        })
    };
    view! {
        <Panel id="details" title=t().details>{facts}</Panel>
        {address}
    }
}

#[component]
fn DeleteService(name: String) -> impl IntoView {
    let account = use_account();
    let (navigation, toasts) = (use_navigation(), use_toasts());
    let open = RwSignal::new(false);
    let shown = name.clone();
    let delete = move |()| {
        let (account, name) = (account.clone(), name.clone());
        spawn_local(async move {
            match account.client.clone().delete_service(name).await {
                Ok(()) => {
                    toasts.say(t().service_deleted);
                    navigation.go(&account.href(Page::Services));
                }
                Err(error) => toasts.warn(fill(t().not_deleted, &[("why", &error.said())])),
            }
        });
    };
    view! {
        <Button label=t().delete icon=Glyph::Trash on_press=move |()| open.set(true) />
        <ConfirmDialog
            open
            title=fill(t().delete_service_title, &[("name", &shown)])
            confirm=t().delete
            on_confirm=delete
        >
            <p>{t().delete_service_hint}</p>
        </ConfirmDialog>
    }
}
