//! What the first start makes, in one write: tenant, subscription, group, workspace, account and
//! an administrator. A crash before the commit leaves a store that starts for the first time again.

use shared::SecretRequest;

use crate::{
    ControlConfig, ControlError, FirstStart, clock,
    identity::{Minted, Secrets, insert_sign_in_link, new_secret_row},
    random,
    store::Store,
};

const RESOURCE_GROUP: &str = "edge";
const WORKSPACE: &str = "edge-workspace";
const ACCOUNT: &str = "edge-models";

/// Makes everything; the caller has seen that there is nothing.
pub(crate) async fn run(
    store: &Store,
    secrets: &Secrets,
    config: &ControlConfig,
    sealed_check: String,
) -> Result<FirstStart, ControlError> {
    let made = FirstStart {
        tenant_id: random::uuid().to_string(),
        client_id: random::uuid().to_string(),
        client_secret: random::token(),
        subscription_id: random::uuid().to_string(),
        resource_group: RESOURCE_GROUP.to_owned(),
        workspace: WORKSPACE.to_owned(),
        account: ACCOUNT.to_owned(),
        sign_in_token: String::new(),
    };
    let hash = secrets.hash(made.client_secret.clone()).await?;
    let (now, principal) = (clock::now(), random::uuid().to_string());

    let mut write = store.write().await?;
    sqlx::query("INSERT INTO tenants (id, domain_names, created_at) VALUES ($1, '[]', $2)")
        .bind(&made.tenant_id)
        .bind(now)
        .execute(&mut *write)
        .await?;
    sqlx::query(
        "INSERT INTO subscriptions (id, tenant_id, display_name, created_at)
         VALUES ($1, $2, 'Edge', $3)",
    )
    .bind(&made.subscription_id)
    .bind(&made.tenant_id)
    .bind(now)
    .execute(&mut *write)
    .await?;
    sqlx::query(
        "INSERT INTO resource_groups (subscription_id, name_key, name, location, created_at)
         VALUES ($1, $2, $2, $3, $4)",
    )
    .bind(&made.subscription_id)
    .bind(RESOURCE_GROUP)
    .bind(&config.location)
    .bind(now)
    .execute(&mut *write)
    .await?;
    sqlx::query(
        "INSERT INTO workspaces (id, subscription_id, group_key, name_key, name, location, created_at)
         VALUES ($1, $2, $3, $4, $4, $5, $6)",
    )
    .bind(random::uuid().to_string())
    .bind(&made.subscription_id)
    .bind(RESOURCE_GROUP)
    .bind(WORKSPACE)
    .bind(&config.location)
    .bind(now)
    .execute(&mut *write)
    .await?;
    sqlx::query(
        "INSERT INTO accounts (id, subscription_id, group_key, name_key, name, location, sku_name,
             tags, created_at, modified_at)
         VALUES ($1, $2, $3, $4, $4, $5, 'S1', '{}', $6, $6)",
    )
    .bind(random::uuid().to_string())
    .bind(&made.subscription_id)
    .bind(RESOURCE_GROUP)
    .bind(ACCOUNT)
    .bind(&config.location)
    .bind(now)
    .execute(&mut *write)
    .await?;
    sqlx::query(
        "INSERT INTO principals (id, tenant_id, client_id, display_name, administrator, created_at,
             sign_in_name)
         VALUES ($1, $2, $3, 'Administrator', 1, $4, 'administrator')",
    )
    .bind(&principal)
    .bind(&made.tenant_id)
    .bind(&made.client_id)
    .bind(now)
    .execute(&mut *write)
    .await?;
    let scope = format!("/subscriptions/{}", made.subscription_id);
    sqlx::query(
        "INSERT INTO role_assignments (id, principal_id, scope_key, role, scope, created_at)
         VALUES ($1, $2, $3, 'Owner', $3, $4)",
    )
    .bind(random::uuid().to_string())
    .bind(&principal)
    .bind(scope)
    .bind(now)
    .execute(&mut *write)
    .await?;
    let minted = Minted { secret: made.client_secret.clone(), hash };
    new_secret_row(&mut write, &principal, &minted, &SecretRequest::default()).await?;
    let sign_in_token = insert_sign_in_link(&mut write, &principal).await?.token;
    sqlx::query("INSERT INTO meta (name, value) VALUES ('key_check', $1)")
        .bind(sealed_check)
        .execute(&mut *write)
        .await?;
    write.commit().await?;
    Ok(FirstStart { sign_in_token, ..made })
}
