//! What is said of a model, edited in place: its description and tags.

use leptos::prelude::*;
use shared::{Model, ModelPatch, validate_description, validate_tags};
use wasm_bindgen_futures::spawn_local;

use super::new_model::split_tags;
use crate::{
    api::{EdgeError, Query},
    app::use_account,
    components::{Button, Field, FormDialog, Glyph, TextArea, use_toasts},
    markup::view,
    react::derive,
    text::{fill, t},
};

/// A button and the form that it opens.
#[component]
pub(super) fn EditModel(model: Query<Model>) -> impl IntoView {
    let client = use_account().client;
    let toasts = use_toasts();
    let (open, busy) = (RwSignal::new(false), RwSignal::new(false));
    let failure = RwSignal::new(None::<EdgeError>);
    let description = RwSignal::new(String::new());
    let tags = RwSignal::new(String::new());
    let description_error = derive(move || {
        description.with(|text| validate_description(text).err().map(|rule| rule.to_string()))
    });
    let tags_error = derive(move || {
        tags.with(|text| validate_tags(&split_tags(text)).err().map(|rule| rule.to_string()))
    });
    let unready =
        move || description_error.with(Option::is_some) || tags_error.with(Option::is_some);
    let name =
        move || model.get().map(|it| format!("{} v{}", it.name, it.version)).unwrap_or_default();
    let title = move || fill(t().edit_account, &[("name", &name())]);
    let edit = move |()| {
        let Some(now) = untrack(|| model.get()) else { return };
        description.set(now.description.unwrap_or_default());
        tags.set(now.tags.unwrap_or_default().join(", "));
        open.set(true);
    };
    let save = move |()| {
        let Some(now) = untrack(|| model.get()) else { return };
        let text = description.get_untracked().trim().to_owned();
        let words = split_tags(&tags.get_untracked());
        let patch = ModelPatch {
            description: Some(Some(text).filter(|text| !text.is_empty())),
            tags: Some(Some(words)),
        };
        let (client, name) = (client.clone(), untrack(name));
        busy.set(true);
        spawn_local(async move {
            match client.change_model(now.id, patch).await {
                Ok(_) => {
                    toasts.say(fill(t().account_saved, &[("name", &name)]));
                    open.set(false);
                    model.refetch();
                }
                Err(error) => failure.set(Some(error)),
            }
            busy.try_set(false);
        });
    };
    view! {
        <Button
            label=t().edit
            icon=Glyph::Edit
            on_press=edit
        />
        <FormDialog
            open
            title=derive(title)
            submit=t().save
            busy
            unready=derive(unready)
            failure
            on_submit=save
        >
            <TextArea
                id="description"
                label=t().description
                value=description
                error=description_error
                rows=3
            />
            <Field id="tags" label=t().tags value=tags hint=t().tags_hint error=tags_error />
        </FormDialog>
    }
}
