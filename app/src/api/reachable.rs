//! Whether the server answers: a lost connection is said once, waited out, and made up for.
//!
//! # Invariants
//! - While the server is away it is asked every few seconds whether it is back; when it is, every
//!   query on the page fetches again.

use std::time::Duration;

use gloo_timers::future::sleep;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::client::{Call, EdgeClient};

const PAUSE: Duration = Duration::from_secs(2);
const LIVE: &str = "/v2/health/live";

/// How it stands with the connection.
#[derive(Clone, Copy)]
pub(crate) struct Reachable {
    away: RwSignal<bool>,
    returned: RwSignal<u32>,
}

impl Reachable {
    pub(crate) fn new() -> Self {
        Self { away: RwSignal::new(false), returned: RwSignal::new(0) }
    }

    /// Whether the last call had no answer.
    pub(crate) fn away(self) -> RwSignal<bool> {
        self.away
    }

    /// Counts the times that the server came back.
    pub(crate) fn returned(self) -> RwSignal<u32> {
        self.returned
    }

    /// Everything on the page is asked for again.
    pub(crate) fn refresh(self) {
        self.returned.update(|n| *n = n.wrapping_add(1));
    }

    /// A call had no answer: waits until one has.
    pub(super) fn lost(self, edge: EdgeClient) {
        if self.away.get_untracked() {
            return;
        }
        self.away.set(true);
        spawn_local(async move {
            loop {
                sleep(PAUSE).await;
                let live = edge.exchange_quietly(Call::get(LIVE.to_owned())).await;
                if live.is_ok_and(|answer| answer.is_success()) {
                    break;
                }
            }
            self.away.set(false);
            self.refresh();
        });
    }
}
