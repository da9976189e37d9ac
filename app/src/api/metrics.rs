//! Metrics: the history on request, the present as a stream that outlives restarts.
//!
//! # Invariants
//! - A second is heard once: after a break the server repeats what it still has, and what was heard
//!   already is dropped here by its id.
//! - The stream is closed when the page that opened it goes.

use std::{cell::Cell, rc::Rc, time::Duration};

use gloo_timers::future::sleep;
use leptos::prelude::*;
use serde::de::DeserializeOwned;
use shared::{
    metrics::{AccountSecond, LIVE_SECONDS, LiveSecond, MetricsResponse, SECOND},
    paths::versioned,
};
use wasm_bindgen::{JsCast as _, prelude::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{EventSource, MessageEvent};

use super::{account::AccountClient, pending::Reading, read::read};

/// First pause before a stream that the browser gave up is opened again; it doubles from there.
const PAUSE: Duration = Duration::from_secs(2);
/// How often a stream is looked at, and how often in vain before its reader is told.
const LOOK: Duration = Duration::from_millis(500);
const PATIENCE: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl AccountClient {
    /// History of a service, or of all services together.
    pub(crate) fn metrics(
        self,
        service: Option<String>,
        question: String,
    ) -> Reading<MetricsResponse> {
        let path = match service {
            Some(name) => self.path.service_metrics(&name),
            None => self.path.metrics(),
        };
        self.edge.get(versioned(&format!("{path}?{question}")))
    }

    /// Every second of a service, the last minutes first. `connected` tells whether they come.
    pub(crate) fn watch_service(
        &self,
        name: &str,
        connected: RwSignal<bool>,
        heard: impl Fn(LiveSecond) + 'static,
    ) {
        follow(self.path.live_service_metrics(name, LIVE_SECONDS), connected, heard);
    }

    /// Every second of all services together, the last minutes first.
    pub(crate) fn watch_services(
        &self,
        connected: RwSignal<bool>,
        heard: impl Fn(AccountSecond) + 'static,
    ) {
        follow(self.path.live_metrics(LIVE_SECONDS), connected, heard);
    }
}

/// Opens the stream, and again for as long as the page lives whenever the browser gives it up.
fn follow<T: DeserializeOwned + 'static>(
    path: String,
    connected: RwSignal<bool>,
    heard: impl Fn(T) + 'static,
) {
    let (gone, last) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(i64::MIN)));
    let left = StoredValue::new_local(Rc::clone(&gone));
    on_cleanup(move || {
        left.try_with_value(|gone| gone.set(true));
    });
    let heard: Rc<dyn Fn(MessageEvent)> = Rc::new(move |event: MessageEvent| {
        let Ok(id) = event.last_event_id().parse::<i64>() else { return };
        if id <= last.get() {
            return;
        }
        last.set(id);
        let text = event.data().as_string();
        if let Some(second) = text.and_then(|text| read(&text).ok()) {
            heard(second);
        }
    });
    spawn_local(async move {
        let mut pause = PAUSE;
        let mut silent = 0;
        while !gone.get() {
            let Some(stream) = Stream::open(&versioned(&path), Rc::clone(&heard)) else { return };
            loop {
                // Often enough to notice that the page is gone or the stream is broken.
                sleep(LOOK).await;
                if gone.get() {
                    return;
                }
                let open = stream.source.ready_state() == EventSource::OPEN;
                // A moment's break is mended before anybody has read that there was one.
                (silent, pause) = if open { (0, PAUSE) } else { (silent + 1, pause) };
                let here = silent < PATIENCE;
                if connected.try_get_untracked().is_some_and(|known| known != here) {
                    connected.set(here);
                }
                if stream.source.ready_state() == EventSource::CLOSED {
                    break;
                }
            }
            drop(stream);
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    });
}

/// An open stream; dropped, it is closed.
struct Stream {
    source: EventSource,
    _heard: Closure<dyn Fn(MessageEvent)>,
}

impl Stream {
    #[expect(clippy::disallowed_methods, reason = "this is the door to the network")]
    fn open(path: &str, heard: Rc<dyn Fn(MessageEvent)>) -> Option<Self> {
        let source = EventSource::new(path).ok()?;
        let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| heard(event));
        source.add_event_listener_with_callback(SECOND, heard.as_ref().unchecked_ref()).ok()?;
        Some(Self { source, _heard: heard })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.close();
    }
}
