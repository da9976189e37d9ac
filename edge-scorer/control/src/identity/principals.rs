//! Service principals and their secrets. Only owners of the subscription may look at them or change
//! them.

use std::{collections::HashMap, time::Duration};

use shared::{
    NewSecret, PrincipalKind, RoleAssignment, SecretRequest, SecretSummary, ServicePrincipal,
};
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    Action, Control, ControlError, Kind, Principal, Scope, audit, clock, random, require,
    store::Write,
};

/// How long a secret lives when nobody says otherwise.
const SECRET_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long a secret may live.
const LONGEST_LIFETIME: Duration = Duration::from_secs(2 * 366 * 24 * 3600);
/// Secrets of one principal at a time.
const SECRETS: i64 = 2;
/// Longest display name or description in characters.
const NAME_CHARS: usize = 120;
/// First characters of a secret that are kept to tell it from another.
const HINT_CHARS: usize = 3;

const COLUMNS: &str = "SELECT id, client_id, display_name, created_at FROM principals \
     WHERE kind = 'ServicePrincipal'";

const SECRETS_OF_ALL: &str = "SELECT principal_id, id, description, hint, created_at, expires_at \
     FROM secrets ORDER BY created_at, id";

/// A new secret's text, its hash and what is remembered of it.
pub(crate) struct Minted {
    pub(crate) secret: String,
    pub(crate) hash: String,
}

impl Control {
    /// Every service principal of the tenant, oldest first.
    pub async fn service_principals(
        &self,
        caller: &Principal,
    ) -> Result<Vec<ServicePrincipal>, ControlError> {
        self.require_access(caller)?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY created_at, id")))
            .fetch_all(self.inner.store.read())
            .await?;
        // One question for all of them, however many there are.
        let mut secrets: HashMap<String, Vec<SecretSummary>> = HashMap::new();
        for row in sqlx::query(SECRETS_OF_ALL).fetch_all(self.inner.store.read()).await? {
            secrets.entry(row.try_get("principal_id")?).or_default().push(summary(&row)?);
        }
        rows.iter().map(|row| self.shown(row, |id| secrets.remove(id))).collect()
    }

    /// One service principal.
    pub async fn service_principal(
        &self,
        caller: &Principal,
        id: &str,
    ) -> Result<ServicePrincipal, ControlError> {
        self.require_access(caller)?;
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} AND id = $1")))
            .bind(id.to_ascii_lowercase())
            .fetch_optional(self.inner.store.read())
            .await?
            .ok_or_else(|| ControlError::not_found(Kind::ServicePrincipal, id))?;
        let secrets = sqlx::query(
            "SELECT id, description, hint, created_at, expires_at FROM secrets
             WHERE principal_id = $1 ORDER BY created_at, id",
        )
        .bind(row.try_get::<&str, _>(0)?)
        .fetch_all(self.inner.store.read())
        .await?;
        let secrets = secrets.iter().map(summary).collect::<Result<_, sqlx::Error>>()?;
        self.shown(&row, |_| Some(secrets))
    }

    /// Makes a service principal with its roles and its first secret.
    pub async fn create_service_principal(
        &self,
        caller: &Principal,
        display_name: &str,
        roles: &[RoleAssignment],
    ) -> Result<(ServicePrincipal, NewSecret), ControlError> {
        self.require_access(caller)?;
        let display_name = valid_name(display_name)?;
        let minted = self.mint_secret().await?;
        let (id, client_id) = (random::uuid().to_string(), random::uuid().to_string());
        let places = self.resolve_roles(caller, roles).await?;
        let mut write = self.inner.store.write().await?;
        sqlx::query(
            "INSERT INTO principals (id, tenant_id, client_id, display_name, created_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&id)
        .bind(&self.inner.tenant.id)
        .bind(&client_id)
        .bind(display_name)
        .bind(clock::now())
        .execute(&mut *write)
        .await?;
        let (secret_id, expires_at) =
            new_secret_row(&mut write, &id, &minted, &SecretRequest::default()).await?;
        for (place, role) in &places {
            place.insert(&mut write, &id, *role, caller).await?;
        }
        audit::made(&id);
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await?;
        let secret = NewSecret {
            id: secret_id,
            secret: minted.secret,
            expires_at: clock::timestamp(expires_at),
        };
        Ok((self.service_principal(caller, &id).await?, secret))
    }

    /// Its secrets, as far as they can still be told.
    pub async fn secrets(
        &self,
        caller: &Principal,
        id: &str,
    ) -> Result<Vec<SecretSummary>, ControlError> {
        Ok(self.service_principal(caller, id).await?.secrets)
    }

    /// Adds a secret; there may be two at a time.
    pub async fn add_secret(
        &self,
        caller: &Principal,
        id: &str,
        request: &SecretRequest,
    ) -> Result<NewSecret, ControlError> {
        self.require_access(caller)?;
        if let Some(description) = &request.description {
            valid_name(description)?;
        }
        let minted = self.mint_secret().await?;
        let id = &id.to_ascii_lowercase();
        let mut write = self.inner.store.write().await?;
        principal_exists(&mut write, id, PrincipalKind::ServicePrincipal).await?;
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
        let (secret_id, expires_at) = new_secret_row(&mut write, id, &minted, request).await?;
        audit::made(&secret_id);
        write.commit().await?;
        Ok(NewSecret {
            id: secret_id,
            secret: minted.secret,
            expires_at: clock::timestamp(expires_at),
        })
    }

    /// Forgets a secret. `false` when there was none.
    pub async fn delete_secret(
        &self,
        caller: &Principal,
        id: &str,
        secret: &str,
    ) -> Result<bool, ControlError> {
        self.require_access(caller)?;
        let id = &id.to_ascii_lowercase();
        let mut write = self.inner.store.write().await?;
        principal_exists(&mut write, id, PrincipalKind::ServicePrincipal).await?;
        let done = sqlx::query("DELETE FROM secrets WHERE principal_id = $1 AND id = $2")
            .bind(id)
            .bind(secret.to_ascii_lowercase())
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
        self.delete_principal(id, "kind = 'ServicePrincipal'").await
    }

    /// Deletes a principal if `condition` holds.
    pub(crate) async fn delete_principal(
        &self,
        id: &str,
        condition: &'static str,
    ) -> Result<bool, ControlError> {
        let mut write = self.inner.store.write().await?;
        let statement = format!("DELETE FROM principals WHERE id = $1 AND {condition}");
        let done = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(id.to_ascii_lowercase())
            .execute(&mut *write)
            .await?;
        owner_remains(&mut write, &self.inner.tenant.root).await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await?;
        self.inner.sessions.forget_all();
        Ok(done.rows_affected() > 0)
    }

    pub(crate) fn require_access(&self, caller: &Principal) -> Result<(), ControlError> {
        require(caller, Action::Access, &self.inner.tenant.root)
    }

    async fn mint_secret(&self) -> Result<Minted, ControlError> {
        let secret = random::token();
        let hash = self.inner.secrets.hash(secret.clone()).await?;
        Ok(Minted { secret, hash })
    }

    fn shown(
        &self,
        row: &SqliteRow,
        secrets: impl FnOnce(&str) -> Option<Vec<SecretSummary>>,
    ) -> Result<ServicePrincipal, ControlError> {
        let id: String = row.try_get(0)?;
        let secrets = secrets(&id).unwrap_or_default();
        Ok(ServicePrincipal {
            roles: self.roles_of(&id),
            id,
            client_id: row.try_get(1)?,
            display_name: row.try_get(2)?,
            created_at: clock::timestamp(row.try_get(3)?),
            secrets,
        })
    }

    /// Every role of a principal.
    pub(crate) fn roles_of(&self, id: &str) -> Vec<RoleAssignment> {
        self.inner.directory.find(id).map_or_else(Vec::new, |identity| {
            identity.roles.iter().map(|(_, role)| role.clone()).collect()
        })
    }
}

fn summary(row: &SqliteRow) -> Result<SecretSummary, sqlx::Error> {
    Ok(SecretSummary {
        id: row.try_get("id")?,
        description: row.try_get("description")?,
        hint: row.try_get("hint")?,
        created_at: Some(clock::timestamp(row.try_get("created_at")?)),
        expires_at: clock::timestamp(row.try_get("expires_at")?),
    })
}

/// A display name without the blanks around it.
pub(crate) fn valid_name(text: &str) -> Result<&str, ControlError> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > NAME_CHARS || text.chars().any(char::is_control) {
        return Err(ControlError::invalid(
            format!("a display name or description has 1 to {NAME_CHARS} printable characters"),
            "Send another `displayName` or `description`.",
        ));
    }
    Ok(text)
}

/// Stores a secret's hash; gives its id and when it ends.
pub(crate) async fn new_secret_row(
    write: &mut Write,
    principal_id: &str,
    minted: &Minted,
    request: &SecretRequest,
) -> Result<(String, i64), ControlError> {
    let (id, now) = (random::uuid().to_string(), clock::now());
    let expires_at = match &request.expires_at {
        None => now + clock::micros(SECRET_LIFETIME),
        Some(text) => clock::parse(text)
            .filter(|end| (now..=now + clock::micros(LONGEST_LIFETIME)).contains(end))
            .ok_or_else(|| {
                ControlError::invalid(
                    format!("a secret cannot end at `{text}`"),
                    "Send `expiresAt` as RFC 3339, in the future and at most two years ahead.",
                )
            })?,
    };
    let hint: String = minted.secret.chars().take(HINT_CHARS).collect();
    sqlx::query(
        "INSERT INTO secrets (id, principal_id, hash, created_at, expires_at, hint, description)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(principal_id)
    .bind(&minted.hash)
    .bind(now)
    .bind(expires_at)
    .bind(hint)
    .bind(request.description.as_deref().map(str::trim))
    .execute(&mut **write)
    .await?;
    Ok((id, expires_at))
}

async fn principal_exists(
    write: &mut Write,
    id: &str,
    kind: PrincipalKind,
) -> Result<(), ControlError> {
    sqlx::query("SELECT 1 FROM principals WHERE id = $1 AND kind = $2")
        .bind(id)
        .bind(kind.as_str())
        .fetch_optional(&mut **write)
        .await?
        .map(|_| ())
        .ok_or_else(|| ControlError::not_found(Kind::ServicePrincipal, id))
}

/// Refuses, before the commit, to leave the server without anybody who may repair it. Whom an outside
/// issuer vouches for does not count: it may stop doing so.
pub(crate) async fn owner_remains(write: &mut Write, root: &Scope) -> Result<(), ControlError> {
    let owners: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM role_assignments a JOIN principals p ON p.id = a.principal_id
         WHERE a.role = 'Owner' AND a.scope_key = $1 AND p.kind IN ('ServicePrincipal', 'Person')",
    )
    .bind(root.as_str())
    .fetch_one(&mut **write)
    .await?;
    if owners > 0 { Ok(()) } else { Err(ControlError::LastOwner) }
}
