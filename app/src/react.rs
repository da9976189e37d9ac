//! What follows signals: one machinery for each kind and type, so that one more costs no copy of it.

use leptos::prelude::{Effect, Memo, Signal};

/// Runs something soon, and again whenever a signal that it read has changed.
pub(crate) fn react(run: impl FnMut() + 'static) {
    boxed(Box::new(run));
}

fn boxed(mut run: Box<dyn FnMut()>) {
    Effect::new(move |_| run());
}

/// Works a value out whenever it is asked for.
pub(crate) fn derive<T: Send + Sync + 'static>(
    work: impl Fn() -> T + Send + Sync + 'static,
) -> Signal<T> {
    fn boxed<T: Send + Sync + 'static>(work: Box<dyn Work<T>>) -> Signal<T> {
        Signal::derive(move || work.work())
    }
    boxed(Box::new(work))
}

/// Works a value out anew only when a signal that it read has changed; who follows it hears of it
/// only when the value is another one.
pub(crate) fn memo<T: PartialEq + Send + Sync + 'static>(
    work: impl Fn() -> T + Send + Sync + 'static,
) -> Memo<T> {
    fn boxed<T: PartialEq + Send + Sync + 'static>(work: Box<dyn Work<T>>) -> Memo<T> {
        Memo::new(move |_| work.work())
    }
    boxed(Box::new(work))
}

/// A closure that works something out: `dyn Fn` keeps two more functions for each.
trait Work<T>: Send + Sync {
    fn work(&self) -> T;
}

impl<T, F: Fn() -> T + Send + Sync> Work<T> for F {
    fn work(&self) -> T {
        self()
    }
}
