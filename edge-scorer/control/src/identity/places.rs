//! The scopes at which a role may be given: they exist, and are spelled as they were made.

use shared::{RoleAssignment, RoleName, paths};

use crate::{
    Action, Control, ControlError, Kind, Principal, Scope, audit, clock, random, require,
    store::Write,
};

/// A scope that exists.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// As its resources were named.
    pub(crate) path: String,
    pub(crate) scope: Scope,
}

impl Control {
    /// Finds the subscription, resource group, workspace or account that `path` names. One that the
    /// caller has no role near looks like one that does not exist.
    pub(crate) async fn resolve_scope(
        &self,
        caller: &Principal,
        path: &str,
    ) -> Result<Place, ControlError> {
        let all: Vec<&str> = path.trim().trim_matches('/').split('/').collect();
        let is = |word: &str, known: &str| word.eq_ignore_ascii_case(known);
        let place = match all.as_slice() {
            [s, subscription] if is(s, "subscriptions") => {
                let subscription = self.subscription(caller, subscription).await?;
                Place::new(subscription.id)
            }
            [s, subscription, g, group] if is(s, "subscriptions") && is(g, "resourceGroups") => {
                let subscription = self.subscription(caller, subscription).await?;
                let name = self.group_name(&subscription.subscription_id, group).await?;
                Place::new(paths::resource_group(&subscription.subscription_id, &name))
            }
            [s, subscription, g, group, p, namespace, kind, name]
                if is(s, "subscriptions") && is(g, "resourceGroups") && is(p, "providers") =>
            {
                let subscription = self.subscription(caller, subscription).await?.subscription_id;
                let group = self.group_name(&subscription, group).await?;
                let table = match (namespace.to_ascii_lowercase().as_str(), *kind) {
                    (ns, kind)
                        if ns == paths::MODEL_MANAGEMENT.to_ascii_lowercase()
                            && is(kind, "accounts") =>
                    {
                        Some(("accounts", Kind::Account))
                    }
                    (ns, kind)
                        if ns == paths::SERVICES.to_ascii_lowercase() && is(kind, "workspaces") =>
                    {
                        Some(("workspaces", Kind::Workspace))
                    }
                    _ => None,
                };
                let Some((table, kind)) = table else { return Err(no_scope(path)) };
                let found = self.name_in(table, &subscription, &group, name).await?;
                let name = found.ok_or_else(|| ControlError::not_found(kind, *name))?;
                Place::new(match kind {
                    Kind::Account => paths::account_arm_id(&subscription, &group, &name),
                    _ => paths::workspace_arm_id(&subscription, &group, &name),
                })
            }
            _ => return Err(no_scope(path)),
        };
        if caller.knows_of(&place.scope) { Ok(place) } else { Err(no_scope(path)) }
    }

    /// The scopes of several roles, in each of which the caller may give roles.
    pub(crate) async fn resolve_roles(
        &self,
        caller: &Principal,
        roles: &[RoleAssignment],
    ) -> Result<Vec<(Place, RoleName)>, ControlError> {
        let mut places = Vec::with_capacity(roles.len());
        for role in roles {
            let place = self.resolve_scope(caller, &role.scope).await?;
            require(caller, Action::Access, &place.scope)?;
            places.push((place, role.role));
        }
        Ok(places)
    }

    /// How a workspace or account is spelled.
    async fn name_in(
        &self,
        table: &'static str,
        subscription: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<String>, ControlError> {
        let statement = format!(
            "SELECT name FROM {table} WHERE subscription_id = $1 AND group_key = $2 AND name_key = $3"
        );
        let found = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(subscription)
            .bind(group.to_ascii_lowercase())
            .bind(name.to_ascii_lowercase())
            .fetch_optional(self.inner.store.read())
            .await?;
        Ok(found)
    }
}

impl Place {
    fn new(path: String) -> Self {
        Self { scope: Scope::new(&path), path }
    }

    /// Gives a role here; one that is there already stays as it is.
    pub(crate) async fn insert(
        &self,
        write: &mut Write,
        principal_id: &str,
        role: RoleName,
        caller: &Principal,
    ) -> Result<(), ControlError> {
        let name = random::uuid().to_string();
        let done = sqlx::query(
            "INSERT INTO role_assignments (id, principal_id, scope_key, role, scope, created_at,
                 created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(&name)
        .bind(principal_id)
        .bind(self.scope.as_str())
        .bind(role.as_str())
        .bind(&self.path)
        .bind(clock::now())
        .bind(caller.id())
        .execute(&mut **write)
        .await?;
        if done.rows_affected() > 0 {
            audit::made(name);
        }
        Ok(())
    }
}

fn no_scope(path: &str) -> ControlError {
    ControlError::not_found(Kind::Scope, path)
}

/// Forgets the roles at a scope that is going away, and below it: whatever gets its name next must
/// not inherit them.
pub(crate) async fn forget_roles(write: &mut Write, scope: &Scope) -> Result<(), ControlError> {
    sqlx::query(
        "DELETE FROM role_assignments
         WHERE scope_key = $1 OR (scope_key >= $2 AND scope_key < $3)",
    )
    .bind(scope.as_str())
    .bind(format!("{}/", scope.as_str()))
    .bind(format!("{}0", scope.as_str()))
    .execute(&mut **write)
    .await?;
    Ok(())
}
