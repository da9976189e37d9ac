//! Short messages about what just happened, announced and gone after a while.

use std::time::Duration;

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::text::t;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Toast {
    id: u32,
    text: String,
    good: bool,
}

/// Says things.
#[derive(Clone, Copy)]
pub(crate) struct ToastBox {
    toasts: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
}

impl ToastBox {
    pub(crate) fn new() -> Self {
        Self { toasts: RwSignal::new(Vec::new()), next: StoredValue::new(0) }
    }

    /// Something worked.
    pub(crate) fn say(self, text: impl Into<String>) {
        self.add(text.into(), true);
    }

    /// Something did not.
    pub(crate) fn warn(self, text: impl Into<String>) {
        self.add(text.into(), false);
    }

    fn add(self, text: String, good: bool) {
        let id = self.next.get_value();
        self.next.set_value(id.wrapping_add(1));
        self.toasts.update(|toasts| toasts.push(Toast { id, text, good }));
        let pause = Duration::from_secs(if good { 6 } else { 12 });
        set_timeout(move || self.dismiss(id), pause);
    }

    fn dismiss(self, id: u32) {
        self.toasts.update(|toasts| toasts.retain(|toast| toast.id != id));
    }
}

/// The toasts of this site.
pub(crate) fn use_toasts() -> ToastBox {
    expect_context::<ToastBox>()
}

/// Where toasts appear; stands once in the shell.
#[component]
pub(crate) fn Toasts() -> impl IntoView {
    let toasts = use_toasts();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <For each=move || toasts.toasts.get() key=|toast| toast.id let(toast)>
                <div class=if toast.good { "toast" } else { "toast toast-bad" }>
                    <Icon glyph=if toast.good { Glyph::Check } else { Glyph::Warning } />
                    <span>{toast.text.clone()}</span>
                    <button
                        type="button"
                        class="button button-quiet button-icon"
                        on:click=move |_| toasts.dismiss(toast.id)
                    >
                        <Icon glyph=Glyph::Cross />
                        <span class="visually-hidden">{t().dismiss}</span>
                    </button>
                </div>
            </For>
        </div>
    }
}
