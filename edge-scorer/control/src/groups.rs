//! Resource groups: folders of accounts and workspaces, and a scope for roles.

use std::collections::BTreeMap;

use shared::{ResourceGroup, paths};
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    Action, Control, ControlError, Kind, Principal, Scope, clock, identity::forget_roles, require,
};

/// Longest name, and most tags, as documented for resource groups.
const NAME_CHARS: usize = 90;
const TAGS: usize = 50;
const COLUMNS: &str = "SELECT subscription_id, name, location, tags FROM resource_groups";

/// Members of a group that a caller may set; `None` leaves them as they are.
#[derive(Debug, Clone, Default)]
pub struct GroupChange {
    /// Region; required for a new group, and never changed.
    pub location: Option<String>,
    /// Free words.
    pub tags: Option<BTreeMap<String, String>>,
}

impl Control {
    /// The groups of a subscription in or above which the caller has a role, by name.
    pub async fn resource_groups(
        &self,
        caller: &Principal,
        subscription: &str,
    ) -> Result<Vec<ResourceGroup>, ControlError> {
        let subscription = self.subscription(caller, subscription).await?.subscription_id;
        let statement = format!("{COLUMNS} WHERE subscription_id = $1 ORDER BY name_key");
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(subscription)
            .fetch_all(self.inner.store.read())
            .await?;
        let all = rows.iter().map(group).collect::<Result<Vec<_>, _>>()?;
        Ok(all.into_iter().filter(|group| caller.knows_of(&Scope::new(&group.id))).collect())
    }

    /// One group.
    pub async fn resource_group(
        &self,
        caller: &Principal,
        subscription: &str,
        name: &str,
    ) -> Result<ResourceGroup, ControlError> {
        let subscription = self.subscription(caller, subscription).await?.subscription_id;
        let found = self.find_group(&subscription, name).await?;
        found
            .filter(|group| caller.knows_of(&Scope::new(&group.id)))
            .ok_or_else(|| ControlError::not_found(Kind::ResourceGroup, name))
    }

    /// Makes a group, or replaces its tags. `true` when it is new.
    pub async fn put_resource_group(
        &self,
        caller: &Principal,
        subscription: &str,
        name: &str,
        change: GroupChange,
    ) -> Result<(ResourceGroup, bool), ControlError> {
        let subscription = self.subscription(caller, subscription).await?.subscription_id;
        let scope = Scope::new(&paths::resource_group(&subscription, name));
        require(caller, Action::Write, &scope)?;
        validate_tags(change.tags.as_ref())?;
        let location = change.location.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let tags = json(&change.tags.clone().unwrap_or_default())?;
        let found = self.find_group(&subscription, name).await?;
        if let Some(found) = found {
            if location.is_some_and(|location| !location.eq_ignore_ascii_case(&found.location)) {
                return Err(ControlError::invalid(
                    format!("the resource group is in `{}` and cannot move", found.location),
                    format!("Send `location` as `{}`.", found.location),
                ));
            }
            self.set_tags(&subscription, name, &tags).await?;
        } else {
            validate_name(name)?;
            let location = location.ok_or_else(|| {
                ControlError::invalid("a new resource group needs a `location`", "Send `location`.")
            })?;
            let mut write = self.inner.store.write().await?;
            let done = sqlx::query(
                "INSERT INTO resource_groups (subscription_id, name_key, name, location, created_at,
                     tags)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            )
            .bind(&subscription)
            .bind(name.to_ascii_lowercase())
            .bind(name)
            .bind(location)
            .bind(clock::now())
            .bind(&tags)
            .execute(&mut *write)
            .await?;
            write.commit().await?;
            if done.rows_affected() > 0 {
                return Ok((self.resource_group(caller, &subscription, name).await?, true));
            }
        }
        Ok((self.resource_group(caller, &subscription, name).await?, false))
    }

    /// Changes the members that are given.
    pub async fn patch_resource_group(
        &self,
        caller: &Principal,
        subscription: &str,
        name: &str,
        change: GroupChange,
    ) -> Result<ResourceGroup, ControlError> {
        let found = self.resource_group(caller, subscription, name).await?;
        require(caller, Action::Write, &Scope::new(&found.id))?;
        validate_tags(change.tags.as_ref())?;
        if let Some(tags) = &change.tags {
            let subscription = subscription.to_ascii_lowercase();
            self.set_tags(&subscription, name, &json(tags)?).await?;
        }
        self.resource_group(caller, subscription, name).await
    }

    /// Deletes a group that holds nothing, with the roles given in it.
    pub async fn delete_resource_group(
        &self,
        caller: &Principal,
        subscription: &str,
        name: &str,
    ) -> Result<(), ControlError> {
        let found = self.resource_group(caller, subscription, name).await?;
        let scope = Scope::new(&found.id);
        require(caller, Action::Write, &scope)?;
        let (subscription, key) = (subscription.to_ascii_lowercase(), name.to_ascii_lowercase());
        let mut write = self.inner.store.write().await?;
        let rows = sqlx::query(
            "SELECT 'model management account ' || name FROM accounts
                 WHERE subscription_id = $1 AND group_key = $2
             UNION ALL SELECT 'workspace ' || name FROM workspaces
                 WHERE subscription_id = $1 AND group_key = $2
             ORDER BY 1 LIMIT 20",
        )
        .bind(&subscription)
        .bind(&key)
        .fetch_all(&mut *write)
        .await?;
        if !rows.is_empty() {
            let users = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
            return Err(ControlError::InUse { kind: Kind::ResourceGroup, id: found.name, users });
        }
        sqlx::query("DELETE FROM resource_groups WHERE subscription_id = $1 AND name_key = $2")
            .bind(&subscription)
            .bind(&key)
            .execute(&mut *write)
            .await?;
        forget_roles(&mut write, &scope).await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await
    }

    /// The account whose store a group's older clients mean: the one that was made first. Empty when
    /// the group has none. Needs what it takes to read keys.
    pub async fn store_of_group(
        &self,
        caller: &Principal,
        subscription: &str,
        name: &str,
    ) -> Result<String, ControlError> {
        let found = self.resource_group(caller, subscription, name).await?;
        require(caller, Action::Keys, &Scope::new(&found.id))?;
        let subscription = subscription.to_ascii_lowercase();
        let account: Option<String> = sqlx::query_scalar(
            "SELECT name FROM accounts WHERE subscription_id = $1 AND group_key = $2
             ORDER BY created_at, id LIMIT 1",
        )
        .bind(&subscription)
        .bind(name.to_ascii_lowercase())
        .fetch_optional(self.inner.store.read())
        .await?;
        Ok(account.map_or_else(String::new, |account| {
            paths::account_arm_id(&subscription, &found.name, &account)
        }))
    }

    async fn find_group(
        &self,
        subscription: &str,
        name: &str,
    ) -> Result<Option<ResourceGroup>, ControlError> {
        let statement = format!("{COLUMNS} WHERE subscription_id = $1 AND name_key = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(subscription)
            .bind(name.to_ascii_lowercase())
            .fetch_optional(self.inner.store.read())
            .await?;
        Ok(row.as_ref().map(group).transpose()?)
    }

    async fn set_tags(
        &self,
        subscription: &str,
        name: &str,
        tags: &str,
    ) -> Result<(), ControlError> {
        let mut write = self.inner.store.write().await?;
        sqlx::query(
            "UPDATE resource_groups SET tags = $1 WHERE subscription_id = $2 AND name_key = $3",
        )
        .bind(tags)
        .bind(subscription)
        .bind(name.to_ascii_lowercase())
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }
}

fn group(row: &SqliteRow) -> Result<ResourceGroup, sqlx::Error> {
    let (subscription, name): (&str, String) = (row.try_get(0)?, row.try_get(1)?);
    Ok(ResourceGroup {
        id: paths::resource_group(subscription, &name),
        name,
        resource_type: "Microsoft.Resources/resourceGroups".to_owned(),
        location: row.try_get(2)?,
        tags: serde_json::from_str(row.try_get(3)?).unwrap_or_default(),
        managed_by: None,
        properties: shared::Provisioned { provisioning_state: "Succeeded".to_owned() },
    })
}

fn validate_name(name: &str) -> Result<(), ControlError> {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || "-_.()".contains(letter);
    let length = name.chars().count();
    if length == 0 || length > NAME_CHARS || name.ends_with('.') || !name.chars().all(fine) {
        return Err(ControlError::invalid(
            "a resource group's name has 1 to 90 letters, digits or `-_.()` and does not end in `.`",
            "Choose another name.",
        ));
    }
    Ok(())
}

/// As documented for resources: 50 tags, names of 512 and values of 256 characters.
pub(crate) fn validate_tags(tags: Option<&BTreeMap<String, String>>) -> Result<(), ControlError> {
    let Some(tags) = tags else { return Ok(()) };
    let fits = |(name, value): (&String, &String)| {
        (1..=512).contains(&name.chars().count()) && value.chars().count() <= 256
    };
    if tags.len() <= TAGS && tags.iter().all(fits) {
        return Ok(());
    }
    Err(ControlError::invalid(
        "there may be 50 tags, with names of 1 to 512 and values of up to 256 characters",
        "Send fewer or shorter `tags`.",
    ))
}

fn json(tags: &BTreeMap<String, String>) -> Result<String, ControlError> {
    serde_json::to_string(tags).map_err(ControlError::internal)
}
