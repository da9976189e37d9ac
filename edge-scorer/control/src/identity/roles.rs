//! Roles at scopes, inherited downwards.

use std::sync::Arc;

use shared::{PrincipalKind, RoleAssignment, RoleName, SignInWay};

use crate::{ControlError, audit};

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read everything but keys and secrets.
    Read,
    /// Change resources.
    Write,
    /// Read and replace service keys.
    Keys,
    /// Change role assignments and service principals.
    Access,
    /// Call services.
    Score,
}

impl Action {
    /// As `GET /api/me` spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Keys => "keys",
            Self::Access => "access",
            Self::Score => "score",
        }
    }

    /// The weakest role that may.
    pub fn needs(self) -> RoleName {
        match self {
            Self::Read => RoleName::Reader,
            Self::Write | Self::Keys => RoleName::Contributor,
            Self::Access => RoleName::Owner,
            Self::Score => RoleName::Scorer,
        }
    }

    fn allowed_to(self, role: RoleName) -> bool {
        match self {
            Self::Read => {
                matches!(role, RoleName::Owner | RoleName::Contributor | RoleName::Reader)
            }
            Self::Write | Self::Keys => matches!(role, RoleName::Owner | RoleName::Contributor),
            Self::Access => role == RoleName::Owner,
            Self::Score => {
                matches!(role, RoleName::Owner | RoleName::Contributor | RoleName::Scorer)
            }
        }
    }
}

/// An ARM path, compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope(String);

impl Scope {
    /// From an ARM path; `/` is the whole server.
    pub fn new(path: &str) -> Self {
        Self(path.trim_end_matches('/').to_ascii_lowercase())
    }

    /// Lower-case ARM path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this scope or lies below it.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// A caller whose proof was accepted.
#[derive(Debug, Clone)]
pub struct Principal {
    pub(crate) identity: Arc<Identity>,
    /// The session that proves it; `None` for a bearer token.
    pub(crate) session: Option<Arc<Session>>,
}

#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) kind: PrincipalKind,
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) sign_in_name: Option<String>,
    pub(crate) has_password: bool,
    pub(crate) tenant_id: String,
    pub(crate) roles: Vec<(Scope, RoleAssignment)>,
}

/// The session that a call came with.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) opened_by: SignInWay,
    pub(crate) opened_at: i64,
    pub(crate) csrf_token: String,
}

impl Principal {
    /// Somebody who came without a session.
    pub(crate) fn new(identity: Arc<Identity>) -> Self {
        Self { identity, session: None }
    }

    /// Somebody without any role.
    #[cfg(test)]
    pub(crate) fn nobody() -> Self {
        Self::new(Arc::new(Identity {
            id: String::new(),
            kind: PrincipalKind::Person,
            client_id: String::new(),
            name: "Nobody".to_owned(),
            sign_in_name: None,
            has_password: false,
            tenant_id: String::new(),
            roles: Vec::new(),
        }))
    }

    /// Object id.
    pub fn id(&self) -> &str {
        &self.identity.id
    }

    /// Display name.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// What it is.
    pub fn kind(&self) -> PrincipalKind {
        self.identity.kind
    }

    /// Tenant.
    pub fn tenant_id(&self) -> &str {
        &self.identity.tenant_id
    }

    /// Every role.
    pub fn roles(&self) -> Vec<RoleAssignment> {
        self.identity.roles.iter().map(|(_, role)| role.clone()).collect()
    }

    /// The token that changing calls must send beside the session cookie; `None` for a bearer token.
    pub fn csrf_token(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.csrf_token.as_str())
    }

    /// The scopes of the roles that allow `action`.
    pub(crate) fn scopes_of(&self, action: Action) -> Vec<Scope> {
        let roles = self.identity.roles.iter();
        roles
            .filter(|(_, role)| action.allowed_to(role.role))
            .map(|(scope, _)| scope.clone())
            .collect()
    }

    /// Whether a role at `scope`, above it or below it lets read; who may only score sees nothing.
    pub(crate) fn knows_of(&self, scope: &Scope) -> bool {
        let sees = |at: &Scope| at.covers(scope) || scope.covers(at);
        self.identity.roles.iter().any(|(at, role)| Action::Read.allowed_to(role.role) && sees(at))
    }

    /// Whether a role at `scope` or above it allows `action`.
    pub fn may(&self, action: Action, scope: &Scope) -> bool {
        self.identity
            .roles
            .iter()
            .any(|(at, role)| action.allowed_to(role.role) && at.covers(scope))
    }
}

/// Refuses `caller` unless a role allows `action` at `scope`.
pub(crate) fn require(
    caller: &Principal,
    action: Action,
    scope: &Scope,
) -> Result<(), ControlError> {
    if action == Action::Keys {
        audit::sensitive();
    }
    if caller.may(action, scope) {
        return Ok(());
    }
    Err(ControlError::Forbidden { needs: action.needs(), scope: scope.as_str().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_role(role: RoleName, scope: &str) -> Principal {
        let assignment = RoleAssignment { scope: scope.to_owned(), role };
        Principal::new(Arc::new(Identity {
            id: "ada".to_owned(),
            kind: PrincipalKind::Person,
            client_id: "ada".to_owned(),
            name: "Ada".to_owned(),
            sign_in_name: None,
            has_password: false,
            tenant_id: "t".to_owned(),
            roles: vec![(Scope::new(scope), assignment)],
        }))
    }

    #[test]
    fn each_role_allows_what_is_documented_and_nothing_else() {
        use Action::{Access, Keys, Read, Score, Write};
        let scope = Scope::new("/subscriptions/s");
        let allowed = |role| {
            let principal = with_role(role, "/subscriptions/s");
            [Read, Write, Keys, Access, Score].map(|action| principal.may(action, &scope))
        };

        assert_eq!(allowed(RoleName::Owner), [true, true, true, true, true]);
        assert_eq!(allowed(RoleName::Contributor), [true, true, true, false, true]);
        assert_eq!(allowed(RoleName::Reader), [true, false, false, false, false]);
        assert_eq!(allowed(RoleName::Scorer), [false, false, false, false, true]);
    }

    #[test]
    fn a_role_is_inherited_downwards_and_never_sideways() {
        let principal = with_role(RoleName::Reader, "/subscriptions/S/resourceGroups/rg");
        let may = |scope: &str| principal.may(Action::Read, &Scope::new(scope));

        assert!(may("/subscriptions/s/resourcegroups/RG"));
        assert!(may("/subscriptions/s/resourceGroups/rg/providers/x/accounts/a"));
        assert!(!may("/subscriptions/s"));
        assert!(!may("/subscriptions/s/resourceGroups/rg2"));
    }
}
