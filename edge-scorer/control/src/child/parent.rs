//! The server's side: start a child, read its log, wait no longer than agreed.

use std::{
    ffi::OsString,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use shared::ErrorCode;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    sync::Semaphore,
};

use super::job::{Job, JobLimits, Outcome, Refusal, Task};
use crate::{ControlConfig, ControlError, folder::DataFolder};

/// Longest log of one child; what comes after is dropped.
const LOG_BYTES: usize = 1 << 20;

/// Starts children, not more at a time than there are cores.
pub(crate) struct Children {
    turns: Arc<Semaphore>,
    most: usize,
    command: Vec<OsString>,
    jobs: PathBuf,
    machine_code: PathBuf,
    time: Duration,
    limits: JobLimits,
}

/// A child that ended with an outcome. Its folder goes when this is dropped.
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    pub(crate) job: Job,
    _folder: TempDir,
}

impl Children {
    pub(crate) fn new(config: &ControlConfig, folder: &DataFolder) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let limits = &config.limits;
        Self {
            turns: Arc::new(Semaphore::new(cores)),
            most: cores,
            command: config.compile_child.clone(),
            jobs: folder.jobs(),
            machine_code: folder.machine_code(),
            time: limits.compile_time,
            limits: JobLimits {
                memory_bytes: limits.compile_memory_bytes,
                seconds: limits.compile_time.as_secs(),
                module_bytes: limits.module_bytes,
                guest_memory_bytes: limits.guest_memory_bytes,
                archive_packed_bytes: limits.archive_packed_bytes,
                archive_unpacked_bytes: limits.archive_unpacked_bytes,
                archive_entries: limits.archive_entries,
            },
        }
    }

    /// Children that run now.
    pub(crate) fn running(&self) -> usize {
        self.most - self.turns.available_permits()
    }

    /// Runs one job. Dropping the future kills the child.
    pub(crate) async fn run(
        &self,
        task: Task,
        source: PathBuf,
        unpack: bool,
        mut log: impl FnMut(&str) + Send,
    ) -> Result<Finished, ControlError> {
        let _turn = self.turns.acquire().await.map_err(ControlError::internal)?;
        let folder = TempDir::new_in(&self.jobs).map_err(ControlError::internal)?;
        let job = Job {
            task,
            source: absolute(source)?,
            unpack,
            folder: absolute(folder.path().to_owned())?,
            machine_code: absolute(self.machine_code.clone())?,
            limits: self.limits.clone(),
        };
        let path = job.folder.join("job.json");
        let text = serde_json::to_vec(&job).map_err(ControlError::internal)?;
        tokio::fs::write(&path, text).await.map_err(ControlError::internal)?;

        let (program, arguments) =
            self.command.split_first().ok_or_else(|| ControlError::internal("no compile child"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .arg(&path)
            .env_clear()
            // The allocator would set memory aside before the child limits itself.
            .env("MIMALLOC_ARENA_RESERVE", "0")
            .current_dir(&job.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(ControlError::internal)?;
        let mut lines = child.stderr.take().map(|stderr| BufReader::new(stderr).split(b'\n'));
        let mut logged = 0;
        let mut last_line = String::new();
        let mut starved = false;
        let ended = tokio::time::timeout(self.time, async {
            while let Some(Ok(Some(line))) = match &mut lines {
                Some(lines) => Some(lines.next_segment().await),
                None => None,
            } {
                let line = String::from_utf8_lossy(&line).into_owned();
                logged += line.len();
                if logged <= LOG_BYTES {
                    log(&line);
                }
                starved |= line.contains("memory allocation of") || line.contains("out of memory");
                last_line = line;
            }
            child.wait().await
        })
        .await;
        let status = match ended {
            Ok(status) => status.map_err(ControlError::internal)?,
            Err(_) => {
                let _ = child.kill().await;
                let seconds = self.time.as_secs();
                let refusal = Refusal::limit(format!("{seconds} s of compile time"));
                return Ok(Finished { outcome: Outcome::Refused(refusal), job, _folder: folder });
            }
        };
        let outcome = tokio::fs::read(job.outcome()).await.ok();
        let outcome = outcome.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let outcome = match outcome {
            Some(outcome) if status.success() => outcome,
            _ => Outcome::Refused(self.how_it_died(status, starved, &last_line)),
        };
        Ok(Finished { outcome, job, _folder: folder })
    }

    fn how_it_died(&self, status: ExitStatus, starved: bool, last_line: &str) -> Refusal {
        const SIGXCPU: i32 = 24;
        const SIGXFSZ: i32 = 25;
        if starved {
            return Refusal::memory(self.limits.memory_bytes);
        }
        match status.signal() {
            Some(SIGXCPU) => Refusal::limit(format!("{} s of compile time", self.time.as_secs())),
            Some(SIGXFSZ) => Refusal::limit("the size of a module"),
            Some(signal) => Refusal::unsupported_model(
                format!("the compiler failed on this model (signal {signal})"),
                "Export the model anew, with fewer nested parts; if that does not help, report it.",
            ),
            None => {
                tracing::error!(%status, last_line, "a compile child failed");
                Refusal {
                    code: ErrorCode::Internal,
                    message: format!("the compile child ended with {status}: {last_line}"),
                    remedy: String::new(),
                    unsupported: Vec::new(),
                }
            }
        }
    }
}

fn absolute(path: PathBuf) -> Result<PathBuf, ControlError> {
    std::path::absolute(path).map_err(ControlError::internal)
}
