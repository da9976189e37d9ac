//! Tables: a caption, column headings, rows that are only built again when they change.

use leptos::prelude::*;

/// A table over a list.
#[component]
pub(crate) fn Table<T, R, V>(
    /// What the rows are.
    #[prop(into)]
    caption: String,
    /// Headings of the columns.
    columns: Vec<&'static str>,
    rows: Signal<Vec<T>>,
    /// Tells rows apart and changes when a row's content does.
    key: fn(&T) -> String,
    /// One `<tr>`, its first cell a `<th scope="row">`.
    row: R,
) -> impl IntoView
where
    T: Clone + Send + Sync + 'static,
    R: Fn(T) -> V + Clone + Send + 'static,
    V: IntoView + 'static,
{
    let headings =
        columns.into_iter().map(|name| view! { <th scope="col">{name}</th> }).collect_view();
    view! {
        <div class="table-scroll" tabindex="0" role="group" aria-label=caption>
            <table>
                <caption class="visually-hidden">{caption.clone()}</caption>
                <thead>
                    <tr>{headings}</tr>
                </thead>
                <tbody>
                    <For each=move || rows.get() key=key children=row />
                </tbody>
            </table>
        </div>
    }
}
