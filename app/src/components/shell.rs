//! The frame around every page: navigation, account, session.

use leptos::prelude::*;

use super::{
    icon::{Glyph, Icon},
    theme::{LanguageChoice, ThemeChoice},
    toast::Toasts,
};
use crate::{
    markup::{Markup, view},
    react::react,
    text::t,
};

/// One entry of the navigation.
#[derive(Debug, Clone)]
pub(crate) struct NavItem {
    pub(crate) label: &'static str,
    pub(crate) glyph: Glyph,
    pub(crate) href: String,
}

/// Navigation beside the page; below 800 px it folds behind a button.
#[component]
pub(crate) fn Shell(
    /// Leads to the first page.
    #[prop(into)]
    home: Signal<String>,
    #[prop(into)] items: Signal<Vec<NavItem>>,
    /// The place of the current entry.
    #[prop(into)]
    current: Signal<Option<usize>>,
    /// Changes with every page, to fold the navigation again.
    #[prop(into)]
    page: Signal<String>,
    /// Whether the server does not answer.
    #[prop(into)]
    away: Signal<bool>,
    /// Opens the command palette.
    #[prop(into)]
    on_search: Callback<()>,
    /// Account and session, below the navigation.
    footer: Markup,
    children: Children,
) -> impl IntoView {
    let unfolded = RwSignal::new(false);
    react(move || {
        page.track();
        unfolded.set(false);
    });
    let links = move || {
        items
            .get()
            .into_iter()
            .enumerate()
            .map(|(place, item)| {
                view! {
                    <li>
                        <a
                            href=item.href
                            aria-current=move || (current.get() == Some(place)).then_some("page")
                        >
                            <Icon glyph=item.glyph />
                            {item.label}
                        </a>
                    </li>
                }
            })
            .collect_view()
    };
    view! {
        <a class="skip" href="#content">{t().skip_to_content}</a>
        <div class="shell" class:shell-unfolded=move || unfolded.get()>
            <header class="shell-bar">
                <a class="brand" href=move || home.get()>
                    <Mark />
                    <span>{t().product}</span>
                </a>
                <button
                    type="button"
                    class="shell-fold"
                    aria-expanded=move || if unfolded.get() { "true" } else { "false" }
                    aria-controls="navigation"
                    on:click=move |_| unfolded.update(|on| *on = !*on)
                >
                    <Icon glyph=Glyph::Menu />
                    <span class="visually-hidden">{t().menu}</span>
                </button>
            </header>
            <div class="shell-side" id="navigation">
                <button type="button" class="shell-search" on:click=move |_| on_search.run(())>
                    <Icon glyph=Glyph::Search />
                    <span>{t().palette}</span>
                    <kbd aria-hidden="true">"Ctrl K"</kbd>
                </button>
                <nav aria-label=t().navigation>
                    <ul>{links}</ul>
                </nav>
                <section class="shell-foot" aria-label=t().session>{footer} <LanguageChoice /> <ThemeChoice /></section>
            </div>
            <main id="content" tabindex="-1">
                <div role="status">
                    {move || away.get().then(|| view! {
                        <p class="note note-bad away"><Icon glyph=Glyph::Warning /> {t().away}</p>
                    })}
                </div>
                {children()}
            </main>
        </div>
        <Toasts />
    }
}

/// The product's mark: a sample crossing an edge.
#[component]
pub(crate) fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <path class="mark-field" d="M6 2h20a4 4 0 014 4v20a4 4 0 01-4 4H6a4 4 0 01-4-4V6a4 4 0 014-4z" />
            <path class="mark-edge" d="M20 6v20" />
            <path class="mark-line" d="M6 21l5-6 4 4 11-10" />
            <path class="mark-dot" d="M26 6.5a2.5 2.5 0 110 5 2.5 2.5 0 010-5z" />
        </svg>
    }
}
