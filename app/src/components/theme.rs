//! Light, dark, high contrast, or as the system says; the choice is kept in this browser.

use leptos::prelude::*;

use super::{choice::Choice, icon::Glyph};
use crate::{
    locale,
    markup::view,
    text::{Language, language, t},
};

const KEY: &str = "edge-scorer.theme";
/// Values of `data-theme`; the first means that the system decides.
const THEMES: [&str; 4] = ["system", "light", "dark", "contrast"];

fn kept() -> &'static str {
    let storage = window().local_storage().ok().flatten();
    let kept = storage.and_then(|kept| kept.get_item(KEY).ok().flatten());
    THEMES.into_iter().find(|theme| Some(*theme) == kept.as_deref()).unwrap_or(THEMES[0])
}

fn wear(theme: &str) {
    let Some(root) = document().document_element() else { return };
    let _ = if theme == THEMES[0] {
        root.remove_attribute("data-theme")
    } else {
        root.set_attribute("data-theme", theme)
    };
}

/// Puts the kept choice on before anything is drawn.
pub(crate) fn wear_kept_theme() {
    wear(kept());
}

/// Chooses the colours.
#[component]
pub(crate) fn ThemeChoice() -> impl IntoView {
    let names = [t().theme_system, t().theme_light, t().theme_dark, t().theme_contrast];
    let choose = move |theme: String| {
        if let Some(kept) = window().local_storage().ok().flatten() {
            let _ = kept.set_item(KEY, &theme);
        }
        wear(&theme);
    };
    view! {
        <Choice
            id="theme"
            label=t().theme
            glyph=Glyph::Sun
            options=THEMES.into_iter().zip(names).collect()
            current=kept()
            on_choice=choose
        />
    }
}

/// Chooses the language; the page loads again in it.
#[component]
pub(crate) fn LanguageChoice() -> impl IntoView {
    let options = Language::ALL.map(|it| (it.tag(), it.own_name())).to_vec();
    let choose = move |tag: String| {
        if let Some(language) = Language::of_tag(&tag) {
            locale::change(language);
        }
    };
    view! {
        <Choice
            id="language"
            label=t().language
            glyph=Glyph::Globe
            options
            current=language().tag()
            on_choice=choose
        />
    }
}
