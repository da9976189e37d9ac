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
    images::{COMPUTE, Started, started},
    pending::{Pending, Reading},
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
    pub(crate) fn list_services(self) -> Reading<Vec<Service>> {
        self.all(self.path.services(), 1000)
    }

    /// By id or by name.
    pub(crate) fn service(self, id: String) -> Reading<Service> {
        self.edge.get(versioned(&self.path.service(&id)))
    }

    pub(crate) fn create_service(
        &self,
        name: String,
        image_id: String,
        settings: ServiceUpdateRequest,
    ) -> Pending<Started> {
        let request = create_request(name, image_id, settings);
        let call = Call::post(versioned(&self.path.services())).json(&request);
        started(self.edge, call)
    }

    pub(crate) fn update_service(
        &self,
        id: &str,
        request: &ServiceUpdateRequest,
    ) -> Pending<Started> {
        let call = Call::new(Method::PUT, versioned(&self.path.service(id))).json(request);
        started(self.edge, call)
    }

    pub(crate) fn delete_service(self, id: String) -> Pending<()> {
        self.edge.delete(versioned(&self.path.service(&id)))
    }

    pub(crate) fn service_keys(self, id: String) -> Reading<AuthKeys> {
        self.edge.get(versioned(&self.path.service_keys(&id)))
    }

    pub(crate) fn regenerate_key(self, id: String, key: KeyType) -> Reading<AuthKeys> {
        let request = RegenerateKeysRequest { key_type: Some(key) };
        self.edge.post(versioned(&self.path.regenerate_keys(&id)), &request)
    }

    /// Newest first.
    pub(crate) fn deployments(self, service: String) -> Reading<Vec<Deployment>> {
        let path = format!("{}?serviceId={}", self.path.deployments(), encode(&service));
        self.edge.get(versioned(&path))
    }
}
