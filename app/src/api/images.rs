//! Images: built in the background, from a manifest.

use shared::{
    Image, ImageId, ImageRequest, ImageType, Manifest, OperationId, Signature, paths::versioned,
};

use super::{
    account::{AccountClient, last_segment},
    client::{Answer, Call},
    failure::EdgeError,
};

/// Where our services run: the field is opaque to the server and required by the documents.
pub(super) const COMPUTE: &str = "local";

impl AccountClient {
    pub(crate) async fn list_images(self) -> Result<Vec<Image>, EdgeError> {
        self.all(self.path.images(), 1000).await
    }

    pub(crate) async fn image(self, id: ImageId) -> Result<Image, EdgeError> {
        self.edge.get(versioned(&self.path.image(id))).await
    }

    pub(crate) async fn image_log(self, id: ImageId) -> Result<String, EdgeError> {
        self.edge.get_text(versioned(&self.path.image_part(id, "log"))).await
    }

    pub(crate) async fn image_signature(self, id: ImageId) -> Result<Signature, EdgeError> {
        self.edge.get(versioned(&self.path.image_part(id, "signature"))).await
    }

    pub(crate) async fn delete_image(self, id: ImageId) -> Result<(), EdgeError> {
        self.edge.delete(versioned(&self.path.image(id))).await
    }

    /// The module for engines other than the server's.
    pub(crate) async fn portable_module(self, id: ImageId) -> Result<Vec<u8>, EdgeError> {
        self.edge.get_bytes(versioned(&self.path.image_part(id, "portable.wasm"))).await
    }

    /// Where a browser downloads a part of an image; the session cookie opens it.
    pub(crate) fn image_download(&self, id: ImageId, part: &str) -> String {
        versioned(&self.path.image_part(id, part))
    }

    /// Starts to build a manifest.
    pub(crate) async fn build_image(&self, manifest: &Manifest) -> Result<Started, EdgeError> {
        let request = ImageRequest {
            name: manifest.name.clone(),
            manifest_id: manifest.id.to_string(),
            compute_resource_id: COMPUTE.to_owned(),
            image_type: ImageType::Wasm,
            description: None,
        };
        let call = Call::post(versioned(&self.path.images())).json(&request)?;
        started(&self.edge.send(call).await?)
    }
}

/// The operation that a 202 has begun.
pub(crate) struct Started(pub(crate) OperationId);

/// Reads `Operation-Location`.
pub(super) fn started(answer: &Answer) -> Result<Started, EdgeError> {
    answer
        .header("operation-location")
        .and_then(|address| last_segment(&address).parse().ok())
        .map(Started)
        .ok_or_else(|| EdgeError::lacking("Operation-Location"))
}
