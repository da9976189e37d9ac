//! What can be seen of a service from outside: its log, its traces, the calls it collected.

use shared::{CollectedFile, LogEntry, Page, TraceRecord, paths::versioned};

use super::{account::AccountClient, failure::EdgeError};

impl AccountClient {
    /// The newest lines of a service's log.
    pub(crate) async fn service_logs(self, id: String) -> Result<Vec<LogEntry>, EdgeError> {
        let path = format!("{}?count=200", self.path.service_part(&id, "logs"));
        let page: Page<LogEntry> = self.edge.get(versioned(&path)).await?;
        Ok(page.value)
    }

    /// The newest traces of a service that keeps some.
    pub(crate) async fn service_traces(self, id: String) -> Result<Vec<TraceRecord>, EdgeError> {
        let path = format!("{}?count=100", self.path.service_part(&id, "traces"));
        let page: Page<TraceRecord> = self.edge.get(versioned(&path)).await?;
        Ok(page.value)
    }

    /// The newest files of collected calls.
    pub(crate) async fn collected_files(self, id: String) -> Result<Vec<CollectedFile>, EdgeError> {
        let path = format!("{}?count=100", self.path.service_part(&id, "data"));
        let page: Page<CollectedFile> = self.edge.get(versioned(&path)).await?;
        Ok(page.value)
    }

    /// Where a browser downloads such a file; the session cookie opens it.
    pub(crate) fn collected_download(&self, id: &str, file: &str) -> String {
        versioned(&self.path.collected_file(id, file))
    }
}
