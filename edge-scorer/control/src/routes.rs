//! The routing table of the scoring path: public name to served service, in memory.
//!
//! # Invariants
//! - The scoring path reads this and never the store.
//! - An entry is replaced whole: a call that began with a deployment ends with it. Slots and keys
//!   belong to the service and are shared by its deployments.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use engine::{Engine, Scorer, ScorerLimits, Tensor, Trust};
use sha2::{Digest as _, Sha256};
use shared::{ImageId, ServiceId, Signature};
use subtle::ConstantTimeEq as _;
use tokio::sync::OnceCell;

use crate::{
    Action, AdmissionError, Call, ControlError, FinishedCall, Kind, Meter, Permit, Principal,
    Scope,
    admission::Slots,
    blobs::Blobs,
    child::{Children, Outcome, Task},
    observing::Watch,
    services::Effect,
};

/// What is served, by public name.
#[derive(Default)]
pub struct Routes {
    table: RwLock<HashMap<String, Arc<ServedService>>>,
}

impl Routes {
    /// The service with this public name.
    pub fn get(&self, public_name: &str) -> Option<Arc<ServedService>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).get(public_name).cloned()
    }

    /// The service with this public name or id.
    pub fn find(&self, name: &str) -> Option<Arc<ServedService>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.get(name).cloned().or_else(|| {
            let id: ServiceId = name.parse().ok()?;
            table.values().find(|service| service.id == id).cloned()
        })
    }

    /// Every service, in no order.
    pub fn all(&self) -> Vec<Arc<ServedService>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn put(&self, served: Arc<ServedService>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.insert(served.public_name.clone(), served);
    }

    /// A deleted image is served no more as an earlier version.
    pub(crate) fn withdraw(&self, image_id: ImageId) {
        for service in self.all() {
            for module in service.modules.iter().filter(|module| module.image_id == image_id) {
                module.withdrawn.store(true, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn remove(&self, public_name: &str) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).remove(public_name);
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
    pub(crate) account_id: String,
    pub(crate) effect: Effect,
    pub(crate) slots: Arc<Slots>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) keys: Arc<ServiceKeys>,
    pub(crate) watch: Watch,
    /// The current one first, then those it served before.
    pub(crate) modules: Vec<Arc<ServedModule>>,
}

/// A module that a service serves or served; loaded when it is first called.
pub(crate) struct ServedModule {
    pub(crate) image_id: ImageId,
    pub(crate) version: u64,
    pub(crate) sha256: String,
    pub(crate) compiled_here: bool,
    pub(crate) limits: ScorerLimits,
    pub(crate) loader: Arc<Loader>,
    pub(crate) scorer: OnceCell<Arc<Scorer>>,
    /// Its image is deleted.
    pub(crate) withdrawn: AtomicBool,
}

/// What it takes to load a module. Services that serve the same module with the same memory share
/// one scorer, as long as one of them is there.
pub(crate) struct Loader {
    pub(crate) engine: Engine,
    pub(crate) blobs: Blobs,
    pub(crate) children: Arc<Children>,
    loaded: Mutex<HashMap<Loaded, Weak<Scorer>>>,
}

/// Hash of a module, whether it was compiled here, and its memory.
type Loaded = (String, bool, u64);

/// SHA-256 of both keys.
pub(crate) struct ServiceKeys {
    hashes: RwLock<[[u8; 32]; 2]>,
}

impl ServedService {
    /// Whether `key` is the service's primary or secondary key; takes the same time either way.
    pub fn opens_with(&self, key: &str) -> bool {
        self.keys.open_with(key)
    }

    /// Whether an access token's principal may call it.
    pub fn open_to(&self, principal: &Principal) -> bool {
        principal.may(Action::Score, &self.scope)
    }

    /// A call of this service begins; it counts from here on.
    pub fn begin(&self) -> Call<'_> {
        self.meter.begin()
    }

    /// Waits for a slot. The call may run as long as the permit lives.
    pub async fn admit(&self) -> Result<Permit, AdmissionError> {
        self.slots.admit().await
    }

    /// Whether calls are traced or collected.
    pub fn is_watched(&self) -> bool {
        self.watch.traced || self.watch.collecting.is_some()
    }

    /// Whether the inputs and outputs of the next call are wanted.
    pub fn samples(&self) -> bool {
        self.watch.samples()
    }

    /// Keeps the inputs and outputs of a call that was sampled.
    pub fn collect(
        &self,
        request_id: Option<String>,
        signature: Arc<Signature>,
        inputs: Vec<Tensor>,
        outputs: Vec<Tensor>,
    ) {
        self.watch.collect(request_id, signature, inputs, outputs);
    }

    /// Takes note of a finished call.
    pub fn note(&self, call: &FinishedCall<'_>) {
        self.watch.note(call);
    }

    /// Whether every call is refused until somebody gives it replicas.
    pub fn is_stopped(&self) -> bool {
        self.slots.count() == 0 && !self.effect.wakes()
    }

    /// Slots at this moment.
    pub fn replicas(&self) -> u32 {
        self.slots.count()
    }

    /// The scorer, loaded on first use.
    pub async fn scorer(&self) -> Result<Arc<Scorer>, ControlError> {
        match self.modules.first() {
            Some(module) => module.scorer().await,
            None => Err(ControlError::internal("a service without a module")),
        }
    }

    /// The scorer of an earlier version that this service served, by the image's version.
    pub async fn scorer_of(&self, version: u64) -> Result<Arc<Scorer>, ControlError> {
        let mut left = self.modules.iter().filter(|module| !module.is_withdrawn());
        let module = left.find(|module| module.version == version);
        match module {
            Some(module) => module.scorer().await,
            None => Err(ControlError::not_found(
                Kind::Image,
                format!("{} version {version}", self.public_name),
            )),
        }
    }

    /// The versions that it serves or served, the current one first.
    pub fn versions(&self) -> Vec<u64> {
        let mut versions = Vec::with_capacity(self.modules.len());
        for module in self.modules.iter().filter(|module| !module.is_withdrawn()) {
            if !versions.contains(&module.version) {
                versions.push(module.version);
            }
        }
        versions
    }
}

impl ServedModule {
    fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Relaxed)
    }

    pub(crate) async fn scorer(&self) -> Result<Arc<Scorer>, ControlError> {
        let load = || self.loader.load(&self.sha256, self.compiled_here, &self.limits);
        self.scorer.get_or_try_init(load).await.cloned()
    }
}

impl Loader {
    pub(crate) fn new(engine: Engine, blobs: Blobs, children: Arc<Children>) -> Arc<Self> {
        Arc::new(Self { engine, blobs, children, loaded: Mutex::default() })
    }

    /// A scorer that is there already, else a new one.
    async fn load(
        &self,
        sha256: &str,
        compiled_here: bool,
        limits: &ScorerLimits,
    ) -> Result<Arc<Scorer>, ControlError> {
        let key = (sha256.to_owned(), compiled_here, limits.memory_bytes);
        let known = || self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scorer) = known().get(&key).and_then(Weak::upgrade) {
            return Ok(scorer);
        }
        let scorer = self.load_anew(sha256, compiled_here, limits).await?;
        let mut loaded = known();
        loaded.retain(|_, scorer| scorer.strong_count() > 0);
        loaded.insert(key, Arc::downgrade(&scorer));
        Ok(scorer)
    }

    /// From stored machine code; where there is none (another CPU, another wasmtime), a child makes
    /// it first.
    async fn load_anew(
        &self,
        sha256: &str,
        compiled_here: bool,
        limits: &ScorerLimits,
    ) -> Result<Arc<Scorer>, ControlError> {
        if let Some(scorer) = self.load_stored(sha256, compiled_here, limits).await? {
            return Ok(scorer);
        }
        tracing::info!(sha256, "making machine code of a module");
        let task = Task::Precompile { compiled_here };
        let log = |line: &str| tracing::debug!(line, "compile child");
        let finished = self.children.run(task, self.blobs.file(sha256), false, log).await?;
        match finished.outcome {
            Outcome::Precompiled => {}
            Outcome::Refused(refusal) => return Err(refusal.into()),
            other => return Err(ControlError::internal(format!("a child answered {other:?}"))),
        }
        let stored = self.load_stored(sha256, compiled_here, limits).await?;
        stored.ok_or_else(|| ControlError::internal("the child's machine code does not fit here"))
    }

    async fn load_stored(
        &self,
        sha256: &str,
        compiled_here: bool,
        limits: &ScorerLimits,
    ) -> Result<Option<Arc<Scorer>>, ControlError> {
        let (engine, file, limits) = (self.engine.clone(), self.blobs.file(sha256), limits.clone());
        let trust = if compiled_here { Trust::Compiled } else { Trust::HandWritten };
        tokio::task::spawn_blocking(move || {
            let wasm = std::fs::read(file).map_err(ControlError::internal)?;
            let module = engine.load_stored(&wasm, trust).map_err(ControlError::internal)?;
            Ok(module.map(|module| Arc::new(Scorer::new(module, limits))))
        })
        .await
        .map_err(ControlError::internal)?
    }
}

impl ServiceKeys {
    pub(crate) fn new(primary: &str, secondary: &str) -> Self {
        Self { hashes: RwLock::new([hash(primary), hash(secondary)]) }
    }

    pub(crate) fn replace(&self, primary: &str, secondary: &str) {
        let hashes = [hash(primary), hash(secondary)];
        *self.hashes.write().unwrap_or_else(PoisonError::into_inner) = hashes;
    }

    fn open_with(&self, key: &str) -> bool {
        let given = hash(key);
        let hashes = *self.hashes.read().unwrap_or_else(PoisonError::into_inner);
        let [primary, secondary] = hashes.map(|known| known.ct_eq(&given));
        bool::from(primary | secondary)
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_key_is_dead_and_the_other_lives() {
        let keys = ServiceKeys::new("old", "other");
        assert!(keys.open_with("old") && keys.open_with("other") && !keys.open_with("new"));

        keys.replace("new", "other");

        assert!(keys.open_with("new") && keys.open_with("other") && !keys.open_with("old"));
    }
}
