//! `/operations`: everything long-running, live.

use std::time::Duration;

use leptos::prelude::*;
use shared::{AsyncOperationStatus, OperationType};

use super::state::{State, operation_word};
use crate::{
    api::{Query, last_segment},
    app::{CurrentAccount, use_account},
    components::{Empty, Glyph, Loaded, Moment, PageHeader, Table},
    route::{Page, ServiceTab},
    text::t,
};

/// Long-running work.
#[component]
pub(crate) fn OperationsPage() -> impl IntoView {
    let client = use_account().client;
    let operations = Query::polling(
        move || client.clone().list_operations(100),
        |operations: &Vec<AsyncOperationStatus>| {
            let busy = operations.iter().any(|operation| !operation.state.is_final());
            Some(Duration::from_secs(if busy { 1 } else { 3 }))
        },
    );
    view! {
        <PageHeader title=t().operations />
        <Loaded query=operations let:operations>
            <Show
                when=move || operations.with(|all| !all.is_empty())
                fallback=|| {
                    view! {
                        <Empty
                            glyph=Glyph::Operation
                            title=t().operations_empty
                            hint=t().operations_empty_hint
                        />
                    }
                }
            >
                <OperationRows operations />
            </Show>
        </Loaded>
    }
}

/// The table of operations.
#[component]
pub(crate) fn OperationRows(operations: Signal<Vec<AsyncOperationStatus>>) -> impl IntoView {
    view! {
        <Table
            caption=t().operations
            columns=vec![t().operation, t().state, t().phase, t().target, t().started]
            rows=operations
            key=|operation| {
                format!(
                    "{}{}{:?}{:?}",
                    operation.id,
                    operation.state,
                    operation.percent_complete,
                    operation.phase,
                )
            }
            row=|operation| view! { <OperationRow operation /> }
        />
    }
}

#[component]
fn OperationRow(operation: AsyncOperationStatus) -> impl IntoView {
    let account = use_account();
    let href = account.href(Page::Operation(operation.id));
    let how_far = match (operation.state.is_final(), operation.percent_complete) {
        (false, Some(percent)) => format!("{percent} %"),
        _ => String::new(),
    };
    // Once it has ended, its state says all.
    let phase = operation.phase.clone().filter(|_| !operation.state.is_final());
    let target = target(&account, &operation);
    let error =
        operation.error.map(|error| view! { <span class="sub sub-bad">{error.message}</span> });
    view! {
        <tr>
            <th scope="row"><a href=href>{operation_word(operation.operation_type)}</a></th>
            <td>
                <State state=operation.state />
                <span class="number sub">{how_far}</span>
            </td>
            <td>
                {phase}
                {error}
            </td>
            <td>{target}</td>
            <td><Moment at=operation.created_time /></td>
        </tr>
    }
}

/// A link to what an operation makes.
pub(super) fn target(
    account: &CurrentAccount,
    operation: &AsyncOperationStatus,
) -> Option<AnyView> {
    let id = last_segment(operation.resource_location.as_deref()?).to_owned();
    let (page, label) = match operation.operation_type {
        OperationType::Image => (Page::Image(id.parse().ok()?), t().image),
        OperationType::Service => (Page::Service(id.clone(), ServiceTab::Summary), t().service),
    };
    let short: String = id.chars().take(8).collect();
    let href = account.href(page);
    Some(view! { <a href=href>{label} " " <code>{short}</code></a> }.into_any())
}
