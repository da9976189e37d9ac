//! Completes the addresses in an answer: the domain writes them from the path on.

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use hyper::{
    StatusCode,
    header::{HeaderName, HeaderValue, RETRY_AFTER},
};
use shared::{
    Account as ArmAccount, AsyncOperationStatus, CollectedFile, Image, Manifest, Model,
    OperationId, Service, StoredArtifact,
};

use crate::{auth::Account, host::Endpoint};

/// Something with addresses in it.
pub(crate) trait Linked {
    /// Puts the endpoint in front of each.
    fn link(&mut self, endpoint: &Endpoint);
}

fn complete(address: &mut Option<String>, endpoint: &Endpoint) {
    if let Some(address) = address {
        *address = endpoint.absolute(address);
    }
}

impl Linked for Model {
    fn link(&mut self, endpoint: &Endpoint) {
        self.url = endpoint.absolute(&self.url);
    }
}

impl Linked for Manifest {
    fn link(&mut self, endpoint: &Endpoint) {
        for asset in &mut self.assets {
            complete(&mut asset.url, endpoint);
        }
    }
}

impl Linked for Image {
    fn link(&mut self, endpoint: &Endpoint) {
        complete(&mut self.image_build_log_uri, endpoint);
        complete(&mut self.image_location, endpoint);
        self.manifest.link(endpoint);
    }
}

impl Linked for () {
    fn link(&mut self, _: &Endpoint) {}
}

impl<T: Linked> Linked for Vec<T> {
    fn link(&mut self, endpoint: &Endpoint) {
        for each in self {
            each.link(endpoint);
        }
    }
}

impl<T: Linked> Linked for Option<T> {
    fn link(&mut self, endpoint: &Endpoint) {
        if let Some(present) = self {
            present.link(endpoint);
        }
    }
}

impl<I: Linked, F: Linked, M: Linked> Linked for Service<I, F, M> {
    fn link(&mut self, endpoint: &Endpoint) {
        complete(&mut self.scoring_uri, endpoint);
        self.image.link(endpoint);
        self.manifest.link(endpoint);
        self.models.link(endpoint);
    }
}

impl Linked for AsyncOperationStatus {
    fn link(&mut self, endpoint: &Endpoint) {
        complete(&mut self.resource_location, endpoint);
    }
}

impl Linked for CollectedFile {
    fn link(&mut self, endpoint: &Endpoint) {
        self.url = endpoint.absolute(&self.url);
    }
}

impl Linked for StoredArtifact {
    fn link(&mut self, endpoint: &Endpoint) {
        self.url = endpoint.absolute(&self.url);
    }
}

impl Linked for ArmAccount {
    fn link(&mut self, endpoint: &Endpoint) {
        let location = &mut self.properties.model_management_swagger_location;
        *location = endpoint.absolute(location);
    }
}

impl Account {
    /// A resource as this caller sees it.
    pub(crate) fn show<T: Linked>(&self, mut resource: T) -> Json<T> {
        resource.link(&self.endpoint);
        Json(resource)
    }

    /// 202: the work has begun, and where to ask about it.
    pub(crate) fn accepted(&self, operation: OperationId) -> Response {
        const OPERATION_LOCATION: HeaderName = HeaderName::from_static("operation-location");
        let at = self.endpoint.absolute(&self.access.path().operation(operation));
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::ACCEPTED;
        if let Ok(at) = HeaderValue::try_from(at) {
            response.headers_mut().insert(OPERATION_LOCATION, at);
        }
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }
}

/// 200 when something was deleted, 204 when there was nothing.
pub(crate) fn deleted(existed: bool) -> Response {
    if existed { StatusCode::OK } else { StatusCode::NO_CONTENT }.into_response()
}
