//! The store: SQLite in WAL mode, one connection that writes and several that read.
//!
//! # Invariants
//! - Every write is a transaction that begins with `BEGIN IMMEDIATE` on the one writing connection,
//!   so writers queue here and never meet `SQLITE_BUSY` halfway.
//! - `synchronous = FULL`: a commit that returned is on the disk.
//! - A write by a request carries the request's row of the audit log.
//! - Statements keep to what PostgreSQL shares (`$1`, `RETURNING`, `ON CONFLICT`).

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    time::Duration,
};

use sqlx::{
    Row as _, Sqlite, SqliteConnection, SqlitePool, Transaction,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{OpenError, audit};

/// A write under way; dropped without `commit`, it never happened.
pub(crate) struct Write {
    transaction: Transaction<'static, Sqlite>,
    /// Whether the request under way gets its row in the audit log with it.
    audited: bool,
}

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Readers beside the writer.
const READERS: u32 = 4;
/// How long to wait for a second process (`edge-scorer admin`) to finish a write.
const BUSY: Duration = Duration::from_secs(10);

/// The open store.
#[derive(Clone)]
pub(crate) struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the file, making it when `create` says so, and brings its schema up to date.
    pub(crate) async fn open(path: &Path, create: bool) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .statement_cache_capacity(256)
            .pragma("cache_size", "-16384")
            .pragma("temp_store", "memory");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(60))
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        refuse_newer(&writer).await?;
        MIGRATIONS.run(&writer).await.map_err(|error| OpenError::Store(error.into()))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(60))
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self { writer, readers })
    }

    /// Where to read.
    pub(crate) fn read(&self) -> &SqlitePool {
        &self.readers
    }

    /// Begins a write; waits for the one before it.
    pub(crate) async fn write(&self) -> Result<Write, sqlx::Error> {
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Write { transaction, audited: true })
    }

    /// As [`Store::write`], for the audit log's own rows.
    pub(crate) async fn write_unaudited(&self) -> Result<Write, sqlx::Error> {
        Ok(Write { audited: false, ..self.write().await? })
    }

    /// Closes the file.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A fact about the whole store.
    pub(crate) async fn meta(&self, name: &str) -> Result<Option<String>, sqlx::Error> {
        let row = sqlx::query("SELECT value FROM meta WHERE name = $1")
            .bind(name)
            .fetch_optional(self.read())
            .await?;
        row.map(|row| row.try_get(0)).transpose()
    }
}

impl Write {
    /// Makes it durable, together with the request's row of the audit log.
    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        let trail = if self.audited { audit::trail() } else { None };
        let Some(trail) = trail else { return self.transaction.commit().await };
        let added = trail.write_with_change(&mut self.transaction).await?;
        self.transaction.commit().await?;
        if added {
            trail.committed();
        }
        Ok(())
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

/// A newer program's schema must not be written with an older program's rules.
async fn refuse_newer(pool: &SqlitePool) -> Result<(), OpenError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let migrated = sqlx::query("SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_optional(pool)
        .await?;
    if migrated.is_none() {
        return Ok(());
    }
    let found: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(pool).await?;
    match found {
        Some(found) if found > known => Err(OpenError::StoreTooNew { found, known }),
        _ => Ok(()),
    }
}
