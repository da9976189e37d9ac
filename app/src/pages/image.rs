//! `/images/{id}`: one version of an image, how it was built and where it is.

use std::time::Duration;

use leptos::prelude::*;
use shared::{Image, ImageId, OperationState};
use wasm_bindgen_futures::spawn_local;

use super::{model_report::facts, signature::SignatureTables, state::State};
use crate::{
    api::{EdgeError, Query},
    app::use_account,
    components::{
        Button, ButtonKind, CodeBlock, ConfirmDialog, CopyButton, Crumb, FailureNote, Glyph,
        KeyValue, KeyValues, LinkButton, Loaded, Moment, PageHeader, Panel, use_toasts,
    },
    format::{bytes, short_hash},
    markup::{IntoMarkup as _, view},
    navigation::use_navigation,
    react::{derive, memo},
    route::{ModelTab, Page},
    text::{fill, t},
};

/// One version of an image.
#[component]
pub(crate) fn ImagePage(id: ImageId) -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let image = Query::polling(
        move || client.clone().image(id),
        |image: &Image| (!image.creation_state.is_final()).then_some(Duration::from_secs(1)),
    );
    let title = move || {
        image.get().map_or_else(
            || t().image.to_owned(),
            |image| format!("{} v{}", image.name, image.version),
        )
    };
    let state = memo(move || image.get().map(|image| image.creation_state));
    let client = account.client.clone();
    let log = Query::polling(
        move || {
            state.track();
            client.clone().image_log(id)
        },
        move |_| {
            let over = state.get_untracked().is_none_or(OperationState::is_final);
            (!over).then_some(Duration::from_secs(1))
        },
    );
    let deploy = format!("{}?image={id}", account.href(Page::Deploy));
    let may_write = account.may_write();
    let actions = move || {
        (may_write && state.get().is_some()).then(|| {
            let deploy = deploy.clone();
            view! {
                <DeleteImage id />
                {(state.get() == Some(OperationState::Succeeded))
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
    let aside =
        move || state.get().map(|state| view! { <State state succeeded=t().image_ready /> });
    view! {
        <PageHeader
            title=derive(title)
            crumbs=vec![Crumb { label: t().images.to_owned(), href: account.href(Page::Images) }]
            aside=aside.into_markup()
        >
            {actions}
        </PageHeader>
        <Loaded query=image let:image>
            {move || {
                image
                    .get()
                    .error
                    .map(|error| view! { <FailureNote error=EdgeError::from(error) /> })
            }}
            {move || view! { <Details image=image.get() /> }}
        </Loaded>
        <Panel id="log" title=t().build_log>
            <Loaded query=log let:log>
                <CodeBlock text=log label=t().build_log />
            </Loaded>
        </Panel>
        {move || (state.get() == Some(OperationState::Succeeded)).then(|| view! { <Contract id /> })}
    }
}

#[component]
fn Details(image: Image) -> impl IntoView {
    let account = use_account();
    let model =
        image.manifest.as_ref().and_then(|manifest| manifest.model_ids.as_ref()?.first().copied());
    let built_from = image.manifest.as_ref().map(|manifest| {
        let href = account.href(Page::Manifest(manifest.id));
        let label = format!("{} v{}", manifest.name, manifest.version);
        view! { <KeyValue name=t().manifest><a href=href>{label}</a></KeyValue> }
    });
    let model = model.map(|id| {
        let href = account.href(Page::Model(id, ModelTab::Summary));
        let name = image.manifest.as_ref().map(|manifest| manifest.name.clone());
        view! { <KeyValue name=t().model><a href=href>{name}</a></KeyValue> }
    });
    let location = image.image_location.map(|location| {
        view! {
            <KeyValue name=t().oci_location>
                <code class="long">{location.clone()}</code>
                <CopyButton text=location label=format!("{} {}", t().copy, t().oci_location) />
            </KeyValue>
        }
    });
    let hash = image.module_sha256.map(|hash| {
        view! {
            <KeyValue name=t().module_hash>
                <code title=hash.clone()>{short_hash(&hash)}</code>
                <CopyButton text=hash label=format!("{} {}", t().copy, t().module_hash) />
            </KeyValue>
        }
    });
    let ready = image.creation_state == OperationState::Succeeded;
    let files = ready.then(|| {
        let module = account.client.image_download(image.id, "module.wasm");
        let layout = account.client.image_download(image.id, "content");
        view! {
            <KeyValue name=t().downloads>
                <LinkButton label="module.wasm" href=module icon=Glyph::Download kind=ButtonKind::Quiet download=true />
                <LinkButton label=t().oci_layout href=layout icon=Glyph::Download kind=ButtonKind::Quiet download=true />
            </KeyValue>
        }
    });
    view! {
        <Panel id="details" title=t().details>
            <KeyValues>
                {model}
                {built_from}
                <KeyValue name=t().created><Moment at=image.created_time /></KeyValue>
                {image.module_size.map(|size| view! { <KeyValue name=t().module_size>{bytes(size)}</KeyValue> })}
                {hash}
                {location}
                {files}
                <KeyValue name=t().id>
                    <code>{image.id.to_string()}</code>
                    <CopyButton text=image.id.to_string() label=format!("{} {}", t().copy, t().id) />
                </KeyValue>
            </KeyValues>
        </Panel>
    }
}

/// What the packed module takes and gives, how it was made, and how to fetch it.
#[component]
fn Contract(id: ImageId) -> impl IntoView {
    let client = use_account().client;
    let content = client.image_download(id, "content");
    let signature = Query::new(move || client.clone().image_signature(id));
    let origin = window().location().origin().unwrap_or_default();
    let command = format!(
        "curl -sS -H \"Authorization: Bearer $TOKEN\" '{origin}{content}' | tar -x -C ./image"
    );
    view! {
        <Panel id="signature" title=t().signature>
            <Loaded query=signature let:signature>
                {
                    let signature = signature.get_untracked();
                    let facts = facts(&signature);
                    let source = signature.source.clone();
                    view! {
                        <SignatureTables signature />
                        {facts}
                        {source
                            .map(|hash| {
                                view! {
                                    <KeyValues>
                                        <KeyValue name=t().source_hash>
                                            <code class="long">{hash}</code>
                                        </KeyValue>
                                    </KeyValues>
                                }
                            })}
                    }
                }
            </Loaded>
        </Panel>
        <Panel id="pull" title=t().pull_command>
            <CodeBlock text=command label="sh" />
            <p class="fine">{t().pull_hint}</p>
        </Panel>
    }
}

#[component]
fn DeleteImage(id: ImageId) -> impl IntoView {
    let account = use_account();
    let (navigation, toasts) = (use_navigation(), use_toasts());
    let open = RwSignal::new(false);
    let delete = move |()| {
        let account = account.clone();
        spawn_local(async move {
            match account.client.clone().delete_image(id).await {
                Ok(()) => {
                    toasts.say(t().image_deleted);
                    navigation.go(&account.href(Page::Images));
                }
                Err(error) => toasts.warn(fill(t().not_deleted, &[("why", &error.said())])),
            }
        });
    };
    view! {
        <Button label=t().delete icon=Glyph::Trash on_press=move |()| open.set(true) />
        <ConfirmDialog open title=t().delete_image_title confirm=t().delete on_confirm=delete>
            <p>{t().delete_image_hint}</p>
        </ConfirmDialog>
    }
}
