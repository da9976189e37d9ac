//! A form over the page, for what is too small for a page of its own.

use leptos::{ev::SubmitEvent, html, prelude::*};

use super::{
    button::{Button, ButtonKind},
    failure::FailureNote,
};
use crate::{api::EdgeError, markup::view, react::react, text::t};

/// A modal form; stays open, with what was typed, until what it does has worked.
#[component]
pub(crate) fn FormDialog(
    /// Opens and closes it.
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    /// What the sending button says.
    #[prop(into)]
    submit: String,
    #[prop(into)] busy: Signal<bool>,
    /// Whether something is missing.
    #[prop(optional, into)]
    unready: Signal<bool>,
    /// Why the last attempt did not work.
    failure: RwSignal<Option<EdgeError>>,
    #[prop(into)] on_submit: Callback<()>,
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    react(move || {
        let Some(element) = dialog.get() else { return };
        if open.get() {
            if !element.open() {
                failure.set(None);
                let _ = element.show_modal();
            }
        } else if element.open() {
            element.close();
        }
    });
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        if !busy.get_untracked() && !unready.get_untracked() {
            on_submit.run(());
        }
    };
    view! {
        <dialog
            class="dialog"
            node_ref=dialog
            aria-label=move || title.get()
            on:close=move |_| open.set(false)
        >
            <h2>{move || title.get()}</h2>
            <form on:submit=send>
                <div class="dialog-form">{children()}</div>
                {move || failure.get().map(|error| view! { <FailureNote error /> })}
                <div class="actions">
                    <Button label=t().cancel on_press=move |()| open.set(false) />
                    <Button
                        label=submit
                        kind=ButtonKind::Primary
                        submit=true
                        busy
                        disabled=unready
                    />
                </div>
            </form>
        </dialog>
    }
}
