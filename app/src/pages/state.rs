//! How far something is, in one look for operations, images, services and deployments.

use leptos::prelude::*;
use shared::{OperationState, OperationType};

use crate::{
    components::{Cell, Glyph, StateBadge, Tone},
    markup::view,
    text::t,
};

/// The word for a state.
pub(crate) fn state_word(state: OperationState) -> &'static str {
    match state {
        OperationState::NotStarted => t().state_not_started,
        OperationState::Running => t().state_running,
        OperationState::Cancelled => t().state_cancelled,
        OperationState::Succeeded => t().state_succeeded,
        OperationState::Failed => t().state_failed,
    }
}

/// The word for a kind of operation.
pub(crate) fn operation_word(operation: OperationType) -> &'static str {
    match operation {
        OperationType::Image => t().operation_image,
        OperationType::Service => t().operation_service,
    }
}

/// An icon and a word.
#[component]
pub(crate) fn State(
    state: OperationState,
    /// What success is called here: a service that succeeded is "Serving".
    #[prop(optional)]
    succeeded: Option<&'static str>,
) -> impl IntoView {
    let (tone, glyph, label) = look(state, succeeded);
    view! { <StateBadge tone glyph label /> }
}

/// The same in a long list, with a second line that says why.
pub(crate) fn state_cell(
    state: OperationState,
    succeeded: Option<&'static str>,
    why: Option<String>,
) -> Cell {
    let (tone, glyph, label) = look(state, succeeded);
    Cell::State { tone, glyph, label: label.to_owned(), sub: why }
}

fn look(state: OperationState, succeeded: Option<&'static str>) -> (Tone, Glyph, &'static str) {
    let (tone, glyph) = match state {
        OperationState::NotStarted => (Tone::Neutral, Glyph::Clock),
        OperationState::Running => (Tone::Busy, Glyph::Spinner),
        OperationState::Cancelled => (Tone::Neutral, Glyph::Stop),
        OperationState::Succeeded => (Tone::Good, Glyph::Check),
        OperationState::Failed => (Tone::Bad, Glyph::Warning),
    };
    let label = match succeeded {
        Some(word) if state == OperationState::Succeeded => word,
        _ => state_word(state),
    };
    (tone, glyph, label)
}
