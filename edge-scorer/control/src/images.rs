//! Images: models compiled and packed.

use serde::Deserialize;
use shared::{Check, Image, ImageRequest, OperationId};

use crate::{
    AccountAccess, Content, Control, ControlError, ListQuery, Listed, control::unfinished,
};

/// Which images a list shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ImageFilter {
    /// The manifest they were built from.
    pub manifest_id: Option<String>,
    /// The name of the manifest they were built from.
    pub manifest_name: Option<String>,
}

impl Control {
    /// Begins to build the next version of an image.
    pub async fn create_image(
        &self,
        _account: &AccountAccess,
        _request: ImageRequest,
    ) -> Result<OperationId, ControlError> {
        Err(unfinished())
    }

    /// A page of images.
    pub async fn images(
        &self,
        _account: &AccountAccess,
        _filter: &ImageFilter,
        _query: &ListQuery,
    ) -> Result<Listed<Image>, ControlError> {
        Err(unfinished())
    }

    /// One image.
    pub async fn image(&self, _account: &AccountAccess, _id: &str) -> Result<Image, ControlError> {
        Err(unfinished())
    }

    /// What the image's module takes and gives.
    pub async fn image_signature(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<Check, ControlError> {
        Err(unfinished())
    }

    /// The build's log so far.
    pub async fn image_log(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<String, ControlError> {
        Err(unfinished())
    }

    /// The build's log by the signed link in `imageBuildLogUri` (its query's `se` and `sig`): no
    /// credentials needed.
    pub async fn image_log_by_link(
        &self,
        _subscription: &str,
        _group: &str,
        _account: &str,
        _id: &str,
        _expires: &str,
        _signature: &str,
    ) -> Result<String, ControlError> {
        Err(unfinished())
    }

    /// The Wasm module.
    pub async fn image_module(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<Content, ControlError> {
        Err(unfinished())
    }

    /// The OCI image layout as a tar.
    pub async fn image_content(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<Content, ControlError> {
        Err(unfinished())
    }

    /// Deletes an image that no service uses. `false` when there was none.
    pub async fn delete_image(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<bool, ControlError> {
        Err(unfinished())
    }
}
