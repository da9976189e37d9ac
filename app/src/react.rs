//! Effects: one machinery for all of them, so that an effect costs no copy of it.

use leptos::prelude::Effect;

/// Runs something soon, and again whenever a signal that it read has changed.
pub(crate) fn react(run: impl FnMut() + 'static) {
    boxed(Box::new(run));
}

fn boxed(mut run: Box<dyn FnMut()>) {
    Effect::new(move |_| run());
}
