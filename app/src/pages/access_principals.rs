//! The clients that sign in with a secret: made, given secrets, deleted.

use leptos::prelude::*;
use shared::{NewSecret, RoleAssignment, RoleName, ServicePrincipal, ServicePrincipalRequest};
use wasm_bindgen_futures::spawn_local;

use super::access_roles::{Roles, role_options};
use crate::{
    api::{EdgeClient, EdgeError, Query},
    app::{Session, use_account},
    components::{
        Button, ButtonKind, ConfirmDialog, CopyButton, Empty, Field, FormDialog, Glyph, KeyValue,
        KeyValues, Loaded, Moment, Panel, Secret, SelectField, use_toasts,
    },
    markup::{IntoMarkup as _, Markup, view},
    react::derive,
    text::{fill, t},
};

/// A secret that was just made: shown until the page is left.
#[derive(Clone, PartialEq)]
struct Fresh {
    client_id: String,
    secret: String,
}

/// The list.
#[component]
pub(super) fn Principals() -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let session = expect_context::<Session>();
    if !session.may_manage_access() {
        return view! {
            <Empty glyph=Glyph::Access title=t().access_forbidden hint=t().principals_hint />
        };
    }
    let principals = Query::new(move || edge.principals());
    let fresh = RwSignal::new(None::<Fresh>);
    let open = RwSignal::new(false);
    let add = view! {
        <Button
            label=t().new_principal
            icon=Glyph::Plus
            kind=ButtonKind::Primary
            on_press=move |()| open.set(true)
        />
    };
    let shown = move || {
        fresh.get().map(|it| {
            view! {
                <div class="note" role="status">
                    <div>
                        <p class="note-title">{t().secret_once}</p>
                        <KeyValues>
                            <KeyValue name=t().client_id>
                                <code>{it.client_id.clone()}</code>
                                <CopyButton
                                    text=it.client_id
                                    label=format!("{} {}", t().copy, t().client_id)
                                />
                            </KeyValue>
                            <KeyValue name=t().client_secret>
                                <Secret
                                    label=t().client_secret
                                    value=Signal::stored(it.secret)
                                />
                            </KeyValue>
                        </KeyValues>
                    </div>
                </div>
            }
        })
    };
    let cards = move |all: Vec<ServicePrincipal>| -> Vec<Markup> {
        all.into_iter().map(|principal| view! { <Card principal principals fresh /> }).collect()
    };
    view! {
        <Panel id="principals" title=t().principals actions=add.into_markup()>
            <p class="lead">{t().principals_hint}</p>
            {shown}
            <Loaded query=principals let:all>{move || cards(all.get())}</Loaded>
        </Panel>
        <NewPrincipal open principals fresh />
    }
}

#[component]
fn Card(
    principal: ServicePrincipal,
    principals: Query<Vec<ServicePrincipal>>,
    fresh: RwSignal<Option<Fresh>>,
) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let toasts = use_toasts();
    let (busy, asking) = (RwSignal::new(false), RwSignal::new(false));
    let (id, client_id) = (principal.id.clone(), principal.client_id.clone());
    let another = move |()| {
        let (id, client_id) = (id.clone(), client_id.clone());
        busy.set(true);
        spawn_local(async move {
            match edge.add_secret(id).await {
                Ok(NewSecret { secret, .. }) => fresh.set(Some(Fresh { client_id, secret })),
                Err(error) => toasts.warn(fill(t().not_done, &[("why", &error.said())])),
            }
            busy.try_set(false);
            principals.refetch();
        });
    };
    let id = principal.id.clone();
    let delete = move |()| {
        let id = id.clone();
        spawn_local(async move {
            match edge.delete_principal(id).await {
                Ok(()) => toasts.say(t().principal_deleted),
                Err(error) => toasts.warn(fill(t().not_deleted, &[("why", &error.said())])),
            }
            principals.refetch();
        });
    };
    let owner = principal.id.clone();
    let secrets: Vec<Markup> = principal
        .secrets
        .into_iter()
        .map(|it| {
            let (owner, expires) = (owner.clone(), it.expires_at);
            view! {
                <li>
                    <code>{it.id.chars().take(8).collect::<String>()}</code>
                    <span class="fine">{t().expires} " " <Moment at=expires /></span>
                    <Revoke owner secret=it.id principals />
                </li>
            }
        })
        .collect();
    let changed = Callback::new(move |()| principals.refetch());
    let title = fill(t().delete_principal_title, &[("name", &principal.display_name)]);
    view! {
        <article class="card">
            <header>
                <h3>{principal.display_name}</h3>
                <div class="actions">
                    <Button
                        label=t().new_secret
                        icon=Glyph::Key
                        kind=ButtonKind::Quiet
                        busy
                        on_press=another
                    />
                    <Button
                        label=t().delete
                        icon=Glyph::Trash
                        kind=ButtonKind::Quiet
                        on_press=move |()| asking.set(true)
                    />
                </div>
            </header>
            <KeyValues>
                <KeyValue name=t().client_id>
                    <code>{principal.client_id.clone()}</code>
                    <CopyButton
                        text=principal.client_id
                        label=format!("{} {}", t().copy, t().client_id)
                    />
                </KeyValue>
                <KeyValue name=t().roles>
                    <Roles id=principal.id roles=principal.roles changed />
                </KeyValue>
                <KeyValue name=t().secrets><ul class="used">{secrets}</ul></KeyValue>
                <KeyValue name=t().created><Moment at=principal.created_at /></KeyValue>
            </KeyValues>
            <ConfirmDialog open=asking title confirm=t().delete on_confirm=delete>
                <p>{t().delete_principal_hint}</p>
            </ConfirmDialog>
        </article>
    }
}

#[component]
fn Revoke(
    owner: String,
    secret: String,
    principals: Query<Vec<ServicePrincipal>>,
) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let toasts = use_toasts();
    let open = RwSignal::new(false);
    let revoke = move |()| {
        let (owner, secret) = (owner.clone(), secret.clone());
        spawn_local(async move {
            match edge.revoke_secret(owner, secret).await {
                Ok(()) => toasts.say(t().secret_revoked),
                Err(error) => toasts.warn(fill(t().not_done, &[("why", &error.said())])),
            }
            principals.refetch();
        });
    };
    view! {
        <Button label=t().revoke kind=ButtonKind::Quiet on_press=move |()| open.set(true) />
        <ConfirmDialog open title=t().revoke_title confirm=t().revoke on_confirm=revoke>
            <p>{t().revoke_hint}</p>
        </ConfirmDialog>
    }
}

#[component]
fn NewPrincipal(
    open: RwSignal<bool>,
    principals: Query<Vec<ServicePrincipal>>,
    fresh: RwSignal<Option<Fresh>>,
) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let toasts = use_toasts();
    let scope = use_account().client.arm_id();
    let name = RwSignal::new(String::new());
    let role = RwSignal::new(RoleName::Reader.to_string());
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<EdgeError>));
    let submit = move |()| {
        let Ok(chosen) = role.get_untracked().parse::<RoleName>() else { return };
        let request = ServicePrincipalRequest {
            display_name: name.get_untracked().trim().to_owned(),
            roles: vec![RoleAssignment { scope: scope.clone(), role: chosen }],
        };
        busy.set(true);
        spawn_local(async move {
            match edge.create_principal(request).await {
                Ok(made) => {
                    let who = made.principal.display_name;
                    toasts.say(fill(t().principal_made, &[("name", &who)]));
                    fresh.set(Some(Fresh {
                        client_id: made.principal.client_id,
                        secret: made.secret.secret,
                    }));
                    name.set(String::new());
                    open.set(false);
                    principals.refetch();
                }
                Err(error) => failure.set(Some(error)),
            }
            busy.set(false);
        });
    };
    view! {
        <FormDialog
            open
            title=Signal::stored(t().new_principal.to_owned())
            submit=t().create
            busy
            unready=derive(move || name.with(|text| text.trim().is_empty()))
            failure
            on_submit=submit
        >
            <Field id="display-name" label=t().display_name value=name required=true />
            <SelectField id="role" label=t().role value=role options=role_options() />
        </FormDialog>
    }
}
