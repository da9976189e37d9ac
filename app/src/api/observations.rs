//! What can be seen of a service from outside: its log, its traces, the calls it collected.

use shared::{CollectedFile, LogEntry, TraceRecord, paths::versioned};

use super::{account::AccountClient, pending::Reading};

impl AccountClient {
    /// The newest lines of a service's log.
    pub(crate) fn service_logs(self, id: String) -> Reading<Vec<LogEntry>> {
        let path = format!("{}?count=200", self.path.service_part(&id, "logs"));
        self.edge.rows(versioned(&path))
    }

    /// The newest traces of a service that keeps some.
    pub(crate) fn service_traces(self, id: String) -> Reading<Vec<TraceRecord>> {
        let path = format!("{}?count=100", self.path.service_part(&id, "traces"));
        self.edge.rows(versioned(&path))
    }

    /// The newest files of collected calls.
    pub(crate) fn collected_files(self, id: String) -> Reading<Vec<CollectedFile>> {
        let path = format!("{}?count=100", self.path.service_part(&id, "data"));
        self.edge.rows(versioned(&path))
    }

    /// Where a browser downloads such a file; the session cookie opens it.
    pub(crate) fn collected_download(&self, id: &str, file: &str) -> String {
        versioned(&self.path.collected_file(id, file))
    }
}
