//! Every asynchronous region: waiting, failed with a way to retry, and then its content.

use leptos::prelude::*;

use super::{
    failure::FailureNote,
    icon::{Glyph, Icon},
};
use crate::{
    api::{Phase, Query},
    text::t,
};

/// Shows a query's value. The content is built once and then follows the value, so a refresh
/// takes neither focus nor what was typed; a refresh that fails is said above it.
#[component]
pub(crate) fn Loaded<T, V>(
    query: Query<T>,
    /// Builds the content over the value.
    children: impl Fn(Signal<T>) -> V + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let (phase, failure) = (query.phase(), query.failure());
    let note = move || {
        let retry = move |()| query.retry();
        failure.get().map(|error| view! { <FailureNote error retry /> })
    };
    let content = move || match phase.get() {
        Phase::Waiting => view! { <Waiting /> }.into_any(),
        Phase::Failed => ().into_any(),
        Phase::Ready => query
            .value()
            .get_untracked()
            .map(|value| children(Signal::from(value)).into_any())
            .into_any(),
    };
    view! {
        {note}
        {content}
    }
}

/// Says that something is on its way.
#[component]
pub(crate) fn Waiting() -> impl IntoView {
    view! {
        <p class="waiting" role="status">
            <Icon glyph=Glyph::Spinner />
            {t().loading}
        </p>
    }
}
