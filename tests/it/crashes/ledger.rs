//! What was acknowledged before a kill.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use shared::{AuthKeys, Manifest, Model, StoredArtifact};

/// One acknowledged write.
pub(super) enum Acknowledged {
    Stored(StoredArtifact),
    Registered(Model),
    Deleted(Model),
    Edited(Model),
    Described(Manifest),
    Accepted { location: String },
    Serving { name: String, location: String },
    Stopped { name: String },
    Admitted { id: String, client_id: String, secret: String },
    Invited { id: String },
    Dismissed { path: String },
    Assigned { path: String },
}

/// What was acknowledged in this round, and the keys that were last.
#[derive(Clone, Default)]
pub(super) struct Ledger {
    entries: Arc<Mutex<Vec<Acknowledged>>>,
    pub(super) keys: Arc<Mutex<KeyHistory>>,
    pub(super) count: Arc<AtomicUsize>,
}

#[derive(Default)]
pub(super) struct KeyHistory {
    pub(super) acknowledged: Option<AuthKeys>,
    pub(super) dead: Vec<String>,
    pub(super) in_flight: bool,
}

impl Ledger {
    pub(super) fn note(&self, entry: Acknowledged) {
        self.entries.lock().unwrap().push(entry);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// What is about to change proves nothing any more.
    pub(super) fn forget(&self, gone: impl Fn(&Acknowledged) -> bool) {
        self.entries.lock().unwrap().retain(|entry| !gone(entry));
    }

    /// A service that is about to be deleted proves nothing any more.
    pub(super) fn forget_serving(&self, gone: &str) {
        self.forget(|entry| matches!(entry, Acknowledged::Serving { name, .. } if name == gone));
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self) -> Vec<Acknowledged> {
        std::mem::take(&mut self.entries.lock().unwrap())
    }
}
