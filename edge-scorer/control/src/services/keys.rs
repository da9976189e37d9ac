//! The two keys of a service: readable through the API, so sealed in the store.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use shared::{AuthKeys, KeyType, ServiceId};
use sqlx::Row as _;

use crate::{
    AccountAccess, Action, Control, ControlError, Kind, audit, random, routes::ServiceKeys,
};

/// Both keys, in the clear.
pub(crate) struct Keys {
    pub(crate) primary: String,
    pub(crate) secondary: String,
}

impl Keys {
    pub(crate) fn random() -> Self {
        Self { primary: key(), secondary: key() }
    }
}

fn key() -> String {
    STANDARD.encode(random::bytes::<32>())
}

pub(crate) fn primary_purpose(id: ServiceId) -> String {
    format!("service-key:{id}:primary")
}

pub(crate) fn secondary_purpose(id: ServiceId) -> String {
    format!("service-key:{id}:secondary")
}

impl Control {
    /// Both keys.
    pub async fn service_keys(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<AuthKeys, ControlError> {
        account.require(Action::Keys)?;
        let row = sqlx::query(
            "SELECT id, primary_key, secondary_key FROM services
             WHERE account_id = $1 AND (id = $2 OR name = $3)",
        )
        .bind(&account.account_id)
        .bind(id.to_ascii_lowercase())
        .bind(id)
        .fetch_optional(self.inner.store.read())
        .await?
        .ok_or_else(|| ControlError::not_found(Kind::Service, id))?;
        let service_id = row.try_get::<&str, _>(0)?.parse().map_err(ControlError::internal)?;
        let keys = self.open_keys(service_id, row.try_get(1)?, row.try_get(2)?)?;
        Ok(AuthKeys { primary_key: keys.primary, secondary_key: keys.secondary })
    }

    /// Replaces one key; the old one dies at once.
    pub async fn regenerate_key(
        &self,
        account: &AccountAccess,
        id: &str,
        key_type: KeyType,
    ) -> Result<AuthKeys, ControlError> {
        account.require(Action::Keys)?;
        let service = self
            .find_service(account, id)
            .await?
            .ok_or_else(|| ControlError::not_found(Kind::Service, id))?;
        let control = self.clone();
        // To its end, also when the caller hangs up between the commit and the routing table.
        let work = async move { control.replace_key(service.id, key_type).await };
        audit::spawn(work).await.map_err(ControlError::internal)?
    }

    async fn replace_key(
        &self,
        id: ServiceId,
        key_type: KeyType,
    ) -> Result<AuthKeys, ControlError> {
        let mut write = self.inner.store.write().await?;
        let row = sqlx::query(
            "SELECT primary_key, secondary_key, public_name FROM services WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *write)
        .await?
        .ok_or_else(|| ControlError::not_found(Kind::Service, id))?;
        let mut keys = self.open_keys(id, row.try_get(0)?, row.try_get(1)?)?;
        match key_type {
            KeyType::Primary => keys.primary = key(),
            KeyType::Secondary => keys.secondary = key(),
        }
        sqlx::query("UPDATE services SET primary_key = $1, secondary_key = $2 WHERE id = $3")
            .bind(self.inner.vault.seal(&primary_purpose(id), keys.primary.as_bytes())?)
            .bind(self.inner.vault.seal(&secondary_purpose(id), keys.secondary.as_bytes())?)
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        if let Some(served) = self.inner.routes.get(row.try_get(2)?) {
            served.keys.replace(&keys.primary, &keys.secondary);
        }
        Ok(AuthKeys { primary_key: keys.primary, secondary_key: keys.secondary })
    }

    /// What the scoring path compares with.
    pub(crate) fn served_keys(
        &self,
        id: ServiceId,
        primary: &str,
        secondary: &str,
    ) -> Result<ServiceKeys, ControlError> {
        let keys = self.open_keys(id, primary, secondary)?;
        Ok(ServiceKeys::new(&keys.primary, &keys.secondary))
    }

    fn open_keys(
        &self,
        id: ServiceId,
        primary: &str,
        secondary: &str,
    ) -> Result<Keys, ControlError> {
        let open = |purpose: String, sealed: &str| {
            let bytes = self.inner.vault.open_sealed(&purpose, sealed)?;
            String::from_utf8(bytes).map_err(ControlError::internal)
        };
        Ok(Keys {
            primary: open(primary_purpose(id), primary)?,
            secondary: open(secondary_purpose(id), secondary)?,
        })
    }
}
