//! The routing table of the scoring path: public name to served service, in memory.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use engine::Scorer;
use shared::{ImageId, ServiceId};

use crate::{AdmissionError, ControlError, Permit, Principal, Scope};

/// What is served, by public name.
#[derive(Default)]
pub struct Routes {
    table: RwLock<Arc<HashMap<String, Arc<ServedService>>>>,
}

impl Routes {
    /// The service with this public name.
    pub fn get(&self, public_name: &str) -> Option<Arc<ServedService>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).get(public_name).cloned()
    }

    /// Every service, in no order.
    pub fn all(&self) -> Vec<Arc<ServedService>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// A service as the scoring path sees it: one deployment, its slots and its keys.
pub struct ServedService {
    /// The service.
    pub id: ServiceId,
    /// Name in its account.
    pub name: String,
    /// Name on this server.
    pub public_name: String,
    /// The image it serves.
    pub image_id: ImageId,
    /// The version of that image.
    pub version: u64,
    /// Scope of its account.
    pub scope: Scope,
}

impl ServedService {
    /// Whether `key` is the service's primary or secondary key; takes the same time either way.
    pub fn opens_with(&self, _key: &str) -> bool {
        false
    }

    /// Whether an access token's principal may call it.
    pub fn open_to(&self, principal: &Principal) -> bool {
        principal.may(crate::Action::Score, &self.scope)
    }

    /// Waits for a slot. The call may run as long as the permit lives.
    pub async fn admit(&self) -> Result<Permit, AdmissionError> {
        Ok(Permit::new())
    }

    /// The scorer, loaded on first use.
    pub async fn scorer(&self) -> Result<Arc<Scorer>, ControlError> {
        Err(crate::control::unfinished())
    }

    /// The scorer of an earlier version that this service served, by the image's version.
    pub async fn scorer_of(&self, _version: u64) -> Result<Arc<Scorer>, ControlError> {
        Err(crate::control::unfinished())
    }

    /// The versions that it serves or served, newest first.
    pub fn versions(&self) -> Vec<u64> {
        vec![self.version]
    }
}
