//! `/images`: models compiled and packed.

use std::time::Duration;

use leptos::prelude::*;
use shared::Image;

use super::state::state_cell;
use crate::{
    api::Wanted,
    app::{CurrentAccount, use_account},
    components::{
        ButtonKind, Cell, Column, Empty, Glyph, LinkButton, PageHeader, PagedTable, Row, Slice,
        Source,
    },
    format::bytes,
    markup::view,
    route::Page,
    text::t,
};

/// Packed models.
#[component]
pub(crate) fn ImagesPage() -> impl IntoView {
    let account = use_account();
    let of_account = account.clone();
    let source = Source::new(move |wanted: Wanted| {
        let account = of_account.clone();
        async move {
            let page = account.client.clone().images_part(wanted).await?;
            let rows = page.value.into_iter().map(|image| row(&account, image)).collect();
            Ok(Slice { rows, total: page.count.unwrap_or_default() })
        }
    });
    let models = account.href(Page::Models);
    let empty = move || {
        let models = models.clone();
        view! {
            <Empty glyph=Glyph::Image title=t().images_empty hint=t().images_empty_hint>
                <LinkButton label=t().models href=models kind=ButtonKind::Primary />
            </Empty>
        }
    };
    let manifests = account.href(Page::Manifests);
    view! {
        <PageHeader title=t().images>
            <LinkButton label=t().manifests href=manifests icon=Glyph::Manifest />
        </PageHeader>
        <PagedTable
            caption=t().images
            columns=vec![
                Column::ordered(t().name, "name"),
                Column::ordered(t().version, "version"),
                Column::ordered(t().state, "state"),
                Column::plain(t().module_size),
                Column::ordered(t().created, "createdAt"),
            ]
            source
            search_label=t().search_images
            every=Duration::from_secs(3)
            empty=empty.into()
        />
    }
}

fn row(account: &CurrentAccount, image: Image) -> Row {
    let why = image.error.map(|error| error.message);
    vec![
        Cell::Link {
            href: account.href(Page::Image(image.id)),
            label: image.name,
            sub: image.description.filter(|text| !text.is_empty()),
        },
        Cell::Number(format!("v{}", image.version)),
        state_cell(image.creation_state, Some(t().image_ready), why),
        Cell::Number(image.module_size.map(bytes).unwrap_or_default()),
        Cell::Moment(image.created_time),
    ]
}
