//! One of a few, chosen in the frame: language and colours.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::markup::{Markup, view};

/// A labelled select with an icon, as the dark side of the frame shows it.
#[component]
pub(crate) fn Choice(
    /// Unique on the page.
    id: &'static str,
    label: &'static str,
    glyph: Glyph,
    /// Values and what they are called.
    options: Vec<(&'static str, &'static str)>,
    #[prop(into)] current: String,
    #[prop(into)] on_choice: Callback<String>,
) -> impl IntoView {
    let options: Vec<Markup> = options
        .into_iter()
        .map(|(value, name)| {
            let selected = value == current;
            view! { <option value=value selected=selected>{name}</option> }
        })
        .collect();
    view! {
        <div class="choice">
            <Icon glyph />
            <label class="visually-hidden" for=id>{label}</label>
            <select
                id=id
                class="shell-select"
                on:change=move |event| on_choice.run(event_target_value(&event))
            >
                {options}
            </select>
        </div>
    }
}
