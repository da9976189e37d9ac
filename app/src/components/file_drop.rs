//! A place to drop a file on, which is also a labelled file input.

use leptos::{ev::DragEvent, html, prelude::*};

use super::icon::{Glyph, Icon};
use crate::markup::view;

/// Takes one file, dropped or chosen.
#[component]
pub(crate) fn FileDrop(
    #[prop(into)] id: String,
    #[prop(into)] label: String,
    #[prop(into)] hint: String,
    /// What the file dialog offers, such as `.onnx,.wasm`.
    accept: &'static str,
    #[prop(into)] on_file: Callback<web_sys::File>,
) -> impl IntoView {
    let over = RwSignal::new(false);
    let input = NodeRef::<html::Input>::new();
    let take = move |files: Option<web_sys::FileList>| {
        if let Some(file) = files.and_then(|files| files.get(0)) {
            on_file.run(file);
        }
    };
    let dropped = move |event: DragEvent| {
        event.prevent_default();
        over.set(false);
        take(event.data_transfer().and_then(|data| data.files()));
    };
    let chosen = move |_| {
        if let Some(input) = input.get_untracked() {
            take(input.files());
            input.set_value("");
        }
    };
    view! {
        <div
            class="drop"
            class:drop-over=move || over.get()
            on:dragover=move |event: DragEvent| {
                event.prevent_default();
                over.set(true);
            }
            on:dragleave=move |_| over.set(false)
            on:drop=dropped
        >
            <Icon glyph=Glyph::Upload />
            <label for=id.clone()>{label}</label>
            <p id=format!("{id}-hint")>{hint}</p>
            <input
                id=id.clone()
                node_ref=input
                type="file"
                accept=accept
                aria-describedby=format!("{id}-hint")
                on:change=chosen
            />
        </div>
    }
}
