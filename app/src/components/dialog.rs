//! A question that must be answered before something is taken away.

use leptos::{html, prelude::*};

use super::button::{Button, ButtonKind};
use crate::{markup::view, react::react, text::t};

/// A modal dialog over the page; the browser keeps the focus in it and gives it back.
#[component]
pub(crate) fn ConfirmDialog(
    /// Opens and closes it.
    open: RwSignal<bool>,
    #[prop(into)] title: String,
    /// What the confirming button says.
    #[prop(into)]
    confirm: String,
    /// Runs once the visitor has agreed.
    #[prop(into)]
    on_confirm: Callback<()>,
    /// What follows from agreeing.
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    react(move || {
        let Some(element) = dialog.get() else { return };
        if open.get() {
            if !element.open() {
                let _ = element.show_modal();
            }
        } else if element.open() {
            element.close();
        }
    });
    let agree = move |()| {
        open.set(false);
        on_confirm.run(());
    };
    view! {
        <dialog class="dialog" node_ref=dialog aria-label=title.clone() on:close=move |_| open.set(false)>
            <h2>{title}</h2>
            <div class="dialog-body">{children()}</div>
            <div class="actions">
                <Button label=t().cancel.to_owned() on_press=move |()| open.set(false) />
                <Button label=confirm kind=ButtonKind::Danger on_press=agree />
            </div>
        </dialog>
    }
}
