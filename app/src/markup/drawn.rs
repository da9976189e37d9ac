//! What markup has become in the page, and how it changes there.

use std::borrow::Cow;

use leptos::{
    reactive::effect::RenderEffect,
    tachys::{
        renderer::{
            RemoveEventHandler, Rndr,
            types::{Element, Node, Placeholder, Text},
        },
        view::{Mountable, Render, any_view::AnyViewState},
    },
};
use wasm_bindgen::JsCast as _;

use super::{
    Block, Markup,
    plan::{Gap, Root, draw},
};

/// Markup in the page.
pub(crate) enum Drawn {
    Nothing(Placeholder),
    /// And what it says: words that stay are not said again.
    Text(Text, Cow<'static, str>),
    Block {
        plan: &'static str,
        roots: Vec<Root>,
        gaps: Vec<Gap>,
    },
    Many(Vec<Drawn>, Placeholder),
    Dynamic(RenderEffect<Drawn>),
    View(AnyViewState),
    /// Of an attribute, class or property: what was set, if anything.
    Set(Option<String>),
    /// Removes the listener when it is dropped.
    Listener(#[expect(dead_code, reason = "kept to be dropped")] RemoveEventHandler<Element>),
}

impl Render for Markup {
    type State = Drawn;

    fn build(self) -> Drawn {
        match self {
            Self::Text(text) => Drawn::Text(Rndr::create_text_node(&text), text),
            Self::Block(block) => draw(block),
            Self::Many(all) => {
                Drawn::Many(all.into_iter().map(Self::build).collect(), Rndr::create_placeholder())
            }
            Self::Dynamic(mut run) => {
                let run: Box<dyn FnMut(Option<Drawn>) -> Drawn> =
                    Box::new(move |before| match before {
                        Some(mut drawn) => {
                            run.draw().rebuild(&mut drawn);
                            drawn
                        }
                        None => run.draw().build(),
                    });
                Drawn::Dynamic(RenderEffect::new(run))
            }
            Self::View(view) => Drawn::View(view.build()),
            _ => Drawn::Nothing(Rndr::create_placeholder()),
        }
    }

    fn rebuild(self, drawn: &mut Drawn) {
        match (self, &mut *drawn) {
            (Self::Nothing, Drawn::Nothing(_)) => {}
            (Self::Text(text), Drawn::Text(node, said)) => {
                if text != *said {
                    Rndr::set_text(node, &text);
                    *said = text;
                }
            }
            (Self::Block(Block { plan, values }), Drawn::Block { plan: before, gaps, .. })
                if std::ptr::eq(plan, *before) =>
            {
                gaps.iter_mut().zip(values).for_each(|(gap, value)| gap.refill(value));
            }
            (Self::Many(all), Drawn::Many(before, end)) => {
                for mut gone in before.drain(all.len().min(before.len())..) {
                    gone.unmount();
                }
                for (at, value) in all.into_iter().enumerate() {
                    match before.get_mut(at) {
                        Some(drawn) => value.rebuild(drawn),
                        None => {
                            let mut new = value.build();
                            end.insert_before_this(&mut new);
                            before.push(new);
                        }
                    }
                }
            }
            (Self::View(view), Drawn::View(state)) => view.rebuild(state),
            (other, _) => {
                let mut new = other.build();
                drawn.insert_before_this(&mut new);
                drawn.unmount();
                *drawn = new;
            }
        }
    }
}

impl Mountable for Drawn {
    fn unmount(&mut self) {
        match self {
            Self::Nothing(node) => node.unmount(),
            Self::Text(node, _) => node.unmount(),
            Self::Block { roots, gaps, .. } => {
                for root in roots {
                    match root {
                        Root::Node(node) => Rndr::remove(node),
                        Root::Gap(at) => gaps[*at].drawn.unmount(),
                    }
                }
            }
            Self::Many(all, end) => {
                all.iter_mut().for_each(Self::unmount);
                end.unmount();
            }
            Self::Dynamic(effect) => effect.unmount(),
            Self::View(state) => state.unmount(),
            Self::Set(_) | Self::Listener(_) => {}
        }
    }

    fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
        match self {
            Self::Nothing(node) => node.mount(parent, marker),
            Self::Text(node, _) => node.mount(parent, marker),
            Self::Block { roots, gaps, .. } => {
                for root in roots {
                    match root {
                        Root::Node(node) => Rndr::insert_node(parent, node, marker),
                        Root::Gap(at) => gaps[*at].drawn.mount(parent, marker),
                    }
                }
            }
            Self::Many(all, end) => {
                for drawn in all {
                    drawn.mount(parent, marker);
                }
                end.mount(parent, marker);
            }
            Self::Dynamic(effect) => effect.mount(parent, marker),
            Self::View(state) => state.mount(parent, marker),
            Self::Set(_) | Self::Listener(_) => {}
        }
    }

    fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
        match self {
            Self::Nothing(node) => node.insert_before_this(child),
            Self::Text(node, _) => node.insert_before_this(child),
            Self::Block { roots, gaps, .. } => match &roots[0] {
                Root::Node(node) => match Rndr::get_parent(node) {
                    Some(parent) => {
                        child.mount(parent.unchecked_ref(), Some(node));
                        true
                    }
                    None => false,
                },
                Root::Gap(at) => gaps[*at].drawn.insert_before_this(child),
            },
            Self::Many(all, end) => match all.first() {
                Some(first) => first.insert_before_this(child),
                None => end.insert_before_this(child),
            },
            Self::Dynamic(effect) => effect.insert_before_this(child),
            Self::View(state) => state.insert_before_this(child),
            Self::Set(_) | Self::Listener(_) => false,
        }
    }

    fn elements(&self) -> Vec<Element> {
        Vec::new()
    }
}
