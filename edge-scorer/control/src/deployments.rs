//! Deployments: what a service has served, and when.

use serde::Deserialize;
use shared::{Deployment, DeploymentId};
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    AccountAccess, Action, Control, ControlError, Kind, ListQuery, Listed, clock,
    lists::{self, Order, Table},
};

const TABLE: Table = Table {
    columns: "r.id, r.service_name, r.image_id, r.state, r.created_at, r.expired_at",
    from: "FROM deployments r",
    orders: &[
        Order::number("createdAt", "r.created_at"),
        Order::text("name", "r.service_name"),
        Order::text("state", "r.state"),
    ],
    search: None,
};

/// Which deployments a list shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DeploymentFilter {
    /// Their service, by id or name.
    pub service_id: Option<String>,
}

impl Control {
    /// A page of deployments.
    pub async fn deployments(
        &self,
        account: &AccountAccess,
        filter: &DeploymentFilter,
        query: &ListQuery,
    ) -> Result<Listed<Deployment>, ControlError> {
        account.require(Action::Read)?;
        let conditions = |builder: &mut sqlx::QueryBuilder<sqlx::Sqlite>| {
            if let Some(service) = &filter.service_id {
                builder.push(" AND r.service_id IN (SELECT id FROM services WHERE id = ");
                builder.push_bind(service.to_ascii_lowercase());
                builder.push(" OR (name = ").push_bind(service.clone());
                builder.push(" AND account_id = ").push_bind(account.account_id.clone());
                builder.push("))");
            }
        };
        let (store, id) = (&self.inner.store, &account.account_id);
        lists::page(store, &TABLE, query, id, &conditions, deployment).await
    }

    /// One deployment.
    pub async fn deployment(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Deployment, ControlError> {
        account.require(Action::Read)?;
        let unknown = || ControlError::not_found(Kind::Deployment, id);
        let deployment_id: DeploymentId = id.parse().map_err(|_| unknown())?;
        let row = sqlx::query(
            "SELECT id, service_name, image_id, state, created_at, expired_at FROM deployments
             WHERE id = $1 AND account_id = $2",
        )
        .bind(deployment_id.to_string())
        .bind(&account.account_id)
        .fetch_optional(self.inner.store.read())
        .await?;
        deployment(&row.ok_or_else(unknown)?)
    }
}

fn deployment(row: &SqliteRow) -> Result<Deployment, ControlError> {
    let (id, image_id, state): (&str, &str, &str) =
        (row.try_get("id")?, row.try_get("image_id")?, row.try_get("state")?);
    Ok(Deployment {
        id: id.parse().map_err(ControlError::internal)?,
        service_name: row.try_get("service_name")?,
        image_id: image_id.parse().map_err(ControlError::internal)?,
        state: state.parse().map_err(ControlError::internal)?,
        created_at: clock::timestamp(row.try_get("created_at")?),
        expired_at: row.try_get::<Option<i64>, _>("expired_at")?.map(clock::timestamp),
    })
}
