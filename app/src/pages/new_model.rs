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
    markup::{IntoMarkup as _, view},
    navigation::use_navigation,
    react::derive,
    route::{ModelTab, Page},
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
    // An upload that failed half way goes on when it is sent again.
    let halfway = StoredValue::new(None::<Upload>);
    let by_url = RwSignal::new(false);
    let url = RwSignal::new(String::new());
    let url_error = derive(move || {
        let text = url.get();
        let lower = text.trim().to_ascii_lowercase();
        let fine = lower.starts_with("http://") || lower.starts_with("https://");
        (!text.is_empty() && !fine).then(|| t().rule_url.to_owned())
    });
    let failure = RwSignal::new(None::<EdgeError>);

    let broken = |rule: Result<(), shared::InvalidName>| rule.err().map(|rule| rule.to_string());
    let name_error = derive(move || {
        let text = name.get();
        (!text.is_empty()).then(|| broken(validate_name(&text))).flatten()
    });
    let description_error =
        derive(move || description.with(|text| broken(validate_description(text))));
    let tags_error = derive(move || tags.with(|text| broken(validate_tags(&split_tags(text)))));
    let ready = derive(move || {
        let somewhere = if by_url.get() {
            url.with(|text| !text.trim().is_empty()) && url_error.with(Option::is_none)
        } else {
            file.with(Option::is_some)
        };
        somewhere
            && name.with(|text| validate_name(text).is_ok())
            && description_error.with(Option::is_none)
            && tags_error.with(Option::is_none)
    });

    let on_file = move |chosen: web_sys::File| {
        if name.with_untracked(String::is_empty) {
            name.set(model_name(&chosen.name()));
        }
        failure.set(None);
        halfway.set_value(None);
        file.set(Some(chosen));
    };
    let for_submit = account.clone();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let chosen = file.get_untracked().filter(|_| !by_url.get_untracked());
        if upload.with_untracked(Option::is_some) || !ready.get_untracked() {
            return;
        }
        let sending = halfway.get_value().unwrap_or_else(Upload::new);
        upload.set(Some(sending));
        failure.set(None);
        let file_name = match &chosen {
            Some(chosen) => chosen.name(),
            None => url.get_untracked().split(['?', '#']).next().unwrap_or_default().to_owned(),
        };
        let account = for_submit.clone();
        let description = description.get_untracked().trim().to_owned();
        let request = ModelRequest {
            name: name.get_untracked(),
            url: url.get_untracked().trim().to_owned(),
            mime_type: mime_type(&file_name).to_owned(),
            description: Some(description).filter(|text| !text.is_empty()),
            tags: Some(split_tags(&tags.get_untracked())).filter(|tags| !tags.is_empty()),
            unpack: is_archive(&file_name).then_some(true),
        };
        spawn_local(async move {
            let registered = async {
                let mut request = request;
                if let Some(chosen) = chosen {
                    let Some(stored) = account.client.upload(&chosen, sending).await? else {
                        return Ok(None);
                    };
                    request.url = stored.url;
                }
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
                    navigation.go(&account.href(Page::Model(model.id, ModelTab::Summary)));
                }
                Ok(None) => {
                    halfway.try_update_value(|kept| *kept = None);
                    toasts.say(t().upload_cancelled);
                }
                Err(error) => {
                    halfway.try_update_value(|kept| *kept = Some(sending));
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
        upload.get().filter(|_| !by_url.get()).map(|sending| {
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
                    <ProgressBar percent=derive(percent) label=derive(label) />
                    <Button label=t().cancel icon=Glyph::Cross on_press=move |()| sending.cancel() />
                </div>
            }
        })
    };
    let busy = derive(move || upload.with(Option::is_some));
    let say_register = move || {
        failure.track();
        let again = halfway.with_value(Option::is_some) && failure.with(Option::is_some);
        match (by_url.get(), again) {
            (true, _) => t().register_url,
            (false, true) => t().resume,
            (false, false) => t().register,
        }
        .to_owned()
    };
    let way = move |label: &'static str, own: bool| {
        view! {
            <button
                type="button"
                aria-pressed=move || if by_url.get() == own { "true" } else { "false" }
                on:click=move |_| by_url.set(own)
            >
                {label}
            </button>
        }
    };
    let ways = view! {
        <div class="switch" role="group" aria-label=t().how_to_register>
            {way(t().by_file, false)} {way(t().by_url, true)}
        </div>
    };
    let models = account.href(Page::Models);
    view! {
        <PageHeader
            title=t().upload_model
            crumbs=vec![Crumb { label: t().models.to_owned(), href: models.clone() }]
        />
        <form on:submit=submit class="narrow">
            <Panel id="file" title=t().how_to_register actions=ways.into_markup()>
                {move || {
                    if by_url.get() {
                        view! {
                            <Field
                                id="url"
                                label=t().model_url
                                hint=t().model_url_hint
                                value=url
                                error=url_error
                                required=true
                                mono=true
                            />
                        }
                    } else {
                        view! {
                            <FileDrop
                                id="model-file"
                                label=t().drop_label
                                hint=t().drop_hint
                                accept=".onnx,.wasm,.zip,.gz,.tgz"
                                on_file
                            />
                            {picked}
                        }
                    }
                }}
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
                    label=derive(say_register)
                    kind=ButtonKind::Primary
                    submit=true
                    busy
                    disabled=derive(move || !ready.get())
                />
                <LinkButton label=t().back_to_models href=models kind=ButtonKind::Quiet />
            </div>
        </form>
    }
}

/// Words between commas.
pub(super) fn split_tags(text: &str) -> Vec<String> {
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
