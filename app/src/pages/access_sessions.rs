//! The visitor's open sessions and their password.

use leptos::prelude::*;
use shared::{PasswordChange, SessionSummary, SignInWay};
use wasm_bindgen_futures::spawn_local;

use crate::{
    api::{EdgeClient, EdgeError, Query},
    app::Session,
    components::{
        Button, ButtonKind, FailureNote, Field, Glyph, Loaded, Moment, Panel, Table, use_toasts,
    },
    markup::view,
    react::derive,
    text::{fill, t},
};

/// Sessions, each of which can be ended from here.
#[component]
pub(super) fn Sessions() -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let sessions = Query::new(move || edge.sessions());
    view! {
        <Panel id="sessions" title=t().sessions>
            <Loaded query=sessions let:rows>
                <Table
                    caption=t().sessions
                    columns=vec![t().opened_by, t().opened_at, t().from_address, t().expires, t().actions]
                    rows
                    key=|session| session.id.clone()
                    row=move |session| view! { <SessionRow session sessions /> }
                />
            </Loaded>
        </Panel>
    }
}

#[component]
fn SessionRow(session: SessionSummary, sessions: Query<Vec<SessionSummary>>) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let toasts = use_toasts();
    let busy = RwSignal::new(false);
    let id = session.id.clone();
    let end = move |()| {
        let id = id.clone();
        busy.set(true);
        spawn_local(async move {
            match edge.end_session(id).await {
                Ok(()) => toasts.say(t().session_ended),
                Err(error) => toasts.warn(fill(t().not_done, &[("why", &error.said())])),
            }
            busy.try_set(false);
            sessions.refetch();
        });
    };
    let action = if session.current {
        view! { <span class="badge badge-good">{t().current}</span> }
    } else {
        view! { <Button label=t().end_session kind=ButtonKind::Quiet icon=Glyph::Stop busy on_press=end /> }
    };
    view! {
        <tr>
            <th scope="row">{session.opened_by.to_string()}</th>
            <td><Moment at=session.opened_at /></td>
            <td>{session.address}</td>
            <td><Moment at=session.expires_at /></td>
            <td>{action}</td>
        </tr>
    }
}

/// Sets or changes the password of a person.
#[component]
pub(super) fn Password() -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let toasts = use_toasts();
    let me = expect_context::<Session>().me;
    let by_link = me.opened_by == Some(SignInWay::Link);
    let (current, new) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<EdgeError>));
    let short = derive(move || {
        let text = new.get();
        (!text.is_empty() && text.chars().count() < 12).then(|| t().rule_password.to_owned())
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let change = PasswordChange {
            current_password: (!by_link).then(|| current.get_untracked()),
            new_password: new.get_untracked(),
        };
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            match edge.change_password(change).await {
                Ok(()) => {
                    toasts.say(t().password_changed);
                    current.try_set(String::new());
                    new.try_set(String::new());
                }
                Err(error) => {
                    failure.try_set(Some(error));
                }
            }
            busy.try_set(false);
        });
    };
    let unready = move || short.with(Option::is_some) || new.with(String::is_empty);
    view! {
        <Panel id="password" title=t().password>
            <form on:submit=submit class="build-form">
                {(!by_link)
                    .then(|| {
                        view! {
                            <Field
                                id="current-password"
                                label=t().current_password
                                value=current
                                kind="password"
                                autocomplete="current-password"
                            />
                        }
                    })}
                <Field
                    id="new-password"
                    label=t().new_password
                    hint=t().rule_password
                    value=new
                    kind="password"
                    error=short
                    autocomplete="new-password"
                />
                {move || failure.get().map(|error| view! { <FailureNote error /> })}
                <Button
                    label=t().save
                    kind=ButtonKind::Primary
                    submit=true
                    busy
                    disabled=derive(unready)
                />
            </form>
        </Panel>
    }
}
