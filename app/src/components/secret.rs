//! A secret: hidden until asked for, copied without being shown.

use leptos::prelude::*;

use super::{
    code::CopyButton,
    icon::{Glyph, Icon},
};
use crate::{markup::view, text::t};

/// Shows and copies a secret.
#[component]
pub(crate) fn Secret(
    /// What it opens.
    #[prop(into)]
    label: String,
    #[prop(into)] value: Signal<String>,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    let text = move || if shown.get() { value.get() } else { "•".repeat(24) };
    let say = move || if shown.get() { t().hide } else { t().show };
    view! {
        <div class="secret">
            <code class:secret-hidden=move || !shown.get()>
                <span aria-hidden=move || (!shown.get()).then_some("true")>{text}</span>
                <span class="visually-hidden">{move || (!shown.get()).then_some(t().hidden)}</span>
            </code>
            <button
                type="button"
                class="button button-quiet button-icon"
                aria-pressed=move || if shown.get() { "true" } else { "false" }
                title=say
                on:click=move |_| shown.update(|shown| *shown = !*shown)
            >
                {move || {
                    let glyph = if shown.get() { Glyph::EyeOff } else { Glyph::Eye };
                    view! { <Icon glyph /> }
                }}
                <span class="visually-hidden">{format!("{} {label}", t().show)}</span>
            </button>
            <CopyButton text=value label=format!("{} {label}", t().copy) />
        </div>
    }
}
