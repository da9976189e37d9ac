//! The store: SQLite in WAL mode, one connection that writes and several that read.
//!
//! # Invariants
//! - Every write is a transaction that begins with `BEGIN IMMEDIATE` on the one writing connection,
//!   so writers queue here and never meet `SQLITE_BUSY` halfway.
//! - `synchronous = FULL`: a commit that returned is on the disk.
//! - A write by a request carries the request's row of the audit log.
//! - Statements keep to what PostgreSQL shares (`$1`, `RETURNING`, `ON CONFLICT`).

use std::{
    collections::HashSet,
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, Row as _, Sqlite, SqliteConnection, SqlitePool,
    Transaction,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{OpenError, audit, lists::Held};

/// A write under way; dropped without `commit`, it never happened.
pub(crate) struct Write {
    transaction: Transaction<'static, Sqlite>,
    /// Whether the request under way gets its row in the audit log with it.
    audited: bool,
}

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Readers beside the writer.
const READERS: u32 = 4;
/// Rows that are read ahead of who wants them: the longest page without a change of threads.
const ROWS_AHEAD: usize = 1_024;
/// How long to wait for a second process (`edge-scorer admin`) to finish a write.
const BUSY: Duration = Duration::from_secs(10);

/// The open store.
#[derive(Clone)]
pub(crate) struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    held: Arc<Held>,
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
            .row_buffer_size(ROWS_AHEAD)
            .pragma("temp_store", "memory");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(60))
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        refuse_newer(&mut *writer.acquire().await?).await?;
        MIGRATIONS.run(&writer).await.map_err(|error| OpenError::Store(error.into()))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(60))
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self { writer, readers, held: Arc::new(Held::new()) })
    }

    /// Copies the store at `path` as of one moment into the new file `copy`, beside a server that
    /// writes; without uploads under way, whose chunks are not copied. Gives its schema.
    pub(crate) async fn copy(path: &Path, copy: &Path) -> Result<i64, OpenError> {
        let mut source = file(path).read_only(true).connect().await?;
        let schema = refuse_newer(&mut source).await?;
        sqlx::query("VACUUM INTO $1").bind(copy.display().to_string()).execute(&mut source).await?;
        source.close().await?;
        let mut copied = file(copy).journal_mode(SqliteJournalMode::Delete).connect().await?;
        sqlx::query("DELETE FROM uploads").execute(&mut copied).await?;
        copied.close().await?;
        Ok(schema)
    }

    /// Refuses a store that is damaged or of a newer version.
    pub(crate) async fn check(path: &Path) -> Result<(), OpenError> {
        let mut store = file(path).connect().await?;
        refuse_newer(&mut store).await?;
        let found: String =
            sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut store).await?;
        store.close().await?;
        match found.as_str() {
            "ok" => Ok(()),
            damage => Err(OpenError::Store(damage.into())),
        }
    }

    /// The SHA-256 of every blob that the store at `path` names.
    pub(crate) async fn named_blobs(path: &Path) -> Result<HashSet<String>, OpenError> {
        let mut store = file(path).connect().await?;
        let mut named: Vec<String> = sqlx::query_scalar(
            "SELECT sha256 FROM artifacts
             UNION SELECT sha256 FROM models WHERE sha256 IS NOT NULL
             UNION SELECT module_sha256 FROM images WHERE module_sha256 IS NOT NULL
             UNION SELECT source_sha256 FROM images WHERE source_sha256 IS NOT NULL
             UNION SELECT sha256 FROM image_blobs",
        )
        .fetch_all(&mut store)
        .await?;
        // Made by older versions, it has none of these yet.
        let collects = sqlx::query("SELECT 1 FROM sqlite_master WHERE name = 'collected'")
            .fetch_optional(&mut store)
            .await?;
        if collects.is_some() {
            let collected: Vec<String> =
                sqlx::query_scalar("SELECT sha256 FROM collected").fetch_all(&mut store).await?;
            named.extend(collected);
        }
        store.close().await?;
        Ok(named.into_iter().collect())
    }

    /// What tells whether a master key fits the store at `path`.
    pub(crate) async fn key_check(path: &Path) -> Result<String, OpenError> {
        let mut store = file(path).connect().await?;
        let sealed = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'key_check'")
            .fetch_one(&mut store)
            .await?;
        store.close().await?;
        Ok(sealed)
    }

    /// Refuses the schema of a newer program.
    pub(crate) fn refuse_newer_than_known(found: i64) -> Result<(), OpenError> {
        let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        if found > known { Err(OpenError::StoreTooNew { found, known }) } else { Ok(()) }
    }

    /// Where to read.
    pub(crate) fn read(&self) -> &SqlitePool {
        &self.readers
    }

    /// What is searched, in memory.
    pub(crate) fn held(&self) -> &Held {
        &self.held
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

/// One connection to a file, for what is done beside a server.
fn file(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(BUSY)
}

/// A newer program's schema must not be written with an older program's rules. Gives the schema.
async fn refuse_newer(store: &mut SqliteConnection) -> Result<i64, OpenError> {
    let migrated = sqlx::query("SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_optional(&mut *store)
        .await?;
    if migrated.is_none() {
        return Ok(0);
    }
    let found: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(store).await?;
    let found = found.unwrap_or(0);
    Store::refuse_newer_than_known(found)?;
    Ok(found)
}
