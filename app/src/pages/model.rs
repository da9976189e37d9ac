//! `/models/{id}`: one version of a model, what it takes and gives, and its other versions.

use leptos::prelude::*;
use shared::{Model, ModelId};
use wasm_bindgen_futures::spawn_local;

use super::signature::{SignatureTables, Unread, Unsupported};
use crate::{
    api::Query,
    app::use_account,
    components::{
        Badge, Button, ButtonKind, ConfirmDialog, CopyButton, Crumb, Glyph, KeyValue, KeyValues,
        LinkButton, Loaded, Moment, PageHeader, Panel, Table, use_toasts,
    },
    format::{bytes, short_hash},
    navigation::use_navigation,
    route::Page,
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
    let known = Memo::new(move |_| model.get().is_some());
    let actions = move || {
        (may_write && known.get()).then(|| {
            let deploy = deploy.clone();
            view! {
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
    view! {
        <PageHeader
            title=Signal::derive(title)
            crumbs=vec![Crumb { label: t().models.to_owned(), href: account.href(Page::Models) }]
        >
            {actions}
        </PageHeader>
        <Loaded query=model let:model>
            <Details model=model.get_untracked() />
            <Panel id="signature" title=t().signature>
                <Loaded query=check let:check>
                    {move || match check.get() {
                        None => view! { <Unread /> }.into_any(),
                        Some(check) => {
                            let unsupported = (!check.unsupported.is_empty())
                                .then(|| view! { <Unsupported operators=check.unsupported /> });
                            let tables = check
                                .signature
                                .map(|signature| view! { <SignatureTables signature /> });
                            view! {
                                {unsupported}
                                {tables}
                            }
                                .into_any()
                        }
                    }}
                </Loaded>
            </Panel>
            <Versions model=model.get_untracked() />
        </Loaded>
    }
}

#[component]
fn Details(model: Model) -> impl IntoView {
    let tags = model.tags.unwrap_or_default();
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
                {(!tags.is_empty())
                    .then(|| {
                        view! {
                            <KeyValue name=t().tags>
                                {tags
                                    .into_iter()
                                    .map(|label| view! { <Badge label /> })
                                    .collect_view()}
                            </KeyValue>
                        }
                    })}
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

/// Every version of the name, the shown one marked.
#[component]
fn Versions(model: Model) -> impl IntoView {
    let account = use_account();
    let (client, name, shown) = (account.client.clone(), model.name.clone(), model.id);
    let versions = Query::new(move || client.clone().model_versions(name.clone()));
    let new = format!("{}?name={}", account.href(Page::NewModel), model.name);
    let add = account.may_write().then(|| view! { <a class="more" href=new>{t().new_version}</a> });
    let row = move |version: Model| {
        let href = account.href(Page::Model(version.id));
        let current = version.id == shown;
        view! {
            <tr>
                <th scope="row">
                    <a href=href aria-current=current.then_some("page")>
                        {format!("v{}", version.version)}
                    </a>
                </th>
                <td class="number">{version.size.map(bytes)}</td>
                <td><code>{version.sha256.as_deref().map(short_hash)}</code></td>
                <td><Moment at=version.created_at /></td>
            </tr>
        }
    };
    view! {
        <Panel id="versions" title=t().versions actions=add.into_any()>
            <Loaded query=versions let:versions>
                <Table
                    caption=t().versions
                    columns=vec![t().version, t().size, "SHA-256", t().registered]
                    rows=versions
                    key=|model| model.id.to_string()
                    row=row.clone()
                />
            </Loaded>
        </Panel>
    }
}

#[component]
fn DeleteModel(id: ModelId) -> impl IntoView {
    let account = use_account();
    let (navigation, toasts) = (use_navigation(), use_toasts());
    let open = RwSignal::new(false);
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
        <Button label=t().delete icon=Glyph::Trash on_press=move |()| open.set(true) />
        <ConfirmDialog open title=t().delete_model_title confirm=t().delete on_confirm=delete>
            <p>{t().delete_model_hint}</p>
        </ConfirmDialog>
    }
}
