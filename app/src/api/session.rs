//! Who is signed in, and which accounts they may see.

use leptos::prelude::Set as _;
use shared::{
    Me, SessionRequest,
    paths::{self, AccountPath},
};

use super::{
    client::{Call, EdgeClient},
    failure::EdgeError,
};

/// An account as the console names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountRef {
    /// Names it in addresses: the shortest ending of subscription, group and name that is unique.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) resource_group: String,
    pub(crate) path: AccountPath,
}

impl EdgeClient {
    /// Opens a session; the answer is a cookie.
    pub(crate) async fn sign_in(self, request: SessionRequest) -> Result<(), EdgeError> {
        let call = Call::post(paths::SESSION.to_owned()).json(&request);
        let answer = self.exchange(call).await?;
        if !answer.is_success() {
            return Err(answer.failure());
        }
        self.signed_out().set(false);
        Ok(())
    }

    /// Closes the session.
    pub(crate) async fn sign_out(self) -> Result<(), EdgeError> {
        self.delete(paths::SESSION.to_owned()).await?;
        self.set_csrf(None);
        Ok(())
    }

    /// Who is signed in; from now on changing calls carry the session's CSRF token.
    pub(crate) async fn me(self) -> Result<Me, EdgeError> {
        let me: Me = self.get(paths::ME.to_owned()).await?;
        self.set_csrf(me.csrf_token.clone());
        Ok(me)
    }

    /// Every account of every subscription the caller may see.
    pub(crate) async fn accounts(self) -> Result<Vec<AccountRef>, EdgeError> {
        let accounts = self.full_accounts().await?;
        Ok(name_accounts(accounts.iter().map(|account| account.id.as_str())))
    }
}

/// Gives every account the shortest key that no other has.
fn name_accounts<'a>(arm_ids: impl Iterator<Item = &'a str>) -> Vec<AccountRef> {
    let parts: Vec<[&str; 3]> = arm_ids
        .filter_map(|id| {
            let parts: Vec<&str> = id.trim_start_matches('/').split('/').collect();
            match parts.as_slice() {
                [_, subscription, _, group, _, _, _, name] => Some([*name, *group, *subscription]),
                _ => None,
            }
        })
        .collect();
    parts
        .iter()
        .map(|own @ [name, group, subscription]| {
            let key = (1..=3)
                .map(|length| &own[..length])
                .find(|key| parts.iter().filter(|other| other.starts_with(key)).count() == 1)
                .unwrap_or(own);
            AccountRef {
                key: key.iter().rev().copied().collect::<Vec<_>>().join("~"),
                name: (*name).to_owned(),
                resource_group: (*group).to_owned(),
                path: AccountPath::new(subscription, group, name),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::paths::account_arm_id;

    #[test]
    fn an_accounts_key_is_only_as_long_as_it_must_be() {
        let ids = [
            account_arm_id("s1", "prod", "scoring"),
            account_arm_id("s1", "test", "scoring"),
            account_arm_id("s2", "test", "scoring"),
            account_arm_id("s1", "test", "lab"),
        ];

        let accounts = name_accounts(ids.iter().map(String::as_str));

        let keys: Vec<_> = accounts.iter().map(|account| account.key.as_str()).collect();
        assert_eq!(keys, ["prod~scoring", "s1~test~scoring", "s2~test~scoring", "lab"]);
        assert_eq!(accounts[3].path, AccountPath::new("s1", "test", "lab"));
    }
}
