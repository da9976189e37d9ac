//! Every asynchronous region: waiting, failed with a way to retry, and then its content.

use leptos::prelude::*;

use super::{
    failure::FailureNote,
    icon::{Glyph, Icon},
};
use crate::{
    api::{EdgeError, Phase, Query},
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
    let build = move || {
        let value = query.value().get_untracked();
        value.map(|value| children(Signal::from(value)).into_any()).into_any()
    };
    stages(query.phase(), query.failure(), Callback::new(move |()| query.retry()), Box::new(build))
}

/// What does not depend on the value's type.
fn stages(
    phase: Memo<Phase>,
    failure: RwSignal<Option<EdgeError>>,
    retry: Callback<()>,
    build: Box<dyn Fn() -> AnyView + Send + Sync>,
) -> AnyView {
    let note = move || failure.get().map(|error| view! { <FailureNote error retry /> }.into_any());
    let content = move || match phase.get() {
        Phase::Waiting => view! { <Waiting /> }.into_any(),
        Phase::Failed => ().into_any(),
        Phase::Ready => build(),
    };
    view! {
        {note}
        {content}
    }
    .into_any()
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
