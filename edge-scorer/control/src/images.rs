//! Images: models compiled and packed.

mod build;
mod oci;
mod portable;
mod registry;

use std::{io, time::Duration};

use serde::Deserialize;
use shared::{
    Check, Image, ImageId, ImageRequest, OperationId, OperationType, Signature, paths::AccountPath,
};
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use crate::{
    AccountAccess, Action, Content, Control, ControlError, Kind, ListQuery, Listed, audit, clock,
    first_answers::{first_answer, keep_answer},
    lists::{self, Order, Rows, Table, searchable},
    models::next_version,
    operations::{NewOperation, accept},
    random,
    vault::Vault,
};

pub(crate) use build::DEFAULT_PROFILE;
pub use registry::Registry;
pub(crate) use registry::SCHEME as REGISTRY_SCHEME;

/// Longest opaque compute resource id in bytes.
const COMPUTE_BYTES: usize = 1_024;
/// How long the address of a build log may be used without credentials.
const LOG_LINK: Duration = Duration::from_secs(24 * 3600);
const LOG_PURPOSE: &str = "build-log";

pub(crate) const COLUMNS: &str = "r.id, r.name, r.version, r.description, r.compute_resource_id, \
    r.image_type, r.created_at, r.state, r.error, r.module_sha256, r.module_size, r.location, r.manifest_id, \
    m.version AS manifest_version, m.body AS manifest_body, \
    m.created_at AS manifest_created_at";

pub(crate) const TABLE: Table = Table {
    columns: COLUMNS,
    name: "images",
    joins: " JOIN manifests m ON m.id = r.manifest_id",
    rows: Rows::Keyed,
    orders: &[
        Order::number("createdAt", "r.key"),
        Order::text("name", "r.name"),
        Order::number("updatedAt", "r.key"),
        Order::number("version", "r.version"),
        Order::text("state", "r.state"),
    ],
    beside: &["name", "version", "state"],
};

/// Which images a list shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ImageFilter {
    /// The manifest they were built from.
    pub manifest_id: Option<String>,
    /// The name of the manifest they were built from.
    pub manifest_name: Option<String>,
}

impl Control {
    /// Begins to build the next version of an image.
    pub async fn create_image(
        &self,
        account: &AccountAccess,
        request: ImageRequest,
    ) -> Result<OperationId, ControlError> {
        account.require(Action::Write)?;
        validate(&request)?;
        let keyed = account.keyed_request("image", &request)?;
        if let Some(answer) = self.known_answer(keyed.as_ref()).await? {
            return Ok(answer);
        }
        let manifest =
            self.find_manifest(account, &request.manifest_id).await?.ok_or_else(|| {
                ControlError::invalid(
                    format!("there is no manifest `{}`", request.manifest_id),
                    "Register the manifest first and send the `id` of the answer in `manifestId`.",
                )
            })?;
        let search =
            searchable([request.name.as_str(), request.description.as_deref().unwrap_or_default()]);
        let id = ImageId(random::uuid());
        let mut write = self.inner.store.write().await?;
        if let Some(answer) = first_answer(&mut write, keyed.as_ref()).await? {
            return Ok(answer);
        }
        let version = next_version(&mut write, &account.account_id, "image", &request.name).await?;
        let inserted = sqlx::query(
            "INSERT INTO images (id, account_id, name, version, description, compute_resource_id,
                 image_type, manifest_id, manifest_name, created_at, state, search)
             SELECT $1, $2, $3, $4, $5, $6, $7, id, name, $9, 'NotStarted', $10
             FROM manifests WHERE id = $8",
        )
        .bind(id.to_string())
        .bind(&account.account_id)
        .bind(&request.name)
        .bind(version.cast_signed())
        .bind(&request.description)
        .bind(&request.compute_resource_id)
        .bind(request.image_type.as_str())
        .bind(manifest.id.to_string())
        .bind(clock::now())
        .bind(search)
        .execute(&mut *write)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(ControlError::invalid(
                "the manifest was deleted meanwhile",
                "Register the manifest again.",
            ));
        }
        let operation = accept(
            &mut write,
            NewOperation {
                account_id: &account.account_id,
                operation_type: OperationType::Image,
                resource_id: &id.to_string(),
                resource_path: &account.path.image(id),
                deployment_id: None,
                input: "{}".to_owned(),
            },
        )
        .await?;
        keep_answer(&mut write, keyed.as_ref(), &operation).await?;
        audit::made(id);
        write.commit().await?;
        self.start_operation(operation);
        Ok(operation)
    }

    /// A page of images.
    pub async fn images(
        &self,
        account: &AccountAccess,
        filter: &ImageFilter,
        query: &ListQuery,
    ) -> Result<Listed<Image>, ControlError> {
        account.require(Action::Read)?;
        let conditions = |builder: &mut QueryBuilder<Sqlite>| narrow(builder, filter);
        let read = |row: &SqliteRow| image(row, account, &self.inner.vault);
        lists::page(&self.inner.store, &TABLE, query, account, &conditions, read).await
    }

    /// One image.
    pub async fn image(&self, account: &AccountAccess, id: &str) -> Result<Image, ControlError> {
        account.require(Action::Read)?;
        self.find_image(account, id).await?.ok_or_else(|| ControlError::not_found(Kind::Image, id))
    }

    /// What the image's module takes and gives.
    pub async fn image_signature(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Check, ControlError> {
        let image = self.image(account, id).await?;
        let signature: Option<String> =
            sqlx::query_scalar("SELECT signature FROM images WHERE id = $1")
                .bind(image.id.to_string())
                .fetch_one(self.inner.store.read())
                .await?;
        let text = signature.ok_or_else(|| not_built(&image))?;
        let signature: Signature = serde_json::from_str(&text).map_err(ControlError::internal)?;
        Ok(Check { ok: true, signature: Some(signature), unsupported: Vec::new() })
    }

    /// The build's log so far.
    pub async fn image_log(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<String, ControlError> {
        let image = self.image(account, id).await?;
        self.read_log(image.id).await
    }

    /// The build's log by the signed link in `imageBuildLogUri` (its query's `se` and `sig`): no
    /// credentials needed.
    pub async fn image_log_by_link(
        &self,
        subscription: &str,
        group: &str,
        account: &str,
        id: &str,
        expires: &str,
        signature: &str,
    ) -> Result<String, ControlError> {
        let refusal = ControlError::Unauthenticated("the link to the build log is not valid");
        let Ok(image_id) = id.parse::<ImageId>() else { return Err(refusal) };
        let path = AccountPath::new(subscription, group, account);
        let text = signed_text(&path, image_id, expires);
        let signed = self.inner.vault.has_signed(LOG_PURPOSE, &text, signature);
        let in_time = expires.parse::<i64>().is_ok_and(|end| end * 1_000_000 > clock::now());
        match (signed, in_time) {
            (true, true) => self.read_log(image_id).await,
            (true, false) => {
                Err(ControlError::Unauthenticated("the link to the build log has expired"))
            }
            (false, _) => Err(refusal),
        }
    }

    /// The Wasm module.
    pub async fn image_module(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Content, ControlError> {
        let image = self.image(account, id).await?;
        match (image.module_sha256.clone(), image.module_size) {
            (Some(sha256), Some(size)) => {
                Ok(Content::blob(self.inner.blobs.clone(), sha256, size, "application/wasm"))
            }
            _ => Err(not_built(&image)),
        }
    }

    /// The OCI image layout as a tar.
    pub async fn image_content(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Content, ControlError> {
        let image = self.image(account, id).await?;
        if image.module_sha256.is_none() {
            return Err(not_built(&image));
        }
        self.oci_layout(&image).await
    }

    /// Deletes an image that no service uses. `false` when there was none.
    pub async fn delete_image(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<bool, ControlError> {
        account.require(Action::Write)?;
        let Ok(image_id) = id.parse::<ImageId>() else { return Ok(false) };
        let mut write = self.inner.store.write().await?;
        let users: Vec<String> = sqlx::query_scalar(
            "SELECT 'service ' || name || ' (' || id || ')' FROM services
             WHERE (image_id = $1 OR wanted_image_id = $1) AND account_id = $2
             ORDER BY created_at LIMIT 20",
        )
        .bind(image_id.to_string())
        .bind(&account.account_id)
        .fetch_all(&mut *write)
        .await?;
        if !users.is_empty() {
            return Err(ControlError::InUse { kind: Kind::Image, id: id.to_owned(), users });
        }
        let unfinished: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM operations WHERE resource_id = $1 AND ended_at IS NULL",
        )
        .bind(image_id.to_string())
        .fetch_all(&mut *write)
        .await?;
        let mut hashes: Vec<String> =
            sqlx::query_scalar("SELECT sha256 FROM image_blobs WHERE image_id = $1")
                .bind(image_id.to_string())
                .fetch_all(&mut *write)
                .await?;
        let deleted = sqlx::query(
            "DELETE FROM images WHERE id = $1 AND account_id = $2
             RETURNING module_sha256, source_sha256",
        )
        .bind(image_id.to_string())
        .bind(&account.account_id)
        .fetch_optional(&mut *write)
        .await?;
        write.commit().await?;
        let Some(row) = deleted else { return Ok(false) };
        self.inner.routes.withdraw(image_id);
        for operation in unfinished {
            self.inner.runner.cancel(operation.parse().map_err(ControlError::internal)?);
        }
        hashes.extend(row.try_get::<Option<String>, _>(0)?);
        hashes.extend(row.try_get::<Option<String>, _>(1)?);
        self.sweep(&hashes).await?;
        let _ = tokio::fs::remove_file(self.log_path(image_id)).await;
        Ok(true)
    }

    pub(crate) async fn find_image(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Option<Image>, ControlError> {
        let Ok(image_id) = id.parse::<ImageId>() else { return Ok(None) };
        let mut query = sqlx::QueryBuilder::new("SELECT ");
        query
            .push(COLUMNS)
            .push(" FROM images r JOIN manifests m ON m.id = r.manifest_id WHERE r.id = ")
            .push_bind(image_id.to_string())
            .push(" AND r.account_id = ")
            .push_bind(&account.account_id);
        let row = query.build().fetch_optional(self.inner.store.read()).await?;
        row.as_ref().map(|row| image(row, account, &self.inner.vault)).transpose()
    }

    pub(crate) fn log_path(&self, id: ImageId) -> std::path::PathBuf {
        self.inner.folder.logs().join(format!("{id}.log"))
    }

    async fn read_log(&self, id: ImageId) -> Result<String, ControlError> {
        match tokio::fs::read(self.log_path(id)).await {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(ControlError::internal(error)),
        }
    }
}

pub(crate) fn narrow(builder: &mut QueryBuilder<Sqlite>, filter: &ImageFilter) {
    if let Some(id) = &filter.manifest_id {
        builder.push(" AND r.manifest_id = ").push_bind(id.to_ascii_lowercase());
    }
    if let Some(name) = &filter.manifest_name {
        builder.push(" AND r.manifest_name = ").push_bind(name.clone());
    }
}

fn validate(request: &ImageRequest) -> Result<(), ControlError> {
    let refuse = |rule: shared::InvalidName, member: &str| {
        ControlError::invalid(rule.to_string(), format!("Change `{member}`."))
    };
    shared::validate_name(&request.name).map_err(|rule| refuse(rule, "name"))?;
    if let Some(description) = &request.description {
        shared::validate_description(description).map_err(|rule| refuse(rule, "description"))?;
    }
    validate_compute(&request.compute_resource_id, "computeResourceId")
}

/// What is signed of an address: names compare without regard to case.
fn signed_text(account: &AccountPath, id: ImageId, expires: &str) -> String {
    format!("{}\n{expires}", account.image_part(id, "log").to_ascii_lowercase())
}

/// A compute resource is any text but none.
pub(crate) fn validate_compute(id: &str, member: &str) -> Result<(), ControlError> {
    if id.trim().is_empty() || id.len() > COMPUTE_BYTES {
        return Err(ControlError::invalid(
            format!("`{member}` has 1 to {COMPUTE_BYTES} characters"),
            format!("Send any text that names your compute resource in `{member}`."),
        ));
    }
    Ok(())
}

fn not_built(image: &Image) -> ControlError {
    ControlError::NotYet {
        message: format!("the image is {} and has no module", image.creation_state),
        remedy: "Wait for its operation to succeed; if it failed, its `error` says what to do."
            .to_owned(),
    }
}

/// An image from a row with [`COLUMNS`].
pub(crate) fn image(
    row: &SqliteRow,
    account: &AccountAccess,
    vault: &Vault,
) -> Result<Image, ControlError> {
    let (id, state, image_type): (&str, &str, &str) =
        (row.try_get("id")?, row.try_get("state")?, row.try_get("image_type")?);
    let id: ImageId = id.parse().map_err(ControlError::internal)?;
    let manifest = crate::manifests::nested(row)?;
    let error: Option<&str> = row.try_get("error")?;
    let module_sha256: Option<String> = row.try_get("module_sha256")?;
    let expires = (clock::now() + clock::micros(LOG_LINK)) / 1_000_000;
    let text = signed_text(&account.path, id, &expires.to_string());
    let signature = vault.sign(LOG_PURPOSE, &text);
    let log = account.path.image_part(id, "log");
    Ok(Image {
        id,
        name: row.try_get("name")?,
        version: row.try_get::<i64, _>("version")?.unsigned_abs(),
        description: row.try_get("description")?,
        compute_resource_id: row.try_get("compute_resource_id")?,
        image_type: image_type.parse().map_err(ControlError::internal)?,
        created_time: clock::timestamp(row.try_get("created_at")?),
        creation_state: state.parse().map_err(ControlError::internal)?,
        error: error.map(serde_json::from_str).transpose().map_err(ControlError::internal)?,
        image_build_log_uri: Some(format!("{log}?se={expires}&sig={signature}")),
        image_location: match row.try_get("location")? {
            Some(pushed) => Some(pushed),
            None => module_sha256.as_ref().map(|_| account.path.image_part(id, "content")),
        },
        manifest_id: manifest.id,
        manifest: Some(manifest),
        module_sha256,
        module_size: row.try_get::<Option<i64>, _>("module_size")?.map(i64::unsigned_abs),
    })
}
