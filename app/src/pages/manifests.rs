//! `/manifests`: which models images are made of.

use leptos::prelude::*;
use shared::Manifest;

use crate::{
    api::Wanted,
    app::{CurrentAccount, use_account},
    components::{
        ButtonKind, Cell, Column, Empty, Glyph, LinkButton, PageHeader, PagedTable, Row, Slice,
        Source,
    },
    format::count,
    markup::{Markup, view},
    route::Page,
    text::t,
};

/// Registered manifests.
#[component]
pub(crate) fn ManifestsPage() -> impl IntoView {
    let account = use_account();
    let of_account = account.clone();
    let source = Source::new(move |wanted: Wanted| {
        let account = of_account.clone();
        async move {
            let page = account.client.clone().manifests_part(wanted).await?;
            let rows = page.value.into_iter().map(|manifest| row(&account, manifest)).collect();
            Ok(Slice { rows, total: page.count.unwrap_or_default() })
        }
    });
    let new = account.href(Page::NewManifest);
    let add = account.may_write().then(|| add_button(new.clone()));
    let empty = move || {
        let add = add_button(new.clone());
        view! {
            <Empty glyph=Glyph::Manifest title=t().manifests_empty hint=t().manifests_empty_hint>
                {add}
            </Empty>
        }
    };
    view! {
        <PageHeader title=t().manifests>{add}</PageHeader>
        <PagedTable
            caption=t().manifests
            columns=vec![
                Column::ordered(t().name, "name"),
                Column::ordered(t().version, "version"),
                Column::plain(t().runtime),
                Column::plain(t().models),
                Column::ordered(t().created, "createdAt"),
            ]
            source
            search_label=t().search_manifests
            empty=empty.into()
        />
    }
}

fn add_button(href: String) -> Markup {
    view! { <LinkButton label=t().new_manifest href icon=Glyph::Plus kind=ButtonKind::Primary /> }
}

fn row(account: &CurrentAccount, manifest: Manifest) -> Row {
    let models = manifest.model_ids.map_or(0, |ids| ids.len());
    vec![
        Cell::Link {
            href: account.href(Page::Manifest(manifest.id)),
            label: manifest.name,
            sub: manifest.description.filter(|text| !text.is_empty()),
        },
        Cell::Number(format!("v{}", manifest.version)),
        Cell::Text(manifest.target_runtime.runtime_type.to_string()),
        Cell::Number(count(models as u64)),
        Cell::Moment(manifest.created_time),
    ]
}
