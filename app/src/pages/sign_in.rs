//! `/console/sign-in`: opens a session, by the one-time link or by client id and secret.
//!
//! The link's token is in the fragment, which no server log sees; it leaves the address bar
//! before anything else happens.

use leptos::{ev::SubmitEvent, prelude::*};
use shared::SessionRequest;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::{
    api::{EdgeClient, EdgeError, Failure},
    components::{
        Button, ButtonKind, FailureNote, Field, LanguageChoice, Mark, PageHeader, ThemeChoice,
    },
    markup::view,
    navigation::use_navigation,
    react::derive,
    route::safe_return,
    text::t,
};

/// Opens a session.
#[component]
pub(crate) fn SignInPage() -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let navigation = use_navigation();
    let back = navigation.query("return");
    let client_id = RwSignal::new(String::new());
    let secret = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<EdgeError>);
    let by_link = RwSignal::new(false);

    let open = move |request: SessionRequest| {
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let opened = edge.sign_in(request).await;
            busy.set(false);
            match opened {
                Ok(()) => navigation.go(&safe_return(back.get_untracked().as_deref())),
                Err(error) => failure.set(Some(error)),
            }
        });
    };
    if let Some(sign_in_token) = take_link_token() {
        by_link.set(true);
        open(SessionRequest::Link { sign_in_token });
    }
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        by_link.set(false);
        open(credentials(&client_id.get_untracked(), &secret.get_untracked()));
    };
    let incomplete = move || {
        client_id.with(|text| text.trim().is_empty()) || secret.with(|text| text.trim().is_empty())
    };
    let refusal = move || {
        failure.get().map(|error| match (by_link.get(), error.failure) {
            (true, Failure::SignedOut) => {
                view! { <p class="note note-bad" role="alert">{t().link_used}</p> }
            }
            (false, Failure::SignedOut) => {
                view! { <p class="note note-bad" role="alert">{t().secret_wrong}</p> }
            }
            _ => view! { <FailureNote error /> },
        })
    };
    view! {
        <div class="sign-in">
            <main class="sign-in-card" id="content">
                <div class="sign-in-brand">
                    <Mark />
                    <span>{t().product}</span>
                </div>
                <PageHeader title=t().sign_in />
                <p class="lead">{t().sign_in_lead}</p>
                {refusal}
                <form on:submit=submit>
                    <Field
                        id="client-id"
                        label=t().sign_in_as
                        value=client_id
                        required=true
                        autocomplete="username"
                        mono=true
                    />
                    <Field
                        id="client-secret"
                        label=t().sign_in_secret
                        value=secret
                        kind="password"
                        required=true
                        autocomplete="current-password"
                        mono=true
                    />
                    <Button
                        label=t().sign_in
                        kind=ButtonKind::Primary
                        submit=true
                        busy=busy
                        disabled=derive(incomplete)
                    />
                </form>
                <p class="fine">{t().sign_in_help}</p>
                <pre class="inline-command" tabindex="0">
                    <code>"edge-scorer admin sign-in-link --data ./data"</code>
                </pre>
            </main>
            <footer class="sign-in-choices">
                <LanguageChoice />
                <ThemeChoice />
            </footer>
        </div>
    }
}

/// Clients have ids that are GUIDs; people have names.
pub(super) fn credentials(name: &str, secret: &str) -> SessionRequest {
    let name = name.trim().to_owned();
    let is_guid = name.len() == 36
        && name.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        });
    if is_guid {
        SessionRequest::Client { client_id: name, client_secret: secret.trim().to_owned() }
    } else {
        // A password may begin or end with a space.
        SessionRequest::Password { name, password: secret.to_owned() }
    }
}

/// The token in the fragment, taken out of the address bar and the history.
fn take_link_token() -> Option<String> {
    let location = window().location();
    let hash = location.hash().ok()?;
    let token = hash.strip_prefix('#').filter(|token| !token.is_empty())?.to_owned();
    let path = location.pathname().ok()?;
    let search = location.search().unwrap_or_default();
    let history = window().history().ok()?;
    let clean = format!("{path}{search}");
    history.replace_state_with_url(&JsValue::NULL, "", Some(&clean)).ok()?;
    Some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_from_people_by_their_ids() {
        let client = credentials(" 7c9e6679-7425-40de-944b-e07fc1f90ae7 ", "s ");
        assert!(
            matches!(client, SessionRequest::Client { client_secret, .. } if client_secret == "s")
        );

        let person = credentials("minji", " s ");
        assert!(matches!(person, SessionRequest::Password { password, .. } if password == " s "));
    }
}
