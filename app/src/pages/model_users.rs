//! Where a version of a model is used: what must go before it can.

use leptos::prelude::*;
use shared::ModelId;

use crate::{
    api::{ModelUsers, Query},
    app::use_account,
    components::{Glyph, Icon, Loaded, Panel},
    markup::{Markup, view},
    route::{Page, ServiceTab},
    text::t,
};

/// Manifests and services, as links.
#[component]
pub(super) fn WhereUsed(id: ModelId) -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let users = Query::new(move || client.clone().model_users(id));
    let links = move |users: ModelUsers| -> Markup {
        if users.manifests.is_empty() && users.services.is_empty() {
            return view! { <p class="fine">{t().not_used}</p> };
        }
        let manifests = users.manifests.iter().map(|it| {
            let label = format!("{} v{}", it.name, it.version);
            (Glyph::Manifest, t().manifest, label, account.href(Page::Manifest(it.id)))
        });
        let services = users.services.iter().map(|it| {
            let href = account.href(Page::Service(it.name.clone(), ServiceTab::Summary));
            (Glyph::Service, t().service, it.name.clone(), href)
        });
        let items: Vec<Markup> = manifests
            .chain(services)
            .map(|(glyph, kind, label, href)| {
                view! {
                    <li>
                        <Icon glyph />
                        <span class="fine">{kind}</span>
                        <a href=href>{label}</a>
                    </li>
                }
            })
            .collect();
        view! { <ul class="used">{items}</ul> }
    };
    view! {
        <Panel id="used" title=t().where_used>
            <Loaded query=users let:users>
                {
                    let links = links.clone();
                    move || links(users.get())
                }
            </Loaded>
        </Panel>
    }
}
