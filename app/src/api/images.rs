//! Images: built in the background, from a manifest.

use shared::{
    Image, ImageId, ImageRequest, ImageType, Manifest, OperationId, Signature, paths::versioned,
};

use super::{
    account::{AccountClient, last_segment},
    client::{Call, EdgeClient},
    failure::EdgeError,
    pending::{Pending, Reading},
};

/// Where our services run: the field is opaque to the server and required by the documents.
pub(super) const COMPUTE: &str = "local";

impl AccountClient {
    pub(crate) fn list_images(self) -> Reading<Vec<Image>> {
        self.all(self.path.images(), 1000)
    }

    pub(crate) fn image(self, id: ImageId) -> Reading<Image> {
        self.edge.get(versioned(&self.path.image(id)))
    }

    pub(crate) async fn image_log(self, id: ImageId) -> Result<String, EdgeError> {
        self.edge.get_text(versioned(&self.path.image_part(id, "log"))).await
    }

    pub(crate) fn image_signature(self, id: ImageId) -> Reading<Signature> {
        self.edge.get(versioned(&self.path.image_part(id, "signature")))
    }

    pub(crate) fn delete_image(self, id: ImageId) -> Pending<()> {
        self.edge.delete(versioned(&self.path.image(id)))
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
    pub(crate) fn build_image(&self, manifest: &Manifest) -> Pending<Started> {
        let request = ImageRequest {
            name: manifest.name.clone(),
            manifest_id: manifest.id.to_string(),
            compute_resource_id: COMPUTE.to_owned(),
            image_type: ImageType::Wasm,
            description: None,
        };
        let call = Call::post(versioned(&self.path.images())).json(&request);
        started(self.edge, call)
    }
}

/// The operation that a 202 has begun.
pub(crate) struct Started(pub(crate) OperationId);

/// Sends a call and reads `Operation-Location`.
pub(super) fn started(edge: EdgeClient, call: Call) -> Pending<Started> {
    Box::pin(async move {
        let answer = edge.send(call).await?;
        answer
            .header("operation-location")
            .and_then(|address| last_segment(&address).parse().ok())
            .map(Started)
            .ok_or_else(|| EdgeError::lacking("Operation-Location"))
    })
}
