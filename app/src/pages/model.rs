//! `/models/{id}[/{tab}]`: one version of a model: what it is, its operators, its other versions.

use leptos::prelude::*;
use shared::{Model, ModelId};
use wasm_bindgen_futures::spawn_local;

use super::{
    model_edit::EditModel, model_graph::ModelGraph, model_report::ModelReport,
    model_users::WhereUsed, model_versions::ModelVersions,
};
use crate::{
    api::Query,
    app::use_account,
    components::{
        Button, ButtonKind, ConfirmDialog, CopyButton, Crumb, Glyph, KeyValue, KeyValues,
        LinkButton, Loaded, Moment, PageHeader, Panel, Tab, Tabs, use_toasts,
    },
    format::{bytes, short_hash},
    markup::{Markup, view},
    navigation::use_navigation,
    react::{derive, memo},
    route::{ModelTab, Page},
    text::{fill, t},
};

/// One version of a model.
#[component]
pub(crate) fn ModelPage(id: ModelId) -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let model = Query::new(move || client.clone().model(id));
    let title = move || {
        model.get().map_or_else(
            || t().model.to_owned(),
            |model| format!("{} v{}", model.name, model.version),
        )
    };
    let client = account.client.clone();
    let check = Query::new(move || client.clone().model_check(id));
    let can_deploy = move || {
        check.get().is_none_or(|check| check.is_none_or(|check| check.unsupported.is_empty()))
    };
    let deploy = format!("{}?model={id}", account.href(Page::Deploy));
    let may_write = account.may_write();
    let known = memo(move || model.get().is_some());
    let actions = move || {
        (may_write && known.get()).then(|| {
            let deploy = deploy.clone();
            view! {
                <EditModel model />
                <DeleteModel id />
                {can_deploy()
                    .then(|| {
                        view! {
                            <LinkButton
                                label=t().deploy
                                href=deploy
                                icon=Glyph::Rocket
                                kind=ButtonKind::Primary
                            />
                        }
                    })}
            }
        })
    };
    let tab = use_navigation().model_tab();
    let place = move || ModelTab::ALL.iter().position(|known| *known == tab.get()).unwrap_or(0);
    let tabs = ModelTab::ALL
        .into_iter()
        .zip([t().summary, t().graph, t().versions])
        .map(|(tab, label)| Tab { label, href: account.href(Page::Model(id, tab)) })
        .collect();
    view! {
        <PageHeader
            title=derive(title)
            crumbs=vec![Crumb { label: t().models.to_owned(), href: account.href(Page::Models) }]
        >
            {actions}
        </PageHeader>
        <Tabs label=t().parts_of_model tabs current=derive(place) />
        <Loaded query=model let:model>
            {move || match tab.get() {
                ModelTab::Summary => view! {
                    {move || view! { <Details model=model.get() /> }}
                    <ModelReport check />
                    <WhereUsed id />
                },
                ModelTab::Graph => view! { <ModelGraph id /> },
                ModelTab::Versions => view! { <ModelVersions model=model.get() /> },
            }}
        </Loaded>
    }
}

#[component]
fn Details(model: Model) -> impl IntoView {
    let account = use_account();
    let tags: Vec<Markup> = model
        .tags
        .unwrap_or_default()
        .into_iter()
        .map(|tag| {
            let href =
                format!("{}?tag={}", account.href(Page::Models), shared::paths::encode(&tag));
            view! { <a class="badge" href=href>{tag}</a> }
        })
        .collect();
    let hash = model.sha256.map(|hash| {
        view! {
            <KeyValue name="SHA-256">
                <code title=hash.clone()>{short_hash(&hash)}</code>
                <CopyButton text=hash label=format!("{} SHA-256", t().copy) />
            </KeyValue>
        }
    });
    view! {
        <Panel id="details" title=t().details>
            <KeyValues>
                {model
                    .description
                    .map(|text| view! { <KeyValue name=t().description>{text}</KeyValue> })}
                <KeyValue name=t().registered><Moment at=model.created_at /></KeyValue>
                <KeyValue name=t().media_type><code>{model.mime_type}</code></KeyValue>
                {model.size.map(|size| view! { <KeyValue name=t().size>{bytes(size)}</KeyValue> })}
                {hash}
                {(!tags.is_empty()).then(|| view! { <KeyValue name=t().tags>{tags}</KeyValue> })}
                <KeyValue name=t().address>
                    <code class="long">{model.url.clone()}</code>
                    <CopyButton text=model.url label=format!("{} {}", t().copy, t().address) />
                </KeyValue>
                <KeyValue name=t().id>
                    <code>{model.id.to_string()}</code>
                    <CopyButton
                        text=model.id.to_string()
                        label=format!("{} {}", t().copy, t().id)
                    />
                </KeyValue>
            </KeyValues>
        </Panel>
    }
}

/// Asks before it deletes, and names what stands in the way.
#[component]
fn DeleteModel(id: ModelId) -> impl IntoView {
    let account = use_account();
    let (navigation, toasts) = (use_navigation(), use_toasts());
    let open = RwSignal::new(false);
    let users = RwSignal::new(None::<String>);
    let client = account.client.clone();
    let ask = move |()| {
        open.set(true);
        users.set(None);
        let client = client.clone();
        spawn_local(async move {
            let Ok(found) = client.model_users(id).await else { return };
            let manifests = found.manifests.iter().map(|it| format!("{} v{}", it.name, it.version));
            let services = found.services.iter().map(|it| it.name.clone());
            let names: Vec<String> = manifests.chain(services).collect();
            users.try_set(Some(if names.is_empty() {
                t().nothing_uses_it.to_owned()
            } else {
                fill(t().deletes_with_it, &[("users", &names.join(", "))])
            }));
        });
    };
    let delete = move |()| {
        let account = account.clone();
        spawn_local(async move {
            match account.client.clone().delete_model(id).await {
                Ok(()) => {
                    toasts.say(t().model_deleted);
                    navigation.go(&account.href(Page::Models));
                }
                Err(error) => toasts.warn(fill(t().not_deleted, &[("why", &error.said())])),
            }
        });
    };
    view! {
        <Button label=t().delete icon=Glyph::Trash on_press=ask />
        <ConfirmDialog open title=t().delete_model_title confirm=t().delete on_confirm=delete>
            <p>{t().delete_model_hint}</p>
            <p role="status">{move || users.get()}</p>
        </ConfirmDialog>
    }
}
