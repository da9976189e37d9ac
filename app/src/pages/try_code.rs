//! The same call in other languages; the key is masked on the page and whole on the clipboard.

use leptos::prelude::*;
use shared::Service;

use super::service_keys::fetch_keys;
use crate::{
    api::{Known, Query},
    app::use_account,
    components::{CodeBlock, Panel},
    markup::{Markup, view},
    react::{derive, memo},
    sample::{CodeLanguage, code},
    text::t,
};

/// What stands in the code while the key is not shown.
const HIDDEN_KEY: &str = "••••••••";

/// Sample code.
#[component]
pub(super) fn Code(
    service: Known<Service>,
    path: Memo<String>,
    text: RwSignal<String>,
) -> impl IntoView {
    let account = use_account();
    let origin = window().location().origin().unwrap_or_default();
    let url = memo(move || {
        service
            .with(|it| it.scoring_uri.clone())
            .filter(|uri| uri.contains("://"))
            .unwrap_or_else(|| format!("{origin}{}", path.get()))
    });
    let language = RwSignal::new(CodeLanguage::Curl);
    let id = memo(move || service.with(|it| it.id.to_string()));
    let may_read = account.may_read_keys();
    let keys = may_read.then(|| {
        let client = account.client;
        Query::new(move || fetch_keys(client.clone(), id.get()))
    });
    let key = move || {
        let keys = keys.and_then(|keys| keys.get());
        keys.map_or_else(|| HIDDEN_KEY.to_owned(), |keys| keys.0.primary_key)
    };
    let shown = derive(move || code(language.get(), &url.get(), HIDDEN_KEY, &text.get()));
    let copied = derive(move || code(language.get(), &url.get(), &key(), &text.get()));
    let buttons: Vec<Markup> = CodeLanguage::ALL
        .into_iter()
        .map(|it| {
            let pressed = move || if language.get() == it { "true" } else { "false" };
            view! {
                <button type="button" aria-pressed=pressed on:click=move |_| language.set(it)>
                    {it.name()}
                </button>
            }
        })
        .collect();
    view! {
        <Panel id="command" title=t().command>
            <div class="switch" role="group" aria-label=t().command>{buttons}</div>
            {move || view! { <CodeBlock text=shown copied label=language.get().name() /> }}
            {may_read.then(|| view! { <p class="fine">{t().command_hint}</p> })}
        </Panel>
    }
}
