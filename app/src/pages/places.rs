//! What the command palette knows: pages by their names, resources by asking the server.

use leptos::prelude::*;

use crate::{
    api::{AccountClient, EdgeError, Query, Wanted},
    app::CurrentAccount,
    components::{Glyph, Palette, Place},
    format::small_letters,
    markup::view,
    react::derive,
    route::{AccessTab, ModelTab, Page, ServiceTab},
    text::t,
};

/// Resources of each kind that are asked for, and that are shown.
const ASKED: u64 = 20;
const SHOWN: usize = 5;

/// Pages that have a name of their own.
pub(crate) fn named_pages() -> Vec<(Page, &'static str, Glyph)> {
    vec![
        (Page::Overview, t().overview, Glyph::Overview),
        (Page::Models, t().models, Glyph::Model),
        (Page::NewModel, t().upload_model, Glyph::Upload),
        (Page::Manifests, t().manifests, Glyph::Manifest),
        (Page::NewManifest, t().new_manifest, Glyph::Plus),
        (Page::Images, t().images, Glyph::Image),
        (Page::Services, t().services, Glyph::Service),
        (Page::Deploy, t().deploy, Glyph::Rocket),
        (Page::Operations, t().operations, Glyph::Operation),
        (Page::Accounts, t().accounts, Glyph::Account),
        (Page::Access(AccessTab::Me), t().access, Glyph::Access),
        (Page::Changes, t().changes, Glyph::Terminal),
        (Page::Design, t().design, Glyph::Palette),
    ]
}

/// The palette over one account.
#[component]
pub(crate) fn Places(account: CurrentAccount, open: RwSignal<bool>) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let asked = account.clone();
    let found = Query::new(move || {
        let (account, text) = (asked.clone(), typed.get());
        let wanted = open.get() && !text.trim().is_empty();
        async move { if wanted { resources(&account, &text).await } else { Ok(Found(vec![])) } }
    });
    let places = move || {
        let text = small_letters(typed.get().trim());
        let pages = named_pages().into_iter().filter(|(_, name, _)| fits(name, &text));
        let mut places: Vec<Place> = pages
            .map(|(page, name, glyph)| Place {
                label: name.to_owned(),
                kind: t().page,
                glyph,
                href: account.href(page),
            })
            .collect();
        let found = found.get().map(|found| found.0).unwrap_or_default();
        let found: Vec<Place> = found.into_iter().filter(|it| fits(&it.label, &text)).collect();
        // One kind after the other; of each no more than can be looked over.
        for kind in found.chunk_by(|one, other| one.kind == other.kind) {
            places.extend(kind.iter().take(SHOWN).cloned());
        }
        places
    };
    view! { <Palette open typed places=derive(places) /> }
}

/// Whether a name holds every word that was typed.
fn fits(name: &str, typed: &str) -> bool {
    let name = small_letters(name);
    typed.split_whitespace().all(|word| name.contains(word))
}

/// What the server is asked for: names are searched for one piece, and a version is no part of them.
fn piece(typed: &str) -> &str {
    let is_version = |word: &&str| {
        word.strip_prefix(['v', 'V']).is_some_and(|rest| rest.bytes().all(|it| it.is_ascii_digit()))
    };
    let names = typed.split_whitespace().filter(|word| !is_version(word));
    names.max_by_key(|word| word.len()).unwrap_or(typed.trim())
}

#[derive(Debug, Clone)]
struct Found(Vec<Place>);

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

async fn resources(account: &CurrentAccount, text: &str) -> Result<Found, EdgeError> {
    let client = || -> AccountClient { account.client.clone() };
    let wanted = || Wanted::first(ASKED, piece(text));
    let mut found = Vec::new();
    for service in client().services_part(wanted()).await?.value {
        found.push(Place {
            href: account.href(Page::Service(service.name.clone(), ServiceTab::Summary)),
            label: service.name,
            kind: t().service,
            glyph: Glyph::Service,
        });
    }
    for model in client().models_part(wanted(), None).await?.value {
        found.push(Place {
            label: format!("{} v{}", model.name, model.version),
            kind: t().model,
            glyph: Glyph::Model,
            href: account.href(Page::Model(model.id, ModelTab::Summary)),
        });
    }
    for image in client().images_part(wanted()).await?.value {
        found.push(Place {
            label: format!("{} v{}", image.name, image.version),
            kind: t().image,
            glyph: Glyph::Image,
            href: account.href(Page::Image(image.id)),
        });
    }
    Ok(Found(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_order_and_case() {
        assert!(fits("Upload model", "mod up"));
        assert!(fits("Upload model", ""));
        assert!(!fits("Upload model", "image"));
    }

    #[test]
    fn the_server_is_asked_for_a_name_without_its_version() {
        assert_eq!(piece("typed v1"), "typed");
        assert_eq!(piece("  v12 breast-cancer gb "), "breast-cancer");
        assert_eq!(piece("v1"), "v1");
    }
}
