//! Machine code on disk, so that a module is compiled once and not at every start.
//!
//! A file is named by its key: the SHA-256 of the module's own hash, wasmtime's version, the target
//! with its CPU features and the engine's configuration. It holds the key again and the SHA-256 of
//! the code: a torn, stale or renamed file is not loaded but made anew.
//!
//! # Invariants
//! - The folder belongs to this server alone: it is made with mode 0700, and a folder that others
//!   may write to is refused. Machine code runs outside the sandbox.
//! - A file appears whole or not at all: it is written beside and renamed.
//!
//! # Deliberately absent
//! - Eviction: whoever deletes an image deletes its code, see [`MachineCodeCache::key`].

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest as _, Sha256};

const MAGIC: &[u8; 16] = b"edge-scorer mc 1";
const HEADER_BYTES: usize = MAGIC.len() + 32 + 32;

/// Identifies machine code: by module, wasmtime, CPU and configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; 32]);

/// A folder of machine code.
#[derive(Debug)]
pub(crate) struct MachineCodeCache {
    folder: PathBuf,
}

impl Key {
    pub(crate) fn new(module: &[u8; 32], environment: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(MAGIC);
        hash.update(module);
        hash.update(environment);
        Self(hash.finalize().into())
    }
}

impl MachineCodeCache {
    /// Opens the folder, making it where it is missing.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::mode(&fs::metadata(folder)?) & 0o022 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{} may be written to by others", folder.display()),
            ));
        }
        Ok(Self { folder: folder.to_owned() })
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.bin", hex::encode(key.0)))
    }

    /// The code stored under `key`; `None` where there is none, or none that is sound.
    pub(crate) fn read(&self, key: &Key) -> Option<CachedCode> {
        let file = fs::read(self.path(key)).ok()?;
        let (header, code) = file.split_at_checked(HEADER_BYTES)?;
        let (magic, rest) = header.split_at(MAGIC.len());
        let (stored_key, stored_hash) = rest.split_at(32);
        let sound = magic == MAGIC
            && stored_key == key.0
            && *stored_hash == *<[u8; 32]>::from(Sha256::digest(code)).as_slice();
        if !sound {
            tracing::warn!(path = %self.path(key).display(), "cached machine code is damaged and is made anew");
            return None;
        }
        Some(CachedCode(file))
    }

    /// Stores `code` under `key`, whole or not at all.
    ///
    /// Without `fsync`: what a power cut leaves half-written fails its hash and is made anew.
    pub(crate) fn write(&self, key: &Key, code: &[u8]) -> io::Result<()> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = self.path(key);
        let beside = path.with_extension(format!("{}-{unique}.part", std::process::id()));
        let written = write_file(&beside, key, code).and_then(|()| fs::rename(&beside, &path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        written
    }
}

fn write_file(path: &Path, key: &Key, code: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(MAGIC)?;
    file.write_all(&key.0)?;
    file.write_all(&Sha256::digest(code))?;
    file.write_all(code)
}

/// Bytes of which the hash has been checked.
pub(crate) struct CachedCode(Vec<u8>);

impl CachedCode {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0[HEADER_BYTES..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_files_with_the_right_key_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let cache = MachineCodeCache::open(&folder.path().join("machine-code")).unwrap();
        let (mine, other) = (Key::new(&[1; 32], &[0; 32]), Key::new(&[2; 32], &[0; 32]));
        cache.write(&mine, b"machine code").unwrap();

        assert_eq!(cache.read(&mine).unwrap().bytes(), b"machine code");
        assert!(cache.read(&other).is_none());

        fs::copy(cache.path(&mine), cache.path(&other)).unwrap();
        assert!(cache.read(&other).is_none(), "a renamed file keeps its key");

        let mut torn = fs::read(cache.path(&mine)).unwrap();
        torn.pop();
        fs::write(cache.path(&mine), torn).unwrap();
        assert!(cache.read(&mine).is_none(), "a torn file fails its hash");
        assert_eq!(fs::read_dir(folder.path().join("machine-code")).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();

        let refusal = MachineCodeCache::open(folder.path()).unwrap_err();

        assert_eq!(refusal.kind(), io::ErrorKind::PermissionDenied);
    }
}
