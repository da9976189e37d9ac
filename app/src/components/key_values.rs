//! Properties of one thing: names on the left, values on the right.

use leptos::prelude::*;

use crate::markup::view;

/// Holds [`KeyValue`]s.
#[component]
pub(crate) fn KeyValues(children: Children) -> impl IntoView {
    view! { <dl class="key-values">{children()}</dl> }
}

/// One property.
#[component]
pub(crate) fn KeyValue(#[prop(into)] name: String, children: Children) -> impl IntoView {
    view! {
        <div>
            <dt>{name}</dt>
            <dd>{children()}</dd>
        </div>
    }
}
