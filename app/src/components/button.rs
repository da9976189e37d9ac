//! Buttons, and links that look like buttons.

use leptos::prelude::*;

use super::icon::{Glyph, Icon};
use crate::markup::view;

/// How loud a button is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ButtonKind {
    /// The one thing to do here.
    Primary,
    /// Everything else.
    #[default]
    Plain,
    /// Takes something away.
    Danger,
    /// Within a row or a line of text.
    Quiet,
}

impl ButtonKind {
    fn class(self) -> &'static str {
        match self {
            Self::Primary => "button button-primary",
            Self::Plain => "button",
            Self::Danger => "button button-danger",
            Self::Quiet => "button button-quiet",
        }
    }
}

/// A button; while `busy` it shows so and does nothing.
#[component]
pub(crate) fn Button(
    /// What it says.
    #[prop(into)]
    label: Signal<String>,
    /// What it is called where its label is only a sign.
    #[prop(optional, into)]
    says: Option<String>,
    /// What it does; a submit button leaves that to its form.
    #[prop(optional, into)]
    on_press: Option<Callback<()>>,
    #[prop(optional)] kind: ButtonKind,
    #[prop(optional)] icon: Option<Glyph>,
    /// Whether what it started is under way.
    #[prop(optional, into)]
    busy: Signal<bool>,
    #[prop(optional, into)] disabled: Signal<bool>,
    /// Whether it sends its form.
    #[prop(optional)]
    submit: bool,
) -> impl IntoView {
    let press = move |_| {
        if let (Some(on_press), false) = (on_press, busy.get_untracked()) {
            on_press.run(());
        }
    };
    view! {
        <button
            class=kind.class()
            title=says.clone()
            aria-label=says
            type=if submit { "submit" } else { "button" }
            disabled=move || disabled.get()
            aria-busy=move || busy.get().then_some("true")
            on:click=press
        >
            {move || {
                if busy.get() {
                    Some(view! { <Icon glyph=Glyph::Spinner /> })
                } else {
                    icon.map(|glyph| view! { <Icon glyph /> })
                }
            }}
            <span>{move || label.get()}</span>
        </button>
    }
}

/// A link that looks like a button.
#[component]
pub(crate) fn LinkButton(
    #[prop(into)] label: String,
    #[prop(into)] href: String,
    #[prop(optional)] kind: ButtonKind,
    #[prop(optional)] icon: Option<Glyph>,
    /// Whether the browser keeps what the link names as a file.
    #[prop(optional)]
    download: bool,
) -> impl IntoView {
    view! {
        <a class=kind.class() href=href download=download.then_some("")>
            {icon.map(|glyph| view! { <Icon glyph /> })}
            <span>{label}</span>
        </a>
    }
}
