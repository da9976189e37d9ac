//! Subscriptions and model management accounts.
//!
//! Names compare without regard to case; what was written first is what is shown.

use std::collections::BTreeMap;

use shared::{Account, AccountProperties, Sku, Subscription, paths, paths::AccountPath};
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    Action, Control, ControlError, Kind, Principal, Scope, clock, groups::validate_tags,
    identity::forget_roles, random, require, store::Write,
};

const TIERS: [&str; 4] = ["S1", "S2", "S3", "DevTest"];
const COLUMNS: &str = "SELECT a.id, a.subscription_id, g.name AS group_name, a.name, a.location, \
    a.sku_name, a.sku_capacity, a.description, a.tags, a.created_at, a.modified_at \
    FROM accounts a JOIN resource_groups g \
    ON g.subscription_id = a.subscription_id AND g.name_key = a.group_key";

/// What an account may hold: its name, its table and the column that names one.
const CONTENT: [(&str, &str, &str); 6] = [
    ("services", "services", "name"),
    ("images", "images", "name"),
    ("manifests", "manifests", "name"),
    ("models", "models", "name"),
    ("artifacts", "artifacts", "path"),
    ("uploads", "uploads", "path"),
];
/// Names that are told of each.
const NAMED: usize = 3;

/// Proof that an account exists and that the caller has a role there. What may be done in it is
/// checked by each function.
#[derive(Debug, Clone)]
pub struct AccountAccess {
    pub(crate) account_id: String,
    /// The upper half of the keys of its rows.
    pub(crate) number: i64,
    pub(crate) path: AccountPath,
    pub(crate) scope: Scope,
    pub(crate) principal: Principal,
    /// The `Idempotency-Key` of the request at hand.
    pub(crate) request_key: Option<String>,
}

impl AccountAccess {
    /// The account's base address.
    pub fn path(&self) -> &AccountPath {
        &self.path
    }

    /// The account's ARM scope.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Who is asking.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether the caller may change anything at all; each function asks for what it needs besides.
    pub fn require_change(&self) -> Result<(), ControlError> {
        self.require(Action::Write)
    }

    /// Whether the caller may read what the account holds.
    pub fn require_read(&self) -> Result<(), ControlError> {
        self.require(Action::Read)
    }

    pub(crate) fn require(&self, action: Action) -> Result<(), ControlError> {
        require(&self.principal, action, &self.scope)
    }
}

/// Members of an account that a caller may set; `None` leaves them as they are.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// Region; required for a new account.
    pub location: Option<String>,
    /// Free words.
    pub tags: Option<BTreeMap<String, String>>,
    /// Tier: `S1`, `S2`, `S3` or `DevTest`.
    pub sku: Option<Sku>,
    /// Free text.
    pub description: Option<String>,
}

impl AccountChange {
    fn validated(mut self) -> Result<Self, ControlError> {
        if let Some(sku) = &mut self.sku {
            let tier = TIERS.iter().find(|tier| tier.eq_ignore_ascii_case(&sku.name));
            sku.name = tier
                .ok_or_else(|| {
                    ControlError::invalid(
                        format!("there is no tier `{}`", sku.name),
                        format!("Use one of {}.", TIERS.join(", ")),
                    )
                })?
                .to_string();
        }
        validate_tags(self.tags.as_ref())?;
        if let Some(description) = &self.description {
            shared::validate_description(description).map_err(|rule| {
                ControlError::invalid(rule.to_string(), "Shorten `properties.description`.")
            })?;
        }
        Ok(self)
    }
}

impl Control {
    /// The subscriptions in which the caller has a role.
    pub async fn subscriptions(
        &self,
        caller: &Principal,
    ) -> Result<Vec<Subscription>, ControlError> {
        let rows = sqlx::query(
            "SELECT id, tenant_id, display_name FROM subscriptions ORDER BY created_at, id",
        )
        .fetch_all(self.inner.store.read())
        .await?;
        let all = rows.iter().map(subscription).collect::<Result<Vec<_>, _>>()?;
        Ok(all.into_iter().filter(|found| caller.knows_of(&Scope::new(&found.id))).collect())
    }

    /// One subscription.
    pub async fn subscription(
        &self,
        caller: &Principal,
        id: &str,
    ) -> Result<Subscription, ControlError> {
        let unknown = || ControlError::not_found(Kind::Subscription, id);
        let row =
            sqlx::query("SELECT id, tenant_id, display_name FROM subscriptions WHERE id = $1")
                .bind(id.to_ascii_lowercase())
                .fetch_optional(self.inner.store.read())
                .await?
                .ok_or_else(unknown)?;
        let found = subscription(&row)?;
        if !caller.knows_of(&Scope::new(&found.id)) {
            return Err(unknown());
        }
        Ok(found)
    }

    /// Refuses whoever may not change the subscription itself.
    pub async fn may_change_subscription(
        &self,
        caller: &Principal,
        id: &str,
    ) -> Result<(), ControlError> {
        let found = self.subscription(caller, id).await?;
        require(caller, Action::Write, &Scope::new(&found.id))
    }

    /// The accounts of a subscription, or of one of its groups, that the caller may read.
    pub async fn accounts(
        &self,
        caller: &Principal,
        subscription: &str,
        group: Option<&str>,
    ) -> Result<Vec<Account>, ControlError> {
        let subscription = self.subscription(caller, subscription).await?.subscription_id;
        let mut query = sqlx::QueryBuilder::new(COLUMNS);
        query.push(" WHERE a.subscription_id = ").push_bind(&subscription);
        if let Some(group) = group {
            self.group_name(&subscription, group).await?;
            query.push(" AND a.group_key = ").push_bind(group.to_ascii_lowercase());
        }
        query.push(" ORDER BY a.created_at, a.id");
        let rows = query.build().fetch_all(self.inner.store.read()).await?;
        let all = rows.iter().map(account).collect::<Result<Vec<_>, _>>()?;
        Ok(all
            .into_iter()
            .filter(|found| caller.may(Action::Read, &Scope::new(&found.id)))
            .collect())
    }

    /// One account.
    pub async fn account(
        &self,
        caller: &Principal,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Account, ControlError> {
        self.enter(caller, subscription, group, name).await?.require(Action::Read)?;
        let found = self.find_account(subscription, group, name).await?;
        found.ok_or_else(|| ControlError::not_found(Kind::Account, name))
    }

    /// Makes an account, or replaces its description, tags and tier. `true` when it is new.
    pub async fn put_account(
        &self,
        caller: &Principal,
        subscription: &str,
        group: &str,
        name: &str,
        change: AccountChange,
    ) -> Result<(Account, bool), ControlError> {
        let change = change.validated()?;
        let subscription = self.subscription(caller, subscription).await?.subscription_id;
        let group_name = self.group_name(&subscription, group).await?;
        let scope = Scope::new(&paths::account_arm_id(&subscription, &group_name, name));
        require(caller, Action::Write, &scope)?;
        let found = self.find_account(&subscription, group, name).await?;
        if found.is_some() {
            let whole = AccountChange {
                tags: Some(change.tags.unwrap_or_default()),
                description: Some(change.description.unwrap_or_default()),
                ..change
            };
            let changed = self.patch_account(caller, &subscription, group, name, whole).await?;
            return Ok((changed, false));
        }
        shared::validate_name(name).map_err(|rule| {
            ControlError::invalid(rule.to_string(), "Choose another account name.")
        })?;
        let location = change.location.ok_or_else(|| {
            ControlError::invalid("a new account needs a `location`", "Send `location`.")
        })?;
        let sku = change.sku.unwrap_or(Sku { name: "S1".to_owned(), capacity: None });
        let mut write = self.inner.store.write().await?;
        let done = sqlx::query(
            "INSERT INTO accounts (id, subscription_id, group_key, name_key, name, location,
                 sku_name, sku_capacity, description, tags, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) ON CONFLICT DO NOTHING",
        )
        .bind(random::uuid().to_string())
        .bind(&subscription)
        .bind(group.to_ascii_lowercase())
        .bind(name.to_ascii_lowercase())
        .bind(name)
        .bind(location)
        .bind(sku.name)
        .bind(sku.capacity)
        .bind(change.description)
        .bind(json(&change.tags.unwrap_or_default())?)
        .bind(clock::now())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        let found = self.find_account(&subscription, group, name).await?;
        let found = found.ok_or_else(|| ControlError::not_found(Kind::Account, name))?;
        Ok((found, done.rows_affected() > 0))
    }

    /// Changes the members that are given.
    pub async fn patch_account(
        &self,
        caller: &Principal,
        subscription: &str,
        group: &str,
        name: &str,
        change: AccountChange,
    ) -> Result<Account, ControlError> {
        let access = self.enter(caller, subscription, group, name).await?;
        access.require(Action::Write)?;
        let change = change.validated()?;
        let (sku_name, capacity) = match change.sku {
            Some(sku) => (Some(sku.name), sku.capacity),
            None => (None, None),
        };
        let tags = change.tags.as_ref().map(json).transpose()?;
        let mut write = self.inner.store.write().await?;
        sqlx::query(
            "UPDATE accounts SET description = coalesce($1, description), tags = coalesce($2, tags),
                 sku_name = coalesce($3, sku_name), sku_capacity = coalesce($4, sku_capacity),
                 modified_at = $5
             WHERE id = $6",
        )
        .bind(change.description)
        .bind(tags)
        .bind(sku_name)
        .bind(capacity)
        .bind(clock::now())
        .bind(&access.account_id)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        let found = self.find_account(subscription, group, name).await?;
        found.ok_or_else(|| ControlError::not_found(Kind::Account, name))
    }

    /// Deletes an account that holds nothing. `false` when there was none.
    pub async fn delete_account(
        &self,
        caller: &Principal,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<bool, ControlError> {
        // Somebody else's subscription is no place where nothing was.
        self.subscription(caller, subscription).await?;
        let access = match self.enter(caller, subscription, group, name).await {
            Ok(access) => access,
            Err(ControlError::NotFound { kind: Kind::Account, .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        access.require(Action::Write)?;
        let id = &access.account_id;
        let mut write = self.inner.store.write().await?;
        let mut users = Vec::new();
        for (what, table, name) in CONTENT {
            users.extend(content(&mut write, id, what, table, name).await?);
        }
        if !users.is_empty() {
            return Err(ControlError::InUse { kind: Kind::Account, id: name.to_owned(), users });
        }
        for statement in [
            "DELETE FROM operations WHERE account_id = $1",
            "DELETE FROM name_versions WHERE account_id = $1",
            "DELETE FROM accounts WHERE id = $1",
        ] {
            sqlx::query(statement).bind(id).execute(&mut *write).await?;
        }
        // Who gets this name next must not inherit who may enter.
        forget_roles(&mut write, &access.scope).await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await?;
        Ok(true)
    }

    /// Finds the account that a path names, in which the caller has some role.
    pub async fn enter(
        &self,
        caller: &Principal,
        subscription: &str,
        group: &str,
        account: &str,
    ) -> Result<AccountAccess, ControlError> {
        let unknown = || ControlError::not_found(Kind::Account, account);
        let row = sqlx::query(
            "SELECT a.id, s.tenant_id, a.subscription_id, g.name, a.name, a.number FROM accounts a
             JOIN resource_groups g
                 ON g.subscription_id = a.subscription_id AND g.name_key = a.group_key
             JOIN subscriptions s ON s.id = a.subscription_id
             WHERE a.subscription_id = $1 AND a.group_key = $2 AND a.name_key = $3",
        )
        .bind(subscription.to_ascii_lowercase())
        .bind(group.to_ascii_lowercase())
        .bind(account.to_ascii_lowercase())
        .fetch_optional(self.inner.store.read())
        .await?
        .ok_or_else(unknown)?;
        let tenant_id: &str = row.try_get(1)?;
        if tenant_id != caller.tenant_id() {
            return Err(unknown());
        }
        let (subscription, group, name): (&str, &str, &str) =
            (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        let scope = Scope::new(&paths::account_arm_id(subscription, group, name));
        if !caller.may(Action::Read, &scope) && !caller.may(Action::Score, &scope) {
            require(caller, Action::Read, &scope)?;
        }
        Ok(AccountAccess {
            account_id: row.try_get(0)?,
            number: row.try_get(5)?,
            path: AccountPath::new(subscription, group, name),
            scope,
            principal: caller.clone(),
            request_key: None,
        })
    }

    async fn find_account(
        &self,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<Account>, ControlError> {
        let mut query = sqlx::QueryBuilder::new(COLUMNS);
        query
            .push(" WHERE a.subscription_id = ")
            .push_bind(subscription.to_ascii_lowercase())
            .push(" AND a.group_key = ")
            .push_bind(group.to_ascii_lowercase())
            .push(" AND a.name_key = ")
            .push_bind(name.to_ascii_lowercase());
        let row = query.build().fetch_optional(self.inner.store.read()).await?;
        Ok(row.as_ref().map(account).transpose()?)
    }

    pub(crate) async fn group_name(
        &self,
        subscription: &str,
        group: &str,
    ) -> Result<String, ControlError> {
        let name = sqlx::query_scalar(
            "SELECT name FROM resource_groups WHERE subscription_id = $1 AND name_key = $2",
        )
        .bind(subscription)
        .bind(group.to_ascii_lowercase())
        .fetch_optional(self.inner.store.read())
        .await?;
        name.ok_or_else(|| ControlError::not_found(Kind::ResourceGroup, group))
    }
}

/// How much of one kind an account holds, and the first names of it.
async fn content(
    write: &mut Write,
    account: &str,
    what: &str,
    table: &str,
    column: &str,
) -> Result<Option<String>, ControlError> {
    let statement = format!(
        "SELECT DISTINCT {column} AS name, (SELECT count(*) FROM {table} WHERE account_id = $1)
         FROM {table} WHERE account_id = $1 ORDER BY name LIMIT {}",
        NAMED + 1
    );
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(statement)).bind(account).fetch_all(&mut **write).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let count: i64 = first.try_get(1)?;
    let mut names = Vec::new();
    for row in rows.iter().take(NAMED) {
        names.push(row.try_get::<String, _>(0)?);
    }
    let more = if rows.len() > NAMED { ", …" } else { "" };
    Ok(Some(format!("{count} {what} ({}{more})", names.join(", "))))
}

fn subscription(row: &SqliteRow) -> Result<Subscription, sqlx::Error> {
    let id: String = row.try_get(0)?;
    Ok(Subscription {
        id: format!("/subscriptions/{id}"),
        subscription_id: id,
        tenant_id: row.try_get(1)?,
        display_name: row.try_get(2)?,
        state: "Enabled".to_owned(),
    })
}

fn account(row: &SqliteRow) -> Result<Account, sqlx::Error> {
    let (subscription, group, name): (&str, &str, String) =
        (row.try_get("subscription_id")?, row.try_get("group_name")?, row.try_get("name")?);
    let base = AccountPath::new(subscription, group, &name);
    Ok(Account {
        id: paths::account_arm_id(subscription, group, &name),
        resource_type: "Microsoft.MachineLearningModelManagement/accounts".to_owned(),
        location: row.try_get("location")?,
        tags: serde_json::from_str(row.try_get("tags")?).unwrap_or_default(),
        sku: Sku { name: row.try_get("sku_name")?, capacity: row.try_get("sku_capacity")? },
        properties: AccountProperties {
            description: row.try_get("description")?,
            created_on: clock::timestamp(row.try_get("created_at")?),
            modified_on: clock::timestamp(row.try_get("modified_at")?),
            model_management_swagger_location: format!("{}/swagger.json", base.base()),
        },
        name,
    })
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, ControlError> {
    serde_json::to_string(value).map_err(ControlError::internal)
}
