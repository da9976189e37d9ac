//! `/models/new`: uploads a file, or names an artefact's url, and registers it as a model.

use leptos::{ev::SubmitEvent, prelude::*};
use shared::{ModelRequest, validate_description, validate_name, validate_tags};
use wasm_bindgen_futures::spawn_local;

use crate::{
    api::{EdgeError, Upload},
    app::use_account,
    components::{
        Button, ButtonKind, Crumb, FailureNote, Field, FileDrop, Glyph, Icon, LinkButton,
        PageHeader, Panel, ProgressBar, TextArea, use_toasts,
    },
    format::{bytes, model_name},
    navigation::use_navigation,
    route::Page,
    text::{fill, t},
};

/// Registers a model.
#[component]
pub(crate) fn NewModelPage() -> impl IntoView {
    let account = use_account();
    let (navigation, toasts) = (use_navigation(), use_toasts());
    let file = RwSignal::new_local(None::<web_sys::File>);
    let name = RwSignal::new(navigation.query("name").get_untracked().unwrap_or_default());
    let description = RwSignal::new(String::new());
    let tags = RwSignal::new(String::new());
    let upload = RwSignal::new(None::<Upload>);
    let failure = RwSignal::new(None::<EdgeError>);

    let broken = |rule: Result<(), shared::InvalidName>| rule.err().map(|rule| rule.to_string());
    let name_error = Signal::derive(move || {
        let text = name.get();
        (!text.is_empty()).then(|| broken(validate_name(&text))).flatten()
    });
    let description_error =
        Signal::derive(move || description.with(|text| broken(validate_description(text))));
    let tags_error =
        Signal::derive(move || tags.with(|text| broken(validate_tags(&split_tags(text)))));
    let ready = Signal::derive(move || {
        file.with(Option::is_some)
            && name.with(|text| validate_name(text).is_ok())
            && description_error.with(Option::is_none)
            && tags_error.with(Option::is_none)
    });

    let on_file = move |chosen: web_sys::File| {
        if name.with_untracked(String::is_empty) {
            name.set(model_name(&chosen.name()));
        }
        failure.set(None);
        file.set(Some(chosen));
    };
    let for_submit = account.clone();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(chosen) = file.get_untracked() else { return };
        if upload.with_untracked(Option::is_some) || !ready.get_untracked() {
            return;
        }
        let sending = Upload::new();
        upload.set(Some(sending));
        failure.set(None);
        let account = for_submit.clone();
        let description = description.get_untracked().trim().to_owned();
        let request = ModelRequest {
            name: name.get_untracked(),
            url: String::new(),
            mime_type: mime_type(&chosen.name()).to_owned(),
            description: Some(description).filter(|text| !text.is_empty()),
            tags: Some(split_tags(&tags.get_untracked())).filter(|tags| !tags.is_empty()),
            unpack: is_archive(&chosen.name()).then_some(true),
        };
        spawn_local(async move {
            let registered = async {
                let Some(stored) = account.client.upload(&chosen, sending).await? else {
                    return Ok(None);
                };
                let request = ModelRequest { url: stored.url, ..request };
                account.client.clone().register_model(request).await.map(Some)
            };
            let registered = registered.await;
            upload.try_set(None);
            match registered {
                Ok(Some(model)) => {
                    let version = model.version.to_string();
                    toasts.say(fill(
                        t().model_registered,
                        &[("name", &model.name), ("version", &version)],
                    ));
                    navigation.go(&account.href(Page::Model(model.id)));
                }
                Ok(None) => toasts.say(t().upload_cancelled),
                Err(error) => {
                    failure.try_set(Some(error));
                }
            }
        });
    };
    let picked = move || {
        file.get().map(|file| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a file's size is a whole number below 2^53"
            )]
            let size = file.size() as u64;
            view! {
                <p class="picked">
                    <Icon glyph=Glyph::Model />
                    <span class="picked-name">{file.name()}</span>
                    <span class="number">{bytes(size)}</span>
                </p>
            }
        })
    };
    let progress = move || {
        upload.get().map(|sending| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a file's size is a whole number below 2^53")]
            let size = file.with_untracked(|file| file.as_ref().map_or(0.0, |file| file.size())) as u64;
            let percent = move || {
                sending.sent.get().saturating_mul(100).checked_div(size).and_then(|n| u32::try_from(n).ok())
            };
            let label = move || {
                let sent = bytes(sending.sent.get());
                fill(t().uploading, &[("sent", &sent), ("size", &bytes(size))])
            };
            view! {
                <div role="status" class="upload-progress">
                    <ProgressBar percent=Signal::derive(percent) label=Signal::derive(label) />
                    <Button label=t().cancel icon=Glyph::Cross on_press=move |()| sending.cancel() />
                </div>
            }
        })
    };
    let busy = Signal::derive(move || upload.with(Option::is_some));
    let models = account.href(Page::Models);
    view! {
        <PageHeader
            title=t().upload_model
            crumbs=vec![Crumb { label: t().models.to_owned(), href: models.clone() }]
        />
        <form on:submit=submit class="narrow">
            <Panel id="file" title=t().file>
                <FileDrop
                    id="model-file"
                    label=t().drop_label
                    hint=t().drop_hint
                    accept=".onnx,.wasm,.zip,.gz,.tgz"
                    on_file
                />
                {picked}
            </Panel>
            <Panel id="about" title=t().about>
                <Field
                    id="name"
                    label=t().name
                    value=name
                    hint=t().model_name_hint
                    error=name_error
                    required=true
                    mono=true
                />
                <TextArea
                    id="description"
                    label=t().description
                    value=description
                    error=description_error
                    rows=2
                />
                <Field id="tags" label=t().tags value=tags hint=t().tags_hint error=tags_error />
            </Panel>
            {move || failure.get().map(|error| view! { <FailureNote error /> })}
            {progress}
            <div class="actions">
                <Button
                    label=t().register
                    kind=ButtonKind::Primary
                    submit=true
                    busy
                    disabled=Signal::derive(move || !ready.get())
                />
                <LinkButton label=t().back_to_models href=models kind=ButtonKind::Quiet />
            </div>
        </form>
    }
}

/// Words between commas.
fn split_tags(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(Into::into).collect()
}

/// Recorded and shown; the server goes by the bytes.
fn mime_type(file_name: &str) -> &'static str {
    if file_name.ends_with(".wasm") { "application/wasm" } else { "application/x-onnx" }
}

fn is_archive(file_name: &str) -> bool {
    [".zip", ".tar.gz", ".tgz"].iter().any(|ending| file_name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_words_between_commas() {
        assert_eq!(split_tags(" demo, tabular ,,"), ["demo", "tabular"]);
    }
}
