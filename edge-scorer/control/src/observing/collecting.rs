//! Collected calls: JSON Lines in the blob store, a file for every few seconds of a service.

use std::{collections::HashMap, time::Duration};

use shared::{CollectedFile, ServiceId};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{CollectedCall, lines};
use crate::{
    AccountAccess, Content, Control, ControlError, Kind, ListQuery, Listed, clock,
    lists::{self, Order, Rows, Table},
    random,
};

/// A file is closed when it has so many bytes.
const FILE_BYTES: usize = 8 << 20;

const TABLE: Table = Table {
    columns: "r.id, r.service_id, r.sha256, r.size, r.records, r.first_at, r.created_at, \
        r.expires_at",
    name: "collected",
    joins: "",
    rows: Rows::Plain,
    orders: &[Order::number("createdAt", "r.created_at")],
    beside: &[],
};

/// Lines on their way to a file, by service.
#[derive(Default)]
pub(super) struct Batches(HashMap<ServiceId, Batch>);

/// The lines of one service.
pub(super) struct Batch {
    pub(super) service: ServiceId,
    account_id: String,
    keep: Duration,
    first_at: i64,
    records: u64,
    lines: Vec<u8>,
}

impl Batches {
    /// Adds a call; `true` when its file is full.
    pub(super) fn add(&mut self, call: &CollectedCall) -> bool {
        let batch = self.0.entry(call.service).or_insert_with(|| Batch {
            service: call.service,
            account_id: call.account_id.clone(),
            keep: call.keep,
            first_at: call.at,
            records: 0,
            lines: Vec::new(),
        });
        let before = batch.lines.len();
        if let Err(error) = lines::write(&mut batch.lines, call) {
            batch.lines.truncate(before);
            tracing::error!(?error, service = %call.service, "a call could not be written");
            return false;
        }
        batch.records += 1;
        batch.lines.len() >= FILE_BYTES
    }

    pub(super) fn take(&mut self) -> Vec<Batch> {
        let batches = std::mem::take(&mut self.0);
        batches.into_values().filter(|batch| batch.records > 0).collect()
    }

    pub(super) fn forget(&mut self, service: ServiceId) {
        self.0.remove(&service);
    }
}

impl Control {
    /// Makes a batch a blob that its service lists.
    pub(super) async fn keep_collected(&self, batch: Batch) -> Result<(), ControlError> {
        let staged = self.inner.blobs.stage_bytes(batch.lines).await?;
        let (sha256, size, now) = (staged.sha256.clone(), staged.size, clock::now());
        let gate = self.inner.blobs.gate().await;
        self.inner.blobs.keep(staged, &gate).await?;
        let mut write = self.inner.store.write().await?;
        let kept = sqlx::query(
            "INSERT INTO collected (id, account_id, service_id, sha256, size, records, first_at,
                 created_at, expires_at)
             SELECT $1, $2, id, $4, $5, $6, $7, $8, $9 FROM services WHERE id = $3",
        )
        .bind(random::uuid().to_string())
        .bind(batch.account_id)
        .bind(batch.service.to_string())
        .bind(&sha256)
        .bind(size.cast_signed())
        .bind(batch.records.cast_signed())
        .bind(batch.first_at)
        .bind(now)
        .bind(now.saturating_add(clock::micros(batch.keep)))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        drop(gate);
        if kept.rows_affected() == 0 {
            // Deleted meanwhile.
            self.sweep(&[sha256]).await?;
        }
        Ok(())
    }

    /// A page of the files of a service's collected calls, the newest first.
    pub async fn collected_files(
        &self,
        account: &AccountAccess,
        id: &str,
        query: &ListQuery,
    ) -> Result<Listed<CollectedFile>, ControlError> {
        let service = self.observed(account, id).await?;
        self.inner.observers.flush().await;
        let conditions = |builder: &mut sqlx::QueryBuilder<sqlx::Sqlite>| {
            builder.push(" AND r.service_id = ").push_bind(service.to_string());
        };
        let read = |row: &SqliteRow| file(row, account);
        lists::page(&self.inner.store, &TABLE, query, account, &conditions, read).await
    }

    /// The lines of one file.
    pub async fn collected_file(
        &self,
        account: &AccountAccess,
        id: &str,
        file: &str,
    ) -> Result<Content, ControlError> {
        let service = self.observed(account, id).await?;
        let row =
            sqlx::query("SELECT sha256, size FROM collected WHERE id = $1 AND service_id = $2")
                .bind(file)
                .bind(service.to_string())
                .fetch_optional(self.inner.store.read())
                .await?
                .ok_or_else(|| ControlError::not_found(Kind::CollectedFile, file))?;
        let (sha256, size): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let blobs = self.inner.blobs.clone();
        Ok(Content::blob(blobs, sha256, size.unsigned_abs(), "application/x-ndjson"))
    }

    /// Forgets files whose time has come.
    pub(crate) async fn forget_collected(&self) -> Result<(), ControlError> {
        let mut write = self.inner.store.write().await?;
        let hashes: Vec<String> =
            sqlx::query_scalar("DELETE FROM collected WHERE expires_at <= $1 RETURNING sha256")
                .bind(clock::now())
                .fetch_all(&mut *write)
                .await?;
        write.commit().await?;
        self.sweep(&hashes).await
    }
}

fn file(row: &SqliteRow, account: &AccountAccess) -> Result<CollectedFile, ControlError> {
    let (id, service): (String, &str) = (row.try_get("id")?, row.try_get("service_id")?);
    Ok(CollectedFile {
        url: account.path.collected_file(service, &id),
        id,
        records: row.try_get::<i64, _>("records")?.unsigned_abs(),
        size: row.try_get::<i64, _>("size")?.unsigned_abs(),
        sha256: row.try_get("sha256")?,
        first_at: clock::timestamp(row.try_get("first_at")?),
        created_at: clock::timestamp(row.try_get("created_at")?),
        expires_at: clock::timestamp(row.try_get("expires_at")?),
    })
}
