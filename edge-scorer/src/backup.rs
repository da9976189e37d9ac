//! `backup` and `restore`: a data folder into one file and back.

use control::{
    OpenError,
    backup::{self, BackupError, BackupSummary},
};

use crate::{
    arguments::{BackupArguments, RestoreArguments},
    failure::{Exit, Failure},
    serve,
    terminal::Terminal,
};

pub(crate) fn back_up(arguments: &BackupArguments, terminal: Terminal) -> Result<(), Failure> {
    let summary = finish(backup::back_up(&arguments.data, &arguments.file))?;
    terminal.note(&format!("backed up {} into `{}`", amount(&summary), arguments.file.display()));
    terminal.note(&format!(
        "the master key is not in it: keep a copy of `{}` apart",
        arguments
            .master_key_file
            .clone()
            .unwrap_or_else(|| arguments.data.join("master.key"))
            .display()
    ));
    Ok(())
}

pub(crate) fn restore(arguments: &RestoreArguments, terminal: Terminal) -> Result<(), Failure> {
    let key = arguments.master_key_file.as_deref();
    let summary = finish(backup::restore(&arguments.file, &arguments.data, key))?;
    let data = arguments.data.display();
    terminal.note(&format!("restored {} into `{data}`", amount(&summary)));
    if !arguments.data.join("master.key").is_file() {
        terminal.note(&format!(
            "put the master key at `{data}/master.key`, or start with --master-key-file"
        ));
    }
    Ok(())
}

fn amount(summary: &BackupSummary) -> String {
    format!(
        "the store of {} and {} blobs of {} bytes",
        summary.created_at, summary.blobs, summary.blob_bytes
    )
}

fn finish<T>(work: impl Future<Output = Result<T, BackupError>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work).map_err(|error| match error {
        BackupError::Open(OpenError::StoreTooNew { .. }) => {
            Failure::new(Exit::Usage, error.to_string())
                .hint("use the version of edge-scorer that made it, or a newer one")
        }
        BackupError::Open(error) => serve::open_failure(error),
        BackupError::NotEmpty(_) => Failure::new(Exit::Usage, error.to_string()),
        BackupError::NotABackup { .. } => Failure::new(Exit::BadInput, error.to_string()),
        _ => Failure::new(Exit::Internal, error.to_string()).because(error),
    })
}
