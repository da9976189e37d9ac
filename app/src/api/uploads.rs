//! Sends a file in chunks: progress is what the server has acknowledged, cancel is `DELETE`.
//!
//! A chunk that got lost is sent again from the offset that the server names, so an upload
//! survives a dropped connection and a restarted server.

use std::time::Duration;

use gloo_net::http::Method;
use gloo_timers::future::sleep;
use leptos::prelude::*;
use shared::{StoredArtifact, UploadId, UploadRequest, UploadStarted, paths::versioned};
use wasm_bindgen::JsValue;

use super::{
    account::AccountClient,
    client::Call,
    failure::{EdgeError, Failure},
};

/// How often a chunk is tried before the upload is given up.
const ATTEMPTS: u32 = 5;

/// An upload as the page sees it.
#[derive(Clone, Copy)]
pub(crate) struct Upload {
    /// Bytes that the server has.
    pub(crate) sent: RwSignal<u64>,
    cancelled: RwSignal<bool>,
    /// What the server calls it, so that it can go on after it has failed.
    begun: StoredValue<Option<UploadStarted>>,
}

impl Upload {
    pub(crate) fn new() -> Self {
        Self {
            sent: RwSignal::new(0),
            cancelled: RwSignal::new(false),
            begun: StoredValue::new(None),
        }
    }

    /// Stops after the chunk that is under way and forgets what was sent.
    pub(crate) fn cancel(self) {
        self.cancelled.try_set(true);
    }
}

impl AccountClient {
    /// Sends `file`; `None` when it was cancelled.
    pub(crate) async fn upload(
        &self,
        file: &web_sys::File,
        upload: Upload,
    ) -> Result<Option<StoredArtifact>, EdgeError> {
        let size = file.size();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a file's size is a whole number below 2^53"
        )]
        let bytes = size as u64;
        let (begun, mut offset) = self.begin(file, bytes, upload).await?;
        let mut failures = 0;
        while offset < bytes {
            if upload.cancelled.try_get_untracked().unwrap_or(true) {
                self.edge.delete(versioned(&self.path.upload(begun.id))).await?;
                return Ok(None);
            }
            match self.send_chunk(file, &begun, offset, bytes).await {
                Ok(acknowledged) => {
                    failures = 0;
                    offset = acknowledged;
                }
                Err(error)
                    if failures < ATTEMPTS
                        && matches!(error.failure, Failure::Offline | Failure::Later) =>
                {
                    failures += 1;
                    sleep(Duration::from_secs(u64::from(failures))).await;
                    if let Ok(known) = self.upload_offset(begun.id).await {
                        offset = known;
                    }
                }
                Err(error) => return Err(error),
            }
            upload.sent.try_set(offset);
        }
        let call = Call::post(versioned(&self.path.complete_upload(begun.id)));
        self.edge.ask(call).await.map(Some)
    }

    /// Begins, or goes on where the server says.
    async fn begin(
        &self,
        file: &web_sys::File,
        size: u64,
        upload: Upload,
    ) -> Result<(UploadStarted, u64), EdgeError> {
        if let Some(begun) = upload.begun.try_get_value().flatten() {
            match self.upload_offset(begun.id).await {
                Ok(offset) => return Ok((begun, offset)),
                // Forgotten meanwhile: from the beginning.
                Err(error) if error.failure == Failure::Missing => {}
                Err(error) => return Err(error),
            }
        }
        let request = UploadRequest { path: artifact_path(&file.name()), size, sha256: None };
        let begun: UploadStarted =
            self.edge.post(versioned(&self.path.uploads()), &request).await?;
        upload.begun.try_update_value(|kept| *kept = Some(begun.clone()));
        let offset = begun.offset;
        Ok((begun, offset))
    }

    async fn send_chunk(
        &self,
        file: &web_sys::File,
        upload: &UploadStarted,
        offset: u64,
        size: u64,
    ) -> Result<u64, EdgeError> {
        let end = size.min(offset.saturating_add(upload.chunk_size.max(1)));
        #[expect(clippy::cast_precision_loss, reason = "offsets stay below 2^53")]
        let chunk = file
            .slice_with_f64_and_f64(offset as f64, end as f64)
            .map_err(|_| EdgeError::lacking("file"))?;
        let call = Call::new(Method::PATCH, versioned(&self.path.upload(upload.id)))
            .raw(JsValue::from(chunk), "application/octet-stream")
            .header("upload-offset", offset.to_string());
        let answer = self.edge.exchange(call).await?;
        let acknowledged = answer.header("upload-offset").and_then(|text| text.parse().ok());
        match (answer.status, acknowledged) {
            // 409: the server has another offset than we thought, and says which.
            (200..300 | 409, Some(acknowledged)) => Ok(acknowledged),
            (200..300, None) => Ok(end),
            _ => Err(answer.failure()),
        }
    }

    async fn upload_offset(&self, id: UploadId) -> Result<u64, EdgeError> {
        let call = Call::new(Method::HEAD, versioned(&self.path.upload(id)));
        let answer = self.edge.send(call).await?;
        answer
            .header("upload-offset")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| EdgeError::lacking("Upload-Offset"))
    }
}

/// What the file is called in the artefact store.
fn artifact_path(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.trim_start_matches('.');
    format!("models/{}", if name.is_empty() { "model" } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_folder_does_not_become_part_of_the_artefact() {
        assert_eq!(artifact_path("C:\\fake\\iris.onnx"), "models/iris.onnx");
        assert_eq!(artifact_path("../../etc/passwd"), "models/passwd");
        assert_eq!(artifact_path(".."), "models/model");
    }
}
