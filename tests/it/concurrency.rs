//! Many callers at once, and a server that is asked to stop in the middle.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;
use shared::{Model, OperationState, paths};
use tests::{Edge, eventually, fixtures};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

#[tokio::test]
async fn of_many_services_with_one_name_exactly_one_is_made() {
    let edge = Edge::start();
    let client = edge.client().await;
    let (_, image) = client.image_of("iris", &fixtures::onnx("iris_logistic")).await;
    let path = paths::versioned(&client.account.services());
    let request = json!({
        "name": "contested",
        "imageId": image.id,
        "computeResource": { "id": "here", "type": "Cluster" },
    });

    let answers = join_all((0..64).map(|_| client.post(&path, &request))).await;

    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 202).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 409).count(), 63, "{statuses:?}");
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        assert_eq!(answer.value()["code"], "NameTaken");
    }
    let made = answers.iter().find(|answer| answer.status == 202).unwrap();
    assert_eq!(client.finished(made).await.state, OperationState::Succeeded);
}

#[tokio::test]
async fn models_registered_at_once_count_without_gaps() {
    let edge = Edge::start();
    let client = edge.client().await;
    let stored = client.upload("iris.onnx", &fixtures::onnx("iris_logistic")).await;

    let models: Vec<Model> = join_all((0..64).map(|_| client.register("iris", &stored.url))).await;

    let versions: BTreeSet<u64> = models.iter().map(|model| model.version).collect();
    assert_eq!(versions, (1..=64).collect());
    let ids: BTreeSet<_> = models.iter().map(|model| model.id).collect();
    assert_eq!(ids.len(), 64);
}

#[tokio::test]
async fn a_manifest_never_names_a_model_that_is_gone() {
    let edge = Edge::start();
    let client = edge.client().await;
    let stored = client.upload("iris.onnx", &fixtures::onnx("iris_logistic")).await;

    for _ in 0..20 {
        let model = client.register("iris", &stored.url).await;
        let path = paths::versioned(&client.account.model(model.id));
        let request = json!({
            "name": "iris",
            "driverProgram": "driver",
            "assets": [],
            "modelIds": [model.id],
            "targetRuntime": { "runtimeType": "Onnx", "properties": {} },
        });
        let manifests = paths::versioned(&client.account.manifests());

        let (deleted, described) =
            tokio::join!(client.delete(&path), client.post(&manifests, &request));

        let outcome = (deleted.status.as_u16(), described.status.as_u16());
        assert!(matches!(outcome, (200, 400) | (409, 200)), "{outcome:?}");
    }
}

#[tokio::test]
async fn versions_are_not_reused_after_a_delete() {
    let edge = Edge::start();
    let client = edge.client().await;
    let stored = client.upload("iris.onnx", &fixtures::onnx("iris_logistic")).await;
    let first = client.register("iris", &stored.url).await;
    let second = client.register("iris", &stored.url).await;

    client.delete(&paths::versioned(&client.account.model(second.id))).await.expect(200);
    let third = client.register("iris", &stored.url).await;

    assert_eq!((first.version, second.version, third.version), (1, 2, 3));
}

#[tokio::test]
async fn a_request_in_flight_finishes_when_the_server_is_asked_to_stop() {
    let mut edge = Edge::start();
    let client = edge.client().await;
    let path = paths::versioned(&client.account.artifact("slow.bin"));
    let (pieces, body) = mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = reqwest::Body::wrap_stream(ReceiverStream::new(body));
    let request = client.request(reqwest::Method::PUT, &path).body(body);
    let upload = {
        let client = client.clone();
        tokio::spawn(async move { client.try_send(request).await })
    };
    // More than the sockets between them can hold (Linux gives up to 32 MiB one way and 4 the other): that it was
    // all taken says that the server is reading this request.
    for _ in 0..48 {
        pieces.send(Ok(vec![1; 1 << 20])).await.unwrap();
    }

    edge.ask_to_stop();
    eventually("new callers are turned away", async || {
        let refused = tokio::net::TcpStream::connect(edge.url.trim_start_matches("http://")).await;
        refused.err()
    })
    .await;
    pieces.send(Ok(vec![2; 100_000])).await.unwrap();
    drop(pieces);

    let answer = upload.await.unwrap().unwrap().expect(201).value();
    assert_eq!(answer["size"], (48 << 20) + 100_000);
    assert!(edge.wait().success());
}
