//! People who sign in: made known, handed a link, deleted.

use leptos::prelude::*;
use shared::{Person, PersonRequest, RoleAssignment, RoleName, SignInLink};
use wasm_bindgen_futures::spawn_local;

use super::access_roles::{Roles, role_options};
use crate::{
    api::{EdgeClient, EdgeError, Query},
    app::{Session, use_account},
    components::{
        Button, ButtonKind, ConfirmDialog, Empty, Field, FormDialog, Glyph, KeyValue, KeyValues,
        Loaded, Moment, Panel, Secret, SelectField, Table, use_toasts,
    },
    markup::{IntoMarkup as _, view},
    react::derive,
    text::{fill, t},
};

/// A link to hand over, and to whom.
#[derive(Clone, PartialEq)]
struct Handed {
    name: String,
    link: SignInLink,
}

/// The list.
#[component]
pub(super) fn People() -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    if !expect_context::<Session>().may_manage_access() {
        return view! { <Empty glyph=Glyph::Access title=t().access_forbidden hint=t().people_hint /> };
    }
    let people = Query::new(move || edge.people());
    let handed = RwSignal::new(None::<Handed>);
    let open = RwSignal::new(false);
    let add = view! {
        <Button
            label=t().new_person
            icon=Glyph::Plus
            kind=ButtonKind::Primary
            on_press=move |()| open.set(true)
        />
    };
    let shown = move || {
        handed.get().map(|it| {
            view! {
                <div class="note" role="status">
                    <div>
                        <p class="note-title">{fill(t().hand_over, &[("name", &it.name)])}</p>
                        <KeyValues>
                            <KeyValue name=t().sign_in_link>
                                <Secret label=t().sign_in_link value=Signal::stored(it.link.url) />
                            </KeyValue>
                            <KeyValue name=t().expires><Moment at=it.link.expires_at /></KeyValue>
                        </KeyValues>
                    </div>
                </div>
            }
        })
    };
    view! {
        <Panel id="people" title=t().people actions=add.into_markup()>
            <p class="lead">{t().people_hint}</p>
            {shown}
            <Loaded query=people let:rows>
                <Table
                    caption=t().people
                    columns=vec![t().name, t().roles, t().created, t().actions]
                    rows
                    key=|person| format!("{}{}{}", person.id, person.has_password, person.roles.len())
                    row=move |person| view! { <PersonRow person people handed /> }
                />
            </Loaded>
        </Panel>
        <NewPersonForm open people handed />
    }
}

#[component]
fn PersonRow(
    person: Person,
    people: Query<Vec<Person>>,
    handed: RwSignal<Option<Handed>>,
) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let toasts = use_toasts();
    let (busy, asking) = (RwSignal::new(false), RwSignal::new(false));
    let (id, name) = (person.id.clone(), person.display_name.clone());
    let link = move |()| {
        let (id, name) = (id.clone(), name.clone());
        busy.set(true);
        spawn_local(async move {
            match edge.link_person(id).await {
                Ok(link) => {
                    handed.try_set(Some(Handed { name, link }));
                }
                Err(error) => toasts.warn(fill(t().not_done, &[("why", &error.said())])),
            }
            busy.try_set(false);
        });
    };
    let id = person.id.clone();
    let delete = move |()| {
        let id = id.clone();
        spawn_local(async move {
            match edge.delete_person(id).await {
                Ok(()) => toasts.say(t().person_deleted),
                Err(error) => toasts.warn(fill(t().not_deleted, &[("why", &error.said())])),
            }
            people.refetch();
        });
    };
    let changed = Callback::new(move |()| people.refetch());
    let title = fill(t().delete_principal_title, &[("name", &person.display_name)]);
    view! {
        <tr>
            <th scope="row">
                {person.display_name}
                <span class="sub">{person.sign_in_name}</span>
            </th>
            <td><Roles id=person.id roles=person.roles changed /></td>
            <td><Moment at=person.created_at /></td>
            <td>
                <Button
                    label=t().new_link
                    icon=Glyph::Key
                    kind=ButtonKind::Quiet
                    busy
                    on_press=link
                />
                <Button
                    label=t().delete
                    icon=Glyph::Trash
                    kind=ButtonKind::Quiet
                    on_press=move |()| asking.set(true)
                />
                <ConfirmDialog open=asking title confirm=t().delete on_confirm=delete>
                    <p>{t().delete_person_hint}</p>
                </ConfirmDialog>
            </td>
        </tr>
    }
}

#[component]
fn NewPersonForm(
    open: RwSignal<bool>,
    people: Query<Vec<Person>>,
    handed: RwSignal<Option<Handed>>,
) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let scope = use_account().client.arm_id();
    let (name, sign_in_name) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let role = RwSignal::new(RoleName::Reader.to_string());
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<EdgeError>));
    let submit = move |()| {
        let Ok(chosen) = role.get_untracked().parse::<RoleName>() else { return };
        let request = PersonRequest {
            kind: None,
            display_name: name.get_untracked().trim().to_owned(),
            sign_in_name: sign_in_name.get_untracked().trim().to_owned(),
            roles: vec![RoleAssignment { scope: scope.clone(), role: chosen }],
        };
        busy.set(true);
        spawn_local(async move {
            match edge.create_person(request).await {
                Ok(made) => {
                    let name = made.person.display_name;
                    handed.try_set(made.sign_in_link.map(|link| Handed { name, link }));
                    open.set(false);
                    people.refetch();
                }
                Err(error) => failure.set(Some(error)),
            }
            busy.set(false);
        });
    };
    let unready = move || {
        name.with(|text| text.trim().is_empty()) || sign_in_name.with(|text| text.trim().is_empty())
    };
    view! {
        <FormDialog
            open
            title=Signal::stored(t().new_person.to_owned())
            submit=t().create
            busy
            unready=derive(unready)
            failure
            on_submit=submit
        >
            <Field id="person-name" label=t().display_name value=name required=true />
            <Field id="sign-in-name" label=t().sign_in_name value=sign_in_name required=true />
            <SelectField id="person-role" label=t().role value=role options=role_options() />
        </FormDialog>
    }
}
