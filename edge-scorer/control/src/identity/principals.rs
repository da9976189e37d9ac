//! Service principals, their secrets and role assignments. Only owners of the subscription may
//! look at them or change them.

use std::time::Duration;

use shared::{RoleAssignment, Timestamp};
use sqlx::Row as _;

use crate::{
    Action, Control, ControlError, Kind, Principal, Scope, clock, random, require, store::Write,
};

/// How long a secret lives.
const SECRET_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// Secrets of one principal at a time.
const SECRETS: i64 = 2;
/// Longest display name in characters.
const NAME_CHARS: usize = 120;

/// A service principal.
#[derive(Debug, Clone)]
pub struct ServicePrincipal {
    /// Object id.
    pub id: String,
    /// `client_id`.
    pub client_id: String,
    /// For people.
    pub display_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Ids and ends of its secrets.
    pub secrets: Vec<(String, Timestamp)>,
    /// Its roles.
    pub roles: Vec<RoleAssignment>,
}

/// A secret, shown once.
#[derive(Clone)]
pub struct NewSecret {
    /// Id of the secret.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Control {
    /// Every service principal of the tenant, oldest first.
    pub async fn service_principals(
        &self,
        caller: &Principal,
    ) -> Result<Vec<ServicePrincipal>, ControlError> {
        self.require_access(caller)?;
        let rows = sqlx::query(
            "SELECT id, client_id, display_name, created_at FROM principals ORDER BY created_at, id",
        )
        .fetch_all(self.inner.store.read())
        .await?;
        let mut principals = Vec::with_capacity(rows.len());
        for row in rows {
            let id: String = row.try_get(0)?;
            let secrets = sqlx::query(
                "SELECT id, expires_at FROM secrets WHERE principal_id = $1 ORDER BY created_at",
            )
            .bind(&id)
            .fetch_all(self.inner.store.read())
            .await?;
            let secrets = secrets
                .iter()
                .map(|row| Ok((row.try_get(0)?, clock::timestamp(row.try_get(1)?))))
                .collect::<Result<_, sqlx::Error>>()?;
            let roles = self.inner.directory.find(&id).map_or_else(Vec::new, |identity| {
                identity.roles.iter().map(|(_, role)| role.clone()).collect()
            });
            principals.push(ServicePrincipal {
                id,
                client_id: row.try_get(1)?,
                display_name: row.try_get(2)?,
                created_at: clock::timestamp(row.try_get(3)?),
                secrets,
                roles,
            });
        }
        Ok(principals)
    }

    /// Makes a service principal and its first secret; it has no role yet.
    pub async fn create_service_principal(
        &self,
        caller: &Principal,
        display_name: &str,
    ) -> Result<(ServicePrincipal, NewSecret), ControlError> {
        self.require_access(caller)?;
        let length = display_name.trim().chars().count();
        if length == 0 || length > NAME_CHARS {
            return Err(ControlError::invalid(
                format!("a display name has 1 to {NAME_CHARS} characters"),
                "Send another `displayName`.",
            ));
        }
        let secret = random::token();
        let hash = self.inner.secrets.hash(secret.clone()).await?;
        let (id, client_id) = (random::uuid().to_string(), random::uuid().to_string());
        let created_at = clock::now();
        let mut write = self.inner.store.write().await?;
        sqlx::query(
            "INSERT INTO principals (id, tenant_id, client_id, display_name, created_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&id)
        .bind(&self.inner.tenant.id)
        .bind(&client_id)
        .bind(display_name.trim())
        .bind(created_at)
        .execute(&mut *write)
        .await?;
        let (secret_id, expires_at) = new_secret_row(&mut write, &id, &hash).await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await?;
        let expires_at = clock::timestamp(expires_at);
        let principal = ServicePrincipal {
            id,
            client_id,
            display_name: display_name.trim().to_owned(),
            created_at: clock::timestamp(created_at),
            secrets: vec![(secret_id.clone(), expires_at.clone())],
            roles: Vec::new(),
        };
        Ok((principal, NewSecret { id: secret_id, secret, expires_at }))
    }

    /// Adds a secret; there may be two at a time.
    pub async fn add_secret(
        &self,
        caller: &Principal,
        id: &str,
    ) -> Result<NewSecret, ControlError> {
        self.require_access(caller)?;
        let secret = random::token();
        let hash = self.inner.secrets.hash(secret.clone()).await?;
        let mut write = self.inner.store.write().await?;
        principal_exists(&mut write, id).await?;
        sqlx::query("DELETE FROM secrets WHERE principal_id = $1 AND expires_at < $2")
            .bind(id)
            .bind(clock::now())
            .execute(&mut *write)
            .await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM secrets WHERE principal_id = $1")
            .bind(id)
            .fetch_one(&mut *write)
            .await?;
        if count >= SECRETS {
            return Err(ControlError::LimitExceeded {
                what: "another secret".to_owned(),
                limit: format!("{SECRETS} secrets of one service principal"),
                remedy: "Delete a secret first.".to_owned(),
            });
        }
        let (secret_id, expires_at) = new_secret_row(&mut write, id, &hash).await?;
        write.commit().await?;
        Ok(NewSecret { id: secret_id, secret, expires_at: clock::timestamp(expires_at) })
    }

    /// Forgets a secret. `false` when there was none.
    pub async fn delete_secret(
        &self,
        caller: &Principal,
        id: &str,
        secret: &str,
    ) -> Result<bool, ControlError> {
        self.require_access(caller)?;
        let mut write = self.inner.store.write().await?;
        principal_exists(&mut write, id).await?;
        let done = sqlx::query("DELETE FROM secrets WHERE principal_id = $1 AND id = $2")
            .bind(id)
            .bind(secret)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Deletes a service principal with its secrets, roles and sessions. `false` when there was
    /// none. The last owner stays.
    pub async fn delete_service_principal(
        &self,
        caller: &Principal,
        id: &str,
    ) -> Result<bool, ControlError> {
        self.require_access(caller)?;
        let mut write = self.inner.store.write().await?;
        let done = sqlx::query("DELETE FROM principals WHERE id = $1")
            .bind(id)
            .execute(&mut *write)
            .await?;
        owner_remains(&mut write, &self.inner.tenant.root).await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Gives a principal a role.
    pub async fn assign_role(
        &self,
        caller: &Principal,
        id: &str,
        role: RoleAssignment,
    ) -> Result<(), ControlError> {
        let scope = Scope::new(&role.scope);
        require(caller, Action::Access, &scope)?;
        let mut write = self.inner.store.write().await?;
        principal_exists(&mut write, id).await?;
        sqlx::query(
            "INSERT INTO role_assignments (principal_id, scope_key, role, scope, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(scope.as_str())
        .bind(role.role.as_str())
        .bind(&role.scope)
        .bind(clock::now())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await
    }

    /// Takes a role away. `false` when there was none. The last owner stays.
    pub async fn remove_role(
        &self,
        caller: &Principal,
        id: &str,
        role: RoleAssignment,
    ) -> Result<bool, ControlError> {
        let scope = Scope::new(&role.scope);
        require(caller, Action::Access, &scope)?;
        let mut write = self.inner.store.write().await?;
        let done = sqlx::query(
            "DELETE FROM role_assignments WHERE principal_id = $1 AND scope_key = $2 AND role = $3",
        )
        .bind(id)
        .bind(scope.as_str())
        .bind(role.role.as_str())
        .execute(&mut *write)
        .await?;
        owner_remains(&mut write, &self.inner.tenant.root).await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await?;
        Ok(done.rows_affected() > 0)
    }

    fn require_access(&self, caller: &Principal) -> Result<(), ControlError> {
        require(caller, Action::Access, &self.inner.tenant.root)
    }
}

/// Stores a secret's hash; gives its id and when it ends.
pub(crate) async fn new_secret_row(
    write: &mut Write,
    principal_id: &str,
    hash: &str,
) -> Result<(String, i64), ControlError> {
    let (id, now) = (random::uuid().to_string(), clock::now());
    let expires_at = now + clock::micros(SECRET_LIFETIME);
    sqlx::query(
        "INSERT INTO secrets (id, principal_id, hash, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&id)
    .bind(principal_id)
    .bind(hash)
    .bind(now)
    .bind(expires_at)
    .execute(&mut **write)
    .await?;
    Ok((id, expires_at))
}

async fn principal_exists(write: &mut Write, id: &str) -> Result<(), ControlError> {
    sqlx::query("SELECT 1 FROM principals WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut **write)
        .await?
        .map(|_| ())
        .ok_or_else(|| ControlError::not_found(Kind::ServicePrincipal, id))
}

/// Refuses, before the commit, to leave the server without anybody who may repair it.
async fn owner_remains(write: &mut Write, root: &Scope) -> Result<(), ControlError> {
    let owners: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM role_assignments WHERE role = 'Owner' AND scope_key = $1",
    )
    .bind(root.as_str())
    .fetch_one(&mut **write)
    .await?;
    if owners > 0 {
        return Ok(());
    }
    Err(ControlError::invalid(
        "the last owner of the subscription cannot go",
        "Make another service principal an owner first.",
    ))
}
