//! Something fetched: fetched again on request or on a timer, abandoned when its page goes.

use std::{future::Future, pin::Pin, rc::Rc, time::Duration};

use futures::future::{AbortHandle, abortable};
use gloo_timers::future::sleep;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::failure::EdgeError;

/// A value of the server and how it stands with it.
pub(crate) struct Query<T: Send + Sync + 'static> {
    value: RwSignal<Option<ArcRwSignal<T>>>,
    failure: RwSignal<Option<EdgeError>>,
    again: RwSignal<u32>,
}

impl<T: Send + Sync + 'static> Clone for Query<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Query<T> {}

type Pause<T> = Rc<dyn Fn(&T) -> Option<Duration>>;
type Fetch<T> = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<T, EdgeError>>>>>;

/// How far a [`Query`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Failed,
    Ready,
}

impl<T: Clone + PartialEq + Send + Sync + 'static> Query<T> {
    /// Fetches once, and again when a signal that `fetch` reads at once changes.
    pub(crate) fn new<F>(fetch: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Result<T, EdgeError>> + 'static,
    {
        Self::polling(fetch, |_| None)
    }

    /// As [`Query::new`], and again after the pause that `pause` gives for the last value.
    /// A failed fetch is tried again after ten seconds, so that a page outlives a restart.
    pub(crate) fn polling<F>(
        fetch: impl Fn() -> F + 'static,
        pause: impl Fn(&T) -> Option<Duration> + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T, EdgeError>> + 'static,
    {
        let this = Self {
            value: RwSignal::new(None),
            failure: RwSignal::new(None),
            again: RwSignal::new(0),
        };
        this.run(Box::new(move || Box::pin(fetch())), Rc::new(pause));
        this
    }

    /// The machinery, once for each type rather than once for each call.
    fn run(self, fetch: Fetch<T>, pause: Pause<T>) {
        let this = self;
        let back = use_context::<super::Reachable>();
        Effect::new(move |_| {
            this.again.track();
            if let Some(back) = back {
                back.returned().track();
            }
            let fetched = fetch();
            let pause = Rc::clone(&pause);
            let (task, handle): (_, AbortHandle) = abortable(async move {
                let wait = match fetched.await {
                    Ok(value) => {
                        let wait = pause(&value);
                        this.accept(value);
                        wait
                    }
                    Err(error) => {
                        this.failure.set(Some(error));
                        this.value.with_untracked(Option::is_some).then(|| Duration::from_secs(10))
                    }
                };
                if let Some(wait) = wait {
                    sleep(wait).await;
                    this.refetch();
                }
            });
            on_cleanup(move || handle.abort());
            spawn_local(async move {
                let _ = task.await;
            });
        });
    }

    fn accept(self, value: T) {
        if self.failure.with_untracked(Option::is_some) {
            self.failure.set(None);
        }
        match self.value.get_untracked() {
            Some(known) => {
                if known.with_untracked(|old| *old != value) {
                    known.set(value);
                }
            }
            None => self.value.set(Some(ArcRwSignal::new(value))),
        }
    }

    /// Fetches again; what is known stays on the page meanwhile.
    pub(crate) fn refetch(self) {
        self.again.update(|n| *n = n.wrapping_add(1));
    }

    /// Fetches again after a failure and shows that it does.
    pub(crate) fn retry(self) {
        self.failure.set(None);
        self.refetch();
    }

    /// The value, once there is one.
    pub(crate) fn value(self) -> RwSignal<Option<ArcRwSignal<T>>> {
        self.value
    }

    /// A copy of the value, tracked.
    pub(crate) fn get(self) -> Option<T> {
        self.value.get().map(|known| known.get())
    }

    /// Why the last fetch failed, if it did.
    pub(crate) fn failure(self) -> RwSignal<Option<EdgeError>> {
        self.failure
    }

    /// How far it is.
    pub(crate) fn phase(self) -> Memo<Phase> {
        Memo::new(move |_| {
            if self.value.with(Option::is_some) {
                Phase::Ready
            } else if self.failure.with(Option::is_some) {
                Phase::Failed
            } else {
                Phase::Waiting
            }
        })
    }
}
