//! `/models`: what is registered, every version a row, cut and ordered by the server.

use leptos::prelude::*;
use shared::Model;

use crate::{
    api::Wanted,
    app::{CurrentAccount, use_account},
    components::{
        Button, ButtonKind, Cell, Column, Empty, Glyph, LinkButton, PageHeader, PagedTable, Row,
        Slice, Source,
    },
    format::bytes,
    markup::{IntoMarkup as _, Markup, view},
    navigation::use_navigation,
    react::react,
    route::{ModelTab, Page},
    text::{fill, t},
};

/// Registered models.
#[component]
pub(crate) fn ModelsPage() -> impl IntoView {
    let account = use_account();
    let navigation = use_navigation();
    let tag = navigation.query("tag");
    let changed = RwSignal::new(0_u32);
    let mut before = None;
    react(move || {
        let now = Some(tag.get());
        if before.is_some() && before != now {
            changed.update(|n| *n += 1);
        }
        before = now;
    });
    let of_account = account.clone();
    let source = Source::new(move |wanted: Wanted| {
        let (account, tag) = (of_account.clone(), tag.get_untracked());
        async move {
            let page = account.client.clone().models_part(wanted, tag).await?;
            let rows = page.value.into_iter().map(|model| row(&account, model)).collect();
            Ok(Slice { rows, total: page.count.unwrap_or_default() })
        }
    });
    let new = account.href(Page::NewModel);
    let upload = account.may_write().then(|| upload_button(new.clone()));
    let chosen_tag = move || {
        tag.get().map(|tag| {
            let label = fill(t().tagged, &[("tag", &tag)]);
            view! {
                <Button
                    label
                    icon=Glyph::Cross
                    kind=ButtonKind::Quiet
                    on_press=move |()| navigation.set_query("tag", None)
                />
            }
        })
    };
    let empty = move || {
        let add = upload_button(new.clone());
        view! {
            <Empty glyph=Glyph::Model title=t().models_empty hint=t().models_empty_hint>
                {add}
            </Empty>
        }
    };
    view! {
        <PageHeader title=t().models>{upload}</PageHeader>
        <PagedTable
            caption=t().models
            columns=vec![
                Column::ordered(t().name, "name"),
                Column::ordered(t().version, "version"),
                Column::plain(t().size),
                Column::plain(t().tags),
                Column::ordered(t().registered, "createdAt"),
            ]
            source
            search_label=t().search_models
            filters=chosen_tag.into_markup()
            again=changed
            empty=empty.into()
        />
    }
}

fn upload_button(href: String) -> Markup {
    view! { <LinkButton label=t().upload_model href icon=Glyph::Upload kind=ButtonKind::Primary /> }
}

fn row(account: &CurrentAccount, model: Model) -> Row {
    vec![
        Cell::Link {
            href: account.href(Page::Model(model.id, ModelTab::Summary)),
            label: model.name,
            sub: model.description.filter(|text| !text.is_empty()),
        },
        Cell::Number(format!("v{}", model.version)),
        Cell::Number(model.size.map(bytes).unwrap_or_default()),
        Cell::Badges(model.tags.unwrap_or_default()),
        Cell::Moment(model.created_at),
    ]
}
