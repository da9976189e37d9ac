//! `/services`: what answers, and what it serves.

use std::time::Duration;

use leptos::prelude::*;
use shared::Service;

use super::{
    live::{LiveServices, ServiceSpark},
    state::State,
};
use crate::{
    api::{Known, Query},
    app::use_account,
    components::{
        ButtonKind, Empty, Glyph, LinkButton, Loaded, Moment, PageHeader, SearchBox, Table,
    },
    markup::{IntoMarkup as _, view},
    navigation::use_navigation,
    react::memo,
    route::{Page, ServiceTab},
    text::t,
};

/// Deployed images.
#[component]
pub(crate) fn ServicesPage() -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let services = Query::polling(
        move || client.clone().list_services(),
        |services: &Vec<Service>| {
            let busy = services.iter().any(|service| !service.state.is_final());
            Some(Duration::from_secs(if busy { 1 } else { 10 }))
        },
    );
    LiveServices::provide();
    let deploy = account.href(Page::Deploy);
    let actions = account.may_write().then(|| {
        view! { <LinkButton label=t().deploy href=deploy icon=Glyph::Rocket kind=ButtonKind::Primary /> }
    });
    view! {
        <PageHeader title=t().services>{actions}</PageHeader>
        <Loaded query=services let:services>
            <Show when=move || services.with(|all| !all.is_empty())>
                <SearchBox label=t().search_services />
            </Show>
            <ServiceRows services />
        </Loaded>
    }
}

/// The table of services, or what to do while there is none.
#[component]
pub(crate) fn ServiceRows(services: Known<Vec<Service>>) -> impl IntoView {
    let search = use_navigation().query("search");
    let empty = memo(move || services.with(Vec::is_empty));
    let rows = memo(move || {
        let wanted = search.get().unwrap_or_default().to_ascii_lowercase();
        services.with(|all| {
            all.iter().filter(|service| service.name.contains(&wanted)).cloned().collect::<Vec<_>>()
        })
    });
    let href = use_account().href(Page::Deploy);
    let content = move || {
        if empty.get() {
            let href = href.clone();
            view! {
                <Empty glyph=Glyph::Service title=t().services_empty hint=t().services_empty_hint>
                    <LinkButton label=t().deploy href icon=Glyph::Rocket kind=ButtonKind::Primary />
                </Empty>
            }
        } else {
            view! {
                <Show
                    when=move || rows.with(|rows| !rows.is_empty())
                    fallback=|| view! { <Empty glyph=Glyph::Search title=t().nothing_found hint=t().nothing_found_hint /> }
                >
                    <Table
                        caption=t().services
                        columns=vec![
                            t().name,
                            t().state,
                            t().last_minute,
                            t().serves,
                            t().replicas,
                            t().updated,
                            t().actions,
                        ]
                        rows=move || rows.get()
                        key=|service: &Service| {
                            format!(
                                "{}{}{}{}{}",
                                service.id,
                                service.state,
                                service.image_id,
                                service.replicas,
                                service.updated_at,
                            )
                        }
                        row=|service| view! { <ServiceRow service /> }
                    />
                </Show>
            }
        }
    };
    content.into_markup()
}

#[component]
fn ServiceRow(service: Service) -> impl IntoView {
    let account = use_account();
    let href = account.href(Page::Service(service.name.clone(), ServiceTab::Summary));
    let try_it = account.href(Page::Service(service.name.clone(), ServiceTab::TryIt));
    let image = service.image.map_or_else(
        || ().into_markup(),
        |image| {
            let href = account.href(Page::Image(image.id));
            view! { <a href=href>{format!("{} v{}", image.name, image.version)}</a> }
        },
    );
    let failed =
        service.error.map(|error| view! { <span class="sub sub-bad">{error.message}</span> });
    view! {
        <tr>
            <th scope="row"><a href=href>{service.name}</a></th>
            <td>
                <State state=service.state succeeded=t().serving />
                {failed}
            </td>
            <td><ServiceSpark id=service.id /></td>
            <td>{image}</td>
            <td class="number">{service.replicas}</td>
            <td><Moment at=service.updated_at /></td>
            <td>
                <LinkButton label=t().try_it href=try_it icon=Glyph::Play kind=ButtonKind::Quiet />
            </td>
        </tr>
    }
}
