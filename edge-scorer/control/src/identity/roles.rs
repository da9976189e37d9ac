//! Roles at scopes, inherited downwards.

use std::sync::Arc;

use shared::{RoleAssignment, RoleName};

use crate::ControlError;

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
    pub(crate) csrf_token: Option<Arc<str>>,
}

#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) tenant_id: String,
    pub(crate) roles: Vec<(Scope, RoleAssignment)>,
}

impl Principal {
    /// Somebody without any role.
    #[cfg(test)]
    pub(crate) fn nobody() -> Self {
        let identity = Identity {
            id: String::new(),
            client_id: String::new(),
            name: "Nobody".to_owned(),
            tenant_id: String::new(),
            roles: Vec::new(),
        };
        Self { identity: Arc::new(identity), csrf_token: None }
    }

    /// Object id.
    pub fn id(&self) -> &str {
        &self.identity.id
    }

    /// Display name.
    pub fn name(&self) -> &str {
        &self.identity.name
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
        self.csrf_token.as_deref()
    }

    /// Whether there is a role at `scope`, above it or below it.
    pub(crate) fn knows_of(&self, scope: &Scope) -> bool {
        self.identity.roles.iter().any(|(at, _)| at.covers(scope) || scope.covers(at))
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
        let identity = Identity {
            id: "ada".to_owned(),
            client_id: "ada".to_owned(),
            name: "Ada".to_owned(),
            tenant_id: "t".to_owned(),
            roles: vec![(Scope::new(scope), assignment)],
        };
        Principal { identity: Arc::new(identity), csrf_token: None }
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
