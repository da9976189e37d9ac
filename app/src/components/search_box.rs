//! Narrows a list; what is typed is part of the address.

use leptos::{prelude::*, tachys::dom::event_target_value};
use shared::paths::encode;

use super::icon::{Glyph, Icon};
use crate::navigation::use_navigation;

/// Writes `?search=` and reads it back.
#[component]
pub(crate) fn SearchBox(
    /// What is searched.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let navigation = use_navigation();
    let search = navigation.query("search");
    let typed = move |event| {
        let text = event_target_value(&event);
        let path = window().location().pathname().unwrap_or_default();
        let query =
            if text.is_empty() { String::new() } else { format!("?search={}", encode(&text)) };
        navigation.replace(&format!("{path}{query}"));
    };
    view! {
        <div class="search">
            <Icon glyph=Glyph::Search />
            <input
                type="search"
                aria-label=label.clone()
                placeholder=label
                prop:value=move || search.get().unwrap_or_default()
                on:input=typed
            />
        </div>
    }
}
