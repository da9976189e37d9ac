//! Uploads in chunks, which survive the connection and the process.
//!
//! A chunk is written at its offset and synced before its row says that it is there; whatever a
//! crash left behind the acknowledged offset is overwritten by the next chunk.

use std::{
    collections::HashMap,
    io::{Seek as _, SeekFrom, Write as _},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use shared::{StoredArtifact, UploadId, UploadRequest, UploadStarted};
use sqlx::Row as _;

use crate::{
    AccountAccess, Action, Control, ControlError, Kind, StoreOutcome,
    artifacts::{parse_sha256, refuse_size, validate_path},
    audit,
    blobs::{blocking, too_large},
    clock, random,
};

struct Upload {
    path: String,
    size: u64,
    sha256: Option<String>,
    received: u64,
}

/// One writer at a time for each upload.
#[derive(Default)]
pub(crate) struct UploadTurns {
    turns: Mutex<HashMap<UploadId, Arc<tokio::sync::Mutex<()>>>>,
}

impl UploadTurns {
    fn of(&self, id: UploadId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|other, turn| *other == id || Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(id).or_default())
    }
}

impl Control {
    /// Begins an upload.
    pub async fn begin_upload(
        &self,
        account: &AccountAccess,
        request: UploadRequest,
    ) -> Result<UploadStarted, ControlError> {
        account.require(Action::Write)?;
        validate_path(&request.path)?;
        refuse_size(request.size, self.limits().artifact_bytes)?;
        let sha256 = request.sha256.as_deref().map(parse_sha256).transpose()?;
        let (id, now) = (UploadId(random::uuid()), clock::now());
        let mut write = self.inner.store.write().await?;
        sqlx::query(
            "INSERT INTO uploads (id, account_id, path, size, sha256, received, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, 0, $6, $6)",
        )
        .bind(id.to_string())
        .bind(&account.account_id)
        .bind(&request.path)
        .bind(request.size.cast_signed())
        .bind(sha256)
        .bind(now)
        .execute(&mut *write)
        .await?;
        audit::made(id);
        write.commit().await?;
        Ok(UploadStarted { id, offset: 0, chunk_size: self.limits().upload_chunk_bytes })
    }

    /// Appends a chunk at `offset`; gives the new offset once the bytes are on the disk.
    pub async fn append_to_upload(
        &self,
        account: &AccountAccess,
        id: &str,
        offset: u64,
        chunk: Bytes,
    ) -> Result<u64, ControlError> {
        account.require(Action::Write)?;
        let id = upload_id(id)?;
        let turn = self.inner.uploads.of(id);
        let _turn = turn.lock().await;
        let upload = self.find_upload(account, id).await?;
        if chunk.len() as u64 > self.limits().upload_chunk_bytes {
            return Err(too_large("the chunk", self.limits().upload_chunk_bytes));
        }
        if offset != upload.received {
            return Err(ControlError::WrongOffset { expected: upload.received });
        }
        let received = offset + chunk.len() as u64;
        if received > upload.size {
            return Err(ControlError::invalid(
                format!("the upload has {} bytes, not {received}", upload.size),
                "Send no more bytes than were announced.",
            ));
        }
        let file = self.upload_file(id);
        blocking(move || {
            let mut file =
                std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(file)?;
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&chunk)?;
            file.sync_data()
        })
        .await?;
        let mut write = self.inner.store.write().await?;
        sqlx::query("UPDATE uploads SET received = $1, updated_at = $2 WHERE id = $3")
            .bind(received.cast_signed())
            .bind(clock::now())
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(received)
    }

    /// Bytes acknowledged so far.
    pub async fn upload_offset(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<u64, ControlError> {
        account.require(Action::Write)?;
        Ok(self.find_upload(account, upload_id(id)?).await?.received)
    }

    /// Makes the upload an artefact.
    pub async fn complete_upload(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<(StoredArtifact, StoreOutcome), ControlError> {
        account.require(Action::Write)?;
        let id = upload_id(id)?;
        let turn = self.inner.uploads.of(id);
        let _turn = turn.lock().await;
        let upload = self.find_upload(account, id).await?;
        if upload.received != upload.size {
            return Err(ControlError::WrongOffset { expected: upload.received });
        }
        let file = self.upload_file(id);
        if upload.size == 0 {
            tokio::fs::write(&file, b"").await.map_err(ControlError::internal)?;
        }
        let staged = self.inner.blobs.stage_file(file).await?;
        let stored =
            self.keep_artifact(account, &upload.path, upload.sha256.as_deref(), staged).await;
        if matches!(stored, Ok(_) | Err(ControlError::HashMismatch { .. })) {
            self.forget_upload(id).await?;
        }
        stored
    }

    /// Forgets an upload. `false` when there is none.
    pub async fn abandon_upload(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<bool, ControlError> {
        account.require(Action::Write)?;
        let id = upload_id(id)?;
        let turn = self.inner.uploads.of(id);
        let _turn = turn.lock().await;
        match self.find_upload(account, id).await {
            Ok(_) => self.forget_upload(id).await.map(|()| true),
            Err(ControlError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Forgets uploads that nobody went on with.
    pub(crate) async fn forget_idle_uploads(&self) -> Result<(), ControlError> {
        let before = clock::now() - clock::micros(self.limits().upload_idle);
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM uploads WHERE updated_at < $1")
            .bind(before)
            .fetch_all(self.inner.store.read())
            .await?;
        for id in ids {
            self.forget_upload(upload_id(&id)?).await?;
        }
        Ok(())
    }

    async fn forget_upload(&self, id: UploadId) -> Result<(), ControlError> {
        let mut write = self.inner.store.write().await?;
        sqlx::query("DELETE FROM uploads WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        match tokio::fs::remove_file(self.upload_file(id)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ControlError::internal(error))
            }
            _ => Ok(()),
        }
    }

    async fn find_upload(
        &self,
        account: &AccountAccess,
        id: UploadId,
    ) -> Result<Upload, ControlError> {
        let row = sqlx::query(
            "SELECT path, size, sha256, received FROM uploads WHERE id = $1 AND account_id = $2",
        )
        .bind(id.to_string())
        .bind(&account.account_id)
        .fetch_optional(self.inner.store.read())
        .await?
        .ok_or_else(|| ControlError::not_found(Kind::Upload, id))?;
        Ok(Upload {
            path: row.try_get(0)?,
            size: row.try_get::<i64, _>(1)?.unsigned_abs(),
            sha256: row.try_get(2)?,
            received: row.try_get::<i64, _>(3)?.unsigned_abs(),
        })
    }

    fn upload_file(&self, id: UploadId) -> PathBuf {
        self.inner.folder.uploads().join(id.to_string())
    }
}

fn upload_id(text: &str) -> Result<UploadId, ControlError> {
    text.parse().map_err(|_| ControlError::not_found(Kind::Upload, text))
}
