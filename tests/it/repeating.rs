//! Requests that are sent again because nobody knows whether they arrived.

use reqwest::Method;
use serde_json::{Value, json};
use shared::paths;
use tests::{Answer, Client, Edge, fixtures};

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let request = client.request(Method::POST, &paths::versioned(path));
    client.try_send(request.header("Idempotency-Key", key).json(body)).await.unwrap()
}

async fn count(client: &Client, path: &str) -> usize {
    let list = client.get(&paths::versioned(path)).await.expect(200).value();
    list["value"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_key_gets_the_first_answer_even_after_a_crash() {
    let mut edge = Edge::start();
    let client = edge.client().await;
    let account = client.account.clone();
    let stored = client.upload("iris.onnx", &fixtures::onnx("iris_logistic")).await;
    let path = stored.url.strip_prefix(&client.url).unwrap().to_owned();
    let model = json!({ "name": "iris", "url": path, "mimeType": "application/onnx" });

    let first = post(&client, &account.models(), "k1", &model).await.expect(200).value();
    let again = post(&client, &account.models(), "k1", &model).await.expect(200).value();
    assert_eq!(again, first);
    let other = post(&client, &account.models(), "k2", &model).await.expect(200).value();
    assert_eq!(other["version"], 2);

    let manifest = json!({ "name": "iris", "driverProgram": "d", "assets": [],
        "modelIds": [first["id"]], "targetRuntime": { "runtimeType": "Onnx", "properties": {} } });
    let manifest_made =
        post(&client, &account.manifests(), "k3", &manifest).await.expect(200).value();
    let image = json!({ "name": "iris", "manifestId": manifest_made["id"],
        "computeResourceId": "here", "imageType": "Docker" });
    let image_made = post(&client, &account.images(), "k4", &image).await.expect(202);
    let operation = client.finished(&image_made).await;
    let image_id = operation.resource_location.unwrap().rsplit('/').next().unwrap().to_owned();
    let service = json!({ "name": "iris", "imageId": image_id,
        "computeResource": { "id": "here", "type": "Cluster" } });
    let service_made = post(&client, &account.services(), "k5", &service).await.expect(202);

    edge.kill();
    edge.restart();
    let client = edge.client().await;
    let location = |answer: &Answer| {
        answer.header("operation-location").rsplit('/').next().unwrap().to_owned()
    };
    let mut again = post(&client, &account.models(), "k1", &model).await.expect(200).value();
    again["url"] = first["url"].clone(); // the server has another port now
    assert_eq!(again, first);
    let again = post(&client, &account.manifests(), "k3", &manifest).await.expect(200).value();
    assert_eq!(again, manifest_made);
    let again = post(&client, &account.images(), "k4", &image).await.expect(202);
    assert_eq!(location(&again), location(&image_made));
    let again = post(&client, &account.services(), "k5", &service).await.expect(202);
    assert_eq!(location(&again), location(&service_made));
    assert_eq!(count(&client, &account.models()).await, 2);
    assert_eq!(count(&client, &account.images()).await, 1);
    assert_eq!(count(&client, &account.services()).await, 1);
}

#[tokio::test]
async fn a_key_that_comes_with_another_request_is_refused() {
    let edge = Edge::start();
    let client = edge.client().await;
    let path = client.account.models();
    let model =
        |name: &str| json!({ "name": name, "url": "https://models.example/m", "mimeType": "x" });

    post(&client, &path, "key", &model("first")).await.expect(200);
    let refused = post(&client, &path, "key", &model("second")).await.expect(422).value();

    assert_eq!(refused["code"], "IdempotencyKeyReused");
    assert_eq!(count(&client, &path).await, 1);
    post(&client, &path, &"k".repeat(256), &model("third")).await.expect(400);
}

#[tokio::test]
async fn of_many_at_once_with_one_key_one_does_the_work() {
    let edge = Edge::start();
    let client = edge.client().await;
    let path = client.account.models();
    let model = json!({ "name": "one", "url": "https://models.example/m", "mimeType": "x" });

    let sent = (0..16).map(|_| post(&client, &path, "key", &model));
    let answers = futures::future::join_all(sent).await;

    let first = answers[0].clone().expect(200).value();
    assert!(answers.into_iter().all(|answer| answer.expect(200).value() == first));
    assert_eq!(count(&client, &path).await, 1);
}
