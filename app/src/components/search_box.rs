//! Narrows a list; what is typed is part of the address.

use std::time::Duration;

use leptos::{leptos_dom::helpers::debounce, prelude::*, tachys::dom::event_target_value};

use super::icon::{Glyph, Icon};
use crate::{markup::view, navigation::use_navigation};

/// Writes `?search=` and reads it back.
#[component]
pub(crate) fn SearchBox(
    /// What is searched.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let navigation = use_navigation();
    let search = navigation.query("search");
    // Not a question for every letter.
    let mut write = debounce(Duration::from_millis(150), move |text: String| {
        navigation.set_query("search", Some(&text));
    });
    let typed = move |event| write(event_target_value(&event));
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
