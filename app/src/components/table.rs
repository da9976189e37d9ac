//! Tables: a caption, column headings, rows that are only built again when they change.

use std::sync::Arc;

use leptos::prelude::*;

use crate::{
    api::Known,
    markup::{IntoMarkup, Markup, view},
};

/// A row as the table keeps it: what tells it apart, and how it is drawn.
#[derive(Clone)]
struct KeyedRow {
    key: String,
    build: Arc<dyn Fn() -> Markup + Send + Sync>,
}

/// Where a table gets its rows.
pub(crate) struct Rows<T>(Box<dyn Fn() -> Vec<T> + Send + Sync>);

impl<T: Clone + Send + Sync + 'static> From<Known<Vec<T>>> for Rows<T> {
    fn from(known: Known<Vec<T>>) -> Self {
        Self(Box::new(move || known.get()))
    }
}

impl<T: Clone + Send + Sync + 'static> From<Vec<T>> for Rows<T> {
    fn from(rows: Vec<T>) -> Self {
        Self(Box::new(move || rows.clone()))
    }
}

impl<T, F: Fn() -> Vec<T> + Send + Sync + 'static> From<F> for Rows<T> {
    fn from(rows: F) -> Self {
        Self(Box::new(rows))
    }
}

/// A table over a list.
#[component]
pub(crate) fn Table<T, R, V>(
    /// What the rows are.
    #[prop(into)]
    caption: String,
    /// Headings of the columns.
    columns: Vec<&'static str>,
    #[prop(into)] rows: Rows<T>,
    /// Tells rows apart and changes when a row's content does.
    key: fn(&T) -> String,
    /// One `<tr>`, its first cell a `<th scope="row">`.
    row: R,
) -> impl IntoView
where
    T: Clone + Send + Sync + 'static,
    R: Fn(T) -> V + Clone + Send + Sync + 'static,
    V: IntoMarkup + 'static,
{
    let keyed = move || {
        let keep = |value: T| {
            let (key, row) = (key(&value), row.clone());
            KeyedRow { key, build: Arc::new(move || row(value.clone()).into_markup()) }
        };
        (rows.0)().into_iter().map(keep).collect::<Vec<_>>()
    };
    table(caption, columns, Box::new(keyed))
}

/// What does not depend on the rows' type.
fn table(
    caption: String,
    columns: Vec<&'static str>,
    rows: Box<dyn Fn() -> Vec<KeyedRow> + Send + Sync>,
) -> Markup {
    let headings: Vec<Markup> =
        columns.into_iter().map(|name| view! { <th scope="col">{name}</th> }).collect();
    view! {
        <div class="table-scroll" tabindex="0" role="group" aria-label=caption.clone()>
            <table>
                <caption class="visually-hidden">{caption.clone()}</caption>
                <thead>
                    <tr>{headings}</tr>
                </thead>
                <tbody>
                    <For each=rows key=|row: &KeyedRow| row.key.clone() children=|row: KeyedRow| (row.build)() />
                </tbody>
            </table>
        </div>
    }
}
