//! Manifests: which models an image is made of.

use gloo_net::http::Method;
use shared::{
    Image, ImageRequest, ImageType, Manifest, ManifestId, ManifestRequest, Page,
    paths::{encode, versioned},
};

use super::{
    account::AccountClient,
    client::Call,
    failure::EdgeError,
    images::{COMPUTE, Started, started},
};

impl AccountClient {
    pub(crate) async fn manifest(self, id: ManifestId) -> Result<Manifest, EdgeError> {
        self.edge.get(versioned(&self.path.manifest(id))).await
    }

    pub(crate) async fn create_manifest(
        self,
        request: ManifestRequest,
    ) -> Result<Manifest, EdgeError> {
        self.edge.post(versioned(&self.path.manifests()), &request).await
    }

    pub(crate) async fn delete_manifest(self, id: ManifestId) -> Result<(), EdgeError> {
        let call = Call::new(Method::DELETE, versioned(&self.path.manifest(id)));
        self.edge.send(call).await.map(drop)
    }

    /// The newest images that were built from a manifest.
    pub(crate) async fn images_of_manifest(self, id: ManifestId) -> Result<Vec<Image>, EdgeError> {
        let path =
            format!("{}?manifestId={}&count=50", self.path.images(), encode(&id.to_string()));
        let page: Page<Image> = self.edge.get(versioned(&path)).await?;
        Ok(page.value)
    }

    /// Starts to build an image of a name.
    pub(crate) async fn build_image_named(
        self,
        name: String,
        manifest: ManifestId,
        description: Option<String>,
    ) -> Result<Started, EdgeError> {
        let request = ImageRequest {
            name,
            manifest_id: manifest.to_string(),
            compute_resource_id: COMPUTE.to_owned(),
            image_type: ImageType::Wasm,
            description,
        };
        let call = Call::post(versioned(&self.path.images())).json(&request)?;
        started(&self.edge.send(call).await?)
    }
}
