//! Services: deploying, updating, keys, refusals.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use control::{
    AdmissionError, ControlError, DeploymentFilter, Kind, ListQuery, Parts, ServiceFilter,
    ServicePage,
};
use shared::{
    AutoScaler, ContainerResourceReservation, ErrorCode, KeyType, OperationState, RuntimeType,
    ServiceUpdateRequest,
};

use crate::edge::{Edge, TREES, adder, image_request, score, service_request};

#[tokio::test]
async fn a_service_answers_and_lists_what_it_serves() {
    let edge = Edge::new().await;
    let image = edge.image("module", &adder(1)).await;

    let status = edge.deploy("adder", &image).await;

    assert_eq!((status.state, status.error), (OperationState::Succeeded, None));
    assert_eq!(score(&edge.control, "adder", 41.0).await, 42.0);
    let service = edge.control.service(&edge.account, "adder").await.unwrap();
    assert_eq!(service.scoring_uri.as_deref(), Some("/api/v1/service/adder/score"));
    assert_eq!((service.state, service.replicas), (OperationState::Succeeded, 1));
    assert_eq!(service.models.as_ref().unwrap()[0].name, "module");
    for filter in [
        ServiceFilter { model_name: Some("module".to_owned()), ..ServiceFilter::default() },
        ServiceFilter { image_id: Some(image.id.to_string()), ..ServiceFilter::default() },
        ServiceFilter { manifest_name: Some("packed".to_owned()), ..ServiceFilter::default() },
    ] {
        let page = edge.control.services(&edge.account, &filter, &ListQuery::default()).await;
        let ServicePage { listed, mut parts } = page.unwrap();
        let Parts { image, models } = parts.remove(&image.id).unwrap();
        let (manifest, [found]) = (image.manifest.clone(), listed.value.try_into().unwrap());
        assert_eq!(found.with_parts(Some(image), manifest, Some(models)), service, "{filter:?}");
    }
    let none = ServiceFilter { model_name: Some("other".to_owned()), ..ServiceFilter::default() };
    let page = edge.control.services(&edge.account, &none, &ListQuery::default()).await.unwrap();
    assert!(page.listed.value.is_empty() && page.parts.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_under_load_loses_no_call() {
    let edge = Arc::new(Edge::new().await);
    let one = edge.image("one", &adder(1)).await;
    let two = edge.image("two", &adder(2)).await;
    edge.deploy("adder", &one).await;
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (edge, stop) = (Arc::clone(&edge), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    answers.push(score(&edge.control, "adder", 0.0).await);
                    tokio::task::yield_now().await;
                }
                answers
            })
        })
        .collect();

    for image in [&two, &one, &two] {
        let request = ServiceUpdateRequest {
            image_id: Some(image.id.to_string()),
            ..ServiceUpdateRequest::default()
        };
        let operation = edge.control.update_service(&edge.account, "adder", request).await.unwrap();
        assert_eq!(edge.ended(operation).await.error, None);
    }
    assert_eq!(score(&edge.control, "adder", 0.0).await, 2.0);
    stop.store(true, Ordering::Relaxed);

    for caller in callers {
        let answers = caller.await.unwrap();
        assert!(answers.iter().all(|answer| [1.0, 2.0].contains(answer)));
    }
    let query = ListQuery::default();
    let filter = DeploymentFilter { service_id: Some("adder".to_owned()) };
    let listed = edge.control.deployments(&edge.account, &filter, &query).await.unwrap();
    assert_eq!(listed.value.len(), 4);
    let serving: Vec<_> = listed.value.iter().filter(|d| d.expired_at.is_none()).collect();
    assert_eq!((serving.len(), serving[0].image_id), (1, two.id));
    let served = edge.control.routes().get("adder").unwrap();
    assert_eq!(served.versions(), [two.version, one.version]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_creations_of_one_name_one_wins() {
    let edge = Arc::new(Edge::new().await);
    let image = edge.image("module", &adder(1)).await;
    let create = || {
        let (edge, request) = (Arc::clone(&edge), service_request("twice", &image));
        tokio::spawn(async move { edge.control.create_service(&edge.account, request).await })
    };

    let (one, other) = (create(), create());
    let outcomes = [one.await.unwrap(), other.await.unwrap()];

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refusal = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(refusal, ControlError::NameTaken { kind: Kind::Service, .. }));
}

#[tokio::test]
async fn only_a_finished_image_can_be_served() {
    let edge = Edge::new().await;
    let model = edge.register("far", "https://example.org/m.onnx").await.unwrap();
    let manifest = edge.manifest(RuntimeType::Onnx, &[&model]).await;
    let failed = edge.build(&manifest).await;
    let failed = edge.made(&failed).await;
    let image = edge.image("module", &adder(1)).await;
    edge.deploy("adder", &image).await;

    for id in [failed.id.to_string(), edge.first.tenant_id.clone(), "nonsense".to_owned()] {
        let mut request = service_request("other", &image);
        request.image_id = id.clone();
        let refusal = edge.control.create_service(&edge.account, request).await.unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::NotReady);
        let request =
            ServiceUpdateRequest { image_id: Some(id), ..ServiceUpdateRequest::default() };
        let refusal =
            edge.control.update_service(&edge.account, "adder", request).await.unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::NotReady);
    }
    let refusal = edge.control.delete_image(&edge.account, &image.id.to_string()).await;
    assert!(matches!(refusal, Err(ControlError::InUse { kind: Kind::Image, .. })));
}

#[tokio::test]
async fn a_failed_update_leaves_the_old_deployment_serving() {
    let edge = Edge::new().await;
    let image = edge.image("trees", TREES).await;
    edge.deploy("trees", &image).await;
    let request = ServiceUpdateRequest {
        container_resource_reservation: Some(ContainerResourceReservation {
            cpu: None,
            memory: Some("64Ki".to_owned()),
        }),
        ..ServiceUpdateRequest::default()
    };

    let operation = edge.control.update_service(&edge.account, "trees", request).await.unwrap();
    let status = edge.ended(operation).await;

    assert_eq!(status.error.unwrap().code, ErrorCode::LimitExceeded);
    let service = edge.control.service(&edge.account, "trees").await.unwrap();
    assert_eq!(service.state, OperationState::Succeeded);
    assert_eq!(service.error.unwrap().code, ErrorCode::LimitExceeded);
    assert_eq!(service.container_resource_reservation, None);
    assert!(edge.control.routes().get("trees").unwrap().admit().await.is_ok());
}

#[tokio::test]
async fn a_regenerated_key_dies_at_once_and_the_other_lives() {
    let edge = Edge::new().await;
    let image = edge.image("module", &adder(1)).await;
    edge.deploy("adder", &image).await;
    let (control, account) = (&edge.control, &edge.account);
    let before = control.service_keys(account, "adder").await.unwrap();
    let served = control.routes().get("adder").unwrap();
    assert!(served.opens_with(&before.primary_key) && served.opens_with(&before.secondary_key));

    let after = control.regenerate_key(account, "adder", KeyType::Primary).await.unwrap();

    assert!(!served.opens_with(&before.primary_key));
    assert!(served.opens_with(&after.primary_key) && served.opens_with(&before.secondary_key));
    assert_eq!(after.secondary_key, before.secondary_key);
    let again = control.service_keys(account, "adder").await.unwrap();
    assert_eq!(again.primary_key, after.primary_key);
    let store = std::fs::read(edge.folder.path().join("store.db")).unwrap();
    let wal = std::fs::read(edge.folder.path().join("store.db-wal")).unwrap();
    for file in [store, wal] {
        let text = String::from_utf8_lossy(&file);
        assert!(!text.contains(&after.primary_key), "keys lie sealed on the disk");
    }
}

#[tokio::test]
async fn replicas_follow_the_settings() {
    let edge = Edge::new().await;
    let image = edge.image("module", &adder(1)).await;
    edge.deploy("adder", &image).await;
    let update = async |request: ServiceUpdateRequest| {
        let operation = edge.control.update_service(&edge.account, "adder", request).await?;
        edge.ended(operation).await;
        edge.control.service(&edge.account, "adder").await
    };
    let replicas = |count: u32| ServiceUpdateRequest {
        num_replicas: Some(count),
        ..ServiceUpdateRequest::default()
    };

    assert_eq!(update(replicas(3)).await.unwrap().replicas, 3);
    assert_eq!(update(ServiceUpdateRequest::default()).await.unwrap().num_replicas, Some(3));
    assert_eq!(update(replicas(0)).await.unwrap().replicas, 0);
    let stopped = edge.control.routes().get("adder").unwrap().admit().await.unwrap_err();
    assert_eq!(stopped, AdmissionError::Stopped);
    let scaler = AutoScaler {
        autoscale_enabled: Some(true),
        min_replicas: Some(2),
        ..AutoScaler::default()
    };
    let request =
        ServiceUpdateRequest { auto_scaler: Some(scaler), ..ServiceUpdateRequest::default() };
    let service = update(request).await.unwrap();
    assert_eq!((service.num_replicas, service.replicas), (None, 2));
    assert_eq!(update(replicas(4)).await.unwrap_err().code(), ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn a_deleted_service_is_gone_and_its_name_is_free() {
    let edge = Edge::new().await;
    let image = edge.image("module", &adder(1)).await;
    edge.deploy("adder", &image).await;

    assert!(edge.control.delete_service(&edge.account, "adder").await.unwrap());

    assert!(edge.control.routes().get("adder").is_none());
    assert!(!edge.control.delete_service(&edge.account, "adder").await.unwrap());
    assert!(edge.control.service(&edge.account, "adder").await.is_err());
    assert_eq!(edge.deploy("adder", &image).await.error, None);
    edge.control.delete_service(&edge.account, "adder").await.unwrap();
    assert!(edge.control.delete_image(&edge.account, &image.id.to_string()).await.unwrap());
}

#[tokio::test]
async fn a_waiting_build_can_be_cancelled() {
    let edge = Edge::new().await;
    let model = edge.model("trees", TREES).await;
    let manifest = edge.manifest(RuntimeType::Onnx, &[&model]).await;
    let request = image_request(&manifest);
    let operation = edge.control.create_image(&edge.account, request).await.unwrap();

    edge.control.cancel_operation(&edge.account, &operation.to_string()).await.unwrap();

    let status = edge.ended(operation).await;
    assert_eq!(status.state, OperationState::Cancelled);
    assert_eq!(edge.made(&status).await.creation_state, OperationState::Cancelled);
}
