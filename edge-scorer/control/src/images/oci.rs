//! The OCI image layout of an image: what any OCI tool can push, pull and look into.
//!
//! The module is the one layer of a manifest in the CNCF layout for plain modules; the ONNX file
//! is attached to it as a referrer. No document holds the time of the build, so that the same model
//! gives the same digests.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::Image;
use sqlx::Row as _;

use crate::{Content, Control, ControlError, content::Part};

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
pub(super) const WASM: &str = "application/wasm";
pub(super) const MODEL: &str = "application/vnd.cncf.model.manifest.v1+json";
const MODEL_CONFIG: &str = "application/vnd.cncf.model.config.v1+json";
pub(super) const MODEL_WEIGHT: &str = "application/vnd.cncf.model.weight.v1.raw";

/// What goes into an image.
pub(crate) struct Parts<'a> {
    pub(crate) title: &'a str,
    pub(crate) version: u64,
    /// The model's registration.
    pub(crate) created: &'a str,
    /// SHA-256 of the bytes that were registered.
    pub(crate) revision: &'a str,
    pub(crate) model_name: &'a str,
    pub(crate) model_version: u64,
    /// SHA-256 and size.
    pub(crate) module: (&'a str, u64),
    /// SHA-256 and size; absent for hand-written modules.
    pub(crate) onnx: Option<(&'a str, u64)>,
}

/// A JSON document of the layout.
pub(crate) struct Document {
    pub(crate) sha256: String,
    pub(crate) bytes: Vec<u8>,
}

/// The documents of an image; the module and the ONNX file are blobs already.
pub(crate) struct Packed {
    pub(crate) manifest: Document,
    config: Document,
    /// The manifest and the config that attach the ONNX file.
    pub(crate) referrer: Option<(Document, Document)>,
}

impl Packed {
    /// The configs alone: blobs to a registry, as the manifests are not.
    pub(super) fn configs(&self) -> impl Iterator<Item = &Document> {
        [&self.config].into_iter().chain(self.referrer.iter().map(|(_, config)| config))
    }

    /// Every document.
    pub(crate) fn documents(&self) -> impl Iterator<Item = &Document> {
        let referrer = self.referrer.iter().flat_map(|(manifest, config)| [manifest, config]);
        [&self.manifest, &self.config].into_iter().chain(referrer)
    }
}

/// Writes the documents.
pub(crate) fn pack(parts: &Parts<'_>) -> Result<Packed, ControlError> {
    let (module, module_size) = parts.module;
    let config = document(&json!({
        "created": parts.created,
        "architecture": "wasm",
        "os": "wasip1",
        "layerDigests": [digest(module)],
        "component": null,
    }))?;
    let annotations = json!({
        "org.opencontainers.image.title": parts.title,
        "org.opencontainers.image.version": parts.version.to_string(),
        "org.opencontainers.image.created": parts.created,
        "org.opencontainers.image.revision": digest(parts.revision),
    });
    let manifest = document(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(WASM_CONFIG, &config.sha256, config.bytes.len() as u64),
        "layers": [descriptor(WASM, module, module_size)],
        "annotations": annotations,
    }))?;
    let referrer = match parts.onnx {
        None => None,
        Some((onnx, onnx_size)) => Some(attach(parts, &manifest, onnx, onnx_size)?),
    };
    Ok(Packed { manifest, config, referrer })
}

fn attach(
    parts: &Parts<'_>,
    subject: &Document,
    onnx: &str,
    onnx_size: u64,
) -> Result<(Document, Document), ControlError> {
    let config = document(&json!({
        "descriptor": {
            "createdAt": parts.created,
            "name": parts.model_name,
            "version": parts.model_version.to_string(),
        },
        "modelfs": { "type": "layers", "diffIds": [digest(onnx)] },
        "config": { "format": "onnx" },
    }))?;
    let mut layer = descriptor(MODEL_WEIGHT, onnx, onnx_size);
    layer["annotations"] = json!({ "org.cncf.model.filepath": "model.onnx" });
    let manifest = document(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": MODEL,
        "config": descriptor(MODEL_CONFIG, &config.sha256, config.bytes.len() as u64),
        "layers": [layer],
        "subject": descriptor(MANIFEST, &subject.sha256, subject.bytes.len() as u64),
    }))?;
    Ok((manifest, config))
}

impl Control {
    /// The layout as a tar; nothing of it is kept twice.
    pub(crate) async fn oci_layout(&self, image: &Image) -> Result<Content, ControlError> {
        let row = sqlx::query(
            "SELECT i.manifest_digest, i.referrer_digest, i.module_sha256, i.module_size,
                 i.source_sha256 FROM images i WHERE i.id = $1",
        )
        .bind(image.id.to_string())
        .fetch_one(self.inner.store.read())
        .await?;
        let (manifest, referrer): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let mut blobs: Vec<(String, u64)> =
            sqlx::query("SELECT sha256, size FROM image_blobs WHERE image_id = $1 ORDER BY sha256")
                .bind(image.id.to_string())
                .fetch_all(self.inner.store.read())
                .await?
                .iter()
                .map(|row| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs())))
                .collect::<Result<_, sqlx::Error>>()?;
        let size_of = |blobs: &[(String, u64)], sha256: &str| {
            blobs.iter().find(|(known, _)| known == sha256).map_or(0, |(_, size)| *size)
        };
        let mut entry = descriptor(MANIFEST, &manifest, size_of(&blobs, &manifest));
        entry["annotations"] =
            json!({ "org.opencontainers.image.ref.name": image.version.to_string() });
        let mut entries = vec![entry];
        if let Some(referrer) = &referrer {
            let mut entry = descriptor(MANIFEST, referrer, size_of(&blobs, referrer));
            entry["artifactType"] = json!(MODEL);
            entries.push(entry);
        }
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
        blobs.push((row.try_get(2)?, row.try_get::<i64, _>(3)?.unsigned_abs()));
        if let Some(source) = row.try_get::<Option<String>, _>(4)? {
            let size = tokio::fs::metadata(self.inner.blobs.file(&source))
                .await
                .map_err(ControlError::internal)?
                .len();
            blobs.push((source, size));
        }

        let mut parts = Vec::new();
        file(&mut parts, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())?;
        file(&mut parts, "index.json", index.to_string().into_bytes())?;
        for (sha256, size) in blobs {
            parts.push(Part::Bytes(header(&format!("blobs/sha256/{sha256}"), size)?));
            parts.push(Part::Blob { sha256, size });
            pad(&mut parts, size);
        }
        // Two empty blocks end a tar.
        parts.push(Part::Bytes(Bytes::from_static(&[0; 1024])));
        let etag = format!("{manifest}-{}", image.version);
        Ok(Content::assembled(self.inner.blobs.clone(), parts, etag, "application/x-tar"))
    }
}

fn file(parts: &mut Vec<Part>, name: &str, bytes: Vec<u8>) -> Result<(), ControlError> {
    let size = bytes.len() as u64;
    parts.push(Part::Bytes(header(name, size)?));
    parts.push(Part::Bytes(bytes.into()));
    pad(parts, size);
    Ok(())
}

fn header(name: &str, size: u64) -> Result<Bytes, ControlError> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).map_err(ControlError::internal)?;
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(Bytes::copy_from_slice(header.as_bytes()))
}

/// A tar's files end on a block of 512 bytes.
fn pad(parts: &mut Vec<Part>, size: u64) {
    static ZEROS: [u8; 512] = [0; 512];
    let missing = usize::try_from(size.wrapping_neg() % 512).unwrap_or(0);
    if missing > 0 {
        parts.push(Part::Bytes(Bytes::from_static(&ZEROS[..missing])));
    }
}

fn digest(sha256: &str) -> String {
    format!("sha256:{sha256}")
}

pub(super) fn descriptor(media_type: &str, sha256: &str, size: u64) -> Value {
    json!({ "mediaType": media_type, "digest": digest(sha256), "size": size })
}

fn document(value: &Value) -> Result<Document, ControlError> {
    let bytes = serde_json::to_vec(value).map_err(ControlError::internal)?;
    Ok(Document { sha256: hex::encode(Sha256::digest(&bytes)), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts<'static> {
        Parts {
            title: "iris",
            version: 3,
            created: "2026-11-20T19:21:42.123456Z",
            revision: "aa",
            model_name: "iris",
            model_version: 2,
            module: ("bb", 10),
            onnx: Some(("aa", 20)),
        }
    }

    #[test]
    fn the_same_parts_give_the_same_digests() {
        let (first, second) = (pack(&parts()).unwrap(), pack(&parts()).unwrap());

        let digests = |packed: &Packed| -> Vec<String> {
            packed.documents().map(|document| document.sha256.clone()).collect()
        };
        assert_eq!(digests(&first), digests(&second));
        assert_eq!(digests(&first).len(), 4);
    }

    #[test]
    fn the_onnx_file_refers_to_the_manifest_of_the_module() {
        let packed = pack(&parts()).unwrap();
        let (referrer, _) = packed.referrer.unwrap();

        let referrer: Value = serde_json::from_slice(&referrer.bytes).unwrap();
        assert_eq!(referrer["subject"]["digest"], digest(&packed.manifest.sha256));
        assert_eq!(referrer["layers"][0]["annotations"]["org.cncf.model.filepath"], "model.onnx");
    }
}
