//! Operations: long work, durable and cancellable.
//!
//! An operation is a row before it is a task. Its outcome and what it made are committed together,
//! so a crash at any moment leaves a row that the next start picks up from the beginning.

mod runner;

use futures::{StreamExt as _, stream::BoxStream};
use serde::Deserialize;
use shared::{AsyncOperationStatus, OperationId, OperationState, OperationType};
use sqlx::{QueryBuilder, Row as _, Sqlite, sqlite::SqliteRow};

use crate::{
    AccountAccess, Action, Control, ControlError, Kind, ListQuery, Listed, clock,
    lists::{self, Order, Rows, Table},
    random,
    store::Write,
};

pub(crate) use runner::{Event, Runner};

const COLUMNS: &str = "r.id, r.operation_type, r.state, r.created_at, r.ended_at, r.resource_path, \
    r.error, r.percent_complete, r.phase, r.warnings";

pub(crate) const TABLE: Table = Table {
    columns: COLUMNS,
    name: "operations",
    joins: "",
    rows: Rows::Plain,
    orders: &[
        Order::number("createdAt", "r.created_at"),
        Order::text("state", "r.state"),
        Order::number("updatedAt", "r.created_at"),
    ],
    beside: &[],
};

/// Those of one resource.
pub(crate) const OF_RESOURCE: Table = TABLE.narrowed();

/// Which operations a list shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OperationFilter {
    /// How far they are.
    pub state: Option<String>,
    /// What they make.
    pub operation_type: Option<String>,
    /// The id of what they make.
    pub resource_id: Option<String>,
}

/// An operation as its task sees it.
pub(crate) struct Operation {
    pub(crate) id: OperationId,
    pub(crate) operation_type: OperationType,
    pub(crate) state: OperationState,
    pub(crate) resource_id: String,
    pub(crate) deployment_id: Option<String>,
    pub(crate) input: String,
    pub(crate) cancel_requested: bool,
}

/// What is needed to accept an operation.
pub(crate) struct NewOperation<'a> {
    pub(crate) account_id: &'a str,
    pub(crate) operation_type: OperationType,
    pub(crate) resource_id: &'a str,
    pub(crate) resource_path: &'a str,
    pub(crate) deployment_id: Option<&'a str>,
    pub(crate) input: String,
}

impl Control {
    /// A page of operations.
    pub async fn operations(
        &self,
        account: &AccountAccess,
        filter: &OperationFilter,
        query: &ListQuery,
    ) -> Result<Listed<AsyncOperationStatus>, ControlError> {
        account.require(Action::Read)?;
        let state = parsed::<OperationState>("state", filter.state.as_deref())?;
        let operation_type =
            parsed::<OperationType>("operationType", filter.operation_type.as_deref())?;
        let resource_id = filter.resource_id.as_deref();
        let conditions = |builder: &mut QueryBuilder<Sqlite>| {
            narrow(builder, state, operation_type, resource_id);
        };
        let table = if resource_id.is_some() { &OF_RESOURCE } else { &TABLE };
        lists::page(&self.inner.store, table, query, account, &conditions, status).await
    }

    /// One operation.
    pub async fn operation(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<AsyncOperationStatus, ControlError> {
        account.require(Action::Read)?;
        let unknown = || ControlError::not_found(Kind::Operation, id);
        let operation_id: OperationId = id.parse().map_err(|_| unknown())?;
        let found = self.operation_status(operation_id).await?;
        match found {
            Some((account_id, status)) if account_id == account.account_id => Ok(status),
            _ => Err(unknown()),
        }
    }

    /// Asks an operation to stop.
    pub async fn cancel_operation(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<(), ControlError> {
        account.require(Action::Write)?;
        let unknown = || ControlError::not_found(Kind::Operation, id);
        let operation_id: OperationId = id.parse().map_err(|_| unknown())?;
        let mut write = self.inner.store.write().await?;
        let state: Option<String> = sqlx::query_scalar(
            "UPDATE operations SET cancel_requested = 1 WHERE id = $1 AND account_id = $2
             RETURNING state",
        )
        .bind(operation_id.to_string())
        .bind(&account.account_id)
        .fetch_optional(&mut *write)
        .await?;
        let state: OperationState =
            state.ok_or_else(unknown)?.parse().map_err(ControlError::internal)?;
        if state.is_final() {
            return Err(ControlError::Ended { state });
        }
        write.commit().await?;
        self.inner.runner.cancel(operation_id);
        Ok(())
    }

    /// Every change of the account's operations from now on. A reader that is too slow misses
    /// changes, never the last of an operation that it asks for afterwards.
    pub fn operation_events(
        &self,
        account: &AccountAccess,
    ) -> Result<BoxStream<'static, AsyncOperationStatus>, ControlError> {
        account.require(Action::Read)?;
        let account_id = account.account_id.clone();
        Ok(self
            .inner
            .runner
            .events()
            .filter_map(move |event| {
                let status =
                    (event.account_id == account_id).then(|| event.status.clone()).flatten();
                futures::future::ready(status)
            })
            .boxed())
    }

    pub(crate) async fn operation_status(
        &self,
        id: OperationId,
    ) -> Result<Option<(String, AsyncOperationStatus)>, ControlError> {
        let row = sqlx::query(
            "SELECT r.account_id, r.id, r.operation_type, r.state, r.created_at, r.ended_at,
                 r.resource_path, r.error, r.percent_complete, r.phase, r.warnings
             FROM operations r WHERE r.id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(self.inner.store.read())
        .await?;
        row.map(|row| Ok((row.try_get(0)?, status(&row)?))).transpose()
    }

    pub(crate) async fn find_operation(
        &self,
        id: OperationId,
    ) -> Result<Option<Operation>, ControlError> {
        let row = sqlx::query(
            "SELECT operation_type, state, resource_id, deployment_id, input, cancel_requested FROM operations WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(self.inner.store.read())
        .await?;
        row.map(|row| {
            Ok(Operation {
                id,
                operation_type: row
                    .try_get::<&str, _>(0)?
                    .parse()
                    .map_err(ControlError::internal)?,
                state: row.try_get::<&str, _>(1)?.parse().map_err(ControlError::internal)?,
                resource_id: row.try_get(2)?,
                deployment_id: row.try_get(3)?,
                input: row.try_get(4)?,
                cancel_requested: row.try_get(5)?,
            })
        })
        .transpose()
    }
}

/// Accepts an operation within a write; it is started after the commit.
pub(crate) async fn accept(
    write: &mut Write,
    new: NewOperation<'_>,
) -> Result<OperationId, ControlError> {
    let id = OperationId(random::uuid());
    sqlx::query(
        "INSERT INTO operations (id, account_id, operation_type, state, created_at, resource_id,
             resource_path, deployment_id, input, phase)
         VALUES ($1, $2, $3, 'NotStarted', $4, $5, $6, $7, $8, 'waiting')",
    )
    .bind(id.to_string())
    .bind(new.account_id)
    .bind(new.operation_type.as_str())
    .bind(clock::now())
    .bind(new.resource_id)
    .bind(new.resource_path)
    .bind(new.deployment_id)
    .bind(new.input)
    .execute(&mut **write)
    .await?;
    Ok(id)
}

/// Ends an operation within the write that makes its outcome visible.
pub(crate) async fn end(
    write: &mut Write,
    id: OperationId,
    outcome: Result<&[String], &ControlError>,
) -> Result<(), ControlError> {
    let (state, error, warnings) = match outcome {
        Ok(warnings) => (OperationState::Succeeded, None, warnings),
        Err(ControlError::Cancelled) => {
            (OperationState::Cancelled, Some(ControlError::Cancelled.body()), &[][..])
        }
        Err(error) => (OperationState::Failed, Some(error.body()), &[][..]),
    };
    let error = error.map(|body| serde_json::to_string(&body)).transpose();
    sqlx::query(
        "UPDATE operations SET state = $1, error = $2, ended_at = $3, phase = 'ended',
             percent_complete = CASE WHEN $1 = 'Succeeded' THEN 100 ELSE percent_complete END,
             warnings = $4
         WHERE id = $5 AND ended_at IS NULL",
    )
    .bind(state.as_str())
    .bind(error.map_err(ControlError::internal)?)
    .bind(clock::now())
    .bind(serde_json::to_string(warnings).map_err(ControlError::internal)?)
    .bind(id.to_string())
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// What state a resource has after its operation failed this way.
pub(crate) fn state_after(error: &ControlError) -> OperationState {
    match error {
        ControlError::Cancelled => OperationState::Cancelled,
        _ => OperationState::Failed,
    }
}

pub(crate) fn narrow(
    builder: &mut QueryBuilder<Sqlite>,
    state: Option<OperationState>,
    operation_type: Option<OperationType>,
    resource_id: Option<&str>,
) {
    // The plus keeps SQLite from their indexes: a resource has few operations.
    let plus = if resource_id.is_some() { "+" } else { "" };
    if let Some(state) = state {
        builder.push(format!(" AND {plus}r.state = ")).push_bind(state.as_str());
    }
    if let Some(operation_type) = operation_type {
        builder.push(format!(" AND {plus}r.operation_type = ")).push_bind(operation_type.as_str());
    }
    if let Some(resource_id) = resource_id {
        builder.push(" AND r.resource_id = ").push_bind(resource_id.to_ascii_lowercase());
    }
}

fn parsed<T: std::str::FromStr<Err = String>>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<T>, ControlError> {
    text.map(str::parse).transpose().map_err(|message: String| {
        ControlError::invalid(message, format!("Send another `{name}`, or leave it out."))
    })
}

fn status(row: &SqliteRow) -> Result<AsyncOperationStatus, ControlError> {
    let (id, operation_type, state): (&str, &str, &str) =
        (row.try_get("id")?, row.try_get("operation_type")?, row.try_get("state")?);
    let error: Option<&str> = row.try_get("error")?;
    Ok(AsyncOperationStatus {
        id: id.parse().map_err(ControlError::internal)?,
        operation_type: operation_type.parse().map_err(ControlError::internal)?,
        state: state.parse().map_err(ControlError::internal)?,
        created_time: clock::timestamp(row.try_get("created_at")?),
        end_time: row.try_get::<Option<i64>, _>("ended_at")?.map(clock::timestamp),
        resource_location: Some(row.try_get("resource_path")?),
        error: error.map(serde_json::from_str).transpose().map_err(ControlError::internal)?,
        percent_complete: Some(row.try_get("percent_complete")?),
        phase: row.try_get("phase")?,
        warnings: serde_json::from_str(row.try_get("warnings")?).map_err(ControlError::internal)?,
    })
}
