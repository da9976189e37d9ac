//! `/operations`: everything long-running, live, filtered, stopped from here.

use leptos::prelude::*;
use shared::{AsyncOperationStatus, OperationId, OperationState, OperationType};
use wasm_bindgen_futures::spawn_local;

use super::state::{State, operation_word, state_word};
use crate::{
    api::{Query, last_segment},
    app::{CurrentAccount, use_account},
    components::{
        Button, ButtonKind, Empty, Glyph, Loaded, Moment, PageHeader, Rows, SelectField, Table,
        use_toasts,
    },
    markup::{Markup, view},
    navigation::use_navigation,
    react::{derive, memo, react},
    route::{Page, ServiceTab},
    text::{fill, t},
};

/// Operations that are shown.
const SHOWN: usize = 200;

/// Long-running work.
#[component]
pub(crate) fn OperationsPage() -> impl IntoView {
    let client = use_account().client;
    let navigation = use_navigation();
    let (state, kind) = (navigation.query("state"), navigation.query("kind"));
    let fetching = client.clone();
    let operations = Query::new(move || fetching.clone().list_operations(SHOWN as u32));
    // News come by themselves; whatever was missed while the stream was down is asked for.
    client.watch_operations(
        move |news| operations.change(|list| merge(list, news)),
        move || operations.refetch(),
    );
    let (chosen_state, chosen_kind) = (
        RwSignal::new(state.get_untracked().unwrap_or_default()),
        RwSignal::new(kind.get_untracked().unwrap_or_default()),
    );
    react(move || navigation.set_query("state", Some(&chosen_state.get())));
    react(move || navigation.set_query("kind", Some(&chosen_kind.get())));
    let mut states = vec![(String::new(), t().filter_all.to_owned())];
    states.extend(
        [
            OperationState::NotStarted,
            OperationState::Running,
            OperationState::Succeeded,
            OperationState::Failed,
            OperationState::Cancelled,
        ]
        .map(|it| (it.to_string(), state_word(it).to_owned())),
    );
    let mut kinds = vec![(String::new(), t().filter_all.to_owned())];
    kinds.extend(
        [OperationType::Image, OperationType::Service]
            .map(|it| (it.to_string(), operation_word(it).to_owned())),
    );
    view! {
        <PageHeader title=t().operations />
        <div class="filters">
            <SelectField id="state" label=t().filter_state value=chosen_state options=states />
            <SelectField id="kind" label=t().filter_kind value=chosen_kind options=kinds />
        </div>
        <Loaded query=operations let:operations>
            {
                let fitting = derive(move || {
                    let (state, kind) = (chosen_state.get(), chosen_kind.get());
                    operations.with(|all| fitting(all, &state, &kind))
                });
                let any = memo(move || operations.with(|all| !all.is_empty()));
                let found = memo(move || fitting.with(|all| !all.is_empty()));
                move || match (any.get(), found.get()) {
                    (false, _) => view! {
                        <Empty
                            glyph=Glyph::Operation
                            title=t().operations_empty
                            hint=t().operations_empty_hint
                        />
                    },
                    (true, false) => view! {
                        <Empty
                            glyph=Glyph::Search
                            title=t().nothing_found
                            hint=t().no_such_operations
                        />
                    },
                    _ => view! { <OperationRows operations=move || fitting.get() /> },
                }
            }
        </Loaded>
    }
}

/// Puts news into the list: in its place, or at the top.
fn merge(list: &mut Vec<AsyncOperationStatus>, news: AsyncOperationStatus) {
    match list.iter_mut().find(|known| known.id == news.id) {
        Some(known) => *known = news,
        None => {
            list.insert(0, news);
            list.truncate(SHOWN);
        }
    }
}

fn fitting(all: &[AsyncOperationStatus], state: &str, kind: &str) -> Vec<AsyncOperationStatus> {
    all.iter()
        .filter(|it| state.is_empty() || it.state.to_string() == state)
        .filter(|it| kind.is_empty() || it.operation_type.to_string() == kind)
        .cloned()
        .collect()
}

/// The table of operations.
#[component]
pub(crate) fn OperationRows(#[prop(into)] operations: Rows<AsyncOperationStatus>) -> impl IntoView {
    view! {
        <Table
            caption=t().operations
            columns=vec![t().operation, t().state, t().phase, t().target, t().started, t().actions]
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
    let running = !operation.state.is_final();
    let how_far = match (running, operation.percent_complete) {
        (true, Some(percent)) => format!("{percent} %"),
        _ => String::new(),
    };
    // Once it has ended, its state says all.
    let phase = operation.phase.clone().filter(|_| running);
    let target = target(&account, &operation);
    let cause = href.clone();
    let error = operation.error.map(|error| {
        view! { <a class="sub sub-bad" href=cause>{error.message}</a> }
    });
    let id = operation.id;
    let stop = (running && account.may_write()).then(|| view! { <Stop id /> });
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
            <td>{stop}</td>
        </tr>
    }
}

#[component]
fn Stop(id: OperationId) -> impl IntoView {
    let client = use_account().client;
    let toasts = use_toasts();
    let busy = RwSignal::new(false);
    let stop = move |()| {
        let client = client.clone();
        busy.set(true);
        spawn_local(async move {
            match client.cancel_operation(id).await {
                Ok(()) => toasts.say(t().cancel_asked),
                Err(error) => toasts.warn(fill(t().not_cancelled, &[("why", &error.said())])),
            }
            busy.try_set(false);
        });
    };
    view! {
        <Button
            label=t().cancel_operation
            icon=Glyph::Stop
            kind=ButtonKind::Quiet
            busy
            on_press=stop
        />
    }
}

/// A link to what an operation makes.
pub(super) fn target(account: &CurrentAccount, operation: &AsyncOperationStatus) -> Option<Markup> {
    let id = last_segment(operation.resource_location.as_deref()?).to_owned();
    let (page, label) = match operation.operation_type {
        OperationType::Image => (Page::Image(id.parse().ok()?), t().image),
        OperationType::Service => (Page::Service(id.clone(), ServiceTab::Summary), t().service),
    };
    let short: String = id.chars().take(8).collect();
    let href = account.href(page);
    Some(view! { <a href=href>{label} " " <code>{short}</code></a> })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(last: u8, state: OperationState) -> AsyncOperationStatus {
        AsyncOperationStatus {
            id: format!("7c9e6679-7425-40de-944b-e07fc1f90a{last:02x}").parse().unwrap(),
            operation_type: OperationType::Image,
            state,
            created_time: String::new(),
            end_time: None,
            resource_location: None,
            error: None,
            percent_complete: None,
            phase: None,
            warnings: vec![],
        }
    }

    #[test]
    fn news_take_the_place_of_what_was_known_or_stand_first() {
        let mut list = vec![operation(1, OperationState::Running)];

        merge(&mut list, operation(1, OperationState::Succeeded));
        merge(&mut list, operation(2, OperationState::Running));

        let states: Vec<_> = list.iter().map(|it| it.state).collect();
        assert_eq!(states, [OperationState::Running, OperationState::Succeeded]);
        assert_eq!(fitting(&list, "Running", "Image").len(), 1);
        assert_eq!(fitting(&list, "", "Service").len(), 0);
    }
}
