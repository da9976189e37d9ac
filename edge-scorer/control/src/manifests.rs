//! Manifests: which models an image is made of.

use serde::Deserialize;
use shared::{Manifest, ManifestRequest};

use crate::{AccountAccess, Control, ControlError, ListQuery, Listed, control::unfinished};

/// Which manifests a list shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ManifestFilter {
    /// A model that they name.
    pub model_id: Option<String>,
    /// Name.
    pub manifest_name: Option<String>,
}

impl Control {
    /// Registers the next version of a manifest.
    pub async fn register_manifest(
        &self,
        _account: &AccountAccess,
        _request: ManifestRequest,
    ) -> Result<Manifest, ControlError> {
        Err(unfinished())
    }

    /// A page of manifests.
    pub async fn manifests(
        &self,
        _account: &AccountAccess,
        _filter: &ManifestFilter,
        _query: &ListQuery,
    ) -> Result<Listed<Manifest>, ControlError> {
        Err(unfinished())
    }

    /// One manifest.
    pub async fn manifest(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<Manifest, ControlError> {
        Err(unfinished())
    }

    /// Deletes a manifest that no image uses. `false` when there was none.
    pub async fn delete_manifest(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<bool, ControlError> {
        Err(unfinished())
    }
}
