//! Model management accounts as resources, and the clients that sign in with a secret.

use gloo_net::http::Method;
use serde_json::{Value, json};
use shared::{
    Account, ArmList, NewSecret, NewServicePrincipal, ServicePrincipal, ServicePrincipalRequest,
    Subscription,
    paths::{self, SERVICE_PRINCIPALS, account_arm_id, encode, versioned},
};

use super::{
    client::{Call, EdgeClient},
    failure::EdgeError,
};

/// What a form says of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountDraft {
    pub(crate) location: String,
    pub(crate) sku: String,
    pub(crate) description: String,
}

impl AccountDraft {
    fn body(&self) -> Value {
        json!({
            "location": self.location,
            "sku": { "name": self.sku, "capacity": 1 },
            "properties": { "description": self.description },
        })
    }
}

impl EdgeClient {
    /// Subscriptions that the caller may see.
    pub(crate) async fn subscriptions(self) -> Result<Vec<Subscription>, EdgeError> {
        let list: ArmList<Subscription> = self.get(versioned(paths::SUBSCRIPTIONS)).await?;
        Ok(list.value)
    }

    /// Names of a subscription's resource groups.
    pub(crate) async fn resource_groups(
        self,
        subscription: &str,
    ) -> Result<Vec<String>, EdgeError> {
        let path = format!("{}/{}/resourceGroups", paths::SUBSCRIPTIONS, encode(subscription));
        let list: ArmList<Value> = self.get(versioned(&path)).await?;
        let name = |group: &Value| group["name"].as_str().map(str::to_owned);
        Ok(list.value.iter().filter_map(name).collect())
    }

    /// Every account with everything known of it.
    pub(crate) async fn full_accounts(self) -> Result<Vec<Account>, EdgeError> {
        let mut accounts = Vec::new();
        for subscription in self.subscriptions().await? {
            let path = versioned(&paths::accounts(&subscription.subscription_id));
            let page: ArmList<Account> = self.get(path).await?;
            accounts.extend(page.value);
        }
        Ok(accounts)
    }

    /// Makes an account, or changes it.
    pub(crate) async fn put_account(
        self,
        subscription: &str,
        group: &str,
        name: &str,
        draft: &AccountDraft,
    ) -> Result<Account, EdgeError> {
        let id = account_arm_id(&encode(subscription), &encode(group), &encode(name));
        self.put(versioned(&id), &draft.body()).await
    }

    /// Changes an account by its ARM path.
    pub(crate) async fn patch_account(
        self,
        id: &str,
        draft: &AccountDraft,
    ) -> Result<Account, EdgeError> {
        let mut body = draft.body();
        if let Some(members) = body.as_object_mut() {
            // Where an account is cannot be changed.
            members.remove("location");
        }
        let call = Call::new(Method::PATCH, versioned(&paths::encode_path(id))).json(&body)?;
        self.send(call).await?.read()
    }

    pub(crate) async fn delete_account(self, id: String) -> Result<(), EdgeError> {
        self.delete(versioned(&paths::encode_path(&id))).await
    }

    pub(crate) async fn principals(self) -> Result<Vec<ServicePrincipal>, EdgeError> {
        let list: ArmList<ServicePrincipal> = self.get(SERVICE_PRINCIPALS.to_owned()).await?;
        Ok(list.value)
    }

    pub(crate) async fn create_principal(
        self,
        request: ServicePrincipalRequest,
    ) -> Result<NewServicePrincipal, EdgeError> {
        self.post(SERVICE_PRINCIPALS.to_owned(), &request).await
    }

    pub(crate) async fn delete_principal(self, id: String) -> Result<(), EdgeError> {
        self.delete(format!("{SERVICE_PRINCIPALS}/{}", encode(&id))).await
    }

    /// The answer is the only time that the secret is told.
    pub(crate) async fn add_secret(self, id: String) -> Result<NewSecret, EdgeError> {
        let path = format!("{SERVICE_PRINCIPALS}/{}/secrets", encode(&id));
        self.send(Call::post(path)).await?.read()
    }

    pub(crate) async fn revoke_secret(self, id: String, secret: String) -> Result<(), EdgeError> {
        self.delete(format!("{SERVICE_PRINCIPALS}/{}/secrets/{}", encode(&id), encode(&secret)))
            .await
    }
}
