//! Copies a data folder into one file, beside a running server, and makes a folder of it again.
//!
//! The file is a tar: a description, a copy of the store as of one moment, every blob that the store
//! names, the build logs. The master key is kept apart: whoever has the file alone reads no key.
//!
//! # Invariants
//! - The store's copy and the blobs belong together: blobs are held by hard links before the copy is
//!   made, so that a server that deletes meanwhile takes none away.
//! - A restored folder appears whole or not at all, and every blob was hashed on its way.
//!
//! # Deliberately absent
//! - Uploads under way, machine code, traces: begun again or made anew.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    OpenError, clock,
    control::KEY_CHECK,
    folder::{DataFolder, master_key_path, private_folder, store_path, sync_folder},
    store::Store,
    vault::Vault,
};

const DESCRIPTION: &str = "edge-scorer-backup.json";
const STORE: &str = "store.db";
const FORMAT: u32 = 1;
/// How often a copy is tried while a server deletes blobs under it.
const TRIES: u32 = 5;

/// What a backup says about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupSummary {
    /// Of this file.
    pub format: u32,
    /// Version of the program that made it.
    pub version: String,
    /// Schema of the store.
    pub schema: i64,
    /// When the copy was made.
    pub created_at: String,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of the blobs.
    pub blob_bytes: u64,
}

/// Why there is no backup, or no folder made of one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store or the folder.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file, or a part of the folder, could not be read or written.
    #[error("`{path}` could not be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A blob that the store names is missing.
    #[error("the data folder lacks the bytes sha256:{0}")]
    BlobMissing(String),
    /// The file is no backup, or was damaged.
    #[error("`{path}` is not a whole backup: {what}")]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is something where the folder should go.
    #[error("`{0}` holds data already; restore into a folder that is empty or missing")]
    NotEmpty(PathBuf),
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError + use<'_> {
    |source| BackupError::File { path: path.to_owned(), source }
}

/// Copies the data folder of a running or a stopped server into `file`, replacing it whole.
pub async fn back_up(data: &Path, file: &Path) -> Result<BackupSummary, BackupError> {
    let store = store_path(data);
    if !store.is_file() {
        return Err(OpenError::NoStore(data.to_owned()).into());
    }
    let held = tempfile::Builder::new().prefix(".backup-").tempdir_in(data).map_err(at(data))?;
    for _ in 0..TRIES {
        hold_blobs(data, held.path())?;
        let copy = held.path().join(STORE);
        let _ = fs::remove_file(&copy);
        let schema = Store::copy(&store, &copy).await?;
        let named = Store::named_blobs(&copy).await?;
        hold_blobs(data, held.path())?;
        let missing = named.iter().find(|sha256| !held.path().join(sha256).is_file());
        if missing.is_none() {
            let logs = data.join("logs");
            return write_file(held.path(), &logs, schema, &named, file);
        }
    }
    let named = Store::named_blobs(&held.path().join(STORE)).await?;
    let missing = named.into_iter().find(|sha256| !held.path().join(sha256).is_file());
    Err(BackupError::BlobMissing(missing.unwrap_or_default()))
}

/// Links every blob into `held`, where a server does not remove it.
fn hold_blobs(data: &Path, held: &Path) -> Result<(), BackupError> {
    let root = data.join("blobs");
    for shelf in fs::read_dir(&root).map_err(at(&root))? {
        let shelf = shelf.map_err(at(&root))?.path();
        if !shelf.is_dir() {
            continue;
        }
        for blob in fs::read_dir(&shelf).map_err(at(&shelf))? {
            let blob = blob.map_err(at(&shelf))?;
            match fs::hard_link(blob.path(), held.join(blob.file_name())) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                // Deleted between the look and the link: nothing names it any more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(at(&blob.path())(error)),
            }
        }
    }
    Ok(())
}

fn write_file(
    held: &Path,
    logs: &Path,
    schema: i64,
    named: &HashSet<String>,
    file: &Path,
) -> Result<BackupSummary, BackupError> {
    let failed = at(file);
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut sorted: Vec<&String> = named.iter().collect();
    sorted.sort();
    let mut blob_bytes = 0;
    for sha256 in &sorted {
        let path = held.join(sha256);
        blob_bytes += fs::metadata(&path).map_err(at(&path))?.len();
    }
    let summary = BackupSummary {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema,
        created_at: clock::timestamp(clock::now()),
        blobs: sorted.len() as u64,
        blob_bytes,
    };
    // Mode 0600, as the folder it is a copy of.
    let mut out = tempfile::NamedTempFile::new_in(folder).map_err(&failed)?;
    {
        let buffered = io::BufWriter::with_capacity(1 << 20, out.as_file_mut());
        let mut tar = tar::Builder::new(buffered);
        tar.mode(tar::HeaderMode::Deterministic);
        let text = serde_json::to_vec_pretty(&summary).map_err(|error| failed(error.into()))?;
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, DESCRIPTION, text.as_slice()).map_err(&failed)?;
        tar.append_path_with_name(held.join(STORE), STORE).map_err(&failed)?;
        for sha256 in sorted {
            let name = format!("blobs/{}/{sha256}", &sha256[..2]);
            tar.append_path_with_name(held.join(sha256), name).map_err(&failed)?;
        }
        for log in fs::read_dir(logs).into_iter().flatten().flatten() {
            let name = log.file_name();
            let Ok(bytes) = fs::read(log.path()) else { continue };
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            let name = Path::new("logs").join(name);
            tar.append_data(&mut header, name, bytes.as_slice()).map_err(&failed)?;
        }
        tar.into_inner().and_then(|mut buffered| buffered.flush()).map_err(&failed)?;
    }
    out.as_file().sync_all().map_err(&failed)?;
    out.persist(file).map_err(|error| failed(error.error))?;
    sync_folder(folder).map_err(&failed)?;
    Ok(summary)
}

/// Makes the data folder `data` of a backup; it must be empty or missing. With `master_key` the key
/// is copied into it; either way a key that is there must fit.
pub async fn restore(
    file: &Path,
    data: &Path,
    master_key: Option<&Path>,
) -> Result<BackupSummary, BackupError> {
    let occupied = fs::read_dir(data).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| !["master.key", "lock"].contains(&&*entry.file_name().to_string_lossy()))
    });
    if occupied {
        return Err(BackupError::NotEmpty(data.to_owned()));
    }
    let is_new = !data.exists();
    let restored = restore_into(file, data, master_key).await;
    if restored.is_err() && is_new {
        // Only if nothing is in it.
        let _ = fs::remove_dir(data);
    }
    restored
}

async fn restore_into(
    file: &Path,
    data: &Path,
    master_key: Option<&Path>,
) -> Result<BackupSummary, BackupError> {
    private_folder(data).map_err(at(data))?;
    let making = tempfile::Builder::new().prefix(".restore-").tempdir_in(data).map_err(at(data))?;
    let summary = unpack(file, making.path())?;
    Store::check(&making.path().join(STORE)).await?;
    let named = Store::named_blobs(&making.path().join(STORE)).await?;
    let path = |sha256: &str| making.path().join("blobs").join(&sha256[..2]).join(sha256);
    if let Some(missing) = named.iter().find(|sha256| !path(sha256).is_file()) {
        return Err(BackupError::BlobMissing(missing.clone()));
    }
    let (own, copied) = (master_key_path(data), master_key_path(making.path()));
    if let Some(given) = master_key {
        let bytes = fs::read(given).map_err(at(given))?;
        let mut out = tempfile::NamedTempFile::new_in(making.path()).map_err(at(&copied))?;
        out.write_all(&bytes).map_err(at(&copied))?;
        out.as_file().sync_all().map_err(at(&copied))?;
        out.persist(&copied).map_err(|error| at(&copied)(error.error))?;
    }
    // As the caller knows it, and where it is.
    let (known, key) = master_key.map_or((&*own, &own), |given| (given, &copied));
    if key.is_file() {
        let sealed = Store::key_check(&making.path().join(STORE)).await?;
        let opened = Vault::open(key, false)?.open_sealed("key-check", &sealed);
        if opened.ok().as_deref() != Some(KEY_CHECK.as_bytes()) {
            return Err(OpenError::MasterKeyWrong(known.to_owned()).into());
        }
    }
    if copied.is_file() {
        fs::rename(&copied, &own).map_err(at(&own))?;
    }
    // The store last: without it the folder counts as empty.
    for part in ["blobs", "logs", STORE] {
        let from = making.path().join(part);
        if from.exists() {
            fs::rename(&from, data.join(part)).map_err(at(&from))?;
        }
    }
    sync_folder(data).map_err(at(data))?;
    // From here on it is a data folder like any other; this one tries it on.
    drop(DataFolder::open(data)?);
    Ok(summary)
}

fn unpack(file: &Path, into: &Path) -> Result<BackupSummary, BackupError> {
    let damaged = |what: String| BackupError::NotABackup { path: file.to_owned(), what };
    let opened = File::open(file).map_err(at(file))?;
    let mut tar = tar::Archive::new(io::BufReader::with_capacity(1 << 20, opened));
    let mut summary: Option<BackupSummary> = None;
    let mut blobs = 0;
    for entry in tar.entries().map_err(|error| damaged(error.to_string()))? {
        let mut entry = entry.map_err(|error| damaged(error.to_string()))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if summary.is_none() {
            let mut text = String::new();
            let read = (&mut entry).take(1 << 16).read_to_string(&mut text);
            let found: Option<BackupSummary> = match (name.as_str(), read) {
                (DESCRIPTION, Ok(_)) => serde_json::from_str(&text).ok(),
                _ => None,
            };
            let found =
                found.ok_or_else(|| damaged("it does not begin with a description".to_owned()))?;
            if found.format > FORMAT {
                return Err(damaged(format!("a newer version made it ({})", found.version)));
            }
            Store::refuse_newer_than_known(found.schema)?;
            summary = Some(found);
            continue;
        }
        match name.split('/').collect::<Vec<_>>().as_slice() {
            [STORE] => copy(&mut entry, &into.join(STORE)).map(drop)?,
            ["blobs", shelf, sha256] if is_blob(shelf, sha256) => {
                let folder = into.join("blobs").join(shelf);
                private_folder(&folder).map_err(at(&folder))?;
                let actual = copy(&mut entry, &folder.join(sha256))?;
                if actual != *sha256 {
                    return Err(damaged(format!("the bytes {sha256} are others")));
                }
                sync_folder(&folder).map_err(at(&folder))?;
                blobs += 1;
            }
            ["logs", log] if !log.is_empty() && *log != ".." => {
                private_folder(&into.join("logs")).map_err(at(into))?;
                copy(&mut entry, &into.join("logs").join(log)).map(drop)?;
            }
            _ => return Err(damaged(format!("it holds `{name}`"))),
        }
    }
    let summary = summary.ok_or_else(|| damaged("it is empty".to_owned()))?;
    if !into.join(STORE).is_file() || blobs != summary.blobs {
        return Err(damaged("its end is missing".to_owned()));
    }
    Ok(summary)
}

fn is_blob(shelf: &str, sha256: &str) -> bool {
    sha256.len() == 64
        && sha256.starts_with(shelf)
        && shelf.len() == 2
        && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Writes an entry, synced; gives its SHA-256.
fn copy(entry: &mut impl Read, path: &Path) -> Result<String, BackupError> {
    let mut file = File::create(path).map_err(at(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = entry.read(&mut buffer).map_err(at(path))?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(at(path))?;
    }
    file.sync_all().map_err(at(path))?;
    Ok(hex::encode(hash.finalize()))
}
