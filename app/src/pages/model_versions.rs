//! Every version of a model's name, and two of them side by side: `?with={id}`.

use leptos::prelude::*;
use shared::{Model, ModelId, Signature};

use crate::{
    api::{AccountClient, EdgeError, Query},
    app::use_account,
    compare::{Line, Names, lines},
    components::{Glyph, Icon, Loaded, Moment, Panel, SelectField, Table},
    format::{bytes, short_hash},
    markup::{IntoMarkup as _, Markup, view},
    navigation::use_navigation,
    react::{derive, react},
    route::{ModelTab, Page},
    text::t,
};

/// The versions.
#[component]
pub(super) fn ModelVersions(model: Model) -> impl IntoView {
    let account = use_account();
    let (client, name, shown) = (account.client.clone(), model.name.clone(), model.id);
    let versions = Query::new(move || client.clone().model_versions(name.clone()));
    let new =
        format!("{}?name={}", account.href(Page::NewModel), shared::paths::encode(&model.name));
    let add = account.may_write().then(|| view! { <a class="more" href=new>{t().new_version}</a> });
    let row = move |version: Model| {
        let href = account.href(Page::Model(version.id, ModelTab::Summary));
        let current = version.id == shown;
        view! {
            <tr>
                <th scope="row">
                    <a href=href aria-current=current.then_some("page")>
                        {format!("v{}", version.version)}
                    </a>
                </th>
                <td class="number">{version.size.map(bytes)}</td>
                <td><code>{version.sha256.as_deref().map(short_hash)}</code></td>
                <td><Moment at=version.created_at /></td>
            </tr>
        }
    };
    view! {
        <Panel id="versions" title=t().versions actions=add.into_markup()>
            <Loaded query=versions let:versions>
                <Table
                    caption=t().versions
                    columns=vec![t().version, t().size, "SHA-256", t().registered]
                    rows=versions
                    key=|model| model.id.to_string()
                    row=row.clone()
                />
            </Loaded>
        </Panel>
        <Comparison model versions />
    }
}

/// The shown version and another one.
#[component]
fn Comparison(model: Model, versions: Query<Vec<Model>>) -> impl IntoView {
    let client = use_account().client;
    let navigation = use_navigation();
    let with = navigation.query("with");
    let chosen = RwSignal::new(with.get_untracked().unwrap_or_default());
    react(move || navigation.set_query("with", Some(&chosen.get())));
    let own = model.id;
    let options = derive(move || {
        let mut options = vec![(String::new(), "–".to_owned())];
        let others = versions.get().unwrap_or_default().into_iter().filter(|it| it.id != own);
        options.extend(others.map(|it| (it.id.to_string(), format!("v{}", it.version))));
        options
    });
    let heading = format!("v{}", model.version);
    let compared = move || {
        let other: ModelId = with.get()?.parse().ok()?;
        let (client, model, heading) = (client.clone(), model.clone(), heading.clone());
        let lines = Query::new(move || compared(client.clone(), model.clone(), other));
        Some(view! {
            <Loaded query=lines let:compared>
                {
                    let (other, lines) = compared.get_untracked();
                    side_by_side(heading.clone(), other, lines)
                }
            </Loaded>
        })
    };
    view! {
        <Panel id="compare" title=t().compare>
            <SelectField id="with" label=t().compare_with value=chosen options hint=t().compare_hint />
            {compared}
        </Panel>
    }
}

async fn compared(
    client: AccountClient,
    left: Model,
    other: ModelId,
) -> Result<(String, Vec<Line>), EdgeError> {
    let right = client.clone().model(other).await?;
    let signature = async |id: ModelId| -> Result<Option<Signature>, EdgeError> {
        Ok(client.clone().model_check(id).await?.and_then(|check| check.signature))
    };
    let (own, others) = (signature(left.id).await?, signature(other).await?);
    let names = Names {
        description: t().description,
        tags: t().tags,
        size: t().size,
        hash: "SHA-256",
        input: t().input,
        output: t().output,
    };
    let lines = lines(&names, (&left, own.as_ref()), (&right, others.as_ref()), bytes);
    Ok((format!("v{}", right.version), lines))
}

fn side_by_side(left: String, right: String, lines: Vec<Line>) -> Markup {
    let rows: Vec<Markup> = lines
        .into_iter()
        .map(|line| {
            let mark = line.differs().then(|| {
                view! {
                    <Icon glyph=Glyph::Edit />
                    <span class="visually-hidden">{t().differs}</span>
                }
            });
            let class = if line.differs() { "differs" } else { "" };
            view! {
                <tr class=class>
                    <th scope="row">{line.name} " " {mark}</th>
                    <td class="long">{line.left}</td>
                    <td class="long">{line.right}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <div class="table-scroll" tabindex="0" role="group" aria-label=t().compare>
            <table class="side-by-side">
                <caption class="visually-hidden">{t().compare}</caption>
                <thead>
                    <tr>
                        <th scope="col">{t().property}</th>
                        <th scope="col">{left}</th>
                        <th scope="col">{right}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}
