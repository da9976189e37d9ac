//! Draws markup that is data, so that a page costs the text of its markup and no code of its own.
//!
//! [`view!`](macro@view) makes a [`Markup`] of what is written in it; everything that can stand in
//! a gap becomes one too. A [`Markup`] is a view for leptos, whose components hold the pages
//! together: here are only the elements, their attributes and what stands between them.
//!
//! # Invariants
//! - What is drawn always has a node in the page, if only an empty comment: its place is known.
//! - A block drawn again with the same plan changes in place, so fields keep focus and content.

mod convert;
mod drawn;
mod plan;
mod view;

use std::borrow::Cow;

use leptos::{
    ev::EventDescriptor,
    html::ElementType,
    prelude::*,
    tachys::{html::node_ref::NodeRefContainer as _, renderer::types::Element},
};
pub(crate) use markup::view;
use wasm_bindgen::JsCast;

pub(crate) use self::convert::IntoMarkup;
use self::convert::{Act, Actor, Draw};

/// Something to draw, or a value of an attribute.
pub(crate) enum Markup {
    /// Nothing at all; the attribute is absent.
    Nothing,
    /// Words, or what an attribute says.
    Text(Cow<'static, str>),
    /// Whether an attribute, a class or a property is there.
    Flag(bool),
    /// Elements: a plan, and the values that fill its gaps.
    Block(Block),
    /// One after another.
    Many(Vec<Markup>),
    /// Drawn anew whenever a signal that it read changes.
    Dynamic(Box<dyn Draw>),
    /// What an event does, and for whom.
    Handler(Owner, Box<dyn Act>),
    /// Told of its element.
    Reference(Box<dyn FnOnce(&Element) + Send>),
    /// A component.
    View(AnyView),
}

/// A plan, and the values that fill its gaps; `view!` writes what makes one.
pub(crate) struct Block {
    plan: &'static str,
    values: Vec<Markup>,
}

impl Block {
    pub(crate) fn new(plan: &'static str) -> Self {
        Self { plan, values: Vec::new() }
    }

    /// Adds what stands among the children or is the value of an attribute.
    pub(crate) fn value(&mut self, value: impl IntoMarkup) {
        self.add(value.into_markup());
    }

    /// Adds what a component of leptos draws.
    pub(crate) fn component(&mut self, view: View<impl IntoView + 'static>) {
        self.add(Markup::component(view));
    }

    /// Adds what an event does.
    pub(crate) fn event<E: EventDescriptor>(
        &mut self,
        _: E,
        act: impl FnMut(E::EventType) + Send + 'static,
    ) where
        E::EventType: JsCast + 'static,
    {
        self.handler(Box::new(Actor::new(act)));
    }

    fn handler(&mut self, act: Box<dyn Act>) {
        self.add(Markup::Handler(Owner::current().unwrap_or_default(), act));
    }

    /// Adds who wants to know the element.
    pub(crate) fn reference<E: ElementType>(&mut self, reference: NodeRef<E>)
    where
        E::Output: JsCast + 'static,
    {
        self.add(Markup::Reference(Box::new(move |element| reference.load(element))));
    }

    // Once for all kinds of values.
    #[inline(never)]
    fn add(&mut self, value: Markup) {
        self.values.push(value);
    }

    pub(crate) fn markup(self) -> Markup {
        Markup::Block(self)
    }
}

impl Markup {
    /// What can stand in a gap.
    pub(crate) fn value(value: impl IntoMarkup) -> Self {
        value.into_markup()
    }

    /// What a component of leptos draws.
    pub(crate) fn component(view: View<impl IntoView + 'static>) -> Self {
        Self::View(view.into_inner().into_any())
    }
}
