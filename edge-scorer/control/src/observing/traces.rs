//! Traces: a record a call, in a file of the data folder for each service.
//!
//! A full file becomes the older one of two, in the place of the one before it.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use shared::{ServiceId, TraceRecord};

use super::{FinishedCall, micros};
use crate::{AccountAccess, Control, ControlError, blobs::blocking, random};

/// Largest file; a service has two.
const FILE_BYTES: u64 = 4 << 20;
/// Lines are written when there are so many bytes, else now and then.
const BATCH_BYTES: usize = 1 << 20;

/// Lines on their way to a file, by service.
#[derive(Default)]
pub(super) struct Batches(HashMap<ServiceId, Vec<u8>>);

impl Batches {
    /// Adds a record; `true` when it is time to write.
    pub(super) fn add(&mut self, service: ServiceId, record: &TraceRecord) -> bool {
        let lines = self.0.entry(service).or_default();
        if serde_json::to_writer(&mut *lines, record).is_ok() {
            lines.push(b'\n');
        }
        lines.len() >= BATCH_BYTES
    }

    pub(super) fn forget(&mut self, service: ServiceId) {
        self.0.remove(&service);
    }
}

/// What is known of a call.
pub(super) fn record(call: &FinishedCall<'_>, version: u64) -> TraceRecord {
    let parent = call.traceparent.and_then(parse);
    let began = jiff::Timestamp::try_from(call.began).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    TraceRecord {
        trace_id: match parent {
            Some((trace_id, _)) => trace_id.to_owned(),
            None => hex::encode(random::bytes::<16>()),
        },
        span_id: hex::encode(random::bytes::<8>()),
        parent_span_id: parent.map(|(_, span_id)| span_id.to_owned()),
        time: began.to_string(),
        duration_micros: micros(call.took),
        method: call.method.to_owned(),
        path: call.path.to_owned(),
        status: call.status,
        request_id: call.request_id.to_owned(),
        version,
        rows: call.timing.map(|timing| timing.rows),
        queue_micros: call.timing.map(|timing| micros(timing.queued)),
        score_micros: call.timing.map(|timing| micros(timing.scored)),
        error: call.error.map(str::to_owned),
    }
}

/// Trace and span of a `traceparent` (W3C Trace Context, version 00).
fn parse(header: &str) -> Option<(&str, &str)> {
    let mut parts = header.trim().split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let id = |text: &str, len: usize| {
        text.len() == len
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && text.bytes().any(|byte| byte != b'0')
    };
    let known = version.len() == 2 && version != "ff" && parts.next()?.len() == 2;
    (known && id(trace, 32) && id(span, 16)).then_some((trace, span))
}

impl Control {
    /// The last traces of a service's calls, the newest first.
    pub async fn service_traces(
        &self,
        account: &AccountAccess,
        id: &str,
        count: usize,
    ) -> Result<Vec<TraceRecord>, ControlError> {
        let service = self.observed(account, id).await?;
        self.inner.observers.flush().await;
        let files = self.trace_files(service);
        let newest = blocking(move || {
            let mut found = Vec::new();
            for file in &files {
                let text = match std::fs::read(file) {
                    Ok(text) => text,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                };
                let lines = text.rsplit(|byte| *byte == b'\n');
                // A line that a crash cut short is no record.
                let records = lines.filter_map(|line| serde_json::from_slice(line).ok());
                found.extend(records.take(count - found.len()));
            }
            Ok(found)
        });
        newest.await
    }

    pub(super) async fn write_traces(&self, batches: &mut Batches) -> Result<(), ControlError> {
        let batches = std::mem::take(&mut batches.0);
        if batches.is_empty() {
            return Ok(());
        }
        let files: Vec<_> =
            batches.into_iter().map(|(id, lines)| (self.trace_files(id), lines)).collect();
        blocking(move || {
            for ([newer, older], lines) in &files {
                append(newer, older, lines)?;
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn forget_traces(&self, service: ServiceId) {
        for file in self.trace_files(service) {
            let _ = tokio::fs::remove_file(file).await;
        }
    }

    /// The file that is written, and the one before it.
    fn trace_files(&self, service: ServiceId) -> [PathBuf; 2] {
        let folder = self.inner.folder.traces();
        [folder.join(format!("{service}.jsonl")), folder.join(format!("{service}.1.jsonl"))]
    }
}

fn append(newer: &Path, older: &Path, lines: &[u8]) -> io::Result<()> {
    let size = std::fs::metadata(newer).map_or(0, |file| file.len());
    if size > 0 && size + lines.len() as u64 > FILE_BYTES {
        std::fs::rename(newer, older)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).open(newer)?.write_all(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_trace_goes_on_and_a_malformed_one_is_ignored() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        assert_eq!(parse(&format!("00-{trace}-{span}-01")), Some((trace, span)));
        assert_eq!(parse(&format!("cc-{trace}-{span}-01-later")), Some((trace, span)));
        for bad in [
            "",
            "00",
            &format!("ff-{trace}-{span}-01"),
            &format!("00-{}-{span}-01", "0".repeat(32)),
            &format!("00-{}-{span}-01", trace.to_uppercase()),
            &format!("00-{trace}-{}-01", &span[1..]),
            &format!("00-{trace}-{span}"),
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_full_file_becomes_the_older_of_two() {
        let folder = tempfile::tempdir().unwrap();
        let (newer, older) = (folder.path().join("a"), folder.path().join("b"));
        let large = vec![b'x'; usize::try_from(FILE_BYTES).unwrap() - 10];

        append(&newer, &older, &large).unwrap();
        append(&newer, &older, b"0123456789").unwrap();
        assert!(!older.exists());
        append(&newer, &older, b"more").unwrap();

        assert_eq!(std::fs::read(&newer).unwrap(), b"more");
        assert_eq!(std::fs::metadata(&older).unwrap().len(), FILE_BYTES);
    }
}
