//! Services, their keys and their deployments.

use gloo_net::http::Method;
use shared::{
    AuthKeys, ComputeResource, ComputeType, Deployment, KeyType, RegenerateKeysRequest, Service,
    ServiceCreateRequest, ServiceUpdateRequest,
    paths::{encode, versioned},
};

use super::{
    account::AccountClient,
    client::Call,
    failure::EdgeError,
    images::{COMPUTE, Started, started},
};

/// What the form of a new service sends.
pub(crate) fn create_request(
    name: String,
    image_id: String,
    settings: ServiceUpdateRequest,
) -> ServiceCreateRequest {
    ServiceCreateRequest {
        name,
        image_id,
        compute_resource: ComputeResource {
            id: Some(COMPUTE.to_owned()),
            compute_type: Some(ComputeType::Cluster),
        },
        num_replicas: settings.num_replicas,
        auto_scaler: settings.auto_scaler,
        container_resource_reservation: settings.container_resource_reservation,
        max_concurrent_requests_per_container: settings.max_concurrent_requests_per_container,
        app_insights_enabled: settings.app_insights_enabled,
        data_collection: settings.data_collection,
    }
}

impl AccountClient {
    pub(crate) async fn list_services(self) -> Result<Vec<Service>, EdgeError> {
        self.all(self.path.services(), 1000).await
    }

    /// By id or by name.
    pub(crate) async fn service(self, id: String) -> Result<Service, EdgeError> {
        self.edge.get(versioned(&self.path.service(&id))).await
    }

    pub(crate) async fn create_service(
        &self,
        name: String,
        image_id: String,
        settings: ServiceUpdateRequest,
    ) -> Result<Started, EdgeError> {
        let request = create_request(name, image_id, settings);
        let call = Call::post(versioned(&self.path.services())).json(&request)?;
        started(&self.edge.send(call).await?)
    }

    pub(crate) async fn update_service(
        &self,
        id: &str,
        request: &ServiceUpdateRequest,
    ) -> Result<Started, EdgeError> {
        let call = Call::new(Method::PUT, versioned(&self.path.service(id))).json(request)?;
        started(&self.edge.send(call).await?)
    }

    pub(crate) async fn delete_service(self, id: String) -> Result<(), EdgeError> {
        self.edge.delete(versioned(&self.path.service(&id))).await
    }

    pub(crate) async fn service_keys(self, id: String) -> Result<AuthKeys, EdgeError> {
        self.edge.get(versioned(&self.path.service_keys(&id))).await
    }

    pub(crate) async fn regenerate_key(
        self,
        id: String,
        key: KeyType,
    ) -> Result<AuthKeys, EdgeError> {
        let request = RegenerateKeysRequest { key_type: Some(key) };
        self.edge.post(versioned(&self.path.regenerate_keys(&id)), &request).await
    }

    /// Newest first.
    pub(crate) async fn deployments(self, service: String) -> Result<Vec<Deployment>, EdgeError> {
        let path = format!("{}?serviceId={}", self.path.deployments(), encode(&service));
        self.edge.get(versioned(&path)).await
    }
}
