//! News from the server: one stream for each page that watches, closed when the page goes.
//!
//! The browser reconnects by itself; after a pause a page asks for the whole again, so that nothing
//! that happened meanwhile is missed.

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use shared::AsyncOperationStatus;
use wasm_bindgen::{JsCast as _, prelude::Closure};
use web_sys::{EventSource, MessageEvent};

use super::{account::AccountClient, read::read};

impl AccountClient {
    /// Calls `news` with every operation that changes, and `opened` each time the stream begins.
    pub(crate) fn watch_operations(
        &self,
        news: impl Fn(AsyncOperationStatus) + 'static,
        opened: impl Fn() + 'static,
    ) {
        watch(&format!("{}/events", self.path.operations()), "operation", news, opened);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door to the network")]
fn watch<T: DeserializeOwned>(
    path: &str,
    name: &str,
    news: impl Fn(T) + 'static,
    opened: impl Fn() + 'static,
) {
    let Ok(source) = EventSource::new(&shared::paths::versioned(path)) else { return };
    let heard = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        let text = event.data().as_string();
        if let Some(value) = text.and_then(|text| read(&text).ok()) {
            news(value);
        }
    });
    let begun = Closure::<dyn Fn()>::new(opened);
    let _ = source.add_event_listener_with_callback(name, heard.as_ref().unchecked_ref());
    source.set_onopen(Some(begun.as_ref().unchecked_ref()));
    let kept = StoredValue::new_local((source, heard, begun));
    on_cleanup(move || {
        kept.try_with_value(|(source, ..)| source.close());
    });
}
