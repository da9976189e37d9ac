//! Bytes by SHA-256, in an object store.
//!
//! Bytes come in through a file in `staging/`, hashed on the way, and become a blob by a rename.
//!
//! # Invariants
//! - A blob that [`Blobs::keep`] acknowledged is on the disk: the file is synced before the rename
//!   and its folder after it. (`object_store` writes files without a hash of ours, so whole files
//!   are moved in beside it and only read through it.)
//! - A blob is never changed. It is removed only by [`Blobs::remove`], behind the closed gate that
//!   every writer holds from its rename to the commit that refers to the blob.

use std::{
    error::Error,
    fs::File,
    io::{self, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    ObjectStore, ObjectStoreExt as _, local::LocalFileSystem, path::Path as ObjectPath,
};
use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempPath};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::{
    ControlError, OpenError,
    folder::{DataFolder, private_folder, sync_folder},
    random,
};

/// The blob store.
#[derive(Clone)]
pub(crate) struct Blobs {
    objects: Arc<dyn ObjectStore>,
    root: PathBuf,
    staging: PathBuf,
    gate: Arc<RwLock<()>>,
}

/// Bytes that are hashed and not yet a blob; dropped, they are gone.
pub(crate) struct Staged {
    file: NamedTempFile,
    pub(crate) sha256: String,
    pub(crate) size: u64,
}

impl Staged {
    /// The file, as long as this lives.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// While this lives, no blob is removed.
pub(crate) type Gate = OwnedRwLockReadGuard<()>;
/// While this lives, no blob is added.
pub(crate) type ClosedGate = OwnedRwLockWriteGuard<()>;

impl Blobs {
    pub(crate) fn open(folder: &DataFolder) -> Result<Self, OpenError> {
        let root = folder.blobs();
        let objects = LocalFileSystem::new_with_prefix(&root)
            .map_err(|error| OpenError::Store(error.into()))?
            .with_fsync(true);
        Ok(Self {
            objects: Arc::new(objects),
            root,
            staging: folder.staging(),
            gate: Arc::new(RwLock::new(())),
        })
    }

    /// Keeps the sweeper away from here to a commit.
    pub(crate) async fn gate(&self) -> Gate {
        Arc::clone(&self.gate).read_owned().await
    }

    /// Writes a body to `staging/`, hashing it; stops at `limit` bytes.
    pub(crate) async fn stage<S, E>(&self, body: S, limit: u64) -> Result<Staged, ControlError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let file = NamedTempFile::new_in(&self.staging).map_err(ControlError::internal)?;
        let (std_file, path) = file.into_parts();
        let mut writer =
            tokio::io::BufWriter::with_capacity(1 << 20, tokio::fs::File::from_std(std_file));
        let (mut hash, mut size) = (Sha256::new(), 0_u64);
        let mut body = std::pin::pin!(body);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| ControlError::BodyBroken(error.into()))?;
            size += chunk.len() as u64;
            if size > limit {
                return Err(too_large("the artifact", limit));
            }
            hash.update(&chunk);
            tokio::io::AsyncWriteExt::write_all(&mut writer, &chunk)
                .await
                .map_err(ControlError::internal)?;
        }
        tokio::io::AsyncWriteExt::flush(&mut writer).await.map_err(ControlError::internal)?;
        let std_file = writer.into_inner().into_std().await;
        let file = NamedTempFile::from_parts(std_file, path);
        Ok(Staged { file, sha256: hex::encode(hash.finalize()), size })
    }

    /// Writes bytes of our own making to `staging/`.
    pub(crate) async fn stage_bytes(&self, bytes: Vec<u8>) -> Result<Staged, ControlError> {
        let staging = self.staging.clone();
        blocking(move || {
            let mut file = NamedTempFile::new_in(&staging)?;
            file.write_all(&bytes)?;
            let sha256 = hex::encode(Sha256::digest(&bytes));
            Ok(Staged { file, sha256, size: bytes.len() as u64 })
        })
        .await
    }

    /// Takes a file of ours (an upload, a child's result) over, hashing it. The file stays where
    /// it is too, so that a crash before the commit loses nothing.
    pub(crate) async fn stage_file(&self, path: PathBuf) -> Result<Staged, ControlError> {
        let target = self.staging.join(random::uuid().to_string());
        blocking(move || {
            let mut hash = Sha256::new();
            let size = io::copy(&mut File::open(&path)?, &mut hash)?;
            std::fs::hard_link(&path, &target)?;
            let file =
                NamedTempFile::from_parts(File::open(&target)?, TempPath::try_from_path(target)?);
            Ok(Staged { file, sha256: hex::encode(hash.finalize()), size })
        })
        .await
    }

    /// Makes staged bytes a blob. On the disk when this returns.
    pub(crate) async fn keep(&self, staged: Staged, _gate: &Gate) -> Result<(), ControlError> {
        let target = self.file(&staged.sha256);
        let root = self.root.clone();
        blocking(move || {
            if target.metadata().is_ok_and(|found| found.len() == staged.size) {
                return Ok(());
            }
            staged.file.as_file().sync_all()?;
            let folder = target.parent().unwrap_or(&root);
            let is_new = !folder.exists();
            private_folder(folder)?;
            staged.file.persist(&target).map_err(|error| error.error)?;
            sync_folder(folder)?;
            if is_new {
                sync_folder(&root)?;
            }
            Ok(())
        })
        .await
    }

    /// The file of a blob, for processes that map it. Only read.
    pub(crate) fn file(&self, sha256: &str) -> PathBuf {
        self.root.join(sha256.get(..2).unwrap_or("00")).join(sha256)
    }

    /// A part of a blob.
    pub(crate) fn stream(
        &self,
        sha256: &str,
        range: Range<u64>,
    ) -> BoxStream<'static, io::Result<Bytes>> {
        /// How much is read at a time.
        const STEP: u64 = 1 << 20;
        let (objects, location) = (Arc::clone(&self.objects), location(sha256));
        let starts = futures::stream::iter((range.start..range.end).step_by(STEP as usize));
        starts
            .then(move |start| {
                let (objects, location) = (Arc::clone(&objects), location.clone());
                let end = range.end.min(start + STEP);
                async move { objects.get_range(&location, start..end).await }
            })
            .map_err(io::Error::other)
            .boxed()
    }

    /// Waits until nobody is between a rename and a commit, and keeps it so.
    pub(crate) async fn closed_gate(&self) -> ClosedGate {
        Arc::clone(&self.gate).write_owned().await
    }

    /// Removes a blob to which nothing refers.
    pub(crate) async fn remove(
        &self,
        sha256: &str,
        _alone: &ClosedGate,
    ) -> Result<(), ControlError> {
        match self.objects.delete(&location(sha256)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(ControlError::internal(error)),
        }
    }
}

fn location(sha256: &str) -> ObjectPath {
    ObjectPath::from_iter([sha256.get(..2).unwrap_or("00"), sha256])
}

/// The refusal of too many bytes.
pub(crate) fn too_large(what: &str, limit: u64) -> ControlError {
    ControlError::LimitExceeded {
        what: what.to_owned(),
        limit: format!("{limit} bytes"),
        remedy: "Send fewer bytes, or ask the operator to raise the limit.".to_owned(),
    }
}

/// Runs file work off the asynchronous threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ControlError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(ControlError::internal)?
        .map_err(ControlError::internal)
}
