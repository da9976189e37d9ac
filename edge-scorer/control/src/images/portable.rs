//! The module of an image for engines other than ours: a browser, an older runtime.
//!
//! Made from the image's own ONNX file by a child each time it is asked for; a compile takes well
//! under a second, and few callers want it.

use sqlx::Row as _;

use super::not_built;
use crate::{
    AccountAccess, Content, Control, ControlError,
    child::{Outcome, Task},
    content::Part,
};

impl Control {
    /// The image's model compiled without anything that only some engines have.
    pub async fn image_portable_module(
        &self,
        account: &AccountAccess,
        id: &str,
    ) -> Result<Content, ControlError> {
        let image = self.image(account, id).await?;
        let row = sqlx::query("SELECT source_sha256, signature FROM images WHERE id = $1")
            .bind(image.id.to_string())
            .fetch_one(self.inner.store.read())
            .await?;
        let Some(text) = row.try_get::<Option<String>, _>("signature")? else {
            return Err(not_built(&image));
        };
        let signature: shared::Signature =
            serde_json::from_str(&text).map_err(ControlError::internal)?;
        // Without an ONNX file the module was written by hand; a portable one is portable already.
        let source: Option<String> = row.try_get("source_sha256")?;
        let Some(source) = source.filter(|_| signature.profile != Some(shared::Profile::Portable))
        else {
            return self.image_module(account, id).await;
        };
        let source = self.inner.blobs.file(&source);
        let finished = self.inner.children.run(Task::BuildPortable, source, false, |_| {}).await?;
        match finished.outcome {
            Outcome::BuiltPortable => {}
            Outcome::Refused(refusal) => return Err(refusal.into()),
            other => return Err(ControlError::internal(format!("a child answered {other:?}"))),
        }
        let bytes = tokio::fs::read(finished.job.module()).await.map_err(ControlError::internal)?;
        let etag = format!("{}-portable-{}", image.id, self.inner.program);
        let etag = etag.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let parts = vec![Part::Bytes(bytes.into())];
        Ok(Content::assembled(self.inner.blobs.clone(), parts, etag, "application/wasm"))
    }
}
