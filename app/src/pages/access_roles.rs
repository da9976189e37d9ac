//! The roles that somebody holds: shown, given, taken away.

use leptos::prelude::*;
use shared::{RoleAssignment, RoleName};
use wasm_bindgen_futures::spawn_local;

use crate::{
    api::{EdgeClient, EdgeError},
    app::use_account,
    components::{Badge, Button, ButtonKind, FormDialog, Glyph, SelectField, use_toasts},
    markup::{Markup, view},
    text::{fill, t},
};

const ROLES: [RoleName; 4] =
    [RoleName::Reader, RoleName::Contributor, RoleName::Owner, RoleName::Scorer];

/// What a selection of roles offers.
pub(super) fn role_options() -> Vec<(String, String)> {
    ROLES.iter().map(|role| (role.to_string(), role.to_string())).collect()
}

/// The roles of a service principal or person.
#[component]
pub(super) fn Roles(
    /// Whose.
    id: String,
    roles: Vec<RoleAssignment>,
    /// Runs after a role was given or taken.
    changed: Callback<()>,
) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let toasts = use_toasts();
    let scope = use_account().client.arm_id();
    let (open, busy) = (RwSignal::new(false), RwSignal::new(false));
    let role = RwSignal::new(RoleName::Reader.to_string());
    let failure = RwSignal::new(None::<EdgeError>);
    let none = roles.is_empty().then(|| view! { <span class="fine">{t().no_roles}</span> });
    let select = format!("role-{id}");
    let whose = id.clone();
    let take = move |held: RoleAssignment| {
        let id = whose.clone();
        spawn_local(async move {
            match edge.take_role(id, held).await {
                Ok(()) => toasts.say(t().role_taken),
                Err(error) => toasts.warn(fill(t().not_done, &[("why", &error.said())])),
            }
            changed.run(());
        });
    };
    let held: Vec<Markup> = roles
        .into_iter()
        .map(|held| {
            let place = held.scope.rsplit('/').next().unwrap_or_default();
            let label = format!("{} · {place}", held.role);
            let says = fill(t().take_role, &[("role", &label)]);
            let take = take.clone();
            view! {
                <span class="held">
                    <Badge label />
                    <Button
                        label="×"
                        says
                        kind=ButtonKind::Quiet
                        on_press=move |()| take(held.clone())
                    />
                </span>
            }
        })
        .collect();
    let give = move |()| {
        let Ok(role) = role.get_untracked().parse::<RoleName>() else { return };
        let (id, held) = (id.clone(), RoleAssignment { scope: scope.clone(), role });
        busy.set(true);
        spawn_local(async move {
            match edge.give_role(id, held).await {
                Ok(()) => {
                    toasts.say(t().role_given);
                    open.set(false);
                    changed.run(());
                }
                Err(error) => failure.set(Some(error)),
            }
            busy.try_set(false);
        });
    };
    view! {
        {held}
        {none}
        <Button
            label=t().give_role
            icon=Glyph::Plus
            kind=ButtonKind::Quiet
            on_press=move |()| open.set(true)
        />
        <FormDialog
            open
            title=Signal::stored(t().give_role.to_owned())
            submit=t().give_role
            busy
            failure
            on_submit=give
        >
            <SelectField id=select label=t().role value=role options=role_options() />
        </FormDialog>
    }
}
