//! A state in an icon and a word, so that its colour only repeats what they say.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::markup::view;

/// What a state means for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tone {
    Good,
    Busy,
    Bad,
    Neutral,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "badge badge-good",
            Self::Busy => "badge badge-busy",
            Self::Bad => "badge badge-bad",
            Self::Neutral => "badge",
        }
    }
}

/// A word with an icon.
#[component]
pub(crate) fn StateBadge(tone: Tone, glyph: Glyph, #[prop(into)] label: String) -> impl IntoView {
    view! {
        <span class=tone.class()>
            <Icon glyph />
            {label}
        </span>
    }
}

/// A word that is a label, such as a tag.
#[component]
pub(crate) fn Badge(#[prop(into)] label: String) -> impl IntoView {
    view! { <span class="badge">{label}</span> }
}
