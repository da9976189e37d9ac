//! `/images`: models compiled and packed.

use std::time::Duration;

use leptos::prelude::*;
use shared::Image;

use super::state::State;
use crate::{
    api::Query,
    app::use_account,
    components::{
        ButtonKind, Empty, Glyph, LinkButton, Loaded, Moment, PageHeader, SearchBox, Table,
    },
    format::bytes,
    navigation::use_navigation,
    route::Page,
    text::t,
};

/// Packed models.
#[component]
pub(crate) fn ImagesPage() -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let images = Query::polling(
        move || client.clone().list_images(),
        |images: &Vec<Image>| {
            let busy = images.iter().any(|image| !image.creation_state.is_final());
            Some(Duration::from_secs(if busy { 1 } else { 15 }))
        },
    );
    let models = account.href(Page::Models);
    view! {
        <PageHeader title=t().images />
        <Loaded query=images let:images>
            {
                let models = models.clone();
                let empty = Memo::new(move |_| images.with(Vec::is_empty));
                move || {
                    let models = models.clone();
                    if empty.get() {
                        view! {
                            <Empty glyph=Glyph::Image title=t().images_empty hint=t().images_empty_hint>
                                <LinkButton label=t().models href=models kind=ButtonKind::Primary />
                            </Empty>
                        }
                            .into_any()
                    } else {
                        view! { <Images images /> }.into_any()
                    }
                }
            }
        </Loaded>
    }
}

#[component]
fn Images(images: Signal<Vec<Image>>) -> impl IntoView {
    let search = use_navigation().query("search");
    let rows = Memo::new(move |_| {
        let wanted = search.get().unwrap_or_default().to_lowercase();
        images.with(|images| {
            images
                .iter()
                .filter(|image| image.name.to_lowercase().contains(&wanted))
                .cloned()
                .collect::<Vec<_>>()
        })
    });
    view! {
        <SearchBox label=t().search_images />
        <Show
            when=move || rows.with(|rows| !rows.is_empty())
            fallback=|| view! { <Empty glyph=Glyph::Search title=t().nothing_found hint=t().nothing_found_hint /> }
        >
            <Table
                caption=t().images
                columns=vec![t().name, t().version, t().state, t().module_size, t().created]
                rows=rows.into()
                key=|image| format!("{}{}", image.id, image.creation_state)
                row=|image| view! { <ImageRow image /> }
            />
        </Show>
    }
}

#[component]
fn ImageRow(image: Image) -> impl IntoView {
    let href = use_account().href(Page::Image(image.id));
    view! {
        <tr>
            <th scope="row"><a href=href>{image.name}</a></th>
            <td class="number">{format!("v{}", image.version)}</td>
            <td><State state=image.creation_state succeeded=t().image_ready /></td>
            <td class="number">{image.module_size.map(bytes)}</td>
            <td><Moment at=image.created_time /></td>
        </tr>
    }
}
