//! Building images: what becomes of models, and why some do not become one.

use control::{Content, ControlError};
use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use shared::{ErrorCode, OperationState, RuntimeType};

use crate::edge::{Edge, TREES, UNSUPPORTED, adder};

async fn bytes(content: Content) -> Vec<u8> {
    content.read(0..content.size).try_collect::<Vec<_>>().await.unwrap().concat()
}

#[tokio::test]
async fn an_onnx_model_becomes_a_module_with_log_layout_and_signature() {
    let edge = Edge::new().await;
    let (control, account) = (&edge.control, &edge.account);
    let image = edge.image("trees", TREES).await;
    let id = image.id.to_string();

    assert_eq!(image.creation_state, OperationState::Succeeded);
    let module = bytes(control.image_module(account, &id).await.unwrap()).await;
    assert_eq!(image.module_sha256, Some(hex::encode(Sha256::digest(&module))));
    assert!(control.image_signature(account, &id).await.unwrap().signature.unwrap().bounded);
    let log = control.image_log(account, &id).await.unwrap();
    assert!(log.contains("compiling") && log.contains("packed as sha256:"), "{log}");

    let layout = control.image_content(account, &id).await.unwrap();
    assert_eq!(layout.media_type, "application/x-tar");
    let tar = bytes(layout).await;
    let mut names = Vec::new();
    for entry in tar::Archive::new(tar.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        if let Some(digest) = name.strip_prefix("blobs/sha256/") {
            let mut hash = Sha256::new();
            std::io::copy(&mut entry, &mut hash).unwrap();
            assert_eq!(digest, hex::encode(hash.finalize()));
        }
        names.push(name);
    }
    assert_eq!(names[..2], ["oci-layout", "index.json"]);
    assert_eq!(names.len(), 2 + 6, "two manifests, two configs, the module, the model");
}

#[tokio::test]
async fn the_link_to_the_log_opens_that_log_only() {
    let edge = Edge::new().await;
    let image = edge.image("module", &adder(1)).await;
    let uri = image.image_build_log_uri.unwrap();
    let (_, query) = uri.split_once('?').unwrap();
    let (expires, signature) = query.split_once('&').unwrap();
    let expires = expires.strip_prefix("se=").unwrap();
    let signature = signature.strip_prefix("sig=").unwrap();
    let (first, id) = (&edge.first, image.id.to_string());
    let read = async |id: &str, expires: &str, signature: &str| {
        let (s, g, a) = (&first.subscription_id, &first.resource_group, &first.account);
        edge.control.image_log_by_link(s, g, a, id, expires, signature).await
    };

    assert!(read(&id, expires, signature).await.unwrap().contains("hand-written"));
    assert!(read(&id, "9999999999", signature).await.is_err());
    assert!(read(&id, expires, "AAAA").await.is_err());
    assert!(read(&edge.first.tenant_id, expires, signature).await.is_err());
}

#[tokio::test]
async fn a_model_that_cannot_be_compiled_fails_with_what_to_do() {
    let edge = Edge::new().await;
    let far = edge.register("far", "https://example.org/m.onnx").await.unwrap();
    let pickle = edge.model("pickle", b"\x80\x04\x95\x10sklearn.").await;
    let unsupported = edge.model("unsupported", UNSUPPORTED).await;
    let zip = edge.model("zip", b"PK\x03\x04rest").await;
    for (model, runtime, code) in [
        (&far, RuntimeType::Onnx, ErrorCode::SourceRefused),
        (&pickle, RuntimeType::Onnx, ErrorCode::UnsupportedModel),
        (&pickle, RuntimeType::Python, ErrorCode::DriverNotSupported),
        (&unsupported, RuntimeType::Onnx, ErrorCode::UnsupportedOperator),
        (&zip, RuntimeType::Onnx, ErrorCode::UnsupportedModel),
    ] {
        let manifest = edge.manifest(runtime, &[model]).await;

        let status = edge.build(&manifest).await;

        assert_eq!(status.state, OperationState::Failed);
        let error = status.error.clone().unwrap();
        assert_eq!(error.code, code, "{}", model.name);
        assert!(!error.details[0].message.is_empty());
        let image = edge.made(&status).await;
        assert_eq!(image.creation_state, OperationState::Failed);
        assert_eq!(image.error, Some(error));
    }
}

#[tokio::test]
async fn a_driver_does_not_run_and_the_operation_says_so() {
    let edge = Edge::new().await;
    let model = edge.model("trees", TREES).await;
    let manifest = edge.manifest(RuntimeType::SparkPython, &[&model]).await;

    let status = edge.build(&manifest).await;

    assert_eq!(status.state, OperationState::Succeeded);
    assert!(status.warnings[0].contains("does not run"), "{:?}", status.warnings);
    let empty = edge.manifest(RuntimeType::Python, &[]).await;
    let status = edge.build(&empty).await;
    assert_eq!(status.error.unwrap().code, ErrorCode::DriverNotSupported);
}

#[tokio::test]
async fn a_compiled_module_that_comes_back_as_an_upload_is_a_hand_written_one() {
    let edge = Edge::new().await;
    let compiled = edge.image("trees", TREES).await;
    let module = edge.control.image_module(&edge.account, &compiled.id.to_string()).await.unwrap();
    let module = bytes(module).await;

    let uploaded = edge.image("again", &module).await;
    assert_eq!(uploaded.module_sha256, compiled.module_sha256);
    for (name, image, interruptible) in [("ours", compiled, false), ("theirs", uploaded, true)] {
        edge.deploy(name, &image).await;
        let served = edge.control.routes().get(name).unwrap();
        let scorer = served.scorer().await.unwrap();
        assert_eq!(scorer.module().is_interruptible(), interruptible, "{name}");
    }
}

#[tokio::test]
async fn an_ended_operation_cannot_be_cancelled() {
    let edge = Edge::new().await;
    let model = edge.model("module", &adder(1)).await;
    let manifest = edge.manifest(RuntimeType::Wasm, &[&model]).await;
    let status = edge.build(&manifest).await;

    let refusal = edge.control.cancel_operation(&edge.account, &status.id.to_string()).await;

    assert!(matches!(refusal, Err(ControlError::Ended { state: OperationState::Succeeded })));
    assert_eq!(status.percent_complete, Some(100));
}
