//! Every asynchronous region: waiting, failed with a way to retry, and then its content.

use leptos::prelude::*;

use super::{
    failure::FailureNote,
    icon::{Glyph, Icon},
};
use crate::{
    api::{Fetched, Known, Phase, Query},
    markup::{IntoMarkup, Markup, view},
    text::t,
};

/// Shows a query's value. The content is built once and then follows the value, so a refresh
/// takes neither focus nor what was typed; a refresh that fails is said above it.
#[component]
pub(crate) fn Loaded<T, V>(
    query: Query<T>,
    /// Builds the content over the value.
    children: impl Fn(Known<T>) -> V + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + 'static,
    V: IntoMarkup + 'static,
{
    let build = move || query.known().map(|known| children(known).into_markup()).into_markup();
    stages(query.fetched(), Box::new(build))
}

/// What does not depend on the value's type.
fn stages(fetched: Fetched, build: Box<dyn Fn() -> Markup + Send + Sync>) -> Markup {
    let (phase, failure) = (fetched.phase(), fetched.failure());
    let retry = Callback::new(move |()| fetched.retry());
    let note = move || failure.get().map(|error| view! { <FailureNote error retry /> });
    let content = move || match phase.get() {
        Phase::Waiting => view! { <Waiting /> },
        Phase::Failed => ().into_markup(),
        Phase::Ready => build(),
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
