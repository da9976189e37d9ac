//! The data folder: one process at a time, private to its owner.
//!
//! ```text
//! lock            held while a server runs; `admin` commands do not take it
//! master.key      seals what the store must be able to read back
//! store.db        SQLite, with its -wal and -shm
//! blobs/          bytes by SHA-256
//! staging/        bytes on their way in; emptied at every start
//! uploads/        chunks of uploads under way
//! logs/           build logs by image
//! traces/         trace records by service
//! jobs/           one folder per compile child; emptied at every start
//! machine-code/   the engine's cache
//! ```

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::OpenError;

/// A data folder that this process has to itself.
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where it is missing, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let broken = |source| OpenError::Folder { path: path.to_owned(), source };
        private_folder(path).map_err(broken)?;
        let lock_path = path.join("lock");
        let lock = File::create(&lock_path)
            .map_err(|source| OpenError::Folder { path: lock_path.clone(), source })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(broken(source)),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        for emptied in [folder.staging(), folder.jobs()] {
            if emptied.exists() {
                fs::remove_dir_all(&emptied).map_err(broken)?;
            }
        }
        // What a backup left that did not end.
        for entry in fs::read_dir(path).map_err(broken)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(".backup-") {
                fs::remove_dir_all(entry.path()).map_err(broken)?;
            }
        }
        for part in [
            folder.blobs(),
            folder.staging(),
            folder.uploads(),
            folder.logs(),
            folder.traces(),
            folder.jobs(),
        ] {
            private_folder(&part).map_err(broken)?;
        }
        Ok(folder)
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.path.join("staging")
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.path.join("uploads")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    pub(crate) fn traces(&self) -> PathBuf {
        self.path.join("traces")
    }

    pub(crate) fn jobs(&self) -> PathBuf {
        self.path.join("jobs")
    }

    pub(crate) fn machine_code(&self) -> PathBuf {
        self.path.join("machine-code")
    }
}

/// The store's file in a data folder.
pub(crate) fn store_path(data: &Path) -> PathBuf {
    data.join("store.db")
}

/// The master key's file, unless the operator keeps it elsewhere.
pub(crate) fn master_key_path(data: &Path) -> PathBuf {
    data.join("master.key")
}

/// Makes a folder that only its owner may enter.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes a rename in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_refused_until_the_first_has_gone() {
        let place = tempfile::tempdir().unwrap();
        let first = DataFolder::open(place.path()).unwrap();

        assert!(matches!(DataFolder::open(place.path()), Err(OpenError::InUse(_))));

        drop(first);
        assert!(DataFolder::open(place.path()).is_ok());
    }
}
