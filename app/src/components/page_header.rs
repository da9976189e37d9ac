//! The top of every page: where we are, what it is, what can be done.

use leptos::{html, prelude::*};

use crate::{
    markup::{Markup, view},
    navigation::use_navigation,
    react::react,
    text::t,
};

/// One step of the way here.
#[derive(Debug, Clone)]
pub(crate) struct Crumb {
    pub(crate) label: String,
    pub(crate) href: String,
}

/// The page's heading; takes the focus and names the window when the visitor arrives.
#[component]
pub(crate) fn PageHeader(
    #[prop(into)] title: Signal<String>,
    /// From the outside in.
    #[prop(optional)]
    crumbs: Vec<Crumb>,
    /// Beside the title, such as a state.
    #[prop(optional)]
    aside: Option<Markup>,
    /// What can be done with the whole page.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let heading = NodeRef::<html::H1>::new();
    let navigation = use_navigation();
    let mut focused = false;
    react(move || {
        let Some(element) = heading.get() else { return };
        if !focused && navigation.has_moved() {
            let _ = element.focus();
        }
        focused = true;
    });
    react(move || {
        document().set_title(&format!("{} · {}", title.get(), t().product));
    });
    let way = (!crumbs.is_empty()).then(|| {
        let steps = crumbs
            .into_iter()
            .map(|crumb| view! { <li><a href=crumb.href>{crumb.label}</a></li> })
            .collect_view();
        view! {
            <nav class="crumbs" aria-label=t().breadcrumbs>
                <ol>{steps}</ol>
            </nav>
        }
    });
    view! {
        <header class="page-header">
            {way}
            <div class="page-title">
                <h1 node_ref=heading tabindex="-1">{move || title.get()}</h1>
                {aside}
                {children.map(|children| view! { <div class="actions">{children()}</div> })}
            </div>
        </header>
    }
}
