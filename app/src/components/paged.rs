//! A list of any length: searched, ordered and cut by the server, drawn only where it is in sight.
//!
//! Search and order are part of the address; the scroll position decides which pages are fetched.
//!
//! # Invariants
//! - Rows have one height, so the scroll bar tells the truth before the rows are there.
//! - An answer to a question that is no longer asked is dropped.

mod window;

use std::{collections::BTreeMap, future::Future, ops::Range, pin::Pin, sync::Arc, time::Duration};

use leptos::{html, prelude::*};
use wasm_bindgen_futures::spawn_local;

use self::window::{KEPT, PAGE, ROW, farthest, in_sight, pages_of};
use super::{
    cells::{Row, draw, fingerprint},
    empty::Empty,
    failure::FailureNote,
    icon::{Glyph, Icon},
    loaded::Waiting,
    search_box::SearchBox,
};
use crate::{
    api::{EdgeError, Reachable, Wanted},
    format::{count, fixed},
    markup::{IntoMarkup as _, Markup, view},
    navigation::{Navigation, use_navigation},
    react::{memo, react},
    text::{fill, t},
};

/// A column and what the server calls its order, if it can be ordered by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) label: &'static str,
    pub(crate) order: Option<&'static str>,
}

impl Column {
    pub(crate) const fn plain(label: &'static str) -> Self {
        Self { label, order: None }
    }

    pub(crate) const fn ordered(label: &'static str, order: &'static str) -> Self {
        Self { label, order: Some(order) }
    }
}

/// A part of the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slice {
    pub(crate) rows: Vec<Row>,
    /// Rows of the whole list.
    pub(crate) total: u64,
}

type Answer = Pin<Box<dyn Future<Output = Result<Slice, EdgeError>>>>;

/// Asks for a part of the list.
#[derive(Clone)]
pub(crate) struct Source(Arc<dyn Fn(Wanted) -> Answer + Send + Sync>);

impl Source {
    pub(crate) fn new<F>(ask: impl Fn(Wanted) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Slice, EdgeError>> + 'static,
    {
        Self(Arc::new(move |wanted| Box::pin(ask(wanted))))
    }
}

/// What is known of the list.
#[derive(Clone, Copy)]
struct List {
    pages: RwSignal<BTreeMap<u64, Vec<Row>>>,
    total: RwSignal<Option<u64>>,
    failure: RwSignal<Option<EdgeError>>,
    /// Counts questions; an answer to an older one is dropped.
    asked: RwSignal<u32>,
    scrolled: RwSignal<f64>,
    height: RwSignal<f64>,
}

impl List {
    fn new() -> Self {
        Self {
            pages: RwSignal::new(BTreeMap::new()),
            total: RwSignal::new(None),
            failure: RwSignal::new(None),
            asked: RwSignal::new(0),
            scrolled: RwSignal::new(0.0),
            height: RwSignal::new(800.0),
        }
    }

    fn in_sight(self) -> Range<u64> {
        in_sight(self.scrolled.get(), self.height.get(), self.total.get().unwrap_or(PAGE))
    }

    fn accept(self, question: u32, page: u64, answer: Result<Slice, EdgeError>) {
        if self.asked.try_get_untracked() != Some(question) {
            return;
        }
        match answer {
            Ok(slice) => {
                if self.failure.with_untracked(Option::is_some) {
                    self.failure.set(None);
                }
                if self.total.get_untracked() != Some(slice.total) {
                    self.total.set(Some(slice.total));
                }
                if self.pages.with_untracked(|pages| pages.get(&page) != Some(&slice.rows)) {
                    // An answer may come late, when something else is in sight: that stays.
                    let near = untrack(|| pages_of(&self.in_sight())).start;
                    self.pages.update(|pages| {
                        pages.insert(page, slice.rows);
                        while pages.len() > KEPT
                            && let Some(far) = farthest(pages.keys().copied(), near)
                        {
                            pages.remove(&far);
                        }
                    });
                }
            }
            Err(error) => self.failure.set(Some(error)),
        }
    }
}

/// The list.
#[component]
pub(crate) fn PagedTable(
    /// What the rows are.
    caption: &'static str,
    columns: Vec<Column>,
    source: Source,
    /// What the search field says; without it there is none.
    #[prop(optional)]
    search_label: Option<&'static str>,
    /// Between the search field and the table.
    #[prop(optional)]
    filters: Option<Markup>,
    /// Asks again when it changes: a filter, or news from the server.
    #[prop(optional, into)]
    again: Signal<u32>,
    /// How often the rows in sight are asked for again.
    #[prop(optional)]
    every: Option<Duration>,
    /// Stands there while the whole list is empty.
    empty: ViewFn,
) -> impl IntoView {
    let navigation = use_navigation();
    let search = navigation.query("search");
    let order = navigation.query("order");
    let list = List::new();
    ask_for_what_is_in_sight(list, source, search, order, again);
    if let Some(every) = every {
        let ticking = set_interval_with_handle(move || list.asked.update(|n| *n += 1), every);
        on_cleanup(move || {
            if let Ok(handle) = ticking {
                handle.clear();
            }
        });
    }

    let none = memo(move || list.total.get() == Some(0));
    let known = memo(move || list.total.get().is_some());
    let searching = memo(move || search.get().is_some());
    let retry = Callback::new(move |()| list.asked.update(|n| *n += 1));
    let note = move || list.failure.get().map(|error| view! { <FailureNote error retry /> });
    let columns = StoredValue::new(columns);
    let body = move || {
        if !known.get() {
            return list.failure.with(Option::is_none).then(|| view! { <Waiting /> }).into_markup();
        }
        match (none.get(), searching.get()) {
            (true, true) => view! {
                <Empty glyph=Glyph::Search title=t().nothing_found hint=t().nothing_found_hint />
            },
            (true, false) => empty.run().into_markup(),
            _ => rows(caption, columns, list, navigation, order),
        }
    };
    let field = move || {
        let useful = !none.get() || searching.get();
        search_label.filter(|_| useful && known.get()).map(|label| view! { <SearchBox label /> })
    };
    let counted = move || {
        let total = list.total.get().filter(|total| *total > 0)?;
        Some(fill(t().rows_counted, &[("count", &count(total))]))
    };
    view! {
        <div class="list-bar">{field} {filters} <p class="fine number" role="status">{counted}</p></div>
        {note}
        {body}
    }
}

/// Fetches the pages that rows in sight stand on, as long as they are not known.
fn ask_for_what_is_in_sight(
    list: List,
    source: Source,
    search: Memo<Option<String>>,
    order: Memo<Option<String>>,
    again: Signal<u32>,
) {
    // Another question forgets the old answers; news only replace them as they arrive.
    let mut before = None;
    react(move || {
        let now = Some((search.get(), order.get()));
        if before.is_some() && before != now {
            list.pages.set(BTreeMap::new());
            list.asked.update(|n| *n += 1);
        }
        before = now;
    });
    let back = use_context::<Reachable>();
    let mut first = true;
    react(move || {
        again.track();
        if let Some(back) = back {
            back.returned().track();
        }
        if !first {
            list.asked.update(|n| *n += 1);
        }
        first = false;
    });
    let wanted = memo(move || pages_of(&list.in_sight()));
    let mut asked = None;
    react(move || {
        let question = list.asked.get();
        let same = asked == Some(question);
        for page in wanted.get() {
            if same && list.pages.with_untracked(|known| known.contains_key(&page)) {
                continue;
            }
            let answer = (source.0)(Wanted {
                skip: page * PAGE,
                top: PAGE,
                search: search.get_untracked().unwrap_or_default(),
                order: spelled(order.get_untracked().as_deref()),
            });
            spawn_local(async move { list.accept(question, page, answer.await) });
        }
        asked = Some(question);
    });
}

/// `name-desc` of the address as the server spells it.
fn spelled(order: Option<&str>) -> String {
    order
        .and_then(|order| order.split_once('-'))
        .map_or_else(String::new, |(name, way)| format!("{name} {way}"))
}

fn rows(
    caption: &'static str,
    columns: StoredValue<Vec<Column>>,
    list: List,
    navigation: Navigation,
    order: Memo<Option<String>>,
) -> Markup {
    let scroller = NodeRef::<html::Div>::new();
    let measure = move || {
        if let Some(element) = scroller.get_untracked() {
            list.scrolled.set(f64::from(element.scroll_top()));
            list.height.set(f64::from(element.client_height()));
        }
    };
    react(move || {
        if scroller.get().is_some() {
            request_animation_frame(measure);
        }
    });
    let resized = window_event_listener(leptos::ev::resize, move |_| measure());
    on_cleanup(move || resized.remove());

    let columns = columns.get_value();
    let width = columns.len().to_string();
    let headings: Vec<Markup> =
        columns.into_iter().map(|column| heading(column, navigation, order)).collect();
    let sight = memo(move || list.in_sight());
    let shown = move || {
        let sight = sight.get();
        list.pages.with(|pages| {
            sight
                .map(|at| {
                    let page = pages.get(&(at / PAGE));
                    let row = page.and_then(|rows| rows.get((at % PAGE) as usize)).cloned();
                    (at, row)
                })
                .collect::<Vec<_>>()
        })
    };
    let total = move || list.total.get().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "pixels of a page")]
    let above = move || format!("{}px", fixed(sight.get().start as f64 * ROW, 0));
    #[expect(clippy::cast_precision_loss, reason = "pixels of a page")]
    let below =
        move || format!("{}px", fixed(total().saturating_sub(sight.get().end) as f64 * ROW, 0));
    view! {
        <div
            class="rows"
            node_ref=scroller
            tabindex="0"
            role="group"
            aria-label=caption
            on:scroll=move |_| measure()
        >
            <table aria-rowcount=move || (total() + 1).to_string()>
                <caption class="visually-hidden">{caption}</caption>
                <thead>
                    <tr aria-rowindex="1">{headings}</tr>
                </thead>
                <tbody>
                    <tr class="rows-gap" aria-hidden="true"><td colspan=width.clone() style:height=above></td></tr>
                    <For
                        each=shown
                        key=|(at, row): &(u64, Option<Row>)| (*at, row.as_ref().map(fingerprint))
                        children=|(at, row): (u64, Option<Row>)| one_row(at, row)
                    />
                    <tr class="rows-gap" aria-hidden="true"><td colspan=width style:height=below></td></tr>
                </tbody>
            </table>
        </div>
    }
}

fn one_row(at: u64, row: Option<Row>) -> Markup {
    let place = (at + 2).to_string();
    let Some(row) = row else {
        return view! { <tr aria-rowindex=place class="rows-waiting"><th scope="row">"…"</th></tr> };
    };
    let mut cells = row.into_iter();
    let first = cells.next().map(draw);
    let rest: Vec<Markup> = cells.map(|cell| view! { <td>{draw(cell)}</td> }).collect();
    view! { <tr aria-rowindex=place><th scope="row">{first}</th>{rest}</tr> }
}

/// A heading that orders the list when pressed: up, down, and as it was.
fn heading(column: Column, navigation: Navigation, order: Memo<Option<String>>) -> Markup {
    let Some(name) = column.order else {
        return view! { <th scope="col">{column.label}</th> };
    };
    let way = move || {
        let order = order.get()?;
        let (ordered, way) = order.split_once('-')?;
        (ordered == name).then(|| way == "desc")
    };
    let press = move |_| {
        let next = match way() {
            None => Some(format!("{name}-asc")),
            Some(false) => Some(format!("{name}-desc")),
            Some(true) => None,
        };
        navigation.set_query("order", next.as_deref());
    };
    let spoken = move || match way() {
        None => "none",
        Some(false) => "ascending",
        Some(true) => "descending",
    };
    let mark = move || match way() {
        None => "",
        Some(false) => " ↑",
        Some(true) => " ↓",
    };
    view! {
        <th scope="col" aria-sort=spoken>
            <button type="button" class="order" on:click=press>
                {column.label}
                <span aria-hidden="true">{mark}</span>
                {move || way().is_none().then(|| view! { <Icon glyph=Glyph::Sort /> })}
            </button>
        </th>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_the_address_is_spelled_as_the_server_does() {
        assert_eq!(spelled(Some("name-desc")), "name desc");
        assert_eq!(spelled(None), "");
        assert_eq!(spelled(Some("nonsense")), "");
    }

    #[test]
    fn answers_that_come_late_do_not_push_out_what_is_in_sight() {
        let owner = Owner::new();
        owner.set();
        let list = List::new();
        let answer = || Ok(Slice { rows: Vec::new(), total: 100_000 });

        for page in std::iter::once(0).chain(990..990 + KEPT as u64) {
            list.accept(0, page, answer());
        }

        let (first, kept) = list.pages.with_untracked(|it| (it.contains_key(&0), it.len()));
        assert!(first);
        assert_eq!(kept, KEPT);
    }
}
