//! Phrases a failed call: what happened, what the server says about it, what to do.

use leptos::prelude::*;

use super::{
    button::Button,
    icon::{Glyph, Icon},
};
use crate::{
    api::{EdgeError, Failure},
    markup::view,
    text::{fill, t},
};

/// What happened, in the reader's language.
fn headline(failure: Failure) -> &'static str {
    match failure {
        Failure::Offline => t().failed_offline,
        Failure::Unreadable => t().failed_unreadable,
        Failure::SignedOut => t().failed_signed_out,
        Failure::Forbidden => t().failed_forbidden,
        Failure::Missing => t().failed_missing,
        Failure::Conflict => t().failed_conflict,
        Failure::Rejected => t().failed_rejected,
        Failure::Later => t().failed_later,
        Failure::Server => t().failed_server,
        Failure::Ended => t().failed_ended,
    }
}

/// A failure in place, announced when it appears.
#[component]
pub(crate) fn FailureNote(
    error: EdgeError,
    /// Tries again.
    #[prop(optional, into)]
    retry: Option<Callback<()>>,
) -> impl IntoView {
    // A detail that repeats the message says nothing new.
    let details: Vec<String> = error
        .details
        .iter()
        .map(|detail| detail.message.clone())
        .filter(|message| *message != error.message)
        .collect();
    let quoted = error.request_id.map(|id| fill(t().failed_request, &[("id", &id)]));
    view! {
        <div class="note note-bad" role="alert">
            <Icon glyph=Glyph::Warning />
            <div>
                <p class="note-title">{headline(error.failure)}</p>
                {(!error.message.is_empty()).then(|| view! { <p>{error.message}</p> })}
                {details.into_iter().map(|text| view! { <p>{text}</p> }).collect_view()}
                {quoted.map(|text| view! { <p class="fine">{text}</p> })}
                {retry
                    .map(|retry| {
                        view! {
                            <Button
                                label=t().retry.to_owned()
                                icon=Glyph::Refresh
                                on_press=retry
                            />
                        }
                    })}
            </div>
        </div>
    }
}
