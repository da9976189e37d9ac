//! A graph drawn in boxes and curves: moved by dragging or with the arrow keys, zoomed with the
//! wheel or with + and −, each box a button of its own ([`node`]).

mod node;

use leptos::{
    ev::{KeyboardEvent, PointerEvent, WheelEvent},
    html,
    prelude::*,
};
use wasm_bindgen::JsCast as _;

pub(crate) use self::node::DrawnNode;
use self::node::{Choice, drawn};
use super::button::{Button, ButtonKind};
use crate::{
    format::fixed,
    layout::{HEIGHT, Layout, Viewport, WIDTH},
    markup::{Markup, view},
    react::react,
    text::t,
};

/// Height of the window over its width.
const ASPECT: f64 = 0.62;

/// The graph.
#[component]
pub(crate) fn Drawing(
    /// What is drawn.
    #[prop(into)]
    label: String,
    nodes: Vec<DrawnNode>,
    edges: Vec<(usize, usize)>,
    layout: Layout,
    /// The chosen box.
    chosen: RwSignal<Option<usize>>,
    /// Of each box, how full the bar at its foot is, from 0 to 1; no bars while it is empty.
    shares: RwSignal<Vec<f64>>,
) -> impl IntoView {
    let view = RwSignal::new(Viewport::opening(&layout, 600.0, ASPECT));
    let window = NodeRef::<html::Div>::new();
    let drawing = layout.clone();
    react(move || {
        if let Some(window) = window.get() {
            view.set(Viewport::opening(&drawing, window.client_width().into(), ASPECT));
        }
    });
    // Where the pointer went down, in parts of the window.
    let held = StoredValue::new(None::<(f64, f64)>);
    let at = move |x: f64, y: f64| {
        let Some(element) = window.get_untracked() else { return (0.5, 0.5) };
        let area = element.unchecked_ref::<web_sys::Element>().get_bounding_client_rect();
        ((x - area.left()) / area.width().max(1.0), (y - area.top()) / area.height().max(1.0))
    };
    let wheel = move |event: WheelEvent| {
        event.prevent_default();
        let factor = (event.delta_y().clamp(-200.0, 200.0) / 400.0).exp2();
        let point = at(f64::from(event.client_x()), f64::from(event.client_y()));
        view.update(|view| *view = view.zoomed(factor, point));
    };
    let down = move |event: PointerEvent| {
        held.set_value(Some(at(f64::from(event.client_x()), f64::from(event.client_y()))));
    };
    let drag = move |event: PointerEvent| {
        if let Some((x, y)) = held.get_value()
            && event.buttons() == 1
        {
            let now = at(f64::from(event.client_x()), f64::from(event.client_y()));
            view.update(|view| *view = view.moved(x - now.0, y - now.1));
            held.set_value(Some(now));
        }
    };
    let keys = move |event: KeyboardEvent| {
        let change: Option<Viewport> = match event.key().as_str() {
            "+" | "=" => Some(view.get_untracked().zoomed(0.8, (0.5, 0.5))),
            "-" => Some(view.get_untracked().zoomed(1.25, (0.5, 0.5))),
            "ArrowLeft" => Some(view.get_untracked().moved(-0.1, 0.0)),
            "ArrowRight" => Some(view.get_untracked().moved(0.1, 0.0)),
            "ArrowUp" => Some(view.get_untracked().moved(0.0, -0.1)),
            "ArrowDown" => Some(view.get_untracked().moved(0.0, 0.1)),
            _ => None,
        };
        if let Some(next) = change {
            event.prevent_default();
            view.set(next);
        }
    };
    let curves: Vec<Markup> = edges
        .iter()
        .filter_map(|&(from, to)| {
            let ((x1, y1), (x2, y2)) = (layout.places.get(from)?, layout.places.get(to)?);
            let (x1, y1, x2) = (x1 + WIDTH / 2.0, y1 + HEIGHT, x2 + WIDTH / 2.0);
            let bend = ((y2 - y1) / 2.0).max(12.0);
            let path = format!(
                "M{x1} {}C{x1} {} {x2} {} {x2} {}",
                fixed(y1, 1),
                fixed(y1 + bend, 1),
                fixed(y2 - bend, 1),
                fixed(*y2, 1),
                x1 = fixed(x1, 1),
                x2 = fixed(x2, 1),
            );
            Some(view! { <path class="graph-edge" d=path /> })
        })
        .collect();
    let choice = Choice { chosen, current: RwSignal::new(0), view, count: nodes.len() };
    let boxes: Vec<Markup> = nodes
        .into_iter()
        .zip(layout.places.iter().copied())
        .enumerate()
        .map(|(place, (node, at))| drawn(place, node, at, choice, shares))
        .collect();
    let whole = layout.clone();
    view! {
        <div class="graph">
            <div
                class="graph-window"
                node_ref=window
                role="group"
                aria-label=label
                tabindex="0"
                on:wheel=wheel
                on:pointerdown=down
                on:pointermove=drag
                on:pointerup=move |_| held.set_value(None)
                on:keydown=keys
            >
                <svg viewBox=move || view.get().view_box() preserveAspectRatio="xMidYMin meet">
                    {curves}
                    {boxes}
                </svg>
            </div>
            <div class="graph-tools">
                <Button
                    label="+"
                    says=t().zoom_in
                    kind=ButtonKind::Quiet
                    on_press=move |()| view.update(|view| *view = view.zoomed(0.8, (0.5, 0.5)))
                />
                <Button
                    label="−"
                    says=t().zoom_out
                    kind=ButtonKind::Quiet
                    on_press=move |()| view.update(|view| *view = view.zoomed(1.25, (0.5, 0.5)))
                />
                <Button
                    label=t().zoom_fit
                    kind=ButtonKind::Quiet
                    on_press=move |()| view.set(Viewport::whole(&whole, ASPECT))
                />
            </div>
        </div>
    }
}
