//! Addresses without a page, and people without an account.

use leptos::prelude::*;

use crate::{
    components::{ButtonKind, Empty, Glyph, LinkButton, PageHeader},
    markup::view,
    route::Route,
    text::t,
};

/// No page has this address.
#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    view! {
        <PageHeader title=t().not_found_title />
        <Empty glyph=Glyph::Search title=t().not_found_title hint=t().not_found_hint>
            <LinkButton label=t().overview href=Route::Home.href() kind=ButtonKind::Primary />
        </Empty>
    }
}

/// The visitor is signed in, but no account is theirs.
#[component]
pub(crate) fn NoAccountPage() -> impl IntoView {
    view! {
        <PageHeader title=t().no_account_title />
        <Empty glyph=Glyph::Key title=t().no_account_title hint=t().no_account_hint />
    }
}
