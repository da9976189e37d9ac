//! Every principal and its roles, in memory: authentication must not cost a query.
//!
//! Only this process changes principals and roles while it runs, so the copy is replaced after each
//! change. Secrets, sessions and links stay in the store: `edge-scorer admin` changes those too.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use sha2::{Digest as _, Sha256};
use shared::{PrincipalKind, RoleAssignment};
use sqlx::Row as _;

use super::{Scope, outside::Vouched, roles::Identity};
use crate::{ControlError, store::Store};

/// The principals.
#[derive(Default)]
pub(crate) struct Directory {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    by_id: HashMap<String, Arc<Identity>>,
    /// By subject claim.
    outside_people: HashMap<String, Arc<Identity>>,
    /// By groups claim.
    outside_groups: HashMap<String, Arc<Identity>>,
}

impl Directory {
    /// The principal with this object id.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Identity>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).by_id.get(id).cloned()
    }

    /// The id of whoever signs in as this client.
    pub(crate) fn find_by_client_id(&self, client_id: &str) -> Option<String> {
        self.find_by(|identity| identity.client_id == client_id)
    }

    /// The id of whoever signs in here with this name.
    pub(crate) fn find_by_sign_in_name(&self, name: &str) -> Option<String> {
        self.find_by(|identity| {
            let here = [PrincipalKind::Person, PrincipalKind::ServicePrincipal];
            here.contains(&identity.kind) && identity.sign_in_name.as_deref() == Some(name)
        })
    }

    /// Looks at everybody: for what happens rarely.
    fn find_by(&self, is_it: impl Fn(&Identity) -> bool) -> Option<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.by_id.values().find(|identity| is_it(identity)).map(|found| found.id.clone())
    }

    /// The principal with this subject at the outside issuer.
    pub(crate) fn find_outside(&self, subject: &str) -> Option<Arc<Identity>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.outside_people.get(subject).cloned()
    }

    /// Whom the outside issuer vouches for: its own roles and those of its groups. Somebody who is
    /// not known here is recognised all the same and has the roles of the groups, if any.
    pub(crate) fn vouched(&self, vouched: &Vouched, tenant_id: &str) -> Arc<Identity> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let own = known.outside_people.get(&vouched.subject);
        let mut groups = vouched.groups.iter().filter_map(|group| known.outside_groups.get(group));
        let Some(first) = groups.next() else {
            return own
                .cloned()
                .unwrap_or_else(|| Arc::new(stranger(vouched, tenant_id, Vec::new())));
        };
        let mut roles = first.roles.clone();
        roles.extend(groups.flat_map(|group| group.roles.iter().cloned()));
        let identity = match own {
            Some(own) => {
                roles.extend(own.roles.iter().cloned());
                Identity {
                    id: own.id.clone(),
                    client_id: own.client_id.clone(),
                    name: own.name.clone(),
                    sign_in_name: own.sign_in_name.clone(),
                    tenant_id: own.tenant_id.clone(),
                    roles,
                    ..**own
                }
            }
            None => stranger(vouched, tenant_id, roles),
        };
        Arc::new(identity)
    }

    /// Reads everything anew.
    pub(crate) async fn reload(&self, store: &Store) -> Result<(), ControlError> {
        let mut roles: HashMap<String, Vec<(Scope, RoleAssignment)>> = HashMap::new();
        let rows = sqlx::query(
            "SELECT principal_id, scope, role FROM role_assignments ORDER BY created_at, id",
        )
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
        let rows = sqlx::query(
            "SELECT id, tenant_id, client_id, display_name, kind, sign_in_name,
                 password_hash IS NOT NULL FROM principals",
        )
        .fetch_all(store.read())
        .await?;
        let mut known = Known::default();
        for row in rows {
            let id: String = row.try_get(0)?;
            let kind = row.try_get::<&str, _>(4)?.parse().map_err(ControlError::internal)?;
            let identity = Arc::new(Identity {
                id: id.clone(),
                kind,
                tenant_id: row.try_get(1)?,
                client_id: row.try_get(2)?,
                name: row.try_get(3)?,
                sign_in_name: row.try_get(5)?,
                has_password: row.try_get(6)?,
                roles: roles.remove(&id).unwrap_or_default(),
            });
            let outside = match kind {
                PrincipalKind::OutsidePerson => Some(&mut known.outside_people),
                PrincipalKind::OutsideGroup => Some(&mut known.outside_groups),
                PrincipalKind::ServicePrincipal | PrincipalKind::Person => None,
            };
            if let (Some(outside), Some(name)) = (outside, &identity.sign_in_name) {
                outside.insert(name.clone(), Arc::clone(&identity));
            }
            known.by_id.insert(id, identity);
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }
}

/// Somebody of the outside issuer who has no entry here. The id follows from the subject, so that the
/// audit log tells one from another.
fn stranger(vouched: &Vouched, tenant_id: &str, roles: Vec<(Scope, RoleAssignment)>) -> Identity {
    let digest = Sha256::digest(format!("outside:{}", vouched.subject).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Identity {
        id: uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string(),
        kind: PrincipalKind::OutsidePerson,
        client_id: String::new(),
        name: vouched.name.clone(),
        sign_in_name: Some(vouched.subject.clone()),
        has_password: false,
        tenant_id: tenant_id.to_owned(),
        roles,
    }
}
