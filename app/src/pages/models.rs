//! `/models`: what is registered, one row per name, its newest version first.

use leptos::prelude::*;
use shared::Model;

use crate::{
    api::Query,
    app::use_account,
    components::{
        Badge, ButtonKind, Empty, Glyph, LinkButton, Loaded, Moment, PageHeader, SearchBox, Table,
    },
    format::bytes,
    navigation::use_navigation,
    route::Page,
    text::t,
};

/// Registered models.
#[component]
pub(crate) fn ModelsPage() -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let models = Query::new(move || client.clone().list_models());
    let new = account.href(Page::NewModel);
    let upload = account.may_write().then(|| {
        view! { <LinkButton label=t().upload_model href=new.clone() icon=Glyph::Upload kind=ButtonKind::Primary /> }
    });
    view! {
        <PageHeader title=t().models>{upload}</PageHeader>
        <Loaded query=models let:models>
            <Models models />
        </Loaded>
    }
}

#[component]
fn Models(models: Signal<Vec<Model>>) -> impl IntoView {
    let search = use_navigation().query("search");
    let empty = Memo::new(move |_| models.with(Vec::is_empty));
    let rows = Memo::new(move |_| {
        let wanted = search.get().unwrap_or_default().to_lowercase();
        models.with(|models| newest(models, &wanted))
    });
    let href = use_account().href(Page::NewModel);
    move || {
        if empty.get() {
            let href = href.clone();
            view! {
                <Empty glyph=Glyph::Model title=t().models_empty hint=t().models_empty_hint>
                    <LinkButton label=t().upload_model href icon=Glyph::Upload kind=ButtonKind::Primary />
                </Empty>
            }
            .into_any()
        } else {
            view! {
                <SearchBox label=t().search_models />
                <Show
                    when=move || rows.with(|rows| !rows.is_empty())
                    fallback=|| view! { <Empty glyph=Glyph::Search title=t().nothing_found hint=t().nothing_found_hint /> }
                >
                    <Table
                        caption=t().models
                        columns=vec![t().name, t().latest_version, t().size, t().tags, t().registered]
                        rows=rows.into()
                        key=|model| model.id.to_string()
                        row=|model| view! { <ModelRow model /> }
                    />
                </Show>
            }
            .into_any()
        }
    }
}

/// The newest version of every name that holds what is searched; the list comes newest first.
fn newest(models: &[Model], wanted: &str) -> Vec<Model> {
    let mut names: Vec<&str> = Vec::new();
    let mut rows: Vec<Model> = Vec::new();
    for model in models {
        if names.contains(&model.name.as_str()) {
            if let Some(row) =
                rows.iter_mut().find(|row| row.name == model.name && row.version < model.version)
            {
                *row = model.clone();
            }
            continue;
        }
        names.push(&model.name);
        let tags = model.tags.iter().flatten();
        let texts = tags.chain([&model.name]).chain(&model.description);
        if texts.into_iter().any(|text| text.to_lowercase().contains(wanted)) {
            rows.push(model.clone());
        }
    }
    rows
}

#[component]
fn ModelRow(model: Model) -> impl IntoView {
    let href = use_account().href(Page::Model(model.id));
    let tags = model.tags.unwrap_or_default();
    view! {
        <tr>
            <th scope="row">
                <a href=href>{model.name}</a>
                {model.description.map(|text| view! { <span class="sub">{text}</span> })}
            </th>
            <td class="number">{format!("v{}", model.version)}</td>
            <td class="number">{model.size.map(bytes)}</td>
            <td>{tags.into_iter().map(|label| view! { <Badge label /> }).collect_view()}</td>
            <td><Moment at=model.created_at /></td>
        </tr>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, version: u64) -> Model {
        Model {
            id: format!("7c9e6679-7425-40de-944b-e07fc1f9{version:04}").parse().unwrap(),
            name: name.into(),
            version,
            url: String::new(),
            mime_type: String::new(),
            description: None,
            tags: Some(vec![format!("tag-{name}")]),
            unpack: None,
            created_at: String::new(),
            sha256: None,
            size: None,
        }
    }

    #[test]
    fn a_name_has_one_row_with_its_newest_version() {
        let models = [model("iris", 2), model("wine", 1), model("iris", 1)];

        let rows = newest(&models, "");
        assert_eq!(
            rows.iter().map(|m| (m.name.as_str(), m.version)).collect::<Vec<_>>(),
            [("iris", 2), ("wine", 1)]
        );

        assert_eq!(newest(&models, "tag-wi").len(), 1);
        assert!(newest(&models, "digits").is_empty());
    }
}
