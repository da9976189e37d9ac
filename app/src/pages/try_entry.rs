//! Three ways to say what to score: field by field, as a pasted table, or the document itself.
//!
//! Each writes the one document that is sent; an edited document stays as it is until another way
//! is chosen.

use leptos::prelude::*;
use serde_json::Value;
use shared::Signature;

use super::try_it::Attempt;
use crate::{
    components::{Field, Panel, TextArea},
    markup::{IntoMarkup as _, Markup, view},
    react::{derive, memo, react},
    sample::{
        BadTable, BadValue, Column, columns, document, document_of_table, example_document,
        read_value, readable,
    },
    text::{fill, t},
};

/// A way to enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryMode {
    Form,
    Table,
    Json,
}

/// A field of the form and what is wrong with it.
#[derive(Clone)]
struct Cell {
    column: Column,
    value: RwSignal<String>,
}

impl Cell {
    fn error(&self) -> Option<BadValue> {
        self.value.with(|text| read_value(&self.column, text).err())
    }
}

/// The panel; `unready` says whether what stands there can be sent.
#[component]
pub(super) fn Entry(
    signature: StoredValue<Signature>,
    attempt: Attempt,
    mode: RwSignal<EntryMode>,
    unready: RwSignal<bool>,
    /// What sends it.
    children: Children,
) -> impl IntoView {
    let cells: Option<Vec<Cell>> = signature.with_value(columns).map(|columns| {
        let cell = |column: Column| Cell { value: RwSignal::new(column.example.clone()), column };
        columns.into_iter().map(cell).collect()
    });
    let has_form = cells.is_some();
    let filled = StoredValue::new(cells.unwrap_or_default());
    let example = signature.with_value(example_document);
    let too_long = example.is_none();
    attempt.text.set(example.map_or_else(|| r#"{"data": []}"#.to_owned(), |it| readable(&it)));
    mode.set(if has_form { EntryMode::Form } else { EntryMode::Json });

    let from_form = memo(move || {
        let cells = filled.get_value();
        let values: Result<Vec<Value>, BadValue> = cells
            .iter()
            .map(|cell| cell.value.with(|text| read_value(&cell.column, text)))
            .collect();
        let columns: Vec<Column> = cells.into_iter().map(|cell| cell.column).collect();
        values.ok().map(|values| signature.with_value(|it| document(it, &columns, &values)))
    });
    let pasted = RwSignal::new(String::new());
    let from_table = memo(move || {
        let columns: Vec<Column> = filled.get_value().into_iter().map(|it| it.column).collect();
        let one_input = signature.with_value(|it| it.inputs.len() == 1);
        pasted.with(|text| document_of_table(&columns, one_input, text))
    });
    // What a way shows is what it sends.
    react(move || {
        let document = match mode.get() {
            EntryMode::Form => from_form.get(),
            EntryMode::Table => from_table.get().ok(),
            EntryMode::Json => None,
        };
        if let Some(document) = document {
            attempt.text.set(readable(&document));
        }
    });
    react(move || {
        unready.set(match mode.get() {
            EntryMode::Form => from_form.with(Option::is_none),
            EntryMode::Table => from_table.with(Result::is_err),
            EntryMode::Json => attempt.document.with(Result::is_err),
        });
    });
    let json_error = derive(move || {
        let problem = attempt.document.with(|document| document.clone().err());
        problem.map(|why| fill(t().not_json, &[("why", &why)]))
    });
    let editor = move || match mode.get() {
        EntryMode::Form => cells_view(filled.get_value()),
        EntryMode::Table => {
            let names: Vec<String> =
                filled.get_value().into_iter().map(|cell| cell.column.name).collect();
            let error = derive(move || {
                let spoken = pasted.with(|text| !text.trim().is_empty());
                from_table.get().err().filter(|_| spoken).map(table_rule)
            });
            view! {
                <TextArea
                    id="table"
                    label=t().pasted_table
                    hint=fill(t().pasted_hint, &[("columns", &names.join(", "))])
                    value=pasted
                    error
                    rows=12
                    mono=true
                />
            }
        }
        EntryMode::Json => view! {
            {too_long.then(|| view! { <p class="fine">{t().too_long_hint}</p> })}
            <TextArea
                id="document"
                label=t().request_document
                value=attempt.text
                error=json_error
                rows=12
                mono=true
            />
        },
    };
    let ways = [(EntryMode::Form, t().form), (EntryMode::Table, "CSV"), (EntryMode::Json, "JSON")];
    let buttons: Vec<Markup> = ways
        .into_iter()
        .map(|(way, label)| {
            let pressed = move || if mode.get() == way { "true" } else { "false" };
            view! {
                <button type="button" aria-pressed=pressed on:click=move |_| mode.set(way)>
                    {label}
                </button>
            }
        })
        .collect();
    let switch = has_form.then(|| {
        view! { <div class="switch" role="group" aria-label=t().how_to_enter>{buttons}</div> }
    });
    view! {
        <Panel id="request" title=t().request actions=switch.into_markup()>
            {editor}
            <div class="actions">{children()}</div>
        </Panel>
    }
}

/// One field per column.
fn cells_view(cells: Vec<Cell>) -> Markup {
    let fields: Vec<Markup> = cells
        .into_iter()
        .enumerate()
        .map(|(place, cell)| {
            let (column, value) = (cell.column.clone(), cell.value);
            let error = derive(move || cell.error().map(|bad| rule(bad).to_owned()));
            view! {
                <Field
                    id=format!("value-{place}")
                    label=column.name
                    value
                    error
                    placeholder=column.element_type.to_string()
                    mono=true
                />
            }
        })
        .collect();
    view! { <div class="cells">{fields}</div> }
}

fn rule(bad: BadValue) -> &'static str {
    match bad {
        BadValue::NotANumber => t().rule_number,
        BadValue::NotAnInteger => t().rule_whole_number,
        BadValue::NotABool => t().rule_bool,
        BadValue::Missing => t().rule_missing,
    }
}

fn table_rule(bad: BadTable) -> String {
    match bad {
        BadTable::Empty => t().table_empty.to_owned(),
        BadTable::TooLong => t().table_too_long.to_owned(),
        BadTable::Heading(name) => fill(t().table_heading, &[("name", &name)]),
        BadTable::Width { row, cells, columns } => fill(
            t().table_width,
            &[
                ("row", &row.to_string()),
                ("cells", &cells.to_string()),
                ("columns", &columns.to_string()),
            ],
        ),
        BadTable::Cell { row, column, bad } => fill(
            t().table_cell,
            &[("row", &row.to_string()), ("column", &column), ("rule", rule(bad))],
        ),
    }
}
