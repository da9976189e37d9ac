//! Model management accounts as resources, and the clients that sign in with a secret.

use gloo_net::http::Method;
use serde_json::{Value, json};
use shared::{
    Account, NewSecret, NewServicePrincipal, ServicePrincipal, ServicePrincipalRequest,
    Subscription,
    paths::{self, SERVICE_PRINCIPALS, account_arm_id, encode, versioned},
};

use super::{
    client::{Call, EdgeClient},
    failure::EdgeError,
    pending::{Pending, Reading},
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
    pub(crate) fn subscriptions(self) -> Reading<Vec<Subscription>> {
        self.rows(versioned(paths::SUBSCRIPTIONS))
    }

    /// Names of a subscription's resource groups.
    pub(crate) async fn resource_groups(
        self,
        subscription: &str,
    ) -> Result<Vec<String>, EdgeError> {
        let path = format!("{}/{}/resourceGroups", paths::SUBSCRIPTIONS, encode(subscription));
        let groups: Vec<Value> = self.rows(versioned(&path)).await?;
        let name = |group: &Value| group["name"].as_str().map(str::to_owned);
        Ok(groups.iter().filter_map(name).collect())
    }

    /// Every account with everything known of it.
    pub(crate) fn full_accounts(self) -> Pending<Vec<Account>> {
        Box::pin(async move {
            let mut accounts = Vec::new();
            for subscription in self.subscriptions().await? {
                let path = versioned(&paths::accounts(&subscription.subscription_id));
                let more: Vec<Account> = self.rows(path).await?;
                accounts.extend(more);
            }
            Ok(accounts)
        })
    }

    /// Makes an account, or changes it.
    pub(crate) fn put_account(
        self,
        subscription: &str,
        group: &str,
        name: &str,
        draft: &AccountDraft,
    ) -> Reading<Account> {
        let id = account_arm_id(&encode(subscription), &encode(group), &encode(name));
        self.put(versioned(&id), &draft.body())
    }

    /// Changes an account by its ARM path.
    pub(crate) fn patch_account(self, id: &str, draft: &AccountDraft) -> Reading<Account> {
        let mut body = draft.body();
        if let Some(members) = body.as_object_mut() {
            // Where an account is cannot be changed.
            members.remove("location");
        }
        let call = Call::new(Method::PATCH, versioned(&paths::encode_path(id))).json(&body);
        self.ask(call)
    }

    pub(crate) fn delete_account(self, id: String) -> Pending<()> {
        self.delete(versioned(&paths::encode_path(&id)))
    }

    pub(crate) fn principals(self) -> Reading<Vec<ServicePrincipal>> {
        self.rows(SERVICE_PRINCIPALS.to_owned())
    }

    pub(crate) fn create_principal(
        self,
        request: ServicePrincipalRequest,
    ) -> Reading<NewServicePrincipal> {
        self.post(SERVICE_PRINCIPALS.to_owned(), &request)
    }

    pub(crate) fn delete_principal(self, id: String) -> Pending<()> {
        self.delete(format!("{SERVICE_PRINCIPALS}/{}", encode(&id)))
    }

    /// The answer is the only time that the secret is told.
    pub(crate) fn add_secret(self, id: String) -> Reading<NewSecret> {
        let path = format!("{SERVICE_PRINCIPALS}/{}/secrets", encode(&id));
        self.ask(Call::post(path))
    }

    pub(crate) fn revoke_secret(self, id: String, secret: String) -> Pending<()> {
        self.delete(format!("{SERVICE_PRINCIPALS}/{}/secrets/{}", encode(&id), encode(&secret)))
    }
}
