//! Registered models: a name, a version, and where the bytes are.
//!
//! Bytes of our own artefacts are read at once, in a child: what they take and give, or what stands
//! in the way, is known before anybody builds an image. Other addresses are only recorded, and read
//! when an image is built.

mod addresses;
mod change;
mod drawing;
mod fetch;
mod reading;
mod source;

use serde::Deserialize;
use shared::{Check, Model, ModelId, ModelRequest};
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    AccountAccess, Action, Control, ControlError, Kind, ListQuery, Listed, audit,
    child::Reading,
    clock,
    first_answers::{first_answer, keep_answer},
    lists::{self, Order, Rows, Table, searchable},
    random,
    store::Write,
};

pub use addresses::ModelHost;
pub(crate) use source::Source;

/// Longest address in bytes.
const URL_BYTES: usize = 4_096;
const MIME_TYPE_BYTES: usize = 200;

pub(crate) const TABLE: Table = Table {
    columns: "r.id, r.name, r.version, r.url, r.mime_type, r.description, r.tags, r.unpack, \
        r.created_at, r.sha256, r.size",
    name: "models",
    joins: "",
    rows: Rows::Keyed,
    orders: &[
        Order::number("createdAt", "r.key"),
        Order::text("name", "r.name"),
        Order::number("updatedAt", "r.key"),
        Order::number("version", "r.version"),
    ],
    beside: &["name", "version", "tags"],
};

/// Which models a list shows; whole values, combined with AND.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ModelFilter {
    /// Name.
    pub name: Option<String>,
    /// One of the tags.
    pub tag: Option<String>,
}

impl Control {
    /// Registers the next version of a model; bytes of our own artefacts are read at once.
    pub async fn register_model(
        &self,
        account: &AccountAccess,
        request: ModelRequest,
    ) -> Result<Model, ControlError> {
        account.require(Action::Write)?;
        validate(&request)?;
        let keyed = account.keyed_request("model", &request)?;
        if let Some(answer) = self.known_answer(keyed.as_ref()).await? {
            return Ok(answer);
        }
        let unpack = request.unpack.unwrap_or(false);
        let source = Source::parse(account, &request.url)?;
        let (url, bytes) = match source {
            Source::Elsewhere(url) => (url, None),
            Source::Artifact { path, sha256 } => {
                let found = self.find_artifact(account, &path, sha256.as_deref()).await?;
                let (sha256, size) = found.ok_or_else(|| {
                    ControlError::invalid(
                        format!("there are no such bytes under `{path}`"),
                        "Upload the artifact first and send the `url` of the answer.",
                    )
                })?;
                self.reading(&sha256, unpack).await?;
                let url = crate::artifacts::artifact_url(account, &path, &sha256);
                (url, Some((sha256, size)))
            }
        };

        let (tags, search) =
            columns(&request.name, request.description.as_deref(), request.tags.as_deref())?;
        let id = ModelId(random::uuid());
        // From here to the commit the bytes cannot be swept.
        let gate = self.inner.blobs.gate().await;
        let mut write = self.inner.store.write().await?;
        if let Some(answer) = first_answer(&mut write, keyed.as_ref()).await? {
            return Ok(answer);
        }
        if let Some((sha256, _)) = &bytes {
            still_there(&mut write, account, sha256).await?;
        }
        // Within the write, so that moments are in the order of keys.
        let now = clock::now();
        let version = next_version(&mut write, &account.account_id, "model", &request.name).await?;
        sqlx::query(
            "INSERT INTO models (id, account_id, name, version, url, mime_type, description, tags,
                 unpack, created_at, sha256, size, search)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(id.to_string())
        .bind(&account.account_id)
        .bind(&request.name)
        .bind(version.cast_signed())
        .bind(&url)
        .bind(&request.mime_type)
        .bind(&request.description)
        .bind(&tags)
        .bind(request.unpack)
        .bind(now)
        .bind(bytes.as_ref().map(|(sha256, _)| sha256))
        .bind(bytes.as_ref().map(|(_, size)| size.cast_signed()))
        .bind(search)
        .execute(&mut *write)
        .await?;
        let (sha256, size) = bytes.unzip();
        let model = Model {
            id,
            name: request.name,
            version,
            url,
            mime_type: request.mime_type,
            description: request.description,
            tags: request.tags,
            unpack: request.unpack,
            created_at: clock::timestamp(now),
            sha256,
            size,
        };
        keep_answer(&mut write, keyed.as_ref(), &model).await?;
        audit::made(id);
        write.commit().await?;
        drop(gate);
        Ok(model)
    }

    /// A page of models.
    pub async fn models(
        &self,
        account: &AccountAccess,
        filter: &ModelFilter,
        query: &ListQuery,
    ) -> Result<Listed<Model>, ControlError> {
        account.require(Action::Read)?;
        let exactly = lists::Exactly { name: filter.name.clone(), tag: filter.tag.clone() };
        let none: &lists::Conditions<'_> = &|_| {};
        lists::exact_page(&self.inner.store, &TABLE, query, account, (none, exactly), model).await
    }

    /// One model.
    pub async fn model(&self, account: &AccountAccess, id: &str) -> Result<Model, ControlError> {
        account.require(Action::Read)?;
        self.find_model(account, id).await?.ok_or_else(|| ControlError::not_found(Kind::Model, id))
    }

    /// What the model takes and gives, and what stands in the way of compiling it.
    pub async fn model_signature(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Check, ControlError> {
        let model = self.model(account, id).await?;
        let Some(sha256) = &model.sha256 else {
            return Err(ControlError::NotYet {
                message: "the model's bytes were not read yet".to_owned(),
                remedy: "Build an image of the model; its address is read then.".to_owned(),
            });
        };
        match self.reading(sha256, model.unpack.unwrap_or(false)).await? {
            Reading::Onnx(check) => Ok(check),
            Reading::Wasm(signature) => {
                Ok(Check { ok: true, signature: Some(signature), unsupported: Vec::new() })
            }
            Reading::Refused(refusal) if !refusal.unsupported.is_empty() => {
                Ok(Check { ok: false, signature: None, unsupported: refusal.unsupported })
            }
            Reading::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// Deletes a model that no manifest uses. `false` when there was none.
    pub async fn delete_model(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<bool, ControlError> {
        account.require(Action::Write)?;
        let Ok(model_id) = id.parse::<ModelId>() else { return Ok(false) };
        let mut write = self.inner.store.write().await?;
        let users: Vec<String> = sqlx::query_scalar(
            "SELECT 'manifest ' || m.name || ' version ' || m.version || ' (' || m.id || ')'
             FROM manifest_models u JOIN manifests m ON m.id = u.manifest_id
             WHERE u.model_id = $1 AND m.account_id = $2 ORDER BY m.created_at LIMIT 20",
        )
        .bind(model_id.to_string())
        .bind(&account.account_id)
        .fetch_all(&mut *write)
        .await?;
        if !users.is_empty() {
            return Err(ControlError::InUse { kind: Kind::Model, id: id.to_owned(), users });
        }
        let deleted =
            sqlx::query("DELETE FROM models WHERE id = $1 AND account_id = $2 RETURNING sha256")
                .bind(model_id.to_string())
                .bind(&account.account_id)
                .fetch_optional(&mut *write)
                .await?;
        write.commit().await?;
        let Some(row) = deleted else { return Ok(false) };
        // Bytes that were fetched belong to no artefact: with the model they go.
        if let Some(sha256) = row.try_get::<Option<String>, _>(0)? {
            self.sweep(&[sha256]).await?;
        }
        Ok(true)
    }

    pub(crate) async fn find_model(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Option<Model>, ControlError> {
        let Ok(model_id) = id.parse::<ModelId>() else { return Ok(None) };
        let row = sqlx::query(
            "SELECT id, name, version, url, mime_type, description, tags, unpack, created_at,
                 sha256, size FROM models WHERE id = $1 AND account_id = $2",
        )
        .bind(model_id.to_string())
        .bind(&account.account_id)
        .fetch_optional(self.inner.store.read())
        .await?;
        row.as_ref().map(model).transpose()
    }
}

fn validate(request: &ModelRequest) -> Result<(), ControlError> {
    shared::validate_name(&request.name).map_err(|rule| refuse(&rule, "name"))?;
    validate_words(request.description.as_deref(), request.tags.as_deref())?;
    let mime_type = request.mime_type.trim();
    if mime_type.is_empty() || mime_type.len() > MIME_TYPE_BYTES {
        return Err(ControlError::invalid(
            format!("`mimeType` has 1 to {MIME_TYPE_BYTES} characters"),
            "Send `application/octet-stream` when in doubt; the bytes decide what they are.",
        ));
    }
    if request.url.len() > URL_BYTES {
        return Err(ControlError::invalid(
            format!("`url` has {URL_BYTES} characters at most"),
            "Upload the bytes as an artifact and send its `url`.",
        ));
    }
    Ok(())
}

fn refuse(rule: &shared::InvalidName, member: &str) -> ControlError {
    ControlError::invalid(rule.to_string(), format!("Change `{member}`."))
}

fn validate_words(description: Option<&str>, tags: Option<&[String]>) -> Result<(), ControlError> {
    if let Some(tags) = tags {
        shared::validate_tags(tags).map_err(|rule| refuse(&rule, "tags"))?;
    }
    if let Some(description) = description {
        shared::validate_description(description).map_err(|rule| refuse(&rule, "description"))?;
    }
    Ok(())
}

/// The columns `tags` and `search` of a model.
fn columns(
    name: &str,
    description: Option<&str>,
    tags: Option<&[String]>,
) -> Result<(Option<String>, String), ControlError> {
    let written = tags.map(serde_json::to_string).transpose().map_err(ControlError::internal)?;
    let words = tags.unwrap_or_default().iter().map(String::as_str);
    let parts = [name, description.unwrap_or_default()].into_iter().chain(words);
    Ok((written, searchable(parts)))
}

async fn still_there(
    write: &mut Write,
    account: &AccountAccess,
    sha256: &str,
) -> Result<(), ControlError> {
    sqlx::query("SELECT 1 FROM artifacts WHERE sha256 = $1 AND account_id = $2")
        .bind(sha256)
        .bind(&account.account_id)
        .fetch_optional(&mut **write)
        .await?
        .map(|_| ())
        .ok_or_else(|| {
            ControlError::invalid(
                "the artifact was deleted meanwhile",
                "Upload the artifact again and send the `url` of the answer.",
            )
        })
}

/// The next version of a name; counts on past deletions.
pub(crate) async fn next_version(
    write: &mut Write,
    account_id: &str,
    kind: &str,
    name: &str,
) -> Result<u64, ControlError> {
    let version: i64 = sqlx::query_scalar(
        "INSERT INTO name_versions (account_id, kind, name, last_version) VALUES ($1, $2, $3, 1)
         ON CONFLICT (account_id, kind, name) DO UPDATE SET last_version = last_version + 1
         RETURNING last_version",
    )
    .bind(account_id)
    .bind(kind)
    .bind(name)
    .fetch_one(&mut **write)
    .await?;
    Ok(version.unsigned_abs())
}

pub(crate) fn model(row: &SqliteRow) -> Result<Model, ControlError> {
    let id: &str = row.try_get("id")?;
    let tags: Option<&str> = row.try_get("tags")?;
    Ok(Model {
        id: id.parse().map_err(ControlError::internal)?,
        name: row.try_get("name")?,
        version: row.try_get::<i64, _>("version")?.unsigned_abs(),
        url: row.try_get("url")?,
        mime_type: row.try_get("mime_type")?,
        description: row.try_get("description")?,
        tags: tags.map(serde_json::from_str).transpose().map_err(ControlError::internal)?,
        unpack: row.try_get("unpack")?,
        created_at: clock::timestamp(row.try_get("created_at")?),
        sha256: row.try_get("sha256")?,
        size: row.try_get::<Option<i64>, _>("size")?.map(i64::unsigned_abs),
    })
}
