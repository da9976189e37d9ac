//! Every principal and its roles, in memory: authentication must not cost a query.
//!
//! Only this process changes principals and roles while it runs, so the copy is replaced after each
//! change. Secrets, sessions and links stay in the store: `edge-scorer admin` changes those too.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use shared::RoleAssignment;
use sqlx::Row as _;

use super::{Scope, roles::Identity};
use crate::{ControlError, store::Store};

/// The principals by object id.
#[derive(Default)]
pub(crate) struct Directory {
    principals: RwLock<HashMap<String, Arc<Identity>>>,
}

impl Directory {
    /// The principal with this object id.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Identity>> {
        self.principals.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Reads everything anew.
    pub(crate) async fn reload(&self, store: &Store) -> Result<(), ControlError> {
        let mut roles: HashMap<String, Vec<(Scope, RoleAssignment)>> = HashMap::new();
        let rows = sqlx::query("SELECT principal_id, scope, role FROM role_assignments")
            .fetch_all(store.read())
            .await?;
        for row in rows {
            let (scope, role): (String, String) = (row.try_get(1)?, row.try_get(2)?);
            let role = role.parse().map_err(ControlError::internal)?;
            roles
                .entry(row.try_get(0)?)
                .or_default()
                .push((Scope::new(&scope), RoleAssignment { scope, role }));
        }
        let rows = sqlx::query("SELECT id, tenant_id, client_id, display_name FROM principals")
            .fetch_all(store.read())
            .await?;
        let mut principals = HashMap::with_capacity(rows.len());
        for row in rows {
            let id: String = row.try_get(0)?;
            let identity = Identity {
                id: id.clone(),
                tenant_id: row.try_get(1)?,
                client_id: row.try_get(2)?,
                name: row.try_get(3)?,
                roles: roles.remove(&id).unwrap_or_default(),
            };
            principals.insert(id, Arc::new(identity));
        }
        *self.principals.write().unwrap_or_else(PoisonError::into_inner) = principals;
        Ok(())
    }
}
