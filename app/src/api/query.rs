//! Something fetched: fetched again on request or on a timer, abandoned when its page goes.
//!
//! [`Query`] and [`Known`] carry the type; behind them is one machinery for all types, so that a
//! page with a type of its own costs no copy of it.

use std::{
    any::Any, future::Future, marker::PhantomData, pin::Pin, rc::Rc, sync::Arc, time::Duration,
};

use futures::future::{AbortHandle, abortable};
use gloo_timers::future::sleep;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::failure::EdgeError;
use crate::react::{derive, memo, react};

/// A value of the server and how it stands with it.
pub(crate) struct Query<T> {
    fetched: Fetched,
    of: PhantomData<fn() -> T>,
}

/// A value that is there, and follows what the server says.
pub(crate) struct Known<T> {
    value: RwSignal<Anything>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Query<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Query<T> {}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Known<T> {}

type Anything = Arc<dyn Any + Send + Sync>;
type Answer = Pin<Box<dyn Future<Output = Result<Anything, EdgeError>>>>;

type Pause = Box<dyn Fn(&Anything) -> Option<Duration>>;

/// What depends on the type.
struct Rules {
    fetch: Box<dyn Fn() -> Answer>,
    pause: Pause,
    same: fn(&Anything, &Anything) -> bool,
}

/// How far a [`Query`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Failed,
    Ready,
}

/// What a query knows, whatever it is.
#[derive(Clone, Copy)]
pub(crate) struct Fetched {
    value: RwSignal<Option<ArcRwSignal<Anything>>>,
    failure: RwSignal<Option<EdgeError>>,
    again: RwSignal<u32>,
}

#[expect(clippy::expect_used, reason = "a query's values are all of its own type")]
fn typed<T: 'static>(value: &Anything) -> &T {
    value.downcast_ref().expect("a value of the query's type")
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
        let fetch = move || -> Answer {
            let fetched = fetch();
            Box::pin(async move { fetched.await.map(|value| Arc::new(value) as Anything) })
        };
        let rules = Rules {
            fetch: Box::new(fetch),
            pause: Box::new(move |value| pause(typed(value))),
            same: |old, new| typed::<T>(old) == typed::<T>(new),
        };
        Self { fetched: Fetched::follow(rules), of: PhantomData }
    }

    /// Fetches again; what is known stays on the page meanwhile.
    pub(crate) fn refetch(self) {
        self.fetched.refetch();
    }

    /// A copy of the value, tracked.
    pub(crate) fn get(self) -> Option<T> {
        self.fetched.value.get().map(|known| known.with(|value| typed::<T>(value).clone()))
    }

    /// Changes the value here, before the server is asked again.
    pub(crate) fn change(self, change: impl FnOnce(&mut T)) {
        if let Some(known) = self.fetched.value.get_untracked() {
            let mut value = known.with_untracked(|value| typed::<T>(value).clone());
            change(&mut value);
            known.set(Arc::new(value));
        }
    }

    /// What does not depend on the type.
    pub(crate) fn fetched(self) -> Fetched {
        self.fetched
    }

    /// The value that is there.
    pub(crate) fn known(self) -> Option<Known<T>> {
        let known = self.fetched.value.get_untracked()?;
        Some(Known { value: RwSignal::from(known), of: PhantomData })
    }
}

impl Fetched {
    fn follow(rules: Rules) -> Self {
        let this = Self {
            value: RwSignal::new(None),
            failure: RwSignal::new(None),
            again: RwSignal::new(0),
        };
        let back = use_context::<super::Reachable>();
        let rules = Rc::new(rules);
        react(move || {
            this.again.track();
            if let Some(back) = back {
                back.returned().track();
            }
            let fetched = (rules.fetch)();
            let rules = Rc::clone(&rules);
            let (task, handle): (_, AbortHandle) = abortable(async move {
                let wait = match fetched.await {
                    Ok(value) => {
                        let wait = (rules.pause)(&value);
                        this.accept(value, rules.same);
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
        this
    }

    fn accept(self, value: Anything, same: fn(&Anything, &Anything) -> bool) {
        if self.failure.with_untracked(Option::is_some) {
            self.failure.set(None);
        }
        match self.value.get_untracked() {
            Some(known) => {
                if !known.with_untracked(|old| same(old, &value)) {
                    known.set(value);
                }
            }
            None => self.value.set(Some(ArcRwSignal::new(value))),
        }
    }

    fn refetch(self) {
        self.again.update(|n| *n = n.wrapping_add(1));
    }

    /// Fetches again after a failure and shows that it does.
    pub(crate) fn retry(self) {
        self.failure.set(None);
        self.refetch();
    }

    /// Why the last fetch failed, if it did.
    pub(crate) fn failure(self) -> RwSignal<Option<EdgeError>> {
        self.failure
    }

    /// How far it is.
    pub(crate) fn phase(self) -> Memo<Phase> {
        memo(move || {
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

impl<T: 'static> Known<T> {
    /// Looks at the value, tracked.
    pub(crate) fn with<R>(self, look: impl FnOnce(&T) -> R) -> R {
        self.value.with(|value| look(typed(value)))
    }

    /// Looks at the value as it is now.
    pub(crate) fn with_untracked<R>(self, look: impl FnOnce(&T) -> R) -> R {
        self.value.with_untracked(|value| look(typed(value)))
    }
}

impl<T: Clone + 'static> Known<T> {
    /// A copy of the value, tracked.
    pub(crate) fn get(self) -> T {
        self.with(T::clone)
    }

    /// A copy of the value as it is now.
    pub(crate) fn get_untracked(self) -> T {
        self.with_untracked(T::clone)
    }
}

impl<T: Clone + Send + Sync + 'static> From<Known<T>> for Signal<T> {
    fn from(known: Known<T>) -> Self {
        derive(move || known.get())
    }
}
