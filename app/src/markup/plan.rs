//! Draws a block by its plan, and puts values where they go: among the children, or to a name of an
//! element. The letters of a plan are those of the macro.

use std::mem::replace;

use leptos::{
    reactive::effect::RenderEffect,
    tachys::{
        renderer::{
            Rndr,
            types::{Element, Node},
        },
        view::{Mountable as _, Render as _},
    },
};
use wasm_bindgen::JsValue;

use super::{Block, Markup, drawn::Drawn};

const SVG: &str = "http://www.w3.org/2000/svg";

/// What a block has no element around.
pub(crate) enum Root {
    Node(Node),
    /// The gap of this number.
    Gap(usize),
}

/// A gap of a plan and what fills it.
pub(crate) struct Gap {
    place: Place,
    pub(super) drawn: Drawn,
}

impl Gap {
    /// Draws another value where this one is.
    pub(super) fn refill(&mut self, value: Markup) {
        let before = replace(&mut self.drawn, Drawn::Set(None));
        self.drawn = self.place.fill(value, Some(before));
    }
}

/// Where a value goes: among the children, or to a name of an element.
#[derive(Clone)]
struct Place {
    /// The letter of the plan.
    step: u8,
    name: &'static str,
    element: Option<Element>,
}

impl Place {
    /// Draws a value here, over what was here before.
    fn fill(&self, value: Markup, before: Option<Drawn>) -> Drawn {
        let Some(element) = &self.element else {
            return match before {
                Some(mut drawn) => {
                    value.rebuild(&mut drawn);
                    drawn
                }
                None => value.build(),
            };
        };
        match value {
            Markup::Dynamic(mut run) => {
                let before = match before {
                    Some(Drawn::Dynamic(effect)) => effect.take_value(),
                    other => other,
                };
                let place = self.clone();
                let run: Box<dyn FnMut(Option<Drawn>) -> Drawn> =
                    Box::new(move |before| place.fill(run.draw(), before));
                Drawn::Dynamic(RenderEffect::new_with_value(run, before))
            }
            Markup::Handler(owner, mut act) => {
                drop(before);
                let act = Box::new(move |event| owner.with(|| act.act(event)));
                Drawn::Listener(Rndr::add_event_listener(element, self.name, act))
            }
            Markup::Reference(tell) => {
                tell(element);
                Drawn::Set(None)
            }
            value => {
                let wanted = match &value {
                    Markup::Text(text) => Some(&**text),
                    Markup::Flag(true) => Some(""),
                    _ => None,
                };
                let same = match &before {
                    Some(Drawn::Set(set)) => set.as_deref() == wanted,
                    Some(_) => false,
                    None => wanted.is_none(),
                };
                if self.step == b'=' {
                    let value = match &value {
                        Markup::Text(text) => JsValue::from_str(text),
                        Markup::Flag(on) => JsValue::from_bool(*on),
                        _ => JsValue::UNDEFINED,
                    };
                    Rndr::set_property_or_value(element, self.name, &value);
                } else if !same {
                    self.set(element, wanted);
                }
                Drawn::Set(wanted.map(str::to_owned))
            }
        }
    }

    fn set(&self, element: &Element, wanted: Option<&str>) {
        match (self.step, wanted) {
            (b'.', Some(_)) => Rndr::add_class(&Rndr::class_list(element), self.name),
            (b'.', None) => Rndr::remove_class(&Rndr::class_list(element), self.name),
            (b'-', Some(value)) => Rndr::set_css_property(&Rndr::style(element), self.name, value),
            (b'-', None) => Rndr::remove_css_property(&Rndr::style(element), self.name),
            (_, Some(value)) => Rndr::set_attribute(element, self.name, value),
            (_, None) => Rndr::remove_attribute(element, self.name),
        }
    }
}

/// Draws a block.
pub(super) fn draw(Block { plan, values }: Block) -> Drawn {
    let (mut roots, mut gaps) = (Vec::new(), Vec::new());
    let mut open: Vec<Element> = Vec::new();
    let mut values = values.into_iter();
    for step in plan.split('\n') {
        let (letter, what) = (step.as_bytes()[0], &step[1..]);
        let inside = open.last();
        match letter {
            b'<' | b'(' => {
                open.push(Rndr::create_element(what, (letter == b'(').then_some(SVG)));
                continue;
            }
            b' ' => {
                if let (Some(element), Some((name, value))) = (inside, what.split_once('=')) {
                    Rndr::set_attribute(element, name, value);
                }
                continue;
            }
            b'>' | b'\'' => {
                let node: Node = match open.pop_if(|_| letter == b'>') {
                    Some(element) => element.into(),
                    None => Rndr::create_text_node(what).into(),
                };
                match open.last() {
                    Some(parent) => Rndr::insert_node(parent, &node, None),
                    None => roots.push(Root::Node(node)),
                }
                continue;
            }
            _ => {}
        }
        let Some(value) = values.next() else { break };
        let child = letter == b'+';
        let place = Place { step: letter, name: what, element: inside.filter(|_| !child).cloned() };
        let mut drawn = place.fill(value, None);
        if child {
            match inside {
                Some(parent) => drawn.mount(parent, None),
                None => roots.push(Root::Gap(gaps.len())),
            }
        }
        gaps.push(Gap { place, drawn });
    }
    Drawn::Block { plan, roots, gaps }
}
