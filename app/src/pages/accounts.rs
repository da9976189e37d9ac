//! `/accounts`: model management accounts: made, changed, deleted, switched to.

use leptos::prelude::*;
use shared::{Account, paths::AccountPath, validate_name};
use wasm_bindgen_futures::spawn_local;

use crate::{
    api::{AccountDraft, EdgeClient, EdgeError, Query},
    app::{Session, use_account},
    components::{
        Button, ButtonKind, ConfirmDialog, Field, FormDialog, Glyph, LinkButton, Loaded, Moment,
        PageHeader, SelectField, Table, TextArea, use_toasts,
    },
    markup::{IntoMarkup as _, view},
    react::{derive, memo, react},
    route::{Page, Route},
    text::{fill, t},
};

const TIERS: [&str; 4] = ["S1", "S2", "S3", "DevTest"];

/// The list and its forms.
#[component]
pub(crate) fn AccountsPage() -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let may_write = use_account().may_write();
    let accounts = Query::new(move || edge.full_accounts());
    let edited = RwSignal::new(None::<Account>);
    let (form, asking) = (RwSignal::new(false), RwSignal::new(false));
    let add = may_write.then(|| {
        let press = move |()| {
            edited.set(None);
            form.set(true);
        };
        view! {
            <Button
                label=t().new_account
                icon=Glyph::Plus
                kind=ButtonKind::Primary
                on_press=press
            />
        }
    });
    view! {
        <PageHeader title=t().accounts>{add}</PageHeader>
        <p class="lead">{t().accounts_lead}</p>
        <Loaded query=accounts let:rows>
            <Table
                caption=t().accounts
                columns=vec![
                    t().name,
                    t().resource_group,
                    t().location,
                    t().tier,
                    t().created,
                    t().actions,
                ]
                rows
                key=|account| format!("{}{}", account.id, account.properties.modified_on)
                row=move |account| view! { <AccountRow account edited form asking may_write /> }
            />
        </Loaded>
        {may_write
            .then(|| {
                view! {
                    <AccountForm edited open=form accounts />
                    <DeleteAccount edited open=asking accounts />
                }
            })}
    }
}

/// The resource group in an ARM path.
fn group(id: &str) -> &str {
    id.trim_start_matches('/').split('/').nth(3).unwrap_or_default()
}

#[component]
fn AccountRow(
    account: Account,
    edited: RwSignal<Option<Account>>,
    form: RwSignal<bool>,
    asking: RwSignal<bool>,
    may_write: bool,
) -> impl IntoView {
    let session = expect_context::<Session>();
    let here = use_account().client.path().clone();
    let path = AccountPath::from_arm_id(&account.id);
    let known = session.accounts.iter().find(|it| Some(&it.path) == path.as_ref());
    let href = known.map(|it| Route::Account(it.key.clone(), Page::Overview).href());
    let current = path.as_ref() == Some(&here);
    let switch = href.filter(|_| !current).map(|href| {
        view! { <LinkButton label=t().switch_to href kind=ButtonKind::Quiet /> }
    });
    let (for_edit, for_delete) = (account.clone(), account.clone());
    let edit = may_write.then(|| {
        let press = move |()| {
            edited.set(Some(for_edit.clone()));
            form.set(true);
        };
        view! { <Button label=t().edit kind=ButtonKind::Quiet icon=Glyph::Edit on_press=press /> }
    });
    let delete = may_write.then(|| {
        let press = move |()| {
            edited.set(Some(for_delete.clone()));
            asking.set(true);
        };
        view! {
            <Button
                label=t().delete
                kind=ButtonKind::Quiet
                icon=Glyph::Trash
                disabled=current
                on_press=press
            />
        }
    });
    let mark = current.then(|| view! { <span class="badge badge-good">{t().current}</span> });
    let group = group(&account.id).to_owned();
    view! {
        <tr>
            <th scope="row">
                {account.name}
                " "
                {mark}
                {account.properties.description.map(|text| view! { <span class="sub">{text}</span> })}
            </th>
            <td>{group}</td>
            <td>{account.location}</td>
            <td>{account.sku.name}</td>
            <td><Moment at=account.properties.created_on /></td>
            <td>{switch} {edit} {delete}</td>
        </tr>
    }
}

/// Makes an account, or changes the chosen one.
#[component]
fn AccountForm(
    edited: RwSignal<Option<Account>>,
    open: RwSignal<bool>,
    accounts: Query<Vec<Account>>,
) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let toasts = use_toasts();
    let text = || RwSignal::new(String::new());
    let (name, location, sku, description, place) = (text(), text(), text(), text(), text());
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<EdgeError>));
    // Where an account can be made: `subscription/group`.
    let places = Query::new(move || async move {
        let mut places = Vec::new();
        for subscription in edge.subscriptions().await? {
            for group in edge.resource_groups(&subscription.subscription_id).await? {
                let label = format!("{group} · {}", subscription.display_name);
                places.push((format!("{}/{group}", subscription.subscription_id), label));
            }
        }
        Ok(places)
    });
    let options = derive(move || places.get().unwrap_or_default());
    react(move || {
        if !open.get() {
            return;
        }
        let it = edited.get_untracked();
        name.set(it.as_ref().map(|it| it.name.clone()).unwrap_or_default());
        location.set(it.as_ref().map_or_else(|| "local".to_owned(), |it| it.location.clone()));
        sku.set(it.as_ref().map_or_else(|| "S1".to_owned(), |it| it.sku.name.clone()));
        description.set(it.and_then(|it| it.properties.description).unwrap_or_default());
    });
    react(move || {
        let first = options.with(|all| all.first().map(|(key, _)| key.clone()));
        if let (Some(first), true) = (first, place.with_untracked(String::is_empty)) {
            place.set(first);
        }
    });
    let is_new = memo(move || edited.with(Option::is_none));
    let error = derive(move || {
        let text = name.get();
        validate_name(&text).err().map(|rule| rule.to_string())
    });
    let unready = move || error.with(Option::is_some) || location.with(String::is_empty);
    let submit = move |()| {
        let draft = AccountDraft {
            location: location.get_untracked(),
            sku: sku.get_untracked(),
            description: description.get_untracked().trim().to_owned(),
        };
        let (existing, name) = (edited.get_untracked(), name.get_untracked());
        let place = place.get_untracked();
        busy.set(true);
        spawn_local(async move {
            let done = match existing {
                Some(account) => edge.patch_account(&account.id, &draft).await,
                None => {
                    let (subscription, group) = place.split_once('/').unwrap_or_default();
                    edge.put_account(subscription, group, &name, &draft).await
                }
            };
            busy.set(false);
            match done {
                Ok(account) => {
                    open.set(false);
                    toasts.say(fill(t().account_saved, &[("name", &account.name)]));
                    accounts.refetch();
                    edge.changed_accounts();
                }
                Err(error) => failure.set(Some(error)),
            }
        });
    };
    let title = move || {
        edited.get().map_or_else(
            || t().new_account.to_owned(),
            |it| fill(t().edit_account, &[("name", &it.name)]),
        )
    };
    let tiers: Vec<(String, String)> =
        TIERS.iter().map(|tier| ((*tier).to_owned(), (*tier).to_owned())).collect();
    let only_new = move || {
        is_new.get().then(|| {
            view! {
                <SelectField id="place" label=t().resource_group value=place options />
                <Field
                    id="account-name"
                    label=t().account_name
                    value=name
                    error
                    required=true
                    mono=true
                />
                <Field id="location" label=t().location value=location required=true />
            }
        })
    };
    view! {
        <FormDialog
            open
            title=derive(title)
            submit=t().save
            busy
            unready=derive(unready)
            failure
            on_submit=submit
        >
            {only_new}
            <SelectField id="tier" label=t().tier value=sku options=tiers />
            <TextArea id="account-description" label=t().description value=description rows=2 />
        </FormDialog>
    }
}

#[component]
fn DeleteAccount(
    edited: RwSignal<Option<Account>>,
    open: RwSignal<bool>,
    accounts: Query<Vec<Account>>,
) -> impl IntoView {
    let edge = expect_context::<EdgeClient>();
    let toasts = use_toasts();
    let delete = move |()| {
        let Some(account) = edited.get_untracked() else { return };
        spawn_local(async move {
            match edge.delete_account(account.id).await {
                Ok(()) => {
                    toasts.say(fill(t().account_deleted, &[("name", &account.name)]));
                    edge.changed_accounts();
                }
                Err(error) => toasts.warn(fill(t().not_deleted, &[("why", &error.said())])),
            }
            accounts.refetch();
        });
    };
    let title = move || {
        let name = edited.get().map(|it| it.name).unwrap_or_default();
        fill(t().delete_account_title, &[("name", &name)])
    };
    let content = move || {
        // The question names what it is about, so it is asked anew for each account.
        edited.track();
        view! {
            <ConfirmDialog open title=title() confirm=t().delete on_confirm=delete>
                <p>{t().delete_account_hint}</p>
            </ConfirmDialog>
        }
    };
    content.into_markup()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_part_of_the_path() {
        assert_eq!(group(&shared::paths::account_arm_id("s", "prod", "a")), "prod");
        assert_eq!(group("nonsense"), "");
    }
}
