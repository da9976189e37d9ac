//! `/changes`: what this tab has changed, as commands to copy.

use leptos::prelude::*;

use crate::{
    api::{Change, EdgeClient},
    components::{CodeBlock, Empty, Glyph, PageHeader},
    markup::{IntoMarkup as _, Markup, view},
    text::t,
};

/// The commands, newest first.
#[component]
pub(crate) fn ChangesPage() -> impl IntoView {
    let changes = expect_context::<EdgeClient>().changes();
    let origin = window().location().origin().unwrap_or_default();
    let list = move || {
        let changes = changes.get();
        if changes.is_empty() {
            return view! {
                <Empty glyph=Glyph::Terminal title=t().changes_empty hint=t().changes_empty_hint />
            };
        }
        let blocks: Vec<Markup> = changes
            .into_iter()
            .map(|change: Change| {
                let label = format!("{} · {}", change.method, change.status);
                view! { <CodeBlock text=change.curl(&origin) label /> }
            })
            .collect();
        blocks.into_markup()
    };
    view! {
        <PageHeader title=t().changes />
        <p class="lead">{t().changes_lead}</p>
        {list}
    }
}
