//! The operator's OCI registry: finished images are pushed to it, and models are pulled from it.
//!
//! An image goes to `<host>/<prefix>/<account>/<name>:<version>`, its ONNX file as a referrer, which
//! registries without the referrers API find under the tag that the specification gives it. A model
//! with the address `oci://<host>/<repository>:<tag>` is pulled when an image is built from it.
//!
//! # Invariants
//! - Only the one registry that the operator named is talked to.
//! - A module that was pulled is a hand-written one; if its ONNX file is attached, that is pulled
//!   instead and compiled here.

use std::{path::Path, time::Duration};

use futures::TryStreamExt as _;
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    secrets::RegistryAuth,
};
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_util::io::ReaderStream;

use super::oci::{self, INDEX, MANIFEST, MODEL, MODEL_WEIGHT, Packed, WASM};
use crate::{
    Control, ControlError,
    blobs::{Blobs, Staged, too_large},
};

/// What begins the address of a model in a registry.
pub(crate) const SCHEME: &str = "oci://";
/// Largest manifest that is read.
const MANIFEST_BYTES: usize = 4 << 20;

/// Where finished images go, and models may come from.
#[derive(Clone)]
pub struct Registry {
    /// `host` or `host:port`.
    pub host: String,
    /// What every repository begins with; may be empty.
    pub prefix: String,
    /// User and password, where it asks for them.
    pub credentials: Option<(String, String)>,
    /// Whether it is spoken to over plain HTTP.
    pub plain_http: bool,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("host", &self.host).field("prefix", &self.prefix).finish()
    }
}

impl std::str::FromStr for Registry {
    type Err = String;

    /// `host[:port][/prefix]`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (host, prefix) = text.trim_end_matches('/').split_once('/').unwrap_or((text, ""));
        let prefix = prefix.trim_matches('/').to_owned();
        let probe = format!("{host}/{prefix}/name:1").replace("//", "/");
        let named = probe.parse::<Reference>().is_ok_and(|found| found.registry() == host);
        if !named || text.contains("://") {
            return Err(format!("`{text}` is not a registry: send `host[:port][/prefix]`"));
        }
        Ok(Self { host: host.to_owned(), prefix, credentials: None, plain_http: false })
    }
}

/// A file to push.
pub(super) struct File<'a> {
    pub(super) sha256: &'a str,
    pub(super) size: u64,
    pub(super) path: &'a Path,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl Registry {
    fn client(&self) -> (Client, RegistryAuth) {
        let config = ClientConfig {
            protocol: if self.plain_http { ClientProtocol::Http } else { ClientProtocol::Https },
            // One request a blob: its size is known.
            use_monolithic_push: true,
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(Duration::from_secs(60)),
            ..ClientConfig::default()
        };
        let auth = match &self.credentials {
            Some((user, password)) => RegistryAuth::Basic(user.clone(), password.clone()),
            None => RegistryAuth::Anonymous,
        };
        (Client::new(config), auth)
    }

    /// The repository of an image's name in an account.
    fn repository(&self, account: &str, name: &str) -> String {
        let parts = [self.prefix.clone(), component(account), component(name)];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }

    /// Pushes an image; gives `host/repository:version@sha256:…`.
    pub(super) async fn push(
        &self,
        (account, name, version): (&str, &str, u64),
        packed: &Packed,
        module: &File<'_>,
        onnx: Option<&File<'_>>,
    ) -> Result<String, ControlError> {
        let repository = self.repository(account, name);
        let image = Reference::with_tag(self.host.clone(), repository.clone(), version.to_string());
        let failed = |error| push_failed(&image, &error);
        let (client, auth) = self.client();
        client.store_auth_if_needed(&self.host, &auth).await;
        for document in packed.configs() {
            let digest = format!("sha256:{}", document.sha256);
            if !client.blob_exists(&image, &digest).await.map_err(failed)? {
                let bytes = document.bytes.clone();
                client.push_blob(&image, bytes, &digest).await.map_err(failed)?;
            }
        }
        for file in [Some(module), onnx].into_iter().flatten() {
            let digest = format!("sha256:{}", file.sha256);
            if !client.blob_exists(&image, &digest).await.map_err(failed)? {
                let opened =
                    tokio::fs::File::open(file.path).await.map_err(ControlError::internal)?;
                let bytes = ReaderStream::with_capacity(opened, 1 << 20)
                    .map_err(OciDistributionError::IoError);
                client
                    .push_blob_stream(&image, bytes, &digest, Some(file.size))
                    .await
                    .map_err(failed)?;
            }
        }
        let push = async |at: &Reference, bytes: Vec<u8>, media_type: &'static str| {
            let media_type = HeaderValue::from_static(media_type);
            client.push_manifest_raw(at, bytes, media_type).await.map(drop)
        };
        let manifest = &packed.manifest;
        push(&image, manifest.bytes.clone(), MANIFEST).await.map_err(failed)?;
        if let Some((referrer, _)) = &packed.referrer {
            let at = Reference::with_digest(
                self.host.clone(),
                repository.clone(),
                format!("sha256:{}", referrer.sha256),
            );
            push(&at, referrer.bytes.clone(), MANIFEST).await.map_err(failed)?;
            let mut entry =
                oci::descriptor(MANIFEST, &referrer.sha256, referrer.bytes.len() as u64);
            entry["artifactType"] = json!(MODEL);
            let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
            let tag = format!("sha256-{}", manifest.sha256);
            let at = Reference::with_tag(self.host.clone(), repository.clone(), tag);
            push(&at, index.to_string().into_bytes(), INDEX).await.map_err(failed)?;
        }
        Ok(format!("{}/{repository}:{version}@sha256:{}", self.host, manifest.sha256))
    }

    /// The bytes of the model at `url`, in `staging/`.
    async fn pull(&self, blobs: &Blobs, url: &str, limit: u64) -> Result<Staged, ControlError> {
        let image = parse(url)?;
        let failed = |error| pull_failed(url, &error);
        let (client, auth) = self.client();
        let (bytes, digest) =
            client.pull_manifest_raw(&image, &auth, &[MANIFEST]).await.map_err(failed)?;
        let mut layer = only_layer(&bytes, url)?;
        if layer.media_type == WASM {
            let subject = image.clone_with_digest(digest);
            let attached = client.pull_referrers(&subject, Some(MODEL)).await.ok();
            let attached = attached.and_then(|index| index.manifests.into_iter().next());
            if let Some(attached) = attached {
                let at = image.clone_with_digest(attached.digest);
                let (bytes, _) =
                    client.pull_manifest_raw(&at, &auth, &[MANIFEST]).await.map_err(failed)?;
                layer = only_layer(&bytes, url)?;
            }
        }
        if layer.size > limit {
            return Err(too_large("the model", limit));
        }
        let stream =
            client.pull_blob_stream(&image, layer.digest.as_str()).await.map_err(failed)?;
        let staged = blobs.stage(stream, limit).await?;
        let actual = format!("sha256:{}", staged.sha256);
        if actual != layer.digest {
            return Err(ControlError::HashMismatch { expected: layer.digest, actual });
        }
        Ok(staged)
    }
}

impl Control {
    /// The bytes of a model in the operator's registry, in `staging/`.
    pub(crate) async fn pull_model(&self, url: &str) -> Result<Staged, ControlError> {
        let image = parse(url)?;
        match &self.inner.config.registry {
            Some(registry) if registry.host == image.registry() => {
                registry.pull(&self.inner.blobs, url, self.limits().artifact_bytes).await
            }
            Some(registry) => Err(ControlError::SourceRefused {
                url: url.to_owned(),
                remedy: format!("Models are pulled from `{}` only.", registry.host),
            }),
            None => Err(ControlError::SourceRefused {
                url: url.to_owned(),
                remedy: "No registry is configured; ask the operator to start the server with `--registry`, or upload the bytes.".to_owned(),
            }),
        }
    }
}

fn parse(url: &str) -> Result<Reference, ControlError> {
    url.strip_prefix(SCHEME).and_then(|text| text.parse().ok()).ok_or_else(|| {
        ControlError::invalid(
            format!("`{url}` is not the address of an image"),
            "Send `oci://host[:port]/repository:tag` or `…@sha256:<digest>`.",
        )
    })
}

fn only_layer(manifest: &[u8], url: &str) -> Result<Descriptor, ControlError> {
    let refuse = |message: &str| ControlError::UnsupportedModel {
        message: format!("`{url}` {message}"),
        remedy: format!("Name an image with one layer of the type `{WASM}` or `{MODEL_WEIGHT}`."),
    };
    if manifest.len() > MANIFEST_BYTES {
        return Err(refuse("has a manifest that is too large"));
    }
    let manifest: Manifest =
        serde_json::from_slice(manifest).map_err(|_| refuse("has no image manifest"))?;
    let known = |layer: &Descriptor| [WASM, MODEL_WEIGHT].contains(&layer.media_type.as_str());
    let mut layers = manifest.layers.into_iter().filter(known);
    match (layers.next(), layers.next()) {
        (Some(layer), None) => Ok(layer),
        (None, _) => Err(refuse("holds no model")),
        (Some(_), Some(_)) => Err(refuse("holds several models")),
    }
}

/// A name as a part of a repository. One that has to be written differently gets a piece of its
/// hash, so that no two names meet.
fn component(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        match letter.to_ascii_lowercase() {
            kept @ ('a'..='z' | '0'..='9') => out.push(kept),
            other => {
                let separator = if matches!(other, '.' | '_') { other } else { '-' };
                if out.ends_with(|last: char| last.is_ascii_alphanumeric()) {
                    out.push(separator);
                }
            }
        }
    }
    let out = out.trim_end_matches(['.', '_', '-']).to_owned();
    if out == name {
        return out;
    }
    let hash = hex::encode(Sha256::digest(name.as_bytes()));
    if out.is_empty() { hash[..8].to_owned() } else { format!("{out}-{}", &hash[..8]) }
}

fn push_failed(image: &Reference, error: &OciDistributionError) -> ControlError {
    ControlError::SourceUnreachable {
        url: format!("{SCHEME}{image}"),
        remedy: format!(
            "The image was built and not pushed: {}. Check the registry and `--registry`, then build the image again.",
            reason(error)
        ),
    }
}

fn pull_failed(url: &str, error: &OciDistributionError) -> ControlError {
    ControlError::SourceUnreachable {
        url: url.to_owned(),
        remedy: format!(
            "Not pulled: {}. Check the address, and that the registry has it.",
            reason(error)
        ),
    }
}

fn reason(error: &OciDistributionError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_becomes_a_repository_of_its_own() {
        assert_eq!(component("iris-2.1_b"), "iris-2.1_b");
        assert_ne!(component("Iris"), component("iris"));
        assert_ne!(component("a--b"), component("a-b"));
        for name in ["Iris", "a..b", "x-", "A_-_B"] {
            let named = format!("localhost:5000/edge/{}:1", component(name));
            assert!(named.parse::<Reference>().is_ok(), "{named}");
        }
    }

    #[test]
    fn a_registry_is_a_host_with_an_optional_prefix() {
        let registry: Registry = "registry.example:5000/team/edge".parse().unwrap();
        assert_eq!(registry.repository("acc", "iris"), "team/edge/acc/iris");
        let bare: Registry = "localhost:5000".parse().unwrap();
        assert_eq!(bare.repository("acc", "iris"), "acc/iris");
        for bad in ["", "https://registry.example", "registry.example/UPPER", "just-a-name"] {
            assert!(bad.parse::<Registry>().is_err(), "{bad}");
        }
    }
}
