//! Deployments: what a service has served, and when.

use serde::Deserialize;
use shared::{Deployment, DeploymentId};
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use crate::{
    AccountAccess, Action, Control, ControlError, Kind, ListQuery, Listed, clock,
    lists::{self, Order, Rows, Table},
};

pub(crate) const TABLE: Table = Table {
    columns: "r.id, r.service_name, r.image_id, r.state, r.created_at, r.expired_at",
    name: "deployments",
    joins: "",
    rows: Rows::Plain,
    orders: &[
        Order::number("createdAt", "r.created_at"),
        Order::text("name", "r.service_name"),
        Order::text("state", "r.state"),
    ],
    beside: &[],
};

/// Those of one service.
pub(crate) const OF_SERVICE: Table = TABLE.narrowed();

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
        let service = match &filter.service_id {
            None => None,
            Some(id) => match self.service_id(account, id).await {
                Ok(id) => Some(id.to_string()),
                // Whatever its name was, it has no deployments any more.
                Err(ControlError::NotFound { .. }) => Some(String::new()),
                Err(error) => return Err(error),
            },
        };
        let conditions = |builder: &mut QueryBuilder<Sqlite>| narrow(builder, service.as_deref());
        let table = if service.is_some() { &OF_SERVICE } else { &TABLE };
        lists::page(&self.inner.store, table, query, account, &conditions, deployment).await
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

pub(crate) fn narrow(builder: &mut QueryBuilder<Sqlite>, service: Option<&str>) {
    if let Some(service) = service {
        builder.push(" AND r.service_id = ").push_bind(service.to_owned());
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
