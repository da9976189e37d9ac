//! The domain as one value: opened once, cloned freely.

use std::{path::PathBuf, sync::Arc};

use sqlx::Row as _;

use crate::{
    ControlConfig, ControlError, OpenError, Routes, Scope,
    audit::{self, FailedSignIns},
    blobs::Blobs,
    child::Children,
    first_start,
    folder::{DataFolder, master_key_path, store_path},
    identity::{Attempts, Directory, Outside, Secrets, Sessions, SigningKeys, VerifiedTokens},
    metrics::Metrics,
    observing::Observers,
    operations::Runner,
    routes::Loader,
    store::Store,
    uploads::UploadTurns,
    vault::Vault,
};

/// What the sealed text in the store says, so that a wrong master key is noticed at once.
pub(crate) const KEY_CHECK: &str = "edge-scorer";

/// The management domain. Cheap to clone; the functions are in one file per noun.
#[derive(Clone)]
pub struct Control {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: ControlConfig,
    pub(crate) folder: DataFolder,
    pub(crate) store: Store,
    pub(crate) vault: Vault,
    pub(crate) blobs: Blobs,
    pub(crate) tenant: Tenant,
    pub(crate) directory: Directory,
    pub(crate) secrets: Secrets,
    pub(crate) attempts: Attempts,
    pub(crate) failed_sign_ins: FailedSignIns,
    pub(crate) sessions: Sessions,
    pub(crate) signing_keys: SigningKeys,
    pub(crate) verified_tokens: VerifiedTokens,
    /// The issuer whose tokens are accepted beside our own.
    pub(crate) outside: Option<Outside>,
    pub(crate) routes: Routes,
    pub(crate) metrics: Metrics,
    pub(crate) observers: Arc<Observers>,
    pub(crate) runner: Runner,
    pub(crate) uploads: UploadTurns,
    pub(crate) children: Arc<Children>,
    pub(crate) loader: Arc<Loader>,
    /// What this program is, so that what it found in a model is asked again of another.
    pub(crate) program: String,
}

/// The one tenant of this server.
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) domain_names: Vec<String>,
    /// The first subscription: who may change access there may change principals.
    pub(crate) root: Scope,
}

/// What [`Control::open`] gives.
pub struct Opened {
    /// The domain.
    pub control: Control,
    /// What only the first start knows.
    pub first_start: Option<FirstStart>,
}

/// What the first start made. The secret cannot be read again.
#[derive(Clone)]
pub struct FirstStart {
    /// A GUID.
    pub tenant_id: String,
    /// The administrator's service principal.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// A GUID.
    pub subscription_id: String,
    /// Name.
    pub resource_group: String,
    /// Name.
    pub workspace: String,
    /// Name of the model management account.
    pub account: String,
    /// The token of a sign-in link: `/console/sign-in#<token>`.
    pub sign_in_token: String,
}

impl Control {
    /// Opens the data folder, making it on the first start, and picks interrupted operations up.
    pub async fn open(config: ControlConfig) -> Result<Opened, OpenError> {
        let folder = DataFolder::open(&config.data)?;
        let store = Store::open(&store_path(&config.data), true).await?;
        let check = store.meta("key_check").await?;
        let key_path: PathBuf =
            config.master_key_file.clone().unwrap_or_else(|| master_key_path(&config.data));
        let vault = Vault::open(&key_path, check.is_none())?;
        if let Some(sealed) = &check
            && vault.open_sealed("key-check", sealed).ok().as_deref() != Some(KEY_CHECK.as_bytes())
        {
            return Err(OpenError::MasterKeyWrong(key_path));
        }
        let secrets = Secrets::new()?;
        let first_start = match check {
            Some(_) => None,
            None => {
                let sealed = vault.seal("key-check", KEY_CHECK.as_bytes())?;
                let first = first_start::run(&store, &secrets, &config, sealed);
                Some(audit::by_shell("serve", first).await?)
            }
        };

        let signing_keys = SigningKeys::default();
        signing_keys.refresh(&store, &vault, &config).await?;
        let directory = Directory::default();
        directory.reload(&store).await?;
        let engine_config = engine::EngineConfig {
            cache_dir: Some(folder.machine_code()),
            memory_cap_bytes: config.limits.guest_memory_bytes,
            deadline: config.score_timeout,
            ..engine::EngineConfig::default()
        };
        let engine = tokio::task::spawn_blocking(|| engine::Engine::new(engine_config))
            .await
            .map_err(|error| OpenError::Engine(error.into()))?
            .map_err(|error| OpenError::Engine(error.into()))?;

        let (observers, queue) = Observers::new();
        let blobs = Blobs::open(&folder)?;
        let children = Arc::new(Children::new(&config, &folder));
        let loader = Loader::new(engine, blobs.clone(), Arc::clone(&children));
        let inner = Inner {
            observers,
            tenant: Tenant::read(&store).await?,
            blobs,
            loader,
            runner: Runner::new(),
            uploads: UploadTurns::default(),
            children,
            program: program(&config),
            routes: Routes::default(),
            metrics: Metrics::default(),
            attempts: Attempts::default(),
            failed_sign_ins: FailedSignIns::default(),
            sessions: Sessions::default(),
            verified_tokens: VerifiedTokens::default(),
            outside: config.outside.clone().map(Outside::new).transpose()?,
            config,
            folder,
            store,
            vault,
            directory,
            secrets,
            signing_keys,
        };
        let control = Self { inner: Arc::new(inner) };
        control.start_observing(queue);
        control.load_routes().await?;
        control.resume_operations().await?;
        control.start_housekeeping();
        control.hold_texts();
        Ok(Opened { control, first_start })
    }

    /// Reads what is searched into memory, beside everything else.
    fn hold_texts(&self) {
        let store = self.inner.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.held().fill(&store).await {
                tracing::warn!(?error, "the first search reads what it looks in");
            }
        });
    }

    /// The limits in force.
    pub fn limits(&self) -> &crate::Limits {
        &self.inner.config.limits
    }

    /// The routing table of the scoring path; cheap.
    pub fn routes(&self) -> &Routes {
        &self.inner.routes
    }

    /// The id of the tenant.
    pub fn tenant_id(&self) -> &str {
        &self.inner.tenant.id
    }

    /// Stops background work and closes the store; interrupted operations go on at the next start.
    pub async fn shutdown(&self) {
        self.inner.runner.stop().await;
        self.stop_metrics().await;
        self.inner.observers.flush().await;
        if let Err(error) = self.note_failed_sign_ins().await {
            tracing::error!(?error, "the last failed sign-ins are not counted in the audit log");
        }
        self.inner.store.close().await;
    }
}

impl Tenant {
    async fn read(store: &Store) -> Result<Self, ControlError> {
        let row = sqlx::query(
            "SELECT t.id, t.domain_names, s.id FROM tenants t
             JOIN subscriptions s ON s.tenant_id = t.id ORDER BY s.created_at, s.id LIMIT 1",
        )
        .fetch_one(store.read())
        .await?;
        let (names, subscription): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        Ok(Self {
            id: row.try_get(0)?,
            domain_names: serde_json::from_str(&names).map_err(ControlError::internal)?,
            root: Scope::new(&format!("/subscriptions/{subscription}")),
        })
    }
}

/// Version, size and age of the executable that reads models.
fn program(config: &ControlConfig) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let file = config.compile_child.first().and_then(|path| std::fs::metadata(path).ok());
    let age = file.as_ref().and_then(|file| file.modified().ok());
    let age = age.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let size = file.map_or(0, |file| file.len());
    format!("{version}-{size}-{}", age.map_or(0, |age| age.as_millis()))
}
