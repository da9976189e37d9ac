//! The parts of a page; each has an address, so they are links and not a widget.

use leptos::{html, prelude::*};

use crate::{markup::view, react::react};

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
    let row = NodeRef::<html::Nav>::new();
    // On a narrow screen the row scrolls: the current tab is brought into sight.
    react(move || {
        let chosen = format!("li:nth-child({})", current.get() + 1);
        let Some(row) = row.get() else { return };
        if let Ok(Some(tab)) = row.query_selector(&chosen) {
            let (tab, around) = (tab.get_bounding_client_rect(), row.get_bounding_client_rect());
            let beyond = (tab.right() - around.right()).max(0.0) as i32;
            row.set_scroll_left(row.scroll_left() + beyond);
        }
    });
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
        <nav class="tabs" aria-label=label node_ref=row>
            <ul>{links}</ul>
        </nav>
    }
}
