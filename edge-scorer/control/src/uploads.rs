//! Uploads in chunks, which survive the connection and the process.

use bytes::Bytes;
use shared::{StoredArtifact, UploadRequest, UploadStarted};

use crate::{AccountAccess, Control, ControlError, StoreOutcome, control::unfinished};

impl Control {
    /// Begins an upload.
    pub async fn begin_upload(
        &self,
        _account: &AccountAccess,
        _request: UploadRequest,
    ) -> Result<UploadStarted, ControlError> {
        Err(unfinished())
    }

    /// Appends a chunk at `offset`; gives the new offset once the bytes are on the disk.
    pub async fn append_to_upload(
        &self,
        _account: &AccountAccess,
        _id: &str,
        _offset: u64,
        _chunk: Bytes,
    ) -> Result<u64, ControlError> {
        Err(unfinished())
    }

    /// Bytes acknowledged so far.
    pub async fn upload_offset(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<u64, ControlError> {
        Err(unfinished())
    }

    /// Makes the upload an artefact.
    pub async fn complete_upload(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<(StoredArtifact, StoreOutcome), ControlError> {
        Err(unfinished())
    }

    /// Forgets an upload. `false` when there is none.
    pub async fn abandon_upload(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<bool, ControlError> {
        Err(unfinished())
    }
}
