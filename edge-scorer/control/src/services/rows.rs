//! Services as rows, and the parts that an answer nests.

use std::collections::{BTreeSet, HashMap};

use shared::{BareService, ComputeResource, Image, ImageId, ManifestId, Model, paths};
use sqlx::{QueryBuilder, Row as _, sqlite::SqliteRow};

use super::{Effect, Settings, settings::Scaling};
use crate::{AccountAccess, Control, ControlError, Listed, clock, images, models};

pub(crate) const COLUMNS: &str = "r.id, r.name, r.public_name, r.created_at, r.updated_at, \
    r.state, r.error, r.compute_resource_id, r.compute_type, r.image_id, r.settings";

/// A service without its parts.
pub(crate) fn service(row: &SqliteRow) -> Result<BareService, ControlError> {
    let parse = |error: String| ControlError::internal(error);
    let (id, state, compute_type, image_id): (&str, &str, &str, &str) = (
        row.try_get("id")?,
        row.try_get("state")?,
        row.try_get("compute_type")?,
        row.try_get("image_id")?,
    );
    let settings: Settings =
        serde_json::from_str(row.try_get("settings")?).map_err(ControlError::internal)?;
    let error: Option<&str> = row.try_get("error")?;
    let public_name: &str = row.try_get("public_name")?;
    Ok(BareService {
        id: id.parse().map_err(ControlError::internal)?,
        name: row.try_get("name")?,
        created_at: clock::timestamp(row.try_get("created_at")?),
        updated_at: clock::timestamp(row.try_get("updated_at")?),
        state: state.parse().map_err(parse)?,
        error: error.map(serde_json::from_str).transpose().map_err(ControlError::internal)?,
        scoring_uri: Some(paths::score(public_name)),
        image_id: image_id.parse().map_err(ControlError::internal)?,
        image: None,
        manifest: None,
        models: None,
        compute_resource: ComputeResource {
            id: Some(row.try_get("compute_resource_id")?),
            compute_type: Some(compute_type.parse().map_err(parse)?),
        },
        num_replicas: settings.num_replicas,
        replicas: 0,
        auto_scaler: settings.auto_scaler,
        container_resource_reservation: settings.container_resource_reservation,
        max_concurrent_requests_per_container: settings.max_concurrent_requests_per_container,
        app_insights_enabled: settings.app_insights_enabled,
        data_collection: settings.data_collection,
    })
}

/// What the services of one image have in common.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The image, its manifest in it.
    pub image: Image,
    /// What the manifest names.
    pub models: Vec<Model>,
}

/// A page of services: what many of them have in common stands there once.
#[derive(Debug, Clone)]
pub struct ServicePage {
    /// The services.
    pub listed: Listed<BareService>,
    /// Of each image that the services are of.
    pub parts: HashMap<ImageId, Parts>,
}

impl Control {
    /// Images, manifests and models of services: two queries for a whole page.
    pub(crate) async fn parts(
        &self,
        account: &AccountAccess,
        services: &[BareService],
    ) -> Result<HashMap<ImageId, Parts>, ControlError> {
        if services.is_empty() {
            return Ok(HashMap::new());
        }
        let images = self.images_of(account, services).await?;
        let manifests: BTreeSet<_> = images.iter().map(|image| image.manifest_id).collect();
        let models = self.models_of(&manifests).await?;
        let parts = images.into_iter().map(|image| {
            let models = models.get(&image.manifest_id).cloned().unwrap_or_default();
            (image.id, Parts { image, models })
        });
        Ok(parts.collect())
    }

    /// Replicas of a service at this moment.
    pub(crate) fn replicas(&self, service: &BareService) -> u32 {
        let name = service.scoring_uri.as_deref().and_then(public_name);
        name.and_then(|name| self.inner.routes.get(name)).map_or(0, |served| served.replicas())
    }

    async fn images_of(
        &self,
        account: &AccountAccess,
        services: &[BareService],
    ) -> Result<Vec<Image>, ControlError> {
        let mut query = QueryBuilder::new("SELECT ");
        query.push(images::COLUMNS);
        query.push(" FROM images r JOIN manifests m ON m.id = r.manifest_id");
        // A list of ids as one value: one statement for pages of all lengths.
        let ids: BTreeSet<_> = services.iter().map(|service| service.image_id).collect();
        query.push(" WHERE r.id IN (SELECT value FROM json_each(").push_bind(json(&ids)?);
        query.push("))");
        let rows = query.build().fetch_all(self.inner.store.read()).await?;
        rows.iter().map(|row| images::image(row, account, &self.inner.vault)).collect()
    }

    async fn models_of(
        &self,
        manifests: &BTreeSet<ManifestId>,
    ) -> Result<HashMap<ManifestId, Vec<Model>>, ControlError> {
        let mut query = QueryBuilder::new(
            "SELECT u.manifest_id, r.id, r.name, r.version, r.url, r.mime_type, r.description,
                 r.tags, r.unpack, r.created_at, r.sha256, r.size
             FROM manifest_models u JOIN models r ON r.id = u.model_id
             WHERE u.manifest_id IN (SELECT value FROM json_each(",
        );
        query.push_bind(json(manifests)?);
        query.push(")) ORDER BY u.manifest_id, u.position");
        let rows = query.build().fetch_all(self.inner.store.read()).await?;
        let mut found: HashMap<ManifestId, Vec<Model>> = HashMap::new();
        for row in &rows {
            let id: &str = row.try_get("manifest_id")?;
            let id = id.parse().map_err(ControlError::internal)?;
            found.entry(id).or_default().push(models::model(row)?);
        }
        Ok(found)
    }
}

fn json(ids: &impl serde::Serialize) -> Result<String, ControlError> {
    serde_json::to_string(ids).map_err(ControlError::internal)
}

/// The name in `/api/v1/service/{name}/score`; names need no decoding.
fn public_name(scoring_uri: &str) -> Option<&str> {
    scoring_uri.strip_prefix("/api/v1/service/")?.strip_suffix("/score")
}

impl Effect {
    /// Slots to begin with.
    pub(crate) fn first_slots(&self) -> u32 {
        match self.scaling {
            Scaling::Fixed(replicas) => replicas,
            Scaling::Automatic { least, .. } => least,
        }
    }

    pub(crate) fn wakes(&self) -> bool {
        matches!(self.scaling, Scaling::Automatic { .. })
    }

    /// The number of slots to go on with: what the autoscaler found, within the new limits.
    pub(crate) fn slots_after(&self, slots: u32) -> u32 {
        match self.scaling {
            Scaling::Fixed(replicas) => replicas,
            Scaling::Automatic { least, most, .. } => slots.clamp(least, most),
        }
    }
}
