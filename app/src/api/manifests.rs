//! Manifests: which models an image is made of.

use shared::{
    Image, ImageRequest, ImageType, Manifest, ManifestId, ManifestRequest,
    paths::{encode, versioned},
};

use super::{
    account::AccountClient,
    client::Call,
    images::{COMPUTE, Started, started},
    pending::{Pending, Reading},
};

impl AccountClient {
    pub(crate) fn manifest(self, id: ManifestId) -> Reading<Manifest> {
        self.edge.get(versioned(&self.path.manifest(id)))
    }

    pub(crate) fn create_manifest(self, request: ManifestRequest) -> Reading<Manifest> {
        self.edge.post(versioned(&self.path.manifests()), &request)
    }

    pub(crate) fn delete_manifest(self, id: ManifestId) -> Pending<()> {
        self.edge.delete(versioned(&self.path.manifest(id)))
    }

    /// The newest images that were built from a manifest.
    pub(crate) fn images_of_manifest(self, id: ManifestId) -> Reading<Vec<Image>> {
        let path =
            format!("{}?manifestId={}&count=50", self.path.images(), encode(&id.to_string()));
        self.edge.rows(versioned(&path))
    }

    /// Starts to build an image of a name.
    pub(crate) fn build_image_named(
        self,
        name: String,
        manifest: ManifestId,
        description: Option<String>,
    ) -> Pending<Started> {
        let request = ImageRequest {
            name,
            manifest_id: manifest.to_string(),
            compute_resource_id: COMPUTE.to_owned(),
            image_type: ImageType::Wasm,
            description,
        };
        let call = Call::post(versioned(&self.path.images())).json(&request);
        started(self.edge, call)
    }
}
