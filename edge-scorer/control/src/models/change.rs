//! Changing what is said about a model. What it is (name, version, bytes) never changes.

use shared::{Model, ModelId, ModelPatch};

use super::{columns, model, validate_words};
use crate::{AccountAccess, Action, Control, ControlError, Kind};

impl Control {
    /// Changes description and tags, as far as the patch names them.
    pub async fn change_model(
        &self,
        account: &AccountAccess,
        id: &str,
        patch: ModelPatch,
    ) -> Result<Model, ControlError> {
        account.require(Action::Write)?;
        let named = patch.description.as_ref().and_then(Option::as_deref);
        validate_words(named, patch.tags.as_ref().and_then(Option::as_deref))?;
        let absent = || ControlError::not_found(Kind::Model, id);
        let model_id: ModelId = id.parse().map_err(|_| absent())?;
        // Read and written in one transaction: of two patches of different members, both stay.
        let mut write = self.inner.store.write().await?;
        let row = sqlx::query(
            "SELECT id, name, version, url, mime_type, description, tags, unpack, created_at,
                 sha256, size FROM models WHERE id = $1 AND account_id = $2",
        )
        .bind(model_id.to_string())
        .bind(&account.account_id)
        .fetch_optional(&mut *write)
        .await?
        .ok_or_else(absent)?;
        let mut changed = model(&row)?;
        if patch == ModelPatch::default() {
            return Ok(changed);
        }
        if let Some(description) = patch.description {
            changed.description = description;
        }
        if let Some(tags) = patch.tags {
            changed.tags = tags;
        }
        let (description, tags) = (changed.description.as_deref(), changed.tags.as_deref());
        let (written, search) = columns(&changed.name, description, tags)?;
        sqlx::query(
            "UPDATE models SET description = $1, tags = $2, search = $3
             WHERE id = $4 AND account_id = $5",
        )
        .bind(description)
        .bind(written)
        .bind(search)
        .bind(model_id.to_string())
        .bind(&account.account_id)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(changed)
    }
}
