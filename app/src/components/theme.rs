//! Light, dark, or as the system says; the choice is kept in this browser.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::text::t;

const KEY: &str = "edge-scorer.theme";

/// Which colours the site wears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    fn attribute(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        }
    }

    fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }

    fn words(self) -> (&'static str, Glyph) {
        match self {
            Self::System => (t().theme_system, Glyph::Auto),
            Self::Light => (t().theme_light, Glyph::Sun),
            Self::Dark => (t().theme_dark, Glyph::Moon),
        }
    }

    fn kept() -> Self {
        let storage = window().local_storage().ok().flatten();
        match storage.and_then(|kept| kept.get_item(KEY).ok().flatten()).as_deref() {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::System,
        }
    }

    fn wear(self) {
        let storage = window().local_storage().ok().flatten();
        let root = document().document_element();
        match self.attribute() {
            Some(name) => {
                let _ = storage.map(|kept| kept.set_item(KEY, name));
                let _ = root.map(|root| root.set_attribute("data-theme", name));
            }
            None => {
                let _ = storage.map(|kept| kept.remove_item(KEY));
                let _ = root.map(|root| root.remove_attribute("data-theme"));
            }
        }
    }
}

/// Puts the kept choice on before anything is drawn.
pub(crate) fn wear_kept_theme() {
    Theme::kept().wear();
}

/// Goes through the three.
#[component]
pub(crate) fn ThemeToggle() -> impl IntoView {
    let theme = RwSignal::new(Theme::kept());
    let press = move |_| {
        theme.update(|theme| *theme = theme.next());
        theme.get_untracked().wear();
    };
    view! {
        <button type="button" class="shell-button" on:click=press>
            {move || view! { <Icon glyph=theme.get().words().1 /> }}
            <span>{move || theme.get().words().0}</span>
        </button>
    }
}
