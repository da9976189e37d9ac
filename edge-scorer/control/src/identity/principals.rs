//! Service principals, their secrets and role assignments.

use shared::{RoleAssignment, Timestamp};

use crate::{Control, ControlError, Principal, control::unfinished};

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
    /// Every service principal of the tenant.
    pub async fn service_principals(
        &self,
        _caller: &Principal,
    ) -> Result<Vec<ServicePrincipal>, ControlError> {
        Err(unfinished())
    }

    /// Makes a service principal and its first secret.
    pub async fn create_service_principal(
        &self,
        _caller: &Principal,
        _display_name: &str,
    ) -> Result<(ServicePrincipal, NewSecret), ControlError> {
        Err(unfinished())
    }

    /// Adds a secret; there may be two at a time.
    pub async fn add_secret(
        &self,
        _caller: &Principal,
        _id: &str,
    ) -> Result<NewSecret, ControlError> {
        Err(unfinished())
    }

    /// Forgets a secret. `false` when there was none.
    pub async fn delete_secret(
        &self,
        _caller: &Principal,
        _id: &str,
        _secret: &str,
    ) -> Result<bool, ControlError> {
        Err(unfinished())
    }

    /// Deletes a service principal with its secrets, roles and sessions. `false` when there was none.
    pub async fn delete_service_principal(
        &self,
        _caller: &Principal,
        _id: &str,
    ) -> Result<bool, ControlError> {
        Err(unfinished())
    }

    /// Gives a principal a role.
    pub async fn assign_role(
        &self,
        _caller: &Principal,
        _id: &str,
        _role: RoleAssignment,
    ) -> Result<(), ControlError> {
        Err(unfinished())
    }

    /// Takes a role away. `false` when there was none.
    pub async fn remove_role(
        &self,
        _caller: &Principal,
        _id: &str,
        _role: RoleAssignment,
    ) -> Result<bool, ControlError> {
        Err(unfinished())
    }
}
