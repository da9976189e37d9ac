//! `/access[/{tab}]`: who am I, and who else may do what.

use leptos::prelude::*;

use super::{
    access_audit::Audit,
    access_people::People,
    access_principals::Principals,
    access_sessions::{Password, Sessions},
};
use crate::{
    app::{Session, use_account},
    components::{KeyValue, KeyValues, PageHeader, Panel, Tab, Table, Tabs},
    markup::{Markup, view},
    navigation::use_navigation,
    react::derive,
    route::{AccessTab, Page},
    text::t,
};

/// The tabs.
#[component]
pub(crate) fn AccessPage() -> impl IntoView {
    let account = use_account();
    let tab = use_navigation().access_tab();
    let tabs = AccessTab::ALL
        .into_iter()
        .zip([t().who_am_i, t().principals, t().people, t().sessions, t().audit])
        .map(|(tab, label)| Tab { label, href: account.href(Page::Access(tab)) })
        .collect();
    let place = move || AccessTab::ALL.iter().position(|known| *known == tab.get()).unwrap_or(0);
    view! {
        <PageHeader title=t().access />
        <Tabs label=t().parts_of_access tabs current=derive(place) />
        {move || match tab.get() {
            AccessTab::Me => view! { <WhoAmI /> },
            AccessTab::Principals => view! { <Principals /> },
            AccessTab::People => view! { <People /> },
            AccessTab::Sessions => {
                let person = expect_context::<Session>().me.sign_in_name.is_some();
                view! {
                    <Sessions />
                    {person.then(|| view! { <Password /> })}
                }
            }
            AccessTab::Audit => view! { <Audit /> },
        }}
    }
}

/// The visitor, their roles, and what those allow.
#[component]
fn WhoAmI() -> impl IntoView {
    let me = expect_context::<Session>().me;
    let may: Vec<Markup> = me
        .actions
        .iter()
        .map(|action| {
            let words = match action.as_str() {
                "read" => t().action_read,
                "write" => t().action_write,
                "keys" => t().action_keys,
                "access" => t().action_access,
                "score" => t().action_score,
                _ => return view! { <span class="badge">{action.clone()}</span> },
            };
            view! { <span class="badge">{words}</span> }
        })
        .collect();
    view! {
        <Panel id="me" title=t().who_am_i>
            <KeyValues>
                <KeyValue name=t().name>{me.name}</KeyValue>
                <KeyValue name=t().tenant><code>{me.tenant_id}</code></KeyValue>
                <KeyValue name=t().may_do>{may}</KeyValue>
            </KeyValues>
        </Panel>
        <Panel id="roles" title=t().roles>
            <Table
                caption=t().roles
                columns=vec![t().role, t().scope]
                rows=me.roles
                key=|held| format!("{}{}", held.role, held.scope)
                row=|held: shared::RoleAssignment| {
                    view! {
                        <tr>
                            <th scope="row">{held.role.to_string()}</th>
                            <td><code class="long">{held.scope}</code></td>
                        </tr>
                    }
                }
            />
        </Panel>
    }
}
