//! Services: deployed images, their settings and keys.

use futures::stream::BoxStream;
use serde::Deserialize;
use shared::{AuthKeys, KeyType, OperationId, Service, ServiceCreateRequest, ServiceUpdateRequest};

use crate::{AccountAccess, Control, ControlError, ListQuery, Listed, control::unfinished};

/// Which services a list shows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceFilter {
    /// Name.
    pub service_name: Option<String>,
    /// A model they serve.
    pub model_id: Option<String>,
    /// The name of a model they serve.
    pub model_name: Option<String>,
    /// The manifest of their image.
    pub manifest_id: Option<String>,
    /// The name of the manifest of their image.
    pub manifest_name: Option<String>,
    /// Their image.
    pub image_id: Option<String>,
    /// Their compute resource.
    pub compute_resource_id: Option<String>,
}

impl Control {
    /// Begins to deploy a new service.
    pub async fn create_service(
        &self,
        _account: &AccountAccess,
        _request: ServiceCreateRequest,
    ) -> Result<OperationId, ControlError> {
        Err(unfinished())
    }

    /// Begins to update a service; the old deployment serves until the new one is ready. `id` is
    /// an id or a name, here and below.
    pub async fn update_service(
        &self,
        _account: &AccountAccess,
        _id: &str,
        _request: ServiceUpdateRequest,
    ) -> Result<OperationId, ControlError> {
        Err(unfinished())
    }

    /// A page of services.
    pub async fn services(
        &self,
        _account: &AccountAccess,
        _filter: &ServiceFilter,
        _query: &ListQuery,
    ) -> Result<Listed<Service>, ControlError> {
        Err(unfinished())
    }

    /// One service.
    pub async fn service(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<Service, ControlError> {
        Err(unfinished())
    }

    /// Stops and deletes a service. `false` when there was none.
    pub async fn delete_service(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<bool, ControlError> {
        Err(unfinished())
    }

    /// Both keys.
    pub async fn service_keys(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<AuthKeys, ControlError> {
        Err(unfinished())
    }

    /// Replaces one key; the old one dies at once.
    pub async fn regenerate_key(
        &self,
        _account: &AccountAccess,
        _id: &str,
        _key: KeyType,
    ) -> Result<AuthKeys, ControlError> {
        Err(unfinished())
    }

    /// The service now and after every change, until it is deleted.
    pub async fn service_events(
        &self,
        _account: &AccountAccess,
        _id: &str,
    ) -> Result<BoxStream<'static, Service>, ControlError> {
        Err(unfinished())
    }
}
