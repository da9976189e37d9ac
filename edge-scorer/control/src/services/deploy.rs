//! Makes what a service wants so: loads the module beside the one that serves, tries it, and only
//! then puts it in its place.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicBool},
};

use engine::{ScoreError, ScorerLimits};
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use shared::{ImageId, LogLevel, ServiceId, paths};
use sqlx::{QueryBuilder, Row as _, sqlite::SqliteRow};
use tokio::sync::OnceCell;

use super::{Effect, Settings};
use crate::{
    Control, ControlError, Scope,
    admission::{SlotLimits, Slots},
    clock,
    observing::Watch,
    operations::{Operation, end},
    routes::{ServedModule, ServedService, ServiceKeys},
};

/// So many modules are loaded before they are called, those of the services that changed last.
const WARM: usize = 100;
/// Most idle instances of one module.
const IDLE: usize = 32;

const SERVICE: &str = "SELECT s.id, s.account_id, s.name, s.public_name, s.primary_key, \
    s.secondary_key, s.image_id, s.settings, a.subscription_id, g.name, a.name \
    FROM services s JOIN accounts a ON a.id = s.account_id \
    JOIN resource_groups g ON g.subscription_id = a.subscription_id AND g.name_key = a.group_key";

/// What an operation is to make of a service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) image_id: ImageId,
    pub(crate) settings: Settings,
}

impl Control {
    /// Everything of a deployment but its commit.
    pub(crate) async fn deploy(
        &self,
        operation: &Operation,
    ) -> Result<Arc<ServedService>, ControlError> {
        let wanted: Wanted =
            serde_json::from_str(&operation.input).map_err(ControlError::internal)?;
        let progress = self.progress_of(operation);
        progress.at(10, "loading the module").await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{SERVICE} WHERE s.id = $1")))
            .bind(&operation.resource_id)
            .fetch_optional(self.inner.store.read())
            .await?
            .ok_or(ControlError::Cancelled)?;
        let mut earlier = self.earlier_modules(Some(&operation.resource_id)).await?;
        let mut modules = vec![self.module_of(wanted.image_id).await?];
        modules.extend(earlier.remove(&operation.resource_id).unwrap_or_default());
        let served = self.served(&row, wanted.image_id, &wanted.settings, modules)?;
        let scorer = served.scorer().await?;
        progress.at(70, "trying the module").await?;
        let tried = tokio::task::spawn_blocking(move || scorer.batch().map(drop)).await;
        tried.map_err(ControlError::internal)?.map_err(|error| refuse(error, &served.effect))?;
        Ok(Arc::new(served))
    }

    /// The commit, then the routing table.
    pub(crate) async fn finish_deployment(
        &self,
        operation: &Operation,
        outcome: Result<Arc<ServedService>, ControlError>,
    ) -> Result<(), ControlError> {
        let wanted: Wanted =
            serde_json::from_str(&operation.input).map_err(ControlError::internal)?;
        let deployment = operation.deployment_id.as_deref().unwrap_or_default();
        let now = clock::now();
        let mut write = self.inner.store.write().await?;
        let exists = sqlx::query("SELECT deployment_id FROM services WHERE id = $1")
            .bind(&operation.resource_id)
            .fetch_optional(&mut *write)
            .await?;
        let outcome = match exists {
            Some(_) => outcome,
            // Deleted meanwhile.
            None => Err(ControlError::Cancelled),
        };
        match &outcome {
            Ok(_) => {
                let settings =
                    serde_json::to_string(&wanted.settings).map_err(ControlError::internal)?;
                sqlx::query(
                    "UPDATE deployments SET expired_at = $1
                     WHERE service_id = $2 AND id <> $3 AND state = 'Succeeded'
                         AND expired_at IS NULL",
                )
                .bind(now)
                .bind(&operation.resource_id)
                .bind(deployment)
                .execute(&mut *write)
                .await?;
                sqlx::query("UPDATE deployments SET state = 'Succeeded' WHERE id = $1")
                    .bind(deployment)
                    .execute(&mut *write)
                    .await?;
                sqlx::query(
                    "UPDATE services SET state = 'Succeeded', error = NULL, updated_at = $1,
                         image_id = $2, settings = $3, deployment_id = $4
                     WHERE id = $5",
                )
                .bind(now)
                .bind(wanted.image_id.to_string())
                .bind(settings)
                .bind(deployment)
                .bind(&operation.resource_id)
                .execute(&mut *write)
                .await?;
                end(&mut write, operation.id, Ok(&[])).await?;
            }
            Err(error) => {
                let body = serde_json::to_string(&error.body()).map_err(ControlError::internal)?;
                let state = crate::operations::state_after(error);
                sqlx::query("UPDATE deployments SET state = $1, expired_at = $2 WHERE id = $3")
                    .bind(state.as_str())
                    .bind(now)
                    .bind(deployment)
                    .execute(&mut *write)
                    .await?;
                // What serves goes on serving.
                sqlx::query(
                    "UPDATE services SET error = $1, updated_at = $2,
                         state = CASE WHEN deployment_id IS NULL THEN $3 ELSE 'Succeeded' END
                     WHERE id = $4",
                )
                .bind(body)
                .bind(now)
                .bind(state.as_str())
                .bind(&operation.resource_id)
                .execute(&mut *write)
                .await?;
                // Nothing is wanted any more but what is, unless another request waits its turn.
                sqlx::query(
                    "UPDATE services SET wanted_image_id = image_id, wanted_settings = settings
                     WHERE id = $1 AND deployment_id IS NOT NULL AND NOT EXISTS (
                         SELECT 1 FROM operations
                         WHERE resource_id = $1 AND ended_at IS NULL AND id <> $2)",
                )
                .bind(&operation.resource_id)
                .bind(operation.id.to_string())
                .execute(&mut *write)
                .await?;
                end(&mut write, operation.id, Err(error)).await?;
            }
        }
        write.commit().await?;
        let service: ServiceId = operation.resource_id.parse().map_err(ControlError::internal)?;
        if exists.is_some() {
            let (level, message) = match &outcome {
                Ok(served) => (
                    LogLevel::Information,
                    format!("serves image {} version {}", wanted.image_id, served.version),
                ),
                Err(error) => (LogLevel::Error, format!("was not deployed or updated: {error}")),
            };
            self.inner.observers.logs.say(service, level, message);
        }
        if let Ok(served) = outcome {
            served.take_over();
            self.inner.routes.put(served);
        }
        Ok(())
    }

    /// Fills the routing table from the store; some modules are loaded in the background, the others
    /// when they are called.
    pub(crate) async fn load_routes(&self) -> Result<(), ControlError> {
        let mut earlier = self.earlier_modules(None).await?;
        let mut modules = Vec::new();
        let query = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{SERVICE} WHERE s.deployment_id IS NOT NULL ORDER BY s.updated_at DESC"
        )));
        // One after another: all at once would take more memory than they do as routes.
        let mut rows = query.fetch(self.inner.store.read());
        while let Some(row) = rows.try_next().await? {
            let found = earlier.remove(row.try_get::<&str, _>(0)?).unwrap_or_default();
            let image_id = row.try_get::<&str, _>(6)?.parse().map_err(ControlError::internal)?;
            let settings: Settings =
                serde_json::from_str(row.try_get(7)?).map_err(ControlError::internal)?;
            match self.served(&row, image_id, &settings, found) {
                Ok(served) => {
                    if modules.len() < WARM {
                        modules.extend(served.modules.first().cloned());
                    }
                    self.inner.routes.put(Arc::new(served));
                }
                Err(error) => {
                    let name: &str = row.try_get(2)?;
                    tracing::error!(name, ?error, "a service cannot be served");
                }
            }
        }
        drop(rows);
        self.inner.runner.spawn(async move {
            for module in modules {
                if let Err(error) = module.scorer().await {
                    tracing::error!(sha256 = module.sha256, ?error, "a module cannot be loaded");
                }
            }
        });
        Ok(())
    }

    /// A service that serves `image_id`, which is among `modules`.
    fn served(
        &self,
        row: &SqliteRow,
        image_id: ImageId,
        settings: &Settings,
        modules: Vec<ModuleRow>,
    ) -> Result<ServedService, ControlError> {
        let id: ServiceId = row.try_get::<&str, _>(0)?.parse().map_err(ControlError::internal)?;
        let public_name: String = row.try_get(3)?;
        let effect = settings.effect(self.limits().guest_memory_bytes)?;
        let before = self.inner.routes.get(&public_name).filter(|before| before.id == id);
        let slots = match &before {
            Some(before) => Arc::clone(&before.slots),
            None => Slots::new(limits_of(&effect, effect.first_slots())),
        };
        let meter = before.as_ref().map(|before| Arc::clone(&before.meter)).unwrap_or_default();
        let keys: Arc<ServiceKeys> = match &before {
            Some(before) => Arc::clone(&before.keys),
            None => Arc::new(self.served_keys(id, row.try_get(4)?, row.try_get(5)?)?),
        };
        let known = before.as_ref().map_or(&[][..], |before| &before.modules);
        let modules = self.served_modules(image_id, &effect, modules, known);
        let current = modules
            .first()
            .filter(|module| module.image_id == image_id)
            .ok_or_else(|| ControlError::not_ready("the image has no module", "Build it anew."))?;
        let (subscription, group, account): (&str, &str, &str) =
            (row.try_get(8)?, row.try_get(9)?, row.try_get(10)?);
        Ok(ServedService {
            id,
            name: row.try_get(2)?,
            public_name,
            image_id,
            version: current.version,
            scope: Scope::new(&paths::account_arm_id(subscription, group, account)),
            account_id: row.try_get(1)?,
            watch: Watch::new(
                Arc::clone(&self.inner.observers),
                (id, row.try_get(1)?, current.version),
                effect.traced,
                effect.collecting.clone(),
            ),
            effect,
            slots,
            meter,
            keys,
            modules,
        })
    }

    /// The module of `image_id` first, then the others, the newest first. What is loaded already
    /// with the same memory is kept.
    fn served_modules(
        &self,
        image_id: ImageId,
        effect: &Effect,
        mut modules: Vec<ModuleRow>,
        known: &[Arc<ServedModule>],
    ) -> Vec<Arc<ServedModule>> {
        modules.sort_by_key(|module| (module.image_id != image_id, -module.served_at));
        modules.dedup_by_key(|module| module.image_id);
        let served = |module: ModuleRow| {
            let same = known.iter().find(|known| {
                known.image_id == module.image_id
                    && known.limits.memory_bytes == effect.memory_bytes
            });
            if let Some(same) = same {
                return Arc::clone(same);
            }
            Arc::new(ServedModule {
                image_id: module.image_id,
                version: module.version,
                sha256: module.sha256,
                compiled_here: module.compiled_here,
                limits: ScorerLimits {
                    memory_bytes: effect.memory_bytes,
                    max_idle: IDLE,
                    ..ScorerLimits::default()
                },
                loader: Arc::clone(&self.inner.loader),
                scorer: OnceCell::new(),
                withdrawn: AtomicBool::new(false),
            })
        };
        modules.into_iter().map(served).collect()
    }

    async fn module_of(&self, image_id: ImageId) -> Result<ModuleRow, ControlError> {
        let row = sqlx::query(
            "SELECT id, version, module_sha256, compiled_here, created_at FROM images
             WHERE id = $1 AND module_sha256 IS NOT NULL",
        )
        .bind(image_id.to_string())
        .fetch_optional(self.inner.store.read())
        .await?;
        let gone = || ControlError::not_ready("the image was deleted meanwhile", "Build it anew.");
        module_row(&row.ok_or_else(gone)?)
    }

    /// The modules that a service (every service when `None`) served, and whose images are still
    /// there, by service.
    async fn earlier_modules(
        &self,
        service_id: Option<&str>,
    ) -> Result<HashMap<String, Vec<ModuleRow>>, ControlError> {
        let mut query = QueryBuilder::new(
            "SELECT i.id, i.version, i.module_sha256, i.compiled_here, max(d.created_at),
                 d.service_id
             FROM deployments d JOIN images i ON i.id = d.image_id
             WHERE d.state = 'Succeeded' AND i.module_sha256 IS NOT NULL",
        );
        if let Some(service_id) = service_id {
            query.push(" AND d.service_id = ").push_bind(service_id);
        }
        query.push(" GROUP BY d.service_id, i.id, i.version, i.module_sha256, i.compiled_here");
        let query = query.build();
        let mut rows = query.fetch(self.inner.store.read());
        let mut earlier: HashMap<String, Vec<ModuleRow>> = HashMap::new();
        while let Some(row) = rows.try_next().await? {
            earlier.entry(row.try_get(5)?).or_default().push(module_row(&row)?);
        }
        drop(rows);
        Ok(earlier)
    }
}

/// What the store knows of a module.
struct ModuleRow {
    image_id: ImageId,
    version: u64,
    sha256: String,
    compiled_here: bool,
    served_at: i64,
}

fn module_row(row: &SqliteRow) -> Result<ModuleRow, ControlError> {
    Ok(ModuleRow {
        image_id: row.try_get::<&str, _>(0)?.parse().map_err(ControlError::internal)?,
        version: row.try_get::<i64, _>(1)?.unsigned_abs(),
        sha256: row.try_get(2)?,
        compiled_here: row.try_get(3)?,
        served_at: row.try_get(4)?,
    })
}

impl ServedService {
    /// Brings the slots to this deployment's limits.
    fn take_over(&self) {
        let slots = self.effect.slots_after(self.slots.count());
        self.slots.set(limits_of(&self.effect, slots));
    }
}

fn limits_of(effect: &Effect, slots: u32) -> SlotLimits {
    SlotLimits {
        slots,
        calls_per_slot: effect.calls_per_slot,
        cpu_millis: effect.cpu_millis,
        wakes: effect.wakes(),
    }
}

/// Why no instance could be made.
fn refuse(error: ScoreError, effect: &Effect) -> ControlError {
    match error {
        ScoreError::OutOfMemory => ControlError::LimitExceeded {
            what: "the memory that the model needs".to_owned(),
            limit: format!("{} bytes", effect.memory_bytes),
            remedy: "Raise `containerResourceReservation.memory`.".to_owned(),
        },
        other => ControlError::internal(other),
    }
}
