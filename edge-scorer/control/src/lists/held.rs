//! The texts of whole lists, held in memory.
//!
//! Reading them from the store would take longer than searching them. Whoever asks gets them as of
//! the moment that it then reads from: what changed since the last time is read before, by the
//! numbers that triggers give to changes.
//!
//! # Invariants
//! - Texts are never newer than the moment they are given out with, nor older.
//! - A row takes what is searched and what stands beside it, and 32 bytes.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use futures::TryStreamExt as _;
use sqlx::{Row as _, Sqlite, Transaction};
use tokio::sync::Mutex;

use super::chunk::Chunk;
use crate::{ControlError, store::Store};

/// Lists whose texts can be searched.
const LISTS: [&str; 4] = ["models", "manifests", "images", "services"];

/// The texts of every list.
pub(crate) struct Held {
    lists: BTreeMap<&'static str, Mutex<Arc<Texts>>>,
}

/// The texts of one list as of one moment.
#[derive(Clone, Default)]
pub(super) struct Texts {
    /// The last change that is in it.
    change: i64,
    chunks: BTreeMap<i64, Arc<Chunk>>,
}

impl Held {
    pub(crate) fn new() -> Self {
        Self { lists: LISTS.map(|list| (list, Mutex::default())).into() }
    }

    /// The texts of `list` and the moment they are of, to go on reading in.
    pub(super) async fn now(
        &self,
        store: &Store,
        list: &str,
    ) -> Result<(Arc<Texts>, Transaction<'static, Sqlite>), ControlError> {
        let held = self.lists.get(list).ok_or_else(|| ControlError::internal("no such list"))?;
        // Until the moment began and was caught up with: no other may be later meanwhile.
        let mut held = held.lock().await;
        let mut moment = store.read().begin().await?;
        let statement = format!(
            "SELECT c.change, c.chunk, t.text FROM text_changes c
             LEFT JOIN {list}_text t ON t.chunk = c.chunk
             WHERE c.list = $1 AND c.change > $2 ORDER BY c.change"
        );
        let mut change = held.change;
        let mut changed = Vec::new();
        let query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(list).bind(change);
        let mut rows = query.fetch(&mut *moment);
        while let Some(row) = rows.try_next().await? {
            change = row.try_get(0)?;
            let text: Option<&str> = row.try_get(2)?;
            changed.push((row.try_get(1)?, text.map(Chunk::read).transpose()?));
        }
        drop(rows);
        if change > held.change {
            Arc::make_mut(&mut held).catch_up(change, changed);
        }
        Ok((Arc::clone(&held), moment))
    }

    /// Reads all of them, so that the first search need not.
    pub(crate) async fn fill(&self, store: &Store) -> Result<(), ControlError> {
        for list in LISTS {
            self.now(store, list).await?;
        }
        Ok(())
    }
}

impl Texts {
    fn catch_up(&mut self, change: i64, changed: Vec<(i64, Option<Chunk>)>) {
        self.change = change;
        for (number, chunk) in changed {
            match chunk {
                Some(chunk) => self.chunks.insert(number, Arc::new(chunk)),
                None => self.chunks.remove(&number),
            };
        }
    }

    /// Those with numbers in `range`, in the order of keys.
    pub(super) fn within(&self, range: Range<i64>) -> Vec<Arc<Chunk>> {
        self.chunks.range(range).map(|(_, chunk)| Arc::clone(chunk)).collect()
    }
}
