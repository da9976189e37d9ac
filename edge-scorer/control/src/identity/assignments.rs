//! Role assignments, in ARM's shapes: listed, given and taken at four kinds of scope.
//!
//! # Invariants
//! - An assignment holds from the moment its call is answered, for callers that have a token already.
//! - The subscription always has an owner who does not depend on an outside issuer.

use shared::{
    PrincipalKind, RoleAssignment, RoleAssignmentProperties, RoleAssignmentRequest,
    RoleAssignmentResource, RoleDefinition, RoleDefinitionProperties, RoleName, RolePermissions,
    paths,
};
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use super::{places::Place, principals::owner_remains};
use crate::{Action, Control, ControlError, Kind, Principal, Scope, clock, require};

const COLUMNS: &str = "SELECT a.id, a.scope, a.role, a.principal_id, a.description, a.created_at, \
     a.created_by, p.display_name, p.kind FROM role_assignments a \
     JOIN principals p ON p.id = a.principal_id";

/// Which assignments of a scope.
#[derive(Debug, Clone, Default)]
pub struct AssignmentFilter {
    /// Of this principal alone.
    pub principal_id: Option<String>,
    /// Not those below the scope.
    pub at_scope: bool,
}

impl Control {
    /// The assignments at a scope, above it and, unless told otherwise, below it.
    pub async fn role_assignments(
        &self,
        caller: &Principal,
        scope: &str,
        filter: &AssignmentFilter,
    ) -> Result<Vec<RoleAssignmentResource>, ControlError> {
        let place = self.resolve_scope(caller, scope).await?;
        require(caller, Action::Read, &place.scope)?;
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query.push(" WHERE TRUE");
        if let Some(id) = &filter.principal_id {
            query.push(" AND a.principal_id = ").push_bind(id.to_ascii_lowercase());
        }
        query.push(" ORDER BY a.created_at, a.id");
        let rows = query.build().fetch_all(self.inner.store.read()).await?;
        let mut found = Vec::new();
        for row in &rows {
            let resource = resource(row)?;
            let at = Scope::new(&resource.properties.scope);
            if at.covers(&place.scope) || (!filter.at_scope && place.scope.covers(&at)) {
                found.push(resource);
            }
        }
        Ok(found)
    }

    /// One assignment, by its name, at its own scope.
    pub async fn role_assignment(
        &self,
        caller: &Principal,
        scope: &str,
        name: &str,
    ) -> Result<RoleAssignmentResource, ControlError> {
        let place = self.resolve_scope(caller, scope).await?;
        require(caller, Action::Read, &place.scope)?;
        let found = self.find_assignment(&place, name).await?;
        found.ok_or_else(|| ControlError::not_found(Kind::RoleAssignment, name))
    }

    /// Gives a role under a name of the caller's choice. `true` when it is new.
    pub async fn put_role_assignment(
        &self,
        caller: &Principal,
        scope: &str,
        name: &str,
        request: &RoleAssignmentRequest,
    ) -> Result<(RoleAssignmentResource, bool), ControlError> {
        let place = self.resolve_scope(caller, scope).await?;
        require(caller, Action::Access, &place.scope)?;
        let Ok(name) = uuid::Uuid::try_parse(name) else {
            return Err(ControlError::invalid(
                format!("`{name}` is not the name of a role assignment"),
                "Name it with a GUID, such as 7c9e6679-7425-40de-944b-e07fc1f90ae7.",
            ));
        };
        let (name, properties) = (name.to_string(), &request.properties);
        let role = RoleName::from_definition(&properties.role_definition_id)
            .ok_or_else(|| ControlError::UnknownRole(properties.role_definition_id.clone()))?;
        if let Some(description) = &properties.description {
            shared::validate_description(description).map_err(|rule| {
                ControlError::invalid(rule.to_string(), "Shorten `properties.description`.")
            })?;
        }
        let principal_id = properties.principal_id.to_ascii_lowercase();
        if self.inner.directory.find(&principal_id).is_none() {
            return Err(ControlError::UnknownPrincipal(properties.principal_id.clone()));
        }
        let mut write = self.inner.store.write().await?;
        let found: Option<String> = sqlx::query_scalar(
            "SELECT id FROM role_assignments
             WHERE id = $1 OR (principal_id = $2 AND scope_key = $3 AND role = $4)
             ORDER BY id = $1 DESC LIMIT 1",
        )
        .bind(&name)
        .bind(&principal_id)
        .bind(place.scope.as_str())
        .bind(role.as_str())
        .fetch_optional(&mut *write)
        .await?;
        if let Some(id) = found {
            drop(write);
            let existing = self.find_assignment(&place, &name).await?;
            let same = existing.filter(|existing| {
                existing.properties.principal_id == principal_id
                    && existing.properties.role_name == role
            });
            return match same {
                Some(existing) => Ok((existing, false)),
                None => Err(ControlError::RoleAssignmentExists(id)),
            };
        }
        sqlx::query(
            "INSERT INTO role_assignments (id, principal_id, scope_key, role, scope, created_at,
                 created_by, description)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&name)
        .bind(&principal_id)
        .bind(place.scope.as_str())
        .bind(role.as_str())
        .bind(&place.path)
        .bind(clock::now())
        .bind(caller.id())
        .bind(&properties.description)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await?;
        let made = self.find_assignment(&place, &name).await?;
        made.map(|made| (made, true))
            .ok_or_else(|| ControlError::not_found(Kind::RoleAssignment, name))
    }

    /// Takes a role away; gives what was there. The last owner stays.
    pub async fn delete_role_assignment(
        &self,
        caller: &Principal,
        scope: &str,
        name: &str,
    ) -> Result<Option<RoleAssignmentResource>, ControlError> {
        let place = self.resolve_scope(caller, scope).await?;
        require(caller, Action::Access, &place.scope)?;
        let Some(found) = self.find_assignment(&place, name).await? else { return Ok(None) };
        let mut write = self.inner.store.write().await?;
        sqlx::query("DELETE FROM role_assignments WHERE id = $1")
            .bind(&found.name)
            .execute(&mut *write)
            .await?;
        owner_remains(&mut write, &self.inner.tenant.root).await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await?;
        Ok(Some(found))
    }

    /// Gives a principal a role, whatever the assignment's name.
    pub async fn assign_role(
        &self,
        caller: &Principal,
        id: &str,
        role: RoleAssignment,
    ) -> Result<(), ControlError> {
        let place = self.resolve_scope(caller, &role.scope).await?;
        require(caller, Action::Access, &place.scope)?;
        let id = id.to_ascii_lowercase();
        if self.inner.directory.find(&id).is_none() {
            return Err(ControlError::not_found(Kind::ServicePrincipal, id));
        }
        let mut write = self.inner.store.write().await?;
        place.insert(&mut write, &id, role.role, caller).await?;
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
        let place = self.resolve_scope(caller, &role.scope).await?;
        require(caller, Action::Access, &place.scope)?;
        let mut write = self.inner.store.write().await?;
        let done = sqlx::query(
            "DELETE FROM role_assignments WHERE principal_id = $1 AND scope_key = $2 AND role = $3",
        )
        .bind(id.to_ascii_lowercase())
        .bind(place.scope.as_str())
        .bind(role.role.as_str())
        .execute(&mut *write)
        .await?;
        owner_remains(&mut write, &self.inner.tenant.root).await?;
        write.commit().await?;
        self.inner.directory.reload(&self.inner.store).await?;
        Ok(done.rows_affected() > 0)
    }

    /// The roles that may be given at a scope; with `name`, the one of that name.
    pub async fn role_definitions(
        &self,
        caller: &Principal,
        scope: &str,
        name: Option<&str>,
    ) -> Result<Vec<RoleDefinition>, ControlError> {
        let place = self.resolve_scope(caller, scope).await?;
        require(caller, Action::Read, &place.scope)?;
        let wanted =
            |role: &RoleName| name.is_none_or(|name| role.as_str().eq_ignore_ascii_case(name));
        let roles = RoleName::ALL.iter().copied().filter(wanted);
        Ok(roles.map(|role| definition(&place, role)).collect())
    }

    /// One role, by its GUID.
    pub async fn role_definition(
        &self,
        caller: &Principal,
        scope: &str,
        id: &str,
    ) -> Result<RoleDefinition, ControlError> {
        let place = self.resolve_scope(caller, scope).await?;
        require(caller, Action::Read, &place.scope)?;
        let role = RoleName::ALL.iter().find(|role| role.definition().eq_ignore_ascii_case(id));
        role.map(|role| definition(&place, *role))
            .ok_or_else(|| ControlError::not_found(Kind::RoleDefinition, id))
    }

    async fn find_assignment(
        &self,
        place: &Place,
        name: &str,
    ) -> Result<Option<RoleAssignmentResource>, ControlError> {
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query.push(" WHERE a.id = ").push_bind(name.to_ascii_lowercase());
        query.push(" AND a.scope_key = ").push_bind(place.scope.as_str().to_owned());
        let row = query.build().fetch_optional(self.inner.store.read()).await?;
        row.as_ref().map(resource).transpose()
    }
}

fn resource(row: &SqliteRow) -> Result<RoleAssignmentResource, ControlError> {
    let (name, scope): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let role: RoleName = row.try_get::<&str, _>(2)?.parse().map_err(ControlError::internal)?;
    let kind: PrincipalKind = row.try_get::<&str, _>(8)?.parse().map_err(ControlError::internal)?;
    let at = clock::timestamp(row.try_get(5)?);
    Ok(RoleAssignmentResource {
        id: paths::role_assignment(&scope, &name),
        name,
        resource_type: "Microsoft.Authorization/roleAssignments".to_owned(),
        properties: RoleAssignmentProperties {
            role_definition_id: definition_id(&scope, role),
            scope,
            principal_id: row.try_get(3)?,
            principal_type: principal_type(kind).to_owned(),
            description: row.try_get(4)?,
            created_on: at.clone(),
            updated_on: at,
            created_by: row.try_get(6)?,
            role_name: role,
            principal_name: row.try_get(7)?,
            principal_kind: kind,
        },
    })
}

/// The documented words for what a principal is.
fn principal_type(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::ServicePrincipal => "ServicePrincipal",
        PrincipalKind::Person | PrincipalKind::OutsidePerson => "User",
        PrincipalKind::OutsideGroup => "ForeignGroup",
    }
}

/// Definitions belong to the subscription.
fn definition_id(scope: &str, role: RoleName) -> String {
    let subscription = scope.split('/').nth(2).unwrap_or_default();
    format!(
        "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{}",
        role.definition()
    )
}

fn definition(place: &Place, role: RoleName) -> RoleDefinition {
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    const ACCOUNTS: &str = "Microsoft.MachineLearningModelManagement/accounts";
    let keys = [format!("{ACCOUNTS}/services/keys/*"), format!("{ACCOUNTS}/listKeys/action")];
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let score = [format!("{ACCOUNTS}/services/score/action")];
    let score: Vec<&str> = score.iter().map(String::as_str).collect();
    let (description, actions, not_actions, data): (_, &[&str], &[&str], &[&str]) = match role {
        RoleName::Owner => {
            ("Everything, role assignments and service principals too.", &["*"], &[], &score)
        }
        RoleName::Contributor => (
            "Reads and writes, service keys too; gives no roles.",
            &["*"],
            &["Microsoft.Authorization/*/Write", "Microsoft.Authorization/*/Delete"],
            &score,
        ),
        RoleName::Reader => ("Reads everything but keys and secrets.", &["*/read"], &keys, &[]),
        RoleName::Scorer => ("Calls services and sees nothing else.", &[], &[], &score),
    };
    RoleDefinition {
        id: definition_id(&place.path, role),
        name: role.definition().to_owned(),
        resource_type: "Microsoft.Authorization/roleDefinitions".to_owned(),
        properties: RoleDefinitionProperties {
            role_name: role,
            role_type: "BuiltInRole".to_owned(),
            description: description.to_owned(),
            assignable_scopes: vec!["/".to_owned()],
            permissions: vec![RolePermissions {
                actions: words(actions),
                not_actions: words(not_actions),
                data_actions: words(data),
                not_data_actions: Vec::new(),
            }],
        },
    }
}
