//! The address bar: what it says, and how a page changes it without loading the site again.
//!
//! A click on a link into the console, the back button and [`Navigation::go`] all end in one
//! signal; pages read it through [`Navigation::route`] and [`Navigation::query`].
//!
//! # Invariants
//! - Links are real `<a href>`s: opening one in a new tab, copying it and middle clicks work.
//! - A click with a modifier key, a `target` or a `download` is the browser's.

use leptos::{ev, prelude::*};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::{
    react::memo,
    route::{Page, Route, decode},
};

/// The current address and the ways to change it.
#[derive(Clone, Copy)]
pub(crate) struct Navigation {
    path: RwSignal<String>,
    search: RwSignal<String>,
    visits: RwSignal<u32>,
}

impl Navigation {
    /// Reads the address bar and listens for links and the back button.
    pub(crate) fn start() -> Self {
        let this = Self {
            path: RwSignal::new(String::new()),
            search: RwSignal::new(String::new()),
            visits: RwSignal::new(0),
        };
        this.read_address();
        let _ = window_event_listener(ev::popstate, move |_| {
            this.visits.update(|n| *n += 1);
            this.read_address();
        });
        let _ = window_event_listener(ev::click, move |event| {
            if let Some(href) = internal_link(&event) {
                event.prevent_default();
                this.go(&href);
            }
        });
        this
    }

    fn read_address(self) {
        let location = window().location();
        let (path, search) =
            (location.pathname().unwrap_or_default(), location.search().unwrap_or_default());
        if self.search.with_untracked(|old| *old != search) {
            self.search.set(search);
        }
        if self.path.with_untracked(|old| *old != path) {
            self.path.set(path);
        }
    }

    /// Opens an address of the console as a new entry of the history.
    pub(crate) fn go(self, href: &str) {
        self.change(href, false);
    }

    /// Opens an address of the console in place of the current one.
    pub(crate) fn replace(self, href: &str) {
        self.change(href, true);
    }

    fn change(self, href: &str, replace: bool) {
        let before = self.path.get_untracked();
        if let Ok(history) = window().history() {
            let state = JsValue::NULL;
            let _ = if replace {
                history.replace_state_with_url(&state, "", Some(href))
            } else {
                history.push_state_with_url(&state, "", Some(href))
            };
        }
        // A redirect is no step of the visitor's: the focus stays where the browser put it.
        if !replace {
            self.visits.update(|n| *n += 1);
        }
        self.read_address();
        if !replace && before != self.path.get_untracked() {
            window().scroll_to_with_x_and_y(0.0, 0.0);
        }
    }

    /// The page that the address names.
    pub(crate) fn route(self) -> Memo<Route> {
        memo(move || self.path.with(|path| Route::parse(path)))
    }

    /// The tab that the address names, on pages that have some.
    pub(crate) fn tab(self) -> Memo<crate::route::ServiceTab> {
        memo(move || match self.path.with(|path| Route::parse(path)) {
            Route::Account(_, Page::Service(_, tab)) => tab,
            _ => crate::route::ServiceTab::Summary,
        })
    }

    /// The tab of a model's page.
    pub(crate) fn model_tab(self) -> Memo<crate::route::ModelTab> {
        memo(move || match self.path.with(|path| Route::parse(path)) {
            Route::Account(_, Page::Model(_, tab)) => tab,
            _ => crate::route::ModelTab::Summary,
        })
    }

    /// The tab of the page about access.
    pub(crate) fn access_tab(self) -> Memo<crate::route::AccessTab> {
        memo(move || match self.path.with(|path| Route::parse(path)) {
            Route::Account(_, Page::Access(tab)) => tab,
            _ => crate::route::AccessTab::Me,
        })
    }

    /// One value of the query.
    pub(crate) fn query(self, name: &'static str) -> Memo<Option<String>> {
        memo(move || self.search.with(|search| query_value(search, name)))
    }

    /// Changes one value of the query in place; `None` takes it out.
    pub(crate) fn set_query(self, name: &str, value: Option<&str>) {
        let search = with_query(&self.search.get_untracked(), name, value);
        self.replace(&format!("{}{search}", self.path.get_untracked()));
    }

    /// Path and query, to come back to.
    pub(crate) fn current(self) -> String {
        format!("{}{}", self.path.get_untracked(), self.search.get_untracked())
    }

    /// Whether the visitor has moved since the site was loaded.
    pub(crate) fn has_moved(self) -> bool {
        self.visits.get_untracked() > 0
    }
}

/// The link a plain click landed on, if it leads into the console.
fn internal_link(event: &web_sys::MouseEvent) -> Option<String> {
    if event.default_prevented()
        || event.button() != 0
        || event.meta_key()
        || event.ctrl_key()
        || event.shift_key()
        || event.alt_key()
    {
        return None;
    }
    let element = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let link = element.closest("a[href]").ok()??.dyn_into::<web_sys::HtmlAnchorElement>().ok()?;
    if !link.target().is_empty() || link.has_attribute("download") {
        return None;
    }
    if link.origin() != window().location().origin().ok()? {
        return None;
    }
    // A link to a place on this page is the browser's.
    if !link.hash().is_empty() || !link.pathname().starts_with("/console/") {
        return None;
    }
    Some(format!("{}{}", link.pathname(), link.search()))
}

/// One value of a query such as `?search=iris&tag=`; empty values count as absent.
pub(crate) fn query_value(search: &str, name: &str) -> Option<String> {
    search
        .trim_start_matches('?')
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| decode(&value.replace('+', " ")))
        .filter(|value| !value.is_empty())
}

/// The query with one value changed; the others stay as they are.
fn with_query(search: &str, name: &str, value: Option<&str>) -> String {
    let mut pairs: Vec<String> = search
        .trim_start_matches('?')
        .split('&')
        .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name))
        .map(str::to_owned)
        .collect();
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        pairs.push(format!("{name}={}", shared::paths::encode(value)));
    }
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// The navigation of this site.
pub(crate) fn use_navigation() -> Navigation {
    expect_context::<Navigation>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_decoded_and_empty_ones_are_absent() {
        assert_eq!(query_value("?a=1&search=iris%20v+2", "search"), Some("iris v 2".into()));
        assert_eq!(query_value("?search=", "search"), None);
        assert_eq!(query_value("", "search"), None);
    }

    #[test]
    fn one_value_of_the_query_changes_and_the_others_stay() {
        assert_eq!(with_query("?a=1&b=2", "a", Some("x y")), "?b=2&a=x%20y");
        assert_eq!(with_query("?a=1", "a", None), "");
        assert_eq!(with_query("", "a", Some("1")), "?a=1");
    }
}
