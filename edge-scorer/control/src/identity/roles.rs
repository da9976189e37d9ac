//! Roles at scopes, inherited downwards.

use std::sync::Arc;

use shared::{RoleAssignment, RoleName};

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
    pub(crate) name: String,
    pub(crate) tenant_id: String,
    pub(crate) roles: Vec<(Scope, RoleAssignment)>,
}

impl Principal {
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

    /// Whether a role at `scope` or above it allows `action`.
    pub fn may(&self, action: Action, scope: &Scope) -> bool {
        self.identity
            .roles
            .iter()
            .any(|(at, role)| action.allowed_to(role.role) && at.covers(scope))
    }
}
