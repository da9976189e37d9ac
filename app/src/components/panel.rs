//! A titled part of a page.

use leptos::prelude::*;

use crate::markup::{Markup, view};

/// A section with a heading of its own.
#[component]
pub(crate) fn Panel(
    /// Unique on the page.
    id: &'static str,
    #[prop(into)] title: String,
    /// Beside the title.
    #[prop(optional)]
    actions: Option<Markup>,
    children: Children,
) -> impl IntoView {
    let heading = format!("{id}-heading");
    view! {
        <section class="panel" id=id aria-labelledby=heading.clone()>
            <header>
                <h2 id=heading>{title}</h2>
                {actions}
            </header>
            {children()}
        </section>
    }
}
