//! Builds an image: a model's bytes through a child to a module, and the module into an OCI layout.
//!
//! # Invariants
//! - `compiled_here` is set only from what a child of this very operation answered, for the bytes
//!   that the server itself hashed. Nothing a module says about itself changes that.
//! - The image, its blobs' references and the operation's end are one commit.

use std::io::Write as _;

use shared::{ImageId, Manifest, Model, ModelId, Profile, RuntimeType, Signature};
use sqlx::Row as _;

use super::{
    oci::{self, Packed},
    registry::{File, SCHEME as REGISTRY_SCHEME},
};
use crate::{
    Control, ControlError,
    blobs::{Gate, Staged},
    child::{Outcome, Task},
    clock,
    operations::{self, Operation, end, state_after},
};

const EXPORT: &str = "Export the trained model with `skl2onnx` (scikit-learn) or `onnxmltools` \
    (XGBoost, LightGBM, CatBoost), upload the `.onnx` file, and name it in a manifest whose \
    `targetRuntime.runtimeType` is `Onnx`.";

/// An image that only lacks its commit.
pub(crate) struct BuiltImage {
    signature: Signature,
    compiled_here: bool,
    module_sha256: String,
    module_size: u64,
    source_sha256: Option<String>,
    packed: Packed,
    /// Where it was pushed to.
    location: Option<String>,
    /// A model whose bytes were fetched for this build: what they were.
    fetched: Option<(ModelId, String, u64)>,
    warnings: Vec<String>,
    /// Keeps the sweeper away from the blobs until the commit.
    _gate: Gate,
}

struct BuildLog {
    file: std::fs::File,
}

impl BuildLog {
    /// A line with the time; a full disk must not fail the build.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.file, "{} {text}", clock::timestamp(clock::now()));
    }
}

impl Control {
    /// Everything of a build but its commit.
    pub(crate) async fn build_image(
        &self,
        operation: &Operation,
    ) -> Result<BuiltImage, ControlError> {
        let id: ImageId = operation.resource_id.parse().map_err(ControlError::internal)?;
        let mut log = self.open_log(id).await?;
        let built = self.build(operation, &mut log).await;
        match &built {
            Ok(built) => log.line(&format!("built module sha256:{}", built.module_sha256)),
            Err(error) => {
                log.line(&format!("failed: {error}"));
                for detail in error.details() {
                    log.line(&detail.message);
                }
            }
        }
        built
    }

    async fn build(
        &self,
        operation: &Operation,
        log: &mut BuildLog,
    ) -> Result<BuiltImage, ControlError> {
        let progress = self.progress_of(operation);
        progress.at(5, "reading the manifest").await?;
        let parts = self.parts_of(&operation.resource_id).await?;
        log.line(&format!(
            "building image {} version {} from manifest {} version {}",
            parts.name, parts.version, parts.manifest.name, parts.manifest.version
        ));
        let mut warnings = Vec::new();
        let model = choose(&parts, &mut warnings)?;
        warnings.iter().for_each(|warning| log.line(&format!("warning: {warning}")));
        let profile = profile(&parts.manifest)?;
        let fetched = match &model.sha256 {
            Some(_) => None,
            None => {
                progress.at(10, "fetching the model").await?;
                Some(self.fetch(&model.url, log).await?)
            }
        };
        let (sha256, size, file) = match (&fetched, &model.sha256) {
            (Some(staged), _) => (staged.sha256.clone(), staged.size, staged.path().to_owned()),
            (None, Some(sha256)) => {
                (sha256.clone(), model.size.unwrap_or_default(), self.inner.blobs.file(sha256))
            }
            (None, None) => return Err(ControlError::internal("a model without bytes")),
        };
        log.line(&format!(
            "model {} version {}: sha256:{sha256}, {size} bytes",
            model.name, model.version
        ));

        progress.at(20, "compiling").await?;
        let finished = self
            .inner
            .children
            .run(Task::Build { profile }, file.clone(), model.unpack.unwrap_or(false), |line| {
                log.line(line)
            })
            .await?;
        let (signature, compiled_here) = match finished.outcome {
            Outcome::Built { signature, compiled_here } => (signature, compiled_here),
            Outcome::Refused(refusal) => return Err(driver_refusal(&parts, refusal.into())),
            other => return Err(ControlError::internal(format!("a child answered {other:?}"))),
        };

        progress.at(80, "packing").await?;
        let blobs = &self.inner.blobs;
        let module = blobs.stage_file(finished.job.module()).await?;
        let unpacked = if compiled_here && finished.job.unpack {
            Some(blobs.stage_file(finished.job.unpacked()).await?)
        } else {
            None
        };
        let onnx = match (&unpacked, compiled_here) {
            (Some(unpacked), _) => {
                Some(File { sha256: &unpacked.sha256, size: unpacked.size, path: unpacked.path() })
            }
            (None, true) => Some(File { sha256: &sha256, size, path: &file }),
            (None, false) => None,
        };
        let packed = oci::pack(&oci::Parts {
            title: &parts.name,
            version: parts.version,
            created: &model.created_at,
            revision: &sha256,
            model_name: &model.name,
            model_version: model.version,
            module: (&module.sha256, module.size),
            onnx: onnx.as_ref().map(|onnx| (onnx.sha256, onnx.size)),
        })?;
        log.line(&format!("packed as sha256:{}", packed.manifest.sha256));

        let location = match &self.inner.config.registry {
            None => None,
            Some(registry) => {
                progress.at(85, "pushing to the registry").await?;
                let image = (parts.account.as_str(), parts.name.as_str(), parts.version);
                let module =
                    File { sha256: &module.sha256, size: module.size, path: module.path() };
                let pushed = registry.push(image, &packed, &module, onnx.as_ref()).await?;
                log.line(&format!("pushed to {pushed}"));
                Some(pushed)
            }
        };

        progress.at(95, "storing").await?;
        let source_sha256 = onnx.map(|onnx| onnx.sha256.to_owned());
        let (module_sha256, module_size) = (module.sha256.clone(), module.size);
        let fetched_as = fetched.as_ref().map(|_| (model.id, sha256.clone(), size));
        // From here to the commit the blobs cannot be swept.
        let gate = blobs.gate().await;
        for staged in [Some(module), unpacked, fetched].into_iter().flatten() {
            blobs.keep(staged, &gate).await?;
        }
        for document in packed.documents() {
            let staged = blobs.stage_bytes(document.bytes.clone()).await?;
            blobs.keep(staged, &gate).await?;
        }
        Ok(BuiltImage {
            signature,
            compiled_here,
            module_sha256,
            module_size,
            source_sha256,
            packed,
            location,
            fetched: fetched_as,
            warnings,
            _gate: gate,
        })
    }

    /// A model's bytes from where its address leads.
    async fn fetch(&self, url: &str, log: &mut BuildLog) -> Result<Staged, ControlError> {
        log.line("fetching the model");
        if url.starts_with(REGISTRY_SCHEME) {
            self.pull_model(url).await
        } else {
            self.fetch_model(url).await
        }
    }

    /// The commit.
    pub(crate) async fn finish_image(
        &self,
        operation: &Operation,
        outcome: Result<BuiltImage, ControlError>,
    ) -> Result<(), ControlError> {
        let mut write = self.inner.store.write().await?;
        match &outcome {
            Ok(built) => {
                let signature =
                    serde_json::to_string(&built.signature).map_err(ControlError::internal)?;
                let updated = sqlx::query(
                    "UPDATE images SET state = 'Succeeded', error = NULL, module_sha256 = $1,
                         module_size = $2, compiled_here = $3, signature = $4, source_sha256 = $5,
                         manifest_digest = $6, referrer_digest = $7, location = $8
                     WHERE id = $9",
                )
                .bind(&built.module_sha256)
                .bind(built.module_size.cast_signed())
                .bind(built.compiled_here)
                .bind(signature)
                .bind(&built.source_sha256)
                .bind(&built.packed.manifest.sha256)
                .bind(built.packed.referrer.as_ref().map(|(manifest, _)| &manifest.sha256))
                .bind(&built.location)
                .bind(&operation.resource_id)
                .execute(&mut *write)
                .await?;
                if updated.rows_affected() > 0 {
                    for document in built.packed.documents() {
                        sqlx::query(
                            "INSERT INTO image_blobs (image_id, sha256, size) VALUES ($1, $2, $3)
                             ON CONFLICT DO NOTHING",
                        )
                        .bind(&operation.resource_id)
                        .bind(&document.sha256)
                        .bind(i64::try_from(document.bytes.len()).unwrap_or(i64::MAX))
                        .execute(&mut *write)
                        .await?;
                    }
                }
                if let Some((model_id, sha256, size)) = &built.fetched {
                    // From now on this version of the model means these bytes.
                    sqlx::query(
                        "UPDATE models SET sha256 = $1, size = $2
                         WHERE id = $3 AND sha256 IS NULL",
                    )
                    .bind(sha256)
                    .bind(size.cast_signed())
                    .bind(model_id.to_string())
                    .execute(&mut *write)
                    .await?;
                }
                operations::end(&mut write, operation.id, Ok(&built.warnings)).await?;
            }
            Err(error) => {
                let body = serde_json::to_string(&error.body()).map_err(ControlError::internal)?;
                sqlx::query("UPDATE images SET state = $1, error = $2 WHERE id = $3")
                    .bind(state_after(error).as_str())
                    .bind(body)
                    .bind(&operation.resource_id)
                    .execute(&mut *write)
                    .await?;
                end(&mut write, operation.id, Err(error)).await?;
            }
        }
        write.commit().await?;
        Ok(())
    }

    async fn open_log(&self, id: ImageId) -> Result<BuildLog, ControlError> {
        let path = self.log_path(id);
        let file = crate::blobs::blocking(move || {
            std::fs::OpenOptions::new().create(true).append(true).open(path)
        })
        .await?;
        Ok(BuildLog { file })
    }

    async fn parts_of(&self, image_id: &str) -> Result<ImageParts, ControlError> {
        let row = sqlx::query(
            "SELECT r.name, r.version, r.manifest_id, m.version AS manifest_version,
                 m.body AS manifest_body, m.created_at AS manifest_created_at,
                 a.name AS account_name
             FROM images r JOIN manifests m ON m.id = r.manifest_id
             JOIN accounts a ON a.id = r.account_id WHERE r.id = $1",
        )
        .bind(image_id)
        .fetch_optional(self.inner.store.read())
        .await?
        .ok_or(ControlError::Cancelled)?;
        let manifest = crate::manifests::nested(&row)?;
        let models = sqlx::query(
            "SELECT r.id, r.name, r.version, r.url, r.mime_type, r.description, r.tags, r.unpack,
                 r.created_at, r.sha256, r.size
             FROM manifest_models u JOIN models r ON r.id = u.model_id
             WHERE u.manifest_id = $1 ORDER BY u.position",
        )
        .bind(manifest.id.to_string())
        .fetch_all(self.inner.store.read())
        .await?;
        Ok(ImageParts {
            account: row.try_get("account_name")?,
            name: row.try_get("name")?,
            version: row.try_get::<i64, _>("version")?.unsigned_abs(),
            manifest,
            models: models.iter().map(crate::models::model).collect::<Result<_, _>>()?,
        })
    }
}

struct ImageParts {
    account: String,
    name: String,
    version: u64,
    manifest: Manifest,
    models: Vec<Model>,
}

impl ImageParts {
    fn has_driver(&self) -> bool {
        match self.manifest.target_runtime.runtime_type {
            RuntimeType::Python | RuntimeType::SparkPython => true,
            RuntimeType::Onnx | RuntimeType::Wasm => false,
        }
    }
}

/// The one model of the manifest.
fn choose<'a>(
    parts: &'a ImageParts,
    warnings: &mut Vec<String>,
) -> Result<&'a Model, ControlError> {
    let count = parts.models.len();
    match parts.models.as_slice() {
        [model] => {
            if parts.has_driver() {
                warnings.push(format!(
                    "the driver `{}` does not run: the model is compiled and called directly",
                    parts.manifest.driver_program
                ));
            }
            Ok(model)
        }
        _ if parts.has_driver() => Err(ControlError::DriverNotSupported {
            message: format!(
                "the driver `{}` cannot run here, and the manifest names {count} models, not one",
                parts.manifest.driver_program
            ),
            remedy: EXPORT.to_owned(),
        }),
        _ => Err(ControlError::invalid(
            format!("an image is built from one model, and the manifest names {count}"),
            "Register a manifest with one id in `modelIds`.",
        )),
    }
}

/// With a driver, what is not a model cannot be called without it.
fn driver_refusal(parts: &ImageParts, error: ControlError) -> ControlError {
    match error {
        ControlError::UnsupportedModel { message, .. } if parts.has_driver() => {
            ControlError::DriverNotSupported {
                message: format!(
                    "the driver `{}` cannot run here, and without it {message}",
                    parts.manifest.driver_program
                ),
                remedy: EXPORT.to_owned(),
            }
        }
        other => other,
    }
}

/// Dense products and convolutions run natively where the host has kernels of its own for them.
pub(crate) const DEFAULT_PROFILE: Profile =
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        Profile::Linalg
    } else {
        Profile::Relaxed
    };

/// `targetRuntime.properties.profile`, else the default.
fn profile(manifest: &Manifest) -> Result<Profile, ControlError> {
    match manifest.target_runtime.properties.get("profile") {
        None => Ok(DEFAULT_PROFILE),
        Some(text) => text.parse().map_err(|message: String| {
            ControlError::invalid(message, "Change `targetRuntime.properties.profile`.")
        }),
    }
}
