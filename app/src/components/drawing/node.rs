//! One box: a button among many, of which the tab key stops at one; arrows go to the others.

use leptos::{
    ev::{FocusEvent, KeyboardEvent},
    prelude::*,
};
use wasm_bindgen::JsCast as _;

use crate::{
    format::fixed,
    layout::{HEIGHT, Viewport, WIDTH},
    markup::{Markup, view},
};

/// Radius of a box's corners.
const CORNER: f64 = 8.0;

/// What a box shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DrawnNode {
    pub(crate) title: String,
    pub(crate) sub: String,
    /// One of the kinds that the style sheet knows: `input`, `step`, `output`.
    pub(crate) kind: &'static str,
}

/// Where all boxes of a drawing meet.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    pub(super) chosen: RwSignal<Option<usize>>,
    /// The box that the tab key stops at.
    pub(super) current: RwSignal<usize>,
    /// Follows the box that is gone to.
    pub(super) view: RwSignal<Viewport>,
    /// How many boxes there are.
    pub(super) count: usize,
}

impl Choice {
    /// The box that a key goes to from this one.
    fn beside(self, place: usize, key: &str) -> Option<usize> {
        let last = self.count.saturating_sub(1);
        match key {
            "ArrowDown" | "ArrowRight" => Some((place + 1).min(last)),
            "ArrowUp" | "ArrowLeft" => Some(place.saturating_sub(1)),
            "Home" => Some(0),
            "End" => Some(last),
            _ => None,
        }
    }
}

/// Draws the box of one node, its upper left corner at `(x, y)`.
pub(super) fn drawn(
    place: usize,
    node: DrawnNode,
    (x, y): (f64, f64),
    choice: Choice,
    shares: RwSignal<Vec<f64>>,
) -> Markup {
    let Choice { chosen, current, view, .. } = choice;
    let bar = move || {
        let share = shares.with(|shares| shares.get(place).copied().unwrap_or_default());
        fixed(share * (WIDTH - 2.0 * CORNER), 1)
    };
    let class = move || {
        let mark = if chosen.get() == Some(place) { " graph-chosen" } else { "" };
        format!("graph-node graph-{}{mark}", node.kind)
    };
    let press = move |event: KeyboardEvent| {
        match event.key().as_str() {
            "Enter" | " " => chosen.set(Some(place)),
            key => match choice.beside(place, key) {
                Some(other) => focus(other),
                None => return,
            },
        }
        event.prevent_default();
        // The drawing stays where it is.
        event.stop_propagation();
    };
    let focused = move |event: FocusEvent| {
        current.set(place);
        let by_keys = event.target().is_some_and(|target| {
            let element = target.unchecked_ref::<web_sys::Element>();
            element.matches(":focus-visible").unwrap_or(false)
        });
        if by_keys {
            view.update(|view| *view = view.showing((x, y)));
        }
    };
    view! {
        <g
            class=class
            transform=format!("translate({} {})", fixed(x, 1), fixed(y, 1))
            id=id(place)
            role="button"
            tabindex=move || if current.get() == place { "0" } else { "-1" }
            aria-pressed=move || if chosen.get() == Some(place) { "true" } else { "false" }
            on:click=move |_| chosen.set(Some(place))
            on:keydown=press
            on:focus=focused
        >
            <title>{format!("{} {}", node.title, node.sub)}</title>
            <rect width=fixed(WIDTH, 0) height=fixed(HEIGHT, 0) rx=fixed(CORNER, 0) />
            <rect class="graph-bar" x=fixed(CORNER, 0) y=fixed(HEIGHT - 3.0, 0) width=bar height="3" />
            // A wide font is cut off at the edge of the box; the title has the whole names.
            <svg width=fixed(WIDTH - 6.0, 0) height=fixed(HEIGHT, 0)>
                <text x="12" y="19" class="graph-title">{cut(&node.title, 22)}</text>
                <text x="12" y="35" class="graph-sub">{cut(&node.sub, 27)}</text>
            </svg>
        </g>
    }
}

fn id(place: usize) -> String {
    format!("graph-node-{place}")
}

fn focus(place: usize) {
    if let Some(element) = document().get_element_by_id(&id(place)) {
        // Elements of SVG have it too.
        let _ = element.unchecked_ref::<web_sys::HtmlElement>().focus();
    }
}

/// What fits into a box.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_go_from_box_to_box_and_stop_at_the_ends() {
        let choice = Choice {
            chosen: RwSignal::new(None),
            current: RwSignal::new(0),
            view: RwSignal::new(Viewport { x: 0.0, y: 0.0, width: 1.0, height: 1.0 }),
            count: 3,
        };
        let beside = |place, key| choice.beside(place, key);

        assert_eq!((beside(1, "ArrowDown"), beside(2, "ArrowRight")), (Some(2), Some(2)));
        assert_eq!((beside(1, "ArrowUp"), beside(0, "ArrowLeft")), (Some(0), Some(0)));
        assert_eq!((beside(1, "Home"), beside(1, "End"), beside(1, "+")), (Some(0), Some(2), None));
    }

    #[test]
    fn long_names_are_cut_between_letters() {
        assert_eq!(cut("모델의이름", 4), "모델의…");
        assert_eq!(cut("Conv", 4), "Conv");
    }
}
