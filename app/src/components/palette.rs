//! A place to type where to go: opened with Ctrl-K, moved through with the arrows, left with Enter.

use leptos::{ev::KeyboardEvent, html, prelude::*, tachys::dom::event_target_value};

use super::icon::{Glyph, Icon};
use crate::{
    markup::{Markup, view},
    navigation::use_navigation,
    react::react,
    text::t,
};

/// Somewhere to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) label: String,
    /// What kind of thing it is.
    pub(crate) kind: &'static str,
    pub(crate) glyph: Glyph,
    pub(crate) href: String,
}

/// The dialog. What is typed goes out through `typed`, what fits comes in through `places`.
#[component]
pub(crate) fn Palette(
    open: RwSignal<bool>,
    typed: RwSignal<String>,
    #[prop(into)] places: Signal<Vec<Place>>,
) -> impl IntoView {
    let navigation = use_navigation();
    let dialog = NodeRef::<html::Dialog>::new();
    let input = NodeRef::<html::Input>::new();
    let current = RwSignal::new(0_usize);
    react(move || {
        let Some(element) = dialog.get() else { return };
        if open.get() {
            if !element.open() {
                typed.set(String::new());
                current.set(0);
                let _ = element.show_modal();
                if let Some(input) = input.get_untracked() {
                    let _ = input.focus();
                }
            }
        } else if element.open() {
            element.close();
        }
    });
    // The dialog closes at once, and says so a little later: until then `open` is behind it.
    let is_shown = move || dialog.get_untracked().is_some_and(|dialog| dialog.open());
    let shortcut = window_event_listener(leptos::ev::keydown, move |event| {
        if event.key().eq_ignore_ascii_case("k") && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            open.set(!is_shown());
        }
    });
    on_cleanup(move || shortcut.remove());
    let go = move |place: usize| {
        let href = places.with_untracked(|places| places.get(place).map(|it| it.href.clone()));
        if let Some(href) = href {
            open.set(false);
            navigation.go(&href);
        }
    };
    let keys = move |event: KeyboardEvent| {
        let count = places.with_untracked(Vec::len).max(1);
        match event.key().as_str() {
            "ArrowDown" => current.update(|at| *at = (*at + 1) % count),
            "ArrowUp" => current.update(|at| *at = (*at + count - 1) % count),
            "Enter" => go(current.get_untracked()),
            _ => return,
        }
        event.prevent_default();
    };
    let options = move || {
        let rows: Vec<Markup> = places
            .get()
            .into_iter()
            .enumerate()
            .map(|(place, it)| {
                let chosen = move || if current.get() == place { "true" } else { "false" };
                view! {
                    <li
                        role="option"
                        id=format!("place-{place}")
                        aria-selected=chosen
                        on:click=move |_| go(place)
                    >
                        <Icon glyph=it.glyph />
                        <span>{it.label}</span>
                        <span class="fine">{it.kind}</span>
                    </li>
                }
            })
            .collect();
        rows
    };
    let none = move || places.with(Vec::is_empty).then(|| t().nothing_found);
    view! {
        <dialog
            class="dialog palette"
            node_ref=dialog
            aria-label=t().palette
            on:close=move |_| open.set(is_shown())
        >
            <div class="palette-field">
                <Icon glyph=Glyph::Search />
                <input
                    node_ref=input
                    type="text"
                    role="combobox"
                    aria-expanded="true"
                    aria-controls="places"
                    aria-autocomplete="list"
                    aria-activedescendant=move || format!("place-{}", current.get())
                    aria-label=t().palette_hint
                    placeholder=t().palette_hint
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=move || typed.get()
                    on:input=move |event| {
                        current.set(0);
                        typed.set(event_target_value(&event));
                    }
                    on:keydown=keys
                />
            </div>
            <ul id="places" role="listbox" aria-label=t().palette>{options}</ul>
            <p class="fine" role="status">{none}</p>
        </dialog>
    }
}
