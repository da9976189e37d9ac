//! Subscriptions, resource groups and model management accounts.

use shared::{Account, RoleAssignment, Subscription, paths::AccountPath};

use crate::{Control, ControlError, Principal, Scope, control::unfinished};

/// Proof that an account exists and that the caller may see that it does. What may be done in it
/// is checked by each function.
#[derive(Debug, Clone)]
pub struct AccountAccess {
    pub(crate) account_id: String,
    pub(crate) path: AccountPath,
    pub(crate) scope: Scope,
    pub(crate) principal: Principal,
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
}

/// Members of an account that a caller may set; `None` leaves them as they are.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// Region; required for a new account.
    pub location: Option<String>,
    /// Free words.
    pub tags: Option<std::collections::BTreeMap<String, String>>,
    /// Tier: `S1`, `S2`, `S3` or `DevTest`.
    pub sku: Option<shared::Sku>,
    /// Free text.
    pub description: Option<String>,
}

impl Control {
    /// The subscriptions in which the caller has a role.
    pub async fn subscriptions(
        &self,
        _caller: &Principal,
    ) -> Result<Vec<Subscription>, ControlError> {
        Err(unfinished())
    }

    /// One subscription.
    pub async fn subscription(
        &self,
        _caller: &Principal,
        _id: &str,
    ) -> Result<Subscription, ControlError> {
        Err(unfinished())
    }

    /// The accounts of a subscription, or of one of its groups.
    pub async fn accounts(
        &self,
        _caller: &Principal,
        _subscription: &str,
        _group: Option<&str>,
    ) -> Result<Vec<Account>, ControlError> {
        Err(unfinished())
    }

    /// One account.
    pub async fn account(
        &self,
        _caller: &Principal,
        _subscription: &str,
        _group: &str,
        _name: &str,
    ) -> Result<Account, ControlError> {
        Err(unfinished())
    }

    /// Makes an account, or replaces its description, tags and tier. `true` when it is new.
    pub async fn put_account(
        &self,
        _caller: &Principal,
        _subscription: &str,
        _group: &str,
        _name: &str,
        _change: AccountChange,
    ) -> Result<(Account, bool), ControlError> {
        Err(unfinished())
    }

    /// Changes the members that are given.
    pub async fn patch_account(
        &self,
        _caller: &Principal,
        _subscription: &str,
        _group: &str,
        _name: &str,
        _change: AccountChange,
    ) -> Result<Account, ControlError> {
        Err(unfinished())
    }

    /// Deletes an account that holds nothing. `false` when there was none.
    pub async fn delete_account(
        &self,
        _caller: &Principal,
        _subscription: &str,
        _group: &str,
        _name: &str,
    ) -> Result<bool, ControlError> {
        Err(unfinished())
    }

    /// Finds the account that a path names.
    pub async fn enter(
        &self,
        _caller: &Principal,
        _subscription: &str,
        _group: &str,
        _account: &str,
    ) -> Result<AccountAccess, ControlError> {
        Err(unfinished())
    }

    /// The caller's roles, as `GET /api/me` shows them.
    pub fn roles_of(&self, caller: &Principal) -> Vec<RoleAssignment> {
        caller.roles()
    }
}
