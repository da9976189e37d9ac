//! A domain on a folder of its own, and the long way from bytes to a service in single words.

use std::{collections::BTreeMap, convert::Infallible, path::Path, time::Duration};

use bytes::Bytes;
use control::{
    AccountAccess, ClientCredentials, Control, ControlConfig, ControlError, FirstStart, Opened,
    Principal, SessionProof,
};
use futures::StreamExt as _;
use shared::{
    AsyncOperationStatus, ComputeResource, ComputeType, Image, ImageRequest, ImageType, Manifest,
    ManifestRequest, Model, ModelRequest, OperationId, RuntimeType, ServiceCreateRequest,
    SessionRequest, TargetRuntime,
};

pub(crate) const TREES: &[u8] = include_bytes!("../../../../tests/models/breast_cancer_gbdt.onnx");
pub(crate) const UNSUPPORTED: &[u8] = include_bytes!("../../../../tests/models/unsupported.onnx");

pub(crate) struct Edge {
    pub(crate) control: Control,
    pub(crate) first: FirstStart,
    pub(crate) account: AccountAccess,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn config(data: &Path) -> ControlConfig {
    let mut config = ControlConfig::new(data, "unused");
    config.compile_child = vec![
        std::env::current_exe().unwrap().into(),
        "compile_child".into(),
        "--exact".into(),
        "--nocapture".into(),
    ];
    config
}

/// Opens a folder, waiting until a crashed predecessor has let go of it.
pub(crate) async fn open(data: &Path) -> Opened {
    loop {
        match Control::open(config(data)).await {
            Ok(opened) => return opened,
            Err(control::OpenError::InUse(_)) => {
                tokio::time::sleep(Duration::from_millis(10)).await
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

pub(crate) async fn sign_in(control: &Control, credentials: ClientCredentials) -> Principal {
    let ClientCredentials { client_id, client_secret } = credentials;
    let request = SessionRequest::Client { client_id, client_secret };
    let session = control.open_session(request, None).await.unwrap();
    control.authenticate(SessionProof::Cookie(&session.cookie)).await.unwrap()
}

pub(crate) async fn enter(control: &Control, first: &FirstStart) -> AccountAccess {
    let credentials = ClientCredentials {
        client_id: first.client_id.clone(),
        client_secret: first.client_secret.clone(),
    };
    let administrator = sign_in(control, credentials).await;
    control
        .enter(&administrator, &first.subscription_id, &first.resource_group, &first.account)
        .await
        .unwrap()
}

impl Edge {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let Opened { control, first_start } = open(folder.path()).await;
        let first = first_start.unwrap();
        let account = enter(&control, &first).await;
        Self { control, first, account, folder }
    }

    pub(crate) async fn store(&self, path: &str, bytes: &[u8]) -> String {
        let body = futures::stream::iter([Ok::<_, Infallible>(Bytes::copy_from_slice(bytes))]);
        self.control.store_artifact(&self.account, path, None, body).await.unwrap().0.url
    }

    pub(crate) async fn model(&self, name: &str, bytes: &[u8]) -> Model {
        let url = self.store(&format!("{name}.bin"), bytes).await;
        self.register(name, &url).await.unwrap()
    }

    pub(crate) async fn register(&self, name: &str, url: &str) -> Result<Model, ControlError> {
        self.control.register_model(&self.account, model_request(name, url)).await
    }

    pub(crate) async fn manifest(&self, runtime: RuntimeType, models: &[&Model]) -> Manifest {
        let request = ManifestRequest {
            name: "packed".to_owned(),
            description: None,
            driver_program: "driver".to_owned(),
            assets: Vec::new(),
            model_ids: Some(models.iter().map(|model| model.id.to_string()).collect()),
            model_type: None,
            target_runtime: TargetRuntime { runtime_type: runtime, properties: BTreeMap::new() },
            webservice_type: None,
        };
        self.control.register_manifest(&self.account, request).await.unwrap()
    }

    pub(crate) async fn build(&self, manifest: &Manifest) -> AsyncOperationStatus {
        let request = image_request(manifest);
        let operation = self.control.create_image(&self.account, request).await.unwrap();
        self.ended(operation).await
    }

    /// A finished image of `bytes`.
    pub(crate) async fn image(&self, name: &str, bytes: &[u8]) -> Image {
        let model = self.model(name, bytes).await;
        let manifest = self.manifest(RuntimeType::Onnx, &[&model]).await;
        let status = self.build(&manifest).await;
        assert_eq!(status.error, None);
        self.made(&status).await
    }

    pub(crate) async fn made(&self, status: &AsyncOperationStatus) -> Image {
        let id = status.resource_location.as_deref().unwrap().rsplit('/').next().unwrap();
        self.control.image(&self.account, id).await.unwrap()
    }

    pub(crate) async fn deploy(&self, name: &str, image: &Image) -> AsyncOperationStatus {
        let request = service_request(name, image);
        let operation = self.control.create_service(&self.account, request).await.unwrap();
        self.ended(operation).await
    }

    pub(crate) async fn ended(&self, id: OperationId) -> AsyncOperationStatus {
        ended(&self.control, &self.account, id).await
    }
}

/// Waits for the end of an operation.
pub(crate) async fn ended(
    control: &Control,
    account: &AccountAccess,
    id: OperationId,
) -> AsyncOperationStatus {
    let mut events = control.operation_events(account).unwrap();
    loop {
        let status = control.operation(account, &id.to_string()).await.unwrap();
        if status.state.is_final() {
            return status;
        }
        let patience = Duration::from_secs(60);
        tokio::time::timeout(patience, events.next()).await.expect("the operation ends");
    }
}

pub(crate) fn model_request(name: &str, url: &str) -> ModelRequest {
    ModelRequest {
        name: name.to_owned(),
        url: url.to_owned(),
        mime_type: "application/octet-stream".to_owned(),
        description: None,
        tags: None,
        unpack: None,
    }
}

pub(crate) fn image_request(manifest: &Manifest) -> ImageRequest {
    ImageRequest {
        name: "packed".to_owned(),
        manifest_id: manifest.id.to_string(),
        compute_resource_id: "anything".to_owned(),
        image_type: ImageType::Docker,
        description: None,
    }
}

pub(crate) fn service_request(name: &str, image: &Image) -> ServiceCreateRequest {
    ServiceCreateRequest {
        name: name.to_owned(),
        image_id: image.id.to_string(),
        compute_resource: ComputeResource {
            id: Some("anything".to_owned()),
            compute_type: Some(ComputeType::Cluster),
        },
        num_replicas: None,
        auto_scaler: None,
        container_resource_reservation: None,
        max_concurrent_requests_per_container: None,
        app_insights_enabled: None,
        data_collection: None,
    }
}

/// A hand-written module: `y = x + add` for each row.
pub(crate) fn adder(add: u32) -> Vec<u8> {
    let signature = r#"{"contract":1,"symbols":[{"name":"rows","min":1,"max":8}],
        "inputs":[{"name":"x","type":"float32","shape":["rows"]}],
        "outputs":[{"name":"y","type":"float32","shape":["rows"],"role":"value"}]}"#;
    let text = format!(
        r#"(module (memory (export "memory") 1) (global $rows (mut i32) (i32.const 0))
        (func (export "prepare") (param i32) (result i32)
            (global.set $rows (local.get 0)) (i32.const 0))
        (func (export "input") (param i32) (result i32) (i32.const 1024))
        (func (export "output") (param i32) (result i32) (i32.const 2048))
        (func (export "run") (result i32) (local $i i32)
            (block $done (loop $next
                (br_if $done (i32.ge_u (local.get $i) (i32.mul (global.get $rows) (i32.const 4))))
                (f32.store offset=2048 (local.get $i)
                    (f32.add (f32.load offset=1024 (local.get $i)) (f32.const {add})))
                (local.set $i (i32.add (local.get $i) (i32.const 4)))
                (br $next)))
            (i32.const 0)))"#
    );
    let mut wasm = wat::parse_str(text).unwrap();
    let name = "edge-scorer";
    let length = 1 + name.len() + signature.len();
    wasm.push(0);
    wasm.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
    wasm.push(name.len() as u8);
    wasm.extend(name.as_bytes());
    wasm.extend(signature.as_bytes());
    wasm
}

/// What a service answers to one number.
pub(crate) async fn score(control: &Control, service: &str, x: f32) -> f32 {
    let served = control.routes().get(service).unwrap();
    let _permit = served.admit().await.unwrap();
    let scorer = served.scorer().await.unwrap();
    let tensor = engine::Tensor::new(vec![1], engine::TensorData::Float32(vec![x])).unwrap();
    scorer.score_rows(&[tensor]).unwrap()[0].as_f32().unwrap()[0]
}
