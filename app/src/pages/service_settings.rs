//! A service's settings, changed while it serves.

use leptos::{ev::SubmitEvent, prelude::*};
use shared::{Service, ServiceUpdateRequest};
use wasm_bindgen_futures::spawn_local;

use super::settings_form::{SettingsFields, SettingsForm};
use crate::{
    api::{EdgeError, Known},
    app::use_account,
    components::{Button, ButtonKind, FailureNote, Panel, use_toasts},
    markup::view,
    react::{derive, memo},
    settings::Draft,
    text::t,
};

/// The form; only what was changed is sent.
#[component]
pub(super) fn Settings(
    service: Known<Service>,
    /// Tells the page that the service is no longer what it was.
    #[prop(into)]
    changed: Callback<()>,
) -> impl IntoView {
    let account = use_account();
    let toasts = use_toasts();
    // Compared with what the form began with: a poll must not undo what is being typed.
    let before = RwSignal::new(service.with_untracked(Draft::of));
    let fields = SettingsFields::new(before.get_untracked());
    let busy = RwSignal::new(false);
    let failure = RwSignal::new(None::<EdgeError>);
    let request = memo(move || before.with(|before| fields.request(before)));
    let unchanged = move || {
        busy.get() || request.get().is_none_or(|request| request == ServiceUpdateRequest::default())
    };
    let (client, may_write) = (account.client.clone(), account.may_write());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(request) = request.get_untracked() else { return };
        let (client, id) = (client.clone(), service.with_untracked(|it| it.id.to_string()));
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let done = match client.update_service(&id, &request).await {
                Ok(started) => client.finished(started.0, |_| ()).await.map(drop),
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => {
                    toasts.say(t().settings_saved);
                    if let Ok(now) = client.service(id).await {
                        before.try_set(Draft::of(&now));
                    }
                    changed.try_run(());
                }
                Err(error) => {
                    failure.try_set(Some(error));
                }
            }
            busy.try_set(false);
        });
    };
    view! {
        <form on:submit=submit class="narrow">
            <Panel id="settings" title=t().settings>
                <SettingsForm fields />
                {move || failure.get().map(|error| view! { <FailureNote error /> })}
                {may_write
                    .then(|| {
                        view! {
                            <div class="actions">
                                <Button
                                    label=t().save
                                    kind=ButtonKind::Primary
                                    submit=true
                                    busy
                                    disabled=derive(unchanged)
                                />
                            </div>
                        }
                    })}
            </Panel>
        </form>
    }
}
