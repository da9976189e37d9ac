//! `/operations/{id}`: one operation, live, with what went wrong and the way to stop it.

use std::time::Duration;

use leptos::prelude::*;
use shared::{AsyncOperationStatus, OperationId, OperationState};
use wasm_bindgen_futures::spawn_local;

use super::{
    operations::target,
    state::{State, operation_word, state_word},
};
use crate::{
    api::{EdgeError, Known, Query},
    app::use_account,
    components::{
        Button, ButtonKind, ConfirmDialog, CopyButton, Crumb, FailureNote, Glyph, Icon, KeyValue,
        KeyValues, Loaded, Moment, PageHeader, Panel, ProgressBar, use_toasts,
    },
    markup::{IntoMarkup as _, view},
    react::{derive, memo},
    route::Page,
    text::{fill, t},
};

/// One operation.
#[component]
pub(crate) fn OperationPage(id: OperationId) -> impl IntoView {
    let account = use_account();
    let client = account.client.clone();
    let operation = Query::polling(
        move || client.clone().operation(id),
        |operation: &AsyncOperationStatus| {
            (!operation.state.is_final()).then_some(Duration::from_millis(500))
        },
    );
    let title = move || {
        operation.get().map_or(t().operation, |it| operation_word(it.operation_type)).to_owned()
    };
    let state = memo(move || operation.get().map(|operation| operation.state));
    let aside = move || state.get().map(|state| view! { <State state /> });
    let may_write = account.may_write();
    let actions = move || {
        let running = state.get().is_some_and(|state| !state.is_final());
        (running && may_write).then(|| view! { <CancelOperation id query=operation /> })
    };
    view! {
        <PageHeader
            title=derive(title)
            crumbs=vec![
                Crumb { label: t().operations.to_owned(), href: account.href(Page::Operations) },
            ]
            aside=aside.into_markup()
        >
            {actions}
        </PageHeader>
        <Loaded query=operation let:operation>
            <Body operation />
        </Loaded>
    }
}

#[component]
fn Body(operation: Known<AsyncOperationStatus>) -> impl IntoView {
    let account = use_account();
    let running = memo(move || operation.with(|it| !it.state.is_final()));
    let progress = move || {
        running.get().then(|| {
            let percent = derive(move || operation.with(|it| it.percent_complete));
            let label = derive(move || {
                operation
                    .with(|it| it.phase.clone().unwrap_or_else(|| state_word(it.state).to_owned()))
            });
            view! { <ProgressBar percent label /> }
        })
    };
    let failure = move || {
        operation.get().error.map(|error| view! { <FailureNote error=EdgeError::from(error) /> })
    };
    let warnings = move || {
        let notes = operation.with(|it| it.warnings.clone()).into_iter();
        notes
            .map(|text| view! { <div class="note"><Icon glyph=Glyph::Info /><p>{text}</p></div> })
            .collect_view()
    };
    let announced = move || operation.with(|it| state_word(it.state));
    view! {
        <p class="visually-hidden" role="status">{announced}</p>
        {progress}
        {failure}
        {warnings}
        <Panel id="details" title=t().details>
            {move || {
                let it = operation.get();
                let made = target(&account, &it);
                view! {
                    <KeyValues>
                        {made.map(|link| view! { <KeyValue name=t().target>{link}</KeyValue> })}
                        <KeyValue name=t().started><Moment at=it.created_time /></KeyValue>
                        {it
                            .end_time
                            .map(|at| view! { <KeyValue name=t().ended><Moment at /></KeyValue> })}
                        <KeyValue name=t().id>
                            <code>{it.id.to_string()}</code>
                            <CopyButton
                                text=it.id.to_string()
                                label=format!("{} {}", t().copy, t().id)
                            />
                        </KeyValue>
                    </KeyValues>
                }
            }}
        </Panel>
    }
}

#[component]
fn CancelOperation(id: OperationId, query: Query<AsyncOperationStatus>) -> impl IntoView {
    let client = use_account().client;
    let toasts = use_toasts();
    let open = RwSignal::new(false);
    let cancel = move |()| {
        let client = client.clone();
        spawn_local(async move {
            match client.cancel_operation(id).await {
                Ok(()) => toasts.say(fill(
                    t().cancel_asked,
                    &[("state", state_word(OperationState::Cancelled))],
                )),
                Err(error) => toasts.warn(fill(t().not_cancelled, &[("why", &error.said())])),
            }
            query.refetch();
        });
    };
    view! {
        <Button
            label=t().cancel_operation
            icon=Glyph::Stop
            kind=ButtonKind::Danger
            on_press=move |()| open.set(true)
        />
        <ConfirmDialog
            open
            title=t().cancel_operation_title
            confirm=t().cancel_operation
            on_confirm=cancel
        >
            <p>{t().cancel_operation_hint}</p>
        </ConfirmDialog>
    }
}
