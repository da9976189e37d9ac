//! What can stand in a gap of markup.

use std::{borrow::Cow, marker::PhantomData};

use leptos::{prelude::*, tachys::renderer::types::Event};
use wasm_bindgen::JsCast;

use super::Markup;

/// Can stand in a gap of markup.
pub(crate) trait IntoMarkup {
    /// The same as data.
    fn into_markup(self) -> Markup;
}

impl IntoMarkup for Markup {
    fn into_markup(self) -> Markup {
        self
    }
}

impl IntoMarkup for () {
    fn into_markup(self) -> Markup {
        Markup::Nothing
    }
}

impl IntoMarkup for bool {
    fn into_markup(self) -> Markup {
        Markup::Flag(self)
    }
}

impl IntoMarkup for &'static str {
    fn into_markup(self) -> Markup {
        Markup::Text(Cow::Borrowed(self))
    }
}

impl IntoMarkup for String {
    fn into_markup(self) -> Markup {
        Markup::Text(Cow::Owned(self))
    }
}

macro_rules! number {
    ($($number:ty)*) => {$(
        impl IntoMarkup for $number {
            fn into_markup(self) -> Markup {
                self.to_string().into_markup()
            }
        }
    )*};
}
number!(u16 u32 usize);

impl IntoMarkup for AnyView {
    fn into_markup(self) -> Markup {
        Markup::View(self)
    }
}

impl<T: IntoMarkup> IntoMarkup for View<T> {
    fn into_markup(self) -> Markup {
        self.into_inner().into_markup()
    }
}

impl<T: IntoMarkup> IntoMarkup for Option<T> {
    fn into_markup(self) -> Markup {
        self.map_or(Markup::Nothing, T::into_markup)
    }
}

impl<T: IntoMarkup> IntoMarkup for Vec<T> {
    fn into_markup(self) -> Markup {
        Markup::Many(self.into_iter().map(T::into_markup).collect())
    }
}

impl<F, T> IntoMarkup for F
where
    F: FnMut() -> T + Send + 'static,
    T: IntoMarkup,
{
    fn into_markup(self) -> Markup {
        Markup::Dynamic(Box::new(self))
    }
}

/// Draws again and again. A trait of its own, because `dyn FnMut` keeps a second function for each
/// closure.
pub(crate) trait Draw: Send {
    fn draw(&mut self) -> Markup;
}

impl<F: FnMut() -> T + Send, T: IntoMarkup> Draw for F {
    fn draw(&mut self) -> Markup {
        self().into_markup()
    }
}

/// What an event does.
pub(crate) trait Act: Send {
    fn act(&mut self, event: Event);
}

/// A closure over events of type `E`.
pub(super) struct Actor<E, F>(F, PhantomData<fn(E)>);

impl<E, F: FnMut(E)> Actor<E, F> {
    pub(super) fn new(act: F) -> Self {
        Self(act, PhantomData)
    }
}

impl<E: JsCast, F: FnMut(E) + Send> Act for Actor<E, F> {
    fn act(&mut self, event: Event) {
        (self.0)(event.unchecked_into());
    }
}
