//! How far something is.

use leptos::prelude::*;

use crate::markup::view;

/// A bar with its words; without a value it shows only that something moves.
#[component]
pub(crate) fn ProgressBar(
    /// 0 to 100.
    #[prop(into)]
    percent: Signal<Option<u32>>,
    /// What is on its way.
    #[prop(into)]
    label: Signal<String>,
) -> impl IntoView {
    view! {
        <div class="progress">
            <span class="progress-label">
                <span>{move || label.get()}</span>
                <span class="number">{move || percent.get().map(|n| format!("{n} %"))}</span>
            </span>
            <progress
                max="100"
                value=move || percent.get().map(|n| n.to_string())
                aria-label=move || label.get()
            ></progress>
        </div>
    }
}
