//! Logs of services: the last lines of each, in memory.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use shared::{LogEntry, LogLevel, ServiceId};

use crate::{AccountAccess, Control, ControlError, clock};

/// Lines of one service.
const LINES: usize = 256;
/// Services with a log; the one that was silent longest gives way.
const SERVICES: usize = 1_024;
/// Longest message in bytes.
const MESSAGE_BYTES: usize = 1_024;

/// The logs of all services.
#[derive(Default)]
pub(crate) struct Logs {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    logs: HashMap<ServiceId, Log>,
    /// Counts lines, to tell who was silent longest.
    turn: u64,
}

#[derive(Default)]
struct Log {
    lines: VecDeque<LogEntry>,
    turn: u64,
}

impl Logs {
    pub(crate) fn add(&self, service: ServiceId, mut entry: LogEntry) {
        if entry.message.len() > MESSAGE_BYTES {
            let cut = entry.message.floor_char_boundary(MESSAGE_BYTES);
            entry.message.truncate(cut);
            entry.message.push('…');
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *inner;
        inner.turn += 1;
        if !inner.logs.contains_key(&service) && inner.logs.len() >= SERVICES {
            let quietest = inner.logs.iter().min_by_key(|(_, log)| log.turn).map(|(id, _)| *id);
            if let Some(id) = quietest {
                inner.logs.remove(&id);
            }
        }
        let log = inner.logs.entry(service).or_default();
        log.turn = inner.turn;
        if log.lines.len() >= LINES {
            log.lines.pop_front();
        }
        log.lines.push_back(entry);
    }

    /// A line that belongs to no call.
    pub(crate) fn say(&self, service: ServiceId, level: LogLevel, message: impl Into<String>) {
        let (time, message) = (clock::timestamp(clock::now()), message.into());
        let entry = LogEntry {
            time,
            level,
            message,
            request_id: None,
            status: None,
            duration_micros: None,
        };
        self.add(service, entry);
    }

    pub(crate) fn forget(&self, service: ServiceId) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).logs.remove(&service);
    }

    /// The newest first.
    fn newest(&self, service: ServiceId, count: usize) -> Vec<LogEntry> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = inner.logs.get(&service).map(|log| log.lines.iter().rev().take(count));
        lines.into_iter().flatten().cloned().collect()
    }
}

impl Control {
    /// The last lines of a service's log, the newest first. In memory: a restart begins anew.
    pub async fn service_logs(
        &self,
        account: &AccountAccess,
        id: &str,
        count: usize,
    ) -> Result<Vec<LogEntry>, ControlError> {
        let service = self.observed(account, id).await?;
        Ok(self.inner.observers.logs.newest(service, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(number: u128) -> ServiceId {
        ServiceId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_log_keeps_its_last_lines_and_says_the_newest_first() {
        let logs = Logs::default();
        for number in 0..LINES + 2 {
            logs.say(service(1), LogLevel::Information, number.to_string());
        }

        let lines = logs.newest(service(1), usize::MAX);

        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[0].message, (LINES + 1).to_string());
        assert_eq!(lines[LINES - 1].message, "2");
    }

    #[test]
    fn the_quietest_log_gives_way_and_long_lines_are_cut() {
        let logs = Logs::default();
        for number in 0..SERVICES as u128 + 1 {
            logs.say(service(number), LogLevel::Error, "ü".repeat(MESSAGE_BYTES));
            if number > 0 {
                logs.say(service(0), LogLevel::Error, "still here");
            }
        }

        assert!(logs.newest(service(1), 1).is_empty());
        assert_eq!(logs.newest(service(0), 1)[0].message, "still here");
        assert!(logs.newest(service(2), 1)[0].message.len() <= MESSAGE_BYTES + '…'.len_utf8());
    }
}
