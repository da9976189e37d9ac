//! The demo: one real model, registered, compiled and deployed through the functions that everybody
//! uses.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures::StreamExt as _;
use shared::{
    AsyncOperationStatus, ComputeResource, ComputeType, ImageRequest, ImageType, ManifestRequest,
    ModelRequest, OperationId, OperationState, RuntimeType, ServiceCreateRequest, TargetRuntime,
};
use sqlx::Row as _;

use crate::{
    AccountAccess, Control, ControlError, Principal,
    audit::{self, ACCOUNT},
};

const NAME: &str = "breast-cancer";
/// Longest time to wait for one operation.
const PATIENCE: Duration = Duration::from_secs(120);

impl Control {
    /// Installs the service `breast-cancer` in the first account; does nothing when it is there.
    /// Returns once it answers.
    pub async fn install_demo(&self, onnx: &'static [u8]) -> Result<(), ControlError> {
        let account = self.first_account().await?;
        if self.find_service(&account, NAME).await?.is_some() {
            return Ok(());
        }
        let body = futures::stream::iter([Ok::<_, Infallible>(Bytes::from_static(onnx))]);
        const FILE: &str = "demo/breast-cancer.onnx";
        let base = account.path();
        let storing = self.store_artifact(&account, FILE, None, body);
        let (stored, _) =
            by_demo("PUT", "/artifacts/{*path}", base.artifact(FILE), storing).await?;
        let request = ModelRequest {
            name: NAME.to_owned(),
            url: stored.url,
            mime_type: "application/octet-stream".to_owned(),
            description: Some(
                "Gradient boosting, 50 trees, trained on the breast-cancer data set.".to_owned(),
            ),
            tags: Some(vec!["demo".to_owned()]),
            unpack: None,
        };
        let registering = self.register_model(&account, request);
        let model = by_demo("POST", "/models", base.models(), registering).await?;
        let request = ManifestRequest {
            name: NAME.to_owned(),
            description: None,
            driver_program: "none".to_owned(),
            assets: Vec::new(),
            model_ids: Some(vec![model.id.to_string()]),
            model_type: None,
            target_runtime: TargetRuntime {
                runtime_type: RuntimeType::Onnx,
                properties: std::collections::BTreeMap::new(),
            },
            webservice_type: None,
        };
        let registering = self.register_manifest(&account, request);
        let manifest = by_demo("POST", "/manifests", base.manifests(), registering).await?;
        let image = ImageRequest {
            name: NAME.to_owned(),
            manifest_id: manifest.id.to_string(),
            compute_resource_id: "local".to_owned(),
            image_type: ImageType::Wasm,
            description: None,
        };
        let packing = self.create_image(&account, image);
        let operation = by_demo("POST", "/images", base.images(), packing).await?;
        let image_id = self.finished(operation).await?;
        let service = ServiceCreateRequest {
            name: NAME.to_owned(),
            image_id,
            compute_resource: ComputeResource {
                id: Some("local".to_owned()),
                compute_type: Some(ComputeType::Cluster),
            },
            num_replicas: None,
            auto_scaler: None,
            container_resource_reservation: None,
            max_concurrent_requests_per_container: None,
            app_insights_enabled: None,
            data_collection: None,
        };
        let deploying = self.create_service(&account, service);
        let operation = by_demo("POST", "/services", base.services(), deploying).await?;
        self.finished(operation).await.map(drop)
    }

    /// Waits for an operation; gives the id of what it made.
    async fn finished(&self, id: OperationId) -> Result<String, ControlError> {
        let mut events = std::pin::pin!(self.inner.runner.events());
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let found = self.operation_status(id).await?;
                if let Some((_, status)) = found
                    && status.state.is_final()
                {
                    return made(status);
                }
                // Woken by any change; the store says which.
                let change = tokio::time::timeout(Duration::from_secs(1), events.next()).await;
                if matches!(change, Ok(None)) {
                    return Err(ControlError::Cancelled);
                }
            }
        });
        waited.await.map_err(ControlError::internal)?
    }

    async fn first_account(&self) -> Result<AccountAccess, ControlError> {
        let row = sqlx::query(
            "SELECT a.subscription_id, a.group_key, a.name_key,
                 (SELECT id FROM principals WHERE administrator = 1
                     ORDER BY created_at, id LIMIT 1)
             FROM accounts a ORDER BY a.created_at, a.id LIMIT 1",
        )
        .fetch_one(self.inner.store.read())
        .await?;
        let identity = self
            .inner
            .directory
            .find(row.try_get(3)?)
            .ok_or_else(|| ControlError::internal("there is no administrator"))?;
        let administrator = Principal::new(identity);
        self.enter(&administrator, row.try_get(0)?, row.try_get(1)?, row.try_get(2)?).await
    }
}

/// A step of the demo, which is in the audit log like anybody's; `route` is below the account.
async fn by_demo<T>(method: &str, route: &str, path: String, step: impl Future<Output = T>) -> T {
    let route = format!("{ACCOUNT}{route}");
    audit::by_server("serve --demo", method, &route, &path, step).await
}

fn made(status: AsyncOperationStatus) -> Result<String, ControlError> {
    if status.state != OperationState::Succeeded {
        let error = status.error.map_or_else(String::new, |error| error.message);
        return Err(ControlError::internal(format!("the demo could not be installed: {error}")));
    }
    let location = status.resource_location.unwrap_or_default();
    Ok(location.rsplit('/').next().unwrap_or_default().to_owned())
}
