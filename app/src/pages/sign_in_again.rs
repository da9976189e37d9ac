//! Signs in again over a page whose session has ended: what was typed below stays as it is.

use leptos::{ev::SubmitEvent, html, prelude::*};
use wasm_bindgen_futures::spawn_local;

use super::sign_in::credentials;
use crate::{
    api::{EdgeClient, EdgeError, Failure},
    components::{Button, ButtonKind, FailureNote, Field},
    markup::view,
    react::react,
    text::t,
};

/// A dialog that opens by itself.
#[component]
pub(crate) fn SignInAgain() -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let dialog = NodeRef::<html::Dialog>::new();
    let (client_id, secret) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<EdgeError>));
    react(move || {
        let Some(element) = dialog.get() else { return };
        match (edge.signed_out().get(), element.open()) {
            (true, false) => {
                let _ = element.show_modal();
            }
            (false, true) => element.close(),
            _ => {}
        }
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let request = credentials(&client_id.get_untracked(), &secret.get_untracked());
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let opened = async {
                edge.sign_in(request).await?;
                edge.me().await
            };
            match opened.await {
                Ok(_) => {
                    secret.set(String::new());
                    edge.signed_out().set(false);
                    edge.reachable().refresh();
                }
                Err(error) => failure.set(Some(error)),
            }
            busy.set(false);
        });
    };
    let refusal = move || {
        failure.get().map(|error| match error.failure {
            Failure::SignedOut => {
                view! { <p class="note note-bad" role="alert">{t().secret_wrong}</p> }
            }
            _ => view! { <FailureNote error /> },
        })
    };
    view! {
        <dialog
            class="dialog"
            node_ref=dialog
            aria-label=t().sign_in_again
            // Escape would leave a page that cannot do anything.
            on:cancel=|event: leptos::ev::Event| event.prevent_default()
        >
            <h2>{t().sign_in_again}</h2>
            <div class="dialog-body">
                <p>{t().sign_in_again_hint}</p>
                {refusal}
            </div>
            <form on:submit=submit>
                <Field
                    id="again-client-id"
                    label=t().sign_in_as
                    value=client_id
                    autocomplete="username"
                    mono=true
                />
                <Field
                    id="again-client-secret"
                    label=t().sign_in_secret
                    value=secret
                    kind="password"
                    autocomplete="current-password"
                    mono=true
                />
                <div class="actions">
                    <Button label=t().sign_in kind=ButtonKind::Primary submit=true busy />
                </div>
            </form>
        </dialog>
    }
}
