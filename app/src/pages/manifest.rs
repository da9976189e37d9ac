//! `/manifests/{id}`: one version of a manifest, its models and the images built from it.

use std::time::Duration;

use leptos::{ev::SubmitEvent, prelude::*};
use shared::{Image, Manifest, ManifestId, validate_name};
use wasm_bindgen_futures::spawn_local;

use super::state::State;
use crate::{
    api::{EdgeError, Known, Query},
    app::use_account,
    components::{
        Button, ButtonKind, ConfirmDialog, CopyButton, Crumb, Empty, FailureNote, Field, Glyph,
        KeyValue, KeyValues, Loaded, Moment, PageHeader, Panel, Table, use_toasts,
    },
    markup::{IntoMarkup as _, Markup, view},
    navigation::use_navigation,
    react::{derive, memo},
    route::{ModelTab, Page},
    text::{fill, t},
};

/// One version of a manifest.
#[component]
pub(crate) fn ManifestPage(id: ManifestId) -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let manifest = Query::new(move || client.clone().manifest(id));
    let title = move || {
        manifest.get().map_or_else(
            || t().manifest.to_owned(),
            |manifest| format!("{} v{}", manifest.name, manifest.version),
        )
    };
    let client = account.client.clone();
    let images = Query::polling(
        move || client.clone().images_of_manifest(id),
        |images: &Vec<Image>| {
            let busy = images.iter().any(|image| !image.creation_state.is_final());
            Some(Duration::from_secs(if busy { 1 } else { 15 }))
        },
    );
    let may_write = account.may_write();
    let actions = may_write.then(|| view! { <DeleteManifest id /> });
    view! {
        <PageHeader
            title=derive(title)
            crumbs=vec![
                Crumb { label: t().manifests.to_owned(), href: account.href(Page::Manifests) },
            ]
        >
            {actions}
        </PageHeader>
        <Loaded query=manifest let:manifest>
            <Details manifest=manifest.get_untracked() />
            <Panel id="images" title=t().images_built>
                <Loaded query=images let:images>
                    <Images images />
                </Loaded>
                {may_write
                    .then(|| {
                        let name = manifest.with_untracked(|it| it.name.clone());
                        view! { <Build id name images /> }
                    })}
            </Panel>
        </Loaded>
    }
}

#[component]
fn Details(manifest: Manifest) -> impl IntoView {
    let account = use_account();
    let models: Vec<Markup> = manifest
        .model_ids
        .unwrap_or_default()
        .into_iter()
        .map(|id| {
            let href = account.href(Page::Model(id, ModelTab::Summary));
            let client = account.client.clone();
            let model = Query::new(move || client.clone().model(id));
            let short: String = id.to_string().chars().take(8).collect();
            let name = move || {
                model
                    .get()
                    .map_or_else(|| short.clone(), |it| format!("{} v{}", it.name, it.version))
            };
            view! { <a href=href>{name}</a> }
        })
        .collect();
    let properties: Vec<String> = manifest
        .target_runtime
        .properties
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    view! {
        <Panel id="details" title=t().details>
            <KeyValues>
                {manifest
                    .description
                    .map(|text| view! { <KeyValue name=t().description>{text}</KeyValue> })}
                <KeyValue name=t().models>{models}</KeyValue>
                <KeyValue name=t().runtime>
                    {manifest.target_runtime.runtime_type.to_string()}
                </KeyValue>
                {(!properties.is_empty())
                    .then(|| {
                        view! { <KeyValue name=t().properties>{properties.join(", ")}</KeyValue> }
                    })}
                <KeyValue name=t().driver><code>{manifest.driver_program}</code></KeyValue>
                <KeyValue name=t().created><Moment at=manifest.created_time /></KeyValue>
                <KeyValue name=t().id>
                    <code>{manifest.id.to_string()}</code>
                    <CopyButton
                        text=manifest.id.to_string()
                        label=format!("{} {}", t().copy, t().id)
                    />
                </KeyValue>
            </KeyValues>
        </Panel>
    }
}

#[component]
fn Images(images: Known<Vec<Image>>) -> impl IntoView {
    let account = use_account();
    let row = move |image: Image| {
        let href = account.href(Page::Image(image.id));
        let why =
            image.error.map(|error| view! { <span class="sub sub-bad">{error.message}</span> });
        view! {
            <tr>
                <th scope="row"><a href=href>{image.name}</a></th>
                <td class="number">{format!("v{}", image.version)}</td>
                <td>
                    <State state=image.creation_state succeeded=t().image_ready />
                    {why}
                </td>
                <td><Moment at=image.created_time /></td>
            </tr>
        }
    };
    let none = memo(move || images.with(Vec::is_empty));
    let content = move || {
        if none.get() {
            return view! { <Empty glyph=Glyph::Image title=t().none_built hint=t().none_built_hint /> };
        }
        view! {
            <Table
                caption=t().images_built
                columns=vec![t().name, t().version, t().state, t().created]
                rows=images
                key=|image| format!("{}{}", image.id, image.creation_state)
                row=row.clone()
            />
        }
    };
    content.into_markup()
}

/// Builds the next image.
#[component]
fn Build(id: ManifestId, name: String, images: Query<Vec<Image>>) -> impl IntoView {
    let account = use_account();
    let navigation = use_navigation();
    let image_name = RwSignal::new(name);
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<EdgeError>));
    let error = derive(move || {
        let text = image_name.get();
        validate_name(&text).err().map(|rule| rule.to_string())
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let account = account.clone();
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let name = image_name.get_untracked();
            let started = account.client.clone().build_image_named(name, id, None).await;
            busy.try_set(false);
            match started {
                Ok(started) => navigation.go(&account.href(Page::Operation(started.0))),
                Err(error) => {
                    failure.try_set(Some(error));
                }
            }
            images.refetch();
        });
    };
    view! {
        <form on:submit=submit class="build-form">
            <Field id="image-name" label=t().image_name value=image_name error mono=true />
            {move || failure.get().map(|error| view! { <FailureNote error /> })}
            <Button
                label=t().build_image
                icon=Glyph::Chip
                kind=ButtonKind::Primary
                submit=true
                busy
                disabled=derive(move || error.with(Option::is_some))
            />
        </form>
    }
}

#[component]
fn DeleteManifest(id: ManifestId) -> impl IntoView {
    let account = use_account();
    let (navigation, toasts) = (use_navigation(), use_toasts());
    let open = RwSignal::new(false);
    let delete = move |()| {
        let account = account.clone();
        spawn_local(async move {
            match account.client.clone().delete_manifest(id).await {
                Ok(()) => {
                    toasts.say(t().manifest_deleted);
                    navigation.go(&account.href(Page::Manifests));
                }
                Err(error) => toasts.warn(fill(t().not_deleted, &[("why", &error.said())])),
            }
        });
    };
    view! {
        <Button label=t().delete icon=Glyph::Trash on_press=move |()| open.set(true) />
        <ConfirmDialog open title=t().delete_manifest_title confirm=t().delete on_confirm=delete>
            <p>{t().delete_manifest_hint}</p>
        </ConfirmDialog>
    }
}
