//! Short messages about what just happened, announced and gone after a while.

use std::time::Duration;

use leptos::prelude::*;

use super::{
    code::CopyButton,
    icon::{Glyph, Icon},
};
use crate::{api::Changes, markup::view, text::t};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Toast {
    id: u32,
    text: String,
    good: bool,
    /// The command that does the same, where there is one.
    command: Option<String>,
}

/// Says things.
#[derive(Clone, Copy)]
pub(crate) struct ToastBox {
    toasts: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
    changes: Changes,
}

impl ToastBox {
    pub(crate) fn new(changes: Changes) -> Self {
        Self { toasts: RwSignal::new(Vec::new()), next: StoredValue::new(0), changes }
    }

    /// Something worked.
    /// A change that was not said yet comes with the command that makes it.
    pub(crate) fn say(self, text: impl Into<String>) {
        let origin = window().location().origin().unwrap_or_default();
        let command = self.changes.take_unsaid().map(|change| change.curl(&origin));
        self.add(text.into(), true, command);
    }

    /// Something did not.
    pub(crate) fn warn(self, text: impl Into<String>) {
        self.add(text.into(), false, None);
    }

    fn add(self, text: String, good: bool, command: Option<String>) {
        let id = self.next.get_value();
        self.next.set_value(id.wrapping_add(1));
        self.toasts.update(|toasts| toasts.push(Toast { id, text, good, command }));
        let pause = Duration::from_secs(if good { 8 } else { 12 });
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
                    {toast.command.clone().map(|command| view! { <CopyButton text=command label=t().copy_curl /> })}
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
