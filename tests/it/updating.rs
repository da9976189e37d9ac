//! Changing what a service serves while callers keep calling.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use shared::{Image, OperationState, Service, paths};
use tests::{Client, Edge, fixtures};

const CALLERS: usize = 8;
const UPDATES: usize = 6;
/// Every update is watched for at least this many answers.
const ANSWERS_BETWEEN: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn an_update_under_load_loses_no_request() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("steady", &fixtures::onnx("breast_cancer_gbdt")).await;
    let (_, words) = client.image_of("words", &fixtures::onnx("breast_cancer_gbdt_text")).await;
    let images = [published.image.clone(), words];
    let labels = [json!([0]), json!(["malignant"])];
    let example = malignant_row();
    let key = published.keys.primary_key;

    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (client, key, document) = (client.clone(), key.clone(), example.clone());
            let (stop, answered, labels) = (stop.clone(), answered.clone(), labels.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.score("steady", &key, &document).await.expect(200);
                    assert!(labels.contains(&answer.value()), "{}", answer.text());
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();

    for update in 1..=UPDATES {
        let seen = answered.load(Ordering::Relaxed);
        let service = switch(&client, &published.service, &images[update % 2]).await;
        assert_eq!(service.image_id, images[update % 2].id);
        // From the end of the operation on, only the new image answers.
        let answer = client.score("steady", &key, &example).await.expect(200);
        assert_eq!(answer.value(), labels[update % 2]);
        while answered.load(Ordering::Relaxed) < seen + ANSWERS_BETWEEN {
            assert!(!callers.iter().any(|caller| caller.is_finished()), "a caller gave up");
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);

    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test]
async fn an_update_to_an_image_that_is_not_ready_changes_nothing() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("steady", &fixtures::onnx("iris_logistic")).await;
    let path = paths::versioned(&client.account.service(&published.service.id.to_string()));

    let unknown = json!({ "imageId": "00000000-0000-4000-8000-000000000000" });
    let refusal = client.put(&path, &unknown).await.expect(400).value();

    assert_eq!(refusal["code"], "NotReady");
    let service: Service = client.get(&path).await.expect(200).json();
    assert_eq!(service.image_id, published.image.id);
    assert_eq!(service.state, OperationState::Succeeded);
}

#[tokio::test]
async fn an_update_expires_the_old_deployment() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("steady", &fixtures::onnx("iris_logistic")).await;
    let (_, words) = client.image_of("words", &fixtures::onnx("iris_logistic_text")).await;

    switch(&client, &published.service, &words).await;

    let path = paths::versioned(&client.account.deployments());
    let deployments: Vec<shared::Deployment> = client.get(&path).await.expect(200).json();
    let serving: Vec<_> = deployments.iter().filter(|one| one.expired_at.is_none()).collect();
    assert_eq!(deployments.len(), 2);
    assert_eq!(serving.len(), 1);
    assert_eq!(serving[0].image_id, words.id);
}

#[tokio::test]
async fn a_deleted_image_is_served_no_more_as_an_earlier_version() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("iris", &fixtures::onnx("iris_logistic")).await;
    let operation = client.pack("iris", published.image.manifest.as_ref().unwrap()).await;
    let second: Image = client.made(&operation).await;
    switch(&client, &published.service, &second).await;
    switch(&client, &published.service, &published.image).await;
    client.get("/v2/models/iris/versions/2/ready").await.expect(200);

    client.delete(&paths::versioned(&client.account.image(second.id))).await.expect(200);

    client.get("/v2/models/iris/versions/2/ready").await.expect(404);
    let left = client.get("/v2/models/iris").await.expect(200).value();
    assert_eq!(left["versions"], json!(["1"]));
}

async fn switch(client: &Client, service: &Service, image: &Image) -> Service {
    let path = client.account.service(&service.id.to_string());
    let answer = client.put(&paths::versioned(&path), &json!({ "imageId": image.id })).await;
    let operation = client.finished(&answer.expect(202)).await;
    client.made(&operation).await
}

/// The data set's first row, which both models call malignant.
fn malignant_row() -> Value {
    json!({ "input_df": [[
        17.99, 10.38, 122.8, 1001.0, 0.1184, 0.2776, 0.3001, 0.1471, 0.2419, 0.07871, 1.095, 0.9053,
        8.589, 153.4, 0.006399, 0.04904, 0.05373, 0.01587, 0.03003, 0.006193, 25.38, 17.33, 184.6,
        2019.0, 0.1622, 0.6656, 0.7119, 0.2654, 0.4601, 0.1189
    ]] })
}
