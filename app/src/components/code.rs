//! Text to copy: code blocks and the button that copies.

use leptos::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use super::{
    icon::{Glyph, Icon},
    toast::use_toasts,
};
use crate::{markup::view, text::t};

/// Copies a text and says so.
#[component]
pub(crate) fn CopyButton(
    /// Read when pressed.
    #[prop(into)]
    text: Signal<String>,
    /// What is copied, for those who cannot see where the button stands.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let toasts = use_toasts();
    let copy = move |_| {
        let text = text.get_untracked();
        spawn_local(async move {
            let copying = window().navigator().clipboard().write_text(&text);
            match JsFuture::from(copying).await {
                Ok(_) => toasts.say(t().copied),
                Err(_) => toasts.warn(t().copy_refused),
            }
        });
    };
    view! {
        <button type="button" class="button button-quiet button-icon" on:click=copy title=label.clone()>
            <Icon glyph=Glyph::Copy />
            <span class="visually-hidden">{label}</span>
        </button>
    }
}

/// Preformatted text with a copy button; scrolls within itself, also by keyboard.
#[component]
pub(crate) fn CodeBlock(
    /// What is shown.
    #[prop(into)]
    text: Signal<String>,
    /// What is copied, where that differs (a secret that is masked on the page).
    #[prop(optional, into)]
    copied: Option<Signal<String>>,
    /// What it is.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let to_copy = copied.unwrap_or(text);
    view! {
        <div class="code">
            <div class="code-bar">
                <span>{label.clone()}</span>
                <CopyButton text=to_copy label=format!("{} {label}", t().copy) />
            </div>
            <pre tabindex="0" role="group" aria-label=label>
                <code>{move || text.get()}</code>
            </pre>
        </div>
    }
}
