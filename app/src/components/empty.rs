//! Nothing here yet, and what to do about it.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::markup::view;

/// Stands where rows would be.
#[component]
pub(crate) fn Empty(
    glyph: Glyph,
    #[prop(into)] title: String,
    /// What fills it.
    #[prop(into)]
    hint: String,
    /// The way there.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon glyph />
            <p class="empty-title">{title}</p>
            <p>{hint}</p>
            {children.map(|children| view! { <div class="actions">{children()}</div> })}
        </div>
    }
}
