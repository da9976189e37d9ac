//! The parts of a page; each has an address, so they are links and not a widget.

use leptos::prelude::*;

/// One part.
#[derive(Debug, Clone)]
pub(crate) struct Tab {
    pub(crate) label: &'static str,
    pub(crate) href: String,
}

/// Links to the parts; the current one is marked for eyes and ears.
#[component]
pub(crate) fn Tabs(
    #[prop(into)] label: String,
    tabs: Vec<Tab>,
    /// The place of the current one.
    #[prop(into)]
    current: Signal<usize>,
) -> impl IntoView {
    let links = tabs
        .into_iter()
        .enumerate()
        .map(|(place, tab)| {
            view! {
                <li>
                    <a
                        href=tab.href
                        aria-current=move || (current.get() == place).then_some("page")
                    >
                        {tab.label}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav class="tabs" aria-label=label>
            <ul>{links}</ul>
        </nav>
    }
}
