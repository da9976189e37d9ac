//! What is left after a process died at the wrong moment: each runtime here is a process.

use std::time::Duration;

use control::Control;
use shared::{OperationId, OperationState, RuntimeType};
use tokio::runtime::Runtime;

use crate::edge::{Edge, TREES, adder, ended, enter, image_request, open, score, service_request};

/// Dies without a word.
fn crash(runtime: Runtime) {
    runtime.shutdown_timeout(Duration::ZERO);
}

#[test]
fn an_interrupted_build_is_finished_by_the_next_start() {
    let process = Runtime::new().unwrap();
    let (folder, first, operation) = process.block_on(async {
        let edge = Edge::new().await;
        let model = edge.model("trees", TREES).await;
        let manifest = edge.manifest(RuntimeType::Onnx, &[&model]).await;
        let request = image_request(&manifest);
        let operation: OperationId =
            edge.control.create_image(&edge.account, request).await.unwrap();
        let Edge { folder, first, .. } = edge;
        (folder, first, operation)
    });
    crash(process);

    let process = Runtime::new().unwrap();
    process.block_on(async {
        let control = open(folder.path()).await.control;
        let account = enter(&control, &first).await;

        let status = ended(&control, &account, operation).await;

        assert_eq!((status.state, status.error), (OperationState::Succeeded, None));
    });
}

#[test]
fn services_answer_again_after_a_crash_with_the_same_keys() {
    let process = Runtime::new().unwrap();
    let (folder, first, keys) = process.block_on(async {
        let edge = Edge::new().await;
        let image = edge.image("module", &adder(1)).await;
        edge.deploy("adder", &image).await;
        let keys = edge.control.service_keys(&edge.account, "adder").await.unwrap();
        let Edge { folder, first, .. } = edge;
        (folder, first, keys)
    });
    crash(process);

    let process = Runtime::new().unwrap();
    process.block_on(async {
        let control = open(folder.path()).await.control;

        let served = control.routes().get("adder").unwrap();

        assert!(served.opens_with(&keys.primary_key));
        assert_eq!(score(&control, "adder", 1.0).await, 2.0);
        let account = enter(&control, &first).await;
        let service = control.service(&account, "adder").await.unwrap();
        assert_eq!(service.state, OperationState::Succeeded);
    });
}

#[test]
fn an_accepted_service_exists_after_a_crash_whatever_its_operation_had_done() {
    let process = Runtime::new().unwrap();
    let (folder, first, operation) = process.block_on(async {
        let edge = Edge::new().await;
        let image = edge.image("module", &adder(1)).await;
        let request = service_request("adder", &image);
        let operation = edge.control.create_service(&edge.account, request).await.unwrap();
        let Edge { folder, first, .. } = edge;
        (folder, first, operation)
    });
    crash(process);

    let process = Runtime::new().unwrap();
    process.block_on(async {
        let control = open(folder.path()).await.control;
        let account = enter(&control, &first).await;

        assert_eq!(ended(&control, &account, operation).await.error, None);

        assert_eq!(score(&control, "adder", 1.0).await, 2.0);
    });
}

#[test]
fn modules_are_loaded_anew_when_their_machine_code_is_gone() {
    let process = Runtime::new().unwrap();
    let folder = process.block_on(async {
        let edge = Edge::new().await;
        let image = edge.image("module", &adder(1)).await;
        edge.deploy("adder", &image).await;
        edge.folder
    });
    crash(process);
    std::fs::remove_dir_all(folder.path().join("machine-code")).unwrap();

    let process = Runtime::new().unwrap();
    process.block_on(async {
        let control: Control = open(folder.path()).await.control;

        assert_eq!(score(&control, "adder", 1.0).await, 2.0);
    });
}
