//! Reading and writing files the way every command does it.
//!
//! # Invariants
//! - A file is replaced whole or not at all: bytes go to a new file beside it, which then takes its name.
//! - Nothing larger than the caller's limit is read into memory.

use std::{
    fs,
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
};

use crate::failure::{Exit, Failure};

/// Largest model or module that is read; that of the compiler and the server.
pub(crate) const MODEL_BYTES: u64 = 2 << 30;
/// Largest file of rows.
pub(crate) const ROWS_BYTES: u64 = 4 << 30;

/// Reads a file, or stdin for `-`. A missing file is wrong usage, a file over `limit` a limit.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        return read_at_most(io::stdin().lock(), limit, "stdin");
    }
    let name = path.display().to_string();
    let file = fs::File::open(path).map_err(|error| unreadable(&name, error))?;
    read_at_most(file, limit, &name)
}

fn read_at_most(source: impl Read, limit: u64, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes).map_err(|error| unreadable(name, error))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new(
            Exit::Limit,
            format!("`{name}` is larger than {} MiB", limit >> 20),
        ));
    }
    Ok(bytes)
}

fn unreadable(name: &str, error: io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("cannot read `{name}`")).because(error)
}

/// Puts `bytes` at `path`. On Unix `mode` are the new file's permissions.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    write_beside(path, bytes, mode)
        .and_then(|beside| {
            fs::rename(&beside, path).inspect_err(|_| {
                let _ = fs::remove_file(&beside);
            })
        })
        .map_err(|error| {
            Failure::new(Exit::Internal, format!("cannot write `{}`", path.display()))
                .because(error)
        })
}

fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"));
    };
    let mut beside_name = std::ffi::OsString::from(".");
    beside_name.push(name);
    beside_name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(beside_name);

    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;

    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    match written {
        Ok(()) => Ok(beside),
        Err(error) => {
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_old_one_and_no_litter() {
        let folder = std::env::temp_dir().join(format!("files-{}", std::process::id()));
        fs::create_dir_all(folder.join("taken")).unwrap();

        let failure = replace(&folder.join("taken"), b"new", 0o644).unwrap_err();

        assert_eq!(failure.exit, Exit::Internal);
        assert!(folder.join("taken").is_dir());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        assert_eq!(read_at_most(&b"12345"[..], 5, "rows").unwrap(), b"12345");
        assert_eq!(read_at_most(&b"123456"[..], 5, "rows").unwrap_err().exit, Exit::Limit);
    }
}
