//! Manifests: which models an image is made of.

use serde::Deserialize;
use shared::{Manifest, ManifestId, ManifestRequest, ModelId, ModelType, WebserviceType};
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use crate::{
    AccountAccess, Action, Control, ControlError, Kind, ListQuery, Listed, audit, clock,
    first_answers::{first_answer, keep_answer},
    lists::{self, Order, Rows, Table, searchable},
    models::next_version,
    random,
};

/// Most models and most assets of one manifest.
const PARTS: usize = 100;

pub(crate) const TABLE: Table = Table {
    columns: "r.id, r.name, r.version, r.body, r.created_at",
    name: "manifests",
    joins: "",
    rows: Rows::Keyed,
    orders: &[
        Order::number("createdAt", "r.key"),
        Order::text("name", "r.name"),
        Order::number("updatedAt", "r.key"),
        Order::number("version", "r.version"),
    ],
    beside: &["name", "version"],
};

/// Which manifests a list shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ManifestFilter {
    /// A model that they name.
    pub model_id: Option<String>,
    /// Name.
    pub manifest_name: Option<String>,
}

impl Control {
    /// Registers the next version of a manifest.
    pub async fn register_manifest(
        &self,
        account: &AccountAccess,
        mut request: ManifestRequest,
    ) -> Result<Manifest, ControlError> {
        account.require(Action::Write)?;
        validate(&request)?;
        let keyed = account.keyed_request("manifest", &request)?;
        if let Some(answer) = self.known_answer(keyed.as_ref()).await? {
            return Ok(answer);
        }
        let asked = request.model_ids.clone();
        let mut model_ids: Vec<ModelId> = Vec::new();
        for text in asked.iter().flatten() {
            let model =
                self.find_model(account, text).await?.ok_or_else(|| not_registered(text))?;
            if !model_ids.contains(&model.id) {
                model_ids.push(model.id);
            }
        }
        request.model_type = request.model_type.or(Some(ModelType::Registered));
        request.webservice_type = request.webservice_type.or(Some(WebserviceType::Realtime));
        request.model_ids = asked.map(|_| model_ids.iter().map(ModelId::to_string).collect());
        let body = serde_json::to_string(&request).map_err(ControlError::internal)?;
        let search =
            searchable([request.name.as_str(), request.description.as_deref().unwrap_or_default()]);

        let id = ManifestId(random::uuid());
        let mut write = self.inner.store.write().await?;
        if let Some(answer) = first_answer(&mut write, keyed.as_ref()).await? {
            return Ok(answer);
        }
        let now = clock::now();
        let version =
            next_version(&mut write, &account.account_id, "manifest", &request.name).await?;
        sqlx::query(
            "INSERT INTO manifests (id, account_id, name, version, body, created_at, search)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id.to_string())
        .bind(&account.account_id)
        .bind(&request.name)
        .bind(version.cast_signed())
        .bind(&body)
        .bind(now)
        .bind(search)
        .execute(&mut *write)
        .await?;
        for (position, model_id) in model_ids.iter().enumerate() {
            // Chosen from the models, so that one deleted meanwhile is noticed.
            let named = sqlx::query(
                "INSERT INTO manifest_models (manifest_id, model_id, position)
                 SELECT $1, id, $3 FROM models WHERE id = $2",
            )
            .bind(id.to_string())
            .bind(model_id.to_string())
            .bind(i64::try_from(position).unwrap_or(i64::MAX))
            .execute(&mut *write)
            .await?;
            if named.rows_affected() == 0 {
                return Err(not_registered(&model_id.to_string()));
            }
        }
        let manifest = to_manifest(id, version, request, now)?;
        keep_answer(&mut write, keyed.as_ref(), &manifest).await?;
        audit::made(id);
        write.commit().await?;
        Ok(manifest)
    }

    /// A page of manifests.
    pub async fn manifests(
        &self,
        account: &AccountAccess,
        filter: &ManifestFilter,
        query: &ListQuery,
    ) -> Result<Listed<Manifest>, ControlError> {
        account.require(Action::Read)?;
        let conditions = |builder: &mut QueryBuilder<Sqlite>| narrow(builder, filter);
        lists::page(&self.inner.store, &TABLE, query, account, &conditions, manifest).await
    }

    /// One manifest.
    pub async fn manifest(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Manifest, ControlError> {
        account.require(Action::Read)?;
        let found = self.find_manifest(account, id).await?;
        found.ok_or_else(|| ControlError::not_found(Kind::Manifest, id))
    }

    /// Deletes a manifest that no image uses. `false` when there was none.
    pub async fn delete_manifest(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<bool, ControlError> {
        account.require(Action::Write)?;
        let Ok(manifest_id) = id.parse::<ManifestId>() else { return Ok(false) };
        let mut write = self.inner.store.write().await?;
        let users: Vec<String> = sqlx::query_scalar(
            "SELECT 'image ' || name || ' version ' || version || ' (' || id || ')' FROM images
             WHERE manifest_id = $1 AND account_id = $2 ORDER BY created_at LIMIT 20",
        )
        .bind(manifest_id.to_string())
        .bind(&account.account_id)
        .fetch_all(&mut *write)
        .await?;
        if !users.is_empty() {
            return Err(ControlError::InUse { kind: Kind::Manifest, id: id.to_owned(), users });
        }
        let deleted = sqlx::query("DELETE FROM manifests WHERE id = $1 AND account_id = $2")
            .bind(manifest_id.to_string())
            .bind(&account.account_id)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(deleted.rows_affected() > 0)
    }

    pub(crate) async fn find_manifest(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Option<Manifest>, ControlError> {
        let Ok(manifest_id) = id.parse::<ManifestId>() else { return Ok(None) };
        let row = sqlx::query(
            "SELECT id, name, version, body, created_at FROM manifests
             WHERE id = $1 AND account_id = $2",
        )
        .bind(manifest_id.to_string())
        .bind(&account.account_id)
        .fetch_optional(self.inner.store.read())
        .await?;
        row.as_ref().map(manifest).transpose()
    }
}

pub(crate) fn narrow(builder: &mut QueryBuilder<Sqlite>, filter: &ManifestFilter) {
    if let Some(name) = &filter.manifest_name {
        builder.push(" AND r.name = ").push_bind(name.clone());
    }
    if let Some(model_id) = &filter.model_id {
        builder
            .push(" AND r.id IN (SELECT manifest_id FROM manifest_models WHERE model_id = ")
            .push_bind(model_id.to_ascii_lowercase())
            .push(")");
    }
}

fn not_registered(id: &str) -> ControlError {
    ControlError::invalid(
        format!("there is no model `{id}`"),
        "Register the model first and send the `id` of the answer in `modelIds`.",
    )
}

fn validate(request: &ManifestRequest) -> Result<(), ControlError> {
    let refuse = |rule: shared::InvalidName, member: &str| {
        ControlError::invalid(rule.to_string(), format!("Change `{member}`."))
    };
    shared::validate_name(&request.name).map_err(|rule| refuse(rule, "name"))?;
    if let Some(description) = &request.description {
        shared::validate_description(description).map_err(|rule| refuse(rule, "description"))?;
    }
    let models = request.model_ids.as_ref().map_or(0, Vec::len);
    if models > PARTS || request.assets.len() > PARTS {
        return Err(ControlError::invalid(
            format!("a manifest names {PARTS} models and {PARTS} assets at most"),
            "Name fewer.",
        ));
    }
    Ok(())
}

fn manifest(row: &SqliteRow) -> Result<Manifest, ControlError> {
    let id: &str = row.try_get("id")?;
    let request = serde_json::from_str(row.try_get("body")?).map_err(ControlError::internal)?;
    let version: i64 = row.try_get("version")?;
    let id = id.parse().map_err(ControlError::internal)?;
    to_manifest(id, version.unsigned_abs(), request, row.try_get("created_at")?)
}

fn to_manifest(
    id: ManifestId,
    version: u64,
    request: ManifestRequest,
    created_at: i64,
) -> Result<Manifest, ControlError> {
    let model_ids = request
        .model_ids
        .map(|ids| ids.iter().map(|id| id.parse()).collect::<Result<Vec<_>, _>>())
        .transpose()
        .map_err(ControlError::internal)?;
    Ok(Manifest {
        id,
        name: request.name,
        version,
        description: request.description,
        driver_program: request.driver_program,
        assets: request.assets,
        model_ids,
        model_type: request.model_type,
        target_runtime: request.target_runtime,
        webservice_type: request.webservice_type,
        created_time: clock::timestamp(created_at),
    })
}

/// A manifest from the `manifest_*` columns of a joined row.
pub(crate) fn nested(row: &SqliteRow) -> Result<Manifest, ControlError> {
    let id: &str = row.try_get("manifest_id")?;
    let body = row.try_get("manifest_body")?;
    let request = serde_json::from_str(body).map_err(ControlError::internal)?;
    let version: i64 = row.try_get("manifest_version")?;
    let id = id.parse().map_err(ControlError::internal)?;
    to_manifest(id, version.unsigned_abs(), request, row.try_get("manifest_created_at")?)
}
