//! Registered models.

use serde::Deserialize;
use shared::{Check, Model, ModelRequest};

use crate::{AccountAccess, Control, ControlError, ListQuery, Listed, control::unfinished};

/// Which models a list shows; whole values, combined with AND.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ModelFilter {
    /// Name.
    pub name: Option<String>,
    /// One of the tags.
    pub tag: Option<String>,
}

impl Control {
    /// Registers the next version of a model; bytes of our own artefacts are read at once.
    pub async fn register_model(
        &self,
        _account: &AccountAccess,
        _request: ModelRequest,
    ) -> Result<Model, ControlError> {
        Err(unfinished())
    }

    /// A page of models.
    pub async fn models(
        &self,
        _account: &AccountAccess,
        _filter: &ModelFilter,
        _query: &ListQuery,
    ) -> Result<Listed<Model>, ControlError> {
        Err(unfinished())
    }

    /// One model.
    pub async fn model(&self, _account: &AccountAccess, _id: &str) -> Result<Model, ControlError> {
        Err(unfinished())
    }

    /// What the model takes and gives, and what stands in the way of compiling it.
    pub async fn model_signature(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<Check, ControlError> {
        Err(unfinished())
    }

    /// Deletes a model that no manifest uses. `false` when there was none.
    pub async fn delete_model(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<bool, ControlError> {
        Err(unfinished())
    }
}
