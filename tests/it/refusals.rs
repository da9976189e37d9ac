//! Models that cannot be compiled, and how that is said.

use serde_json::json;
use shared::{OperationState, paths};
use tests::{Edge, fixtures};

#[tokio::test]
async fn a_model_with_unsupported_operators_fails_and_names_every_one_of_them() {
    let edge = Edge::start();
    let client = edge.client().await;
    let stored = client.upload("odd.onnx", &fixtures::onnx("unsupported")).await;
    let model = client.register("odd", &stored.url).await;
    let manifest = client.describe("odd", &model).await;

    let operation = client.pack("odd", &manifest).await;

    assert_eq!(operation.state, OperationState::Failed);
    let error = operation.error.unwrap();
    assert!(error.details.first().is_some_and(|detail| !detail.message.is_empty()), "{error:?}");
    let said = serde_json::to_string(&error).unwrap();
    for name in ["Sharpen", "Blend", "sharpen_first", "sharpen_again", "blend"] {
        assert!(said.contains(name), "{name} is not named in {said}");
    }
    let path = paths::versioned(&client.account.model_signature(model.id));
    let signature = client.get(&path).await.expect(200).value();
    let unsupported = signature["unsupported"].as_array().unwrap();
    assert_eq!(unsupported.len(), 2, "{signature}");
    assert!(unsupported.iter().any(|entry| {
        entry["operator"] == "Sharpen"
            && entry["nodes"] == json!(["sharpen_first", "sharpen_again"])
    }));
}

#[tokio::test]
async fn an_image_that_failed_cannot_be_deployed() {
    let edge = Edge::start();
    let client = edge.client().await;
    let stored = client.upload("odd.onnx", &fixtures::onnx("unsupported")).await;
    let model = client.register("odd", &stored.url).await;
    let manifest = client.describe("odd", &model).await;
    let operation = client.pack("odd", &manifest).await;
    let image = operation.resource_location.unwrap().rsplit('/').next().unwrap().to_owned();

    let request = json!({
        "name": "odd",
        "imageId": image,
        "computeResource": { "id": "here", "type": "Cluster" },
    });
    let answer = client.post(&paths::versioned(&client.account.services()), &request).await;

    assert_eq!(answer.expect(400).value()["code"], "NotReady");
}

#[tokio::test]
async fn a_pickle_is_recognised_and_the_way_out_is_named() {
    let edge = Edge::start();
    let client = edge.client().await;
    let pickle = b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x08sklearn.\x94.";
    let stored = client.upload("model.pkl", pickle).await;

    let request = json!({ "name": "pickled", "url": stored.url, "mimeType": "application/json" });
    let answer = client.post(&paths::versioned(&client.account.models()), &request).await;

    // Refused when it is registered, or when it is packed: either way it says what the bytes are.
    let said = if answer.status.is_success() {
        let manifest = client.describe("pickled", &answer.json()).await;
        let operation = client.pack("pickled", &manifest).await;
        assert_eq!(operation.state, OperationState::Failed);
        serde_json::to_string(&operation.error).unwrap()
    } else {
        answer.expect(400).text()
    };
    assert!(said.contains("pickle"), "{said}");
    assert!(said.contains("skl2onnx"), "{said}");
}

#[tokio::test]
async fn other_bytes_than_promised_are_not_kept() {
    let edge = Edge::start();
    let client = edge.client().await;
    let path = paths::versioned(&client.account.artifact("model.onnx"));
    let request = client.request(reqwest::Method::PUT, &path).body("these bytes");

    let answer = client.try_send(request.header("x-content-sha256", "0".repeat(64))).await.unwrap();

    answer.expect(400);
    client.get(&path).await.expect(404);
}
