//! Roles given to those who are known already, and taken from them.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use gloo_net::http::Method;
use serde_json::{Value, json};
use shared::{
    RoleAssignment,
    paths::{self, encode, encode_path, versioned},
};

use super::{
    client::{Call, EdgeClient},
    failure::EdgeError,
    pending::Pending,
};

impl EdgeClient {
    /// Gives a role to a service principal or person.
    pub(crate) fn give_role(self, principal: String, held: RoleAssignment) -> Pending<()> {
        let path = paths::role_assignment(&encode_path(&held.scope), &name(&principal, &held));
        let role = held.role.to_string();
        let body = json!({ "properties": { "roleDefinitionId": role, "principalId": principal } });
        let call = Call::new(Method::PUT, versioned(&path)).json(&body);
        self.tell_only(call)
    }

    /// Takes a role away, whatever the assignment is called.
    pub(crate) async fn take_role(
        self,
        principal: String,
        held: RoleAssignment,
    ) -> Result<(), EdgeError> {
        let filter = encode(&format!("principalId eq '{principal}'"));
        let path = versioned(&paths::role_assignments(&encode_path(&held.scope)));
        let list: Vec<Value> = self.rows(format!("{path}&$filter={filter}")).await?;
        let role = held.role.to_string();
        let wanted = list.iter().find(|it| {
            it["properties"]["scope"] == *held.scope && it["properties"]["roleName"] == *role
        });
        match wanted.and_then(|it| it["id"].as_str()) {
            Some(id) => self.delete(versioned(&encode_path(id))).await,
            None => Ok(()),
        }
    }
}

/// A GUID made of what the assignment says, so that giving a role twice gives it once.
fn name(principal: &str, held: &RoleAssignment) -> String {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, principal, &held.scope, held.role.to_string()).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    };
    let (a, b) = (half(0), half(1));
    format!("{}-{}-8{}-8{}-{}", &a[..8], &a[8..12], &a[13..], &b[1..4], &b[4..])
}

#[cfg(test)]
mod tests {
    use shared::RoleName;

    use super::*;

    #[test]
    fn an_assignment_is_called_the_same_each_time_and_another_one_otherwise() {
        let held = |role| RoleAssignment { scope: "/subscriptions/s".into(), role };

        let reader = name("anna", &held(RoleName::Reader));

        let lengths: Vec<usize> = reader.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(reader, name("anna", &held(RoleName::Reader)));
        assert_ne!(reader, name("anna", &held(RoleName::Owner)));
        assert_ne!(reader, name("taro", &held(RoleName::Reader)));
    }
}
