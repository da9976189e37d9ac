//! Changing what is said about a registered model.

use reqwest::Method;
use serde_json::{Value, json};
use shared::{Model, Page, paths};
use tests::{Answer, Client, Edge, fixtures};

async fn patch(client: &Client, model: &Model, media: &str, body: &Value) -> Answer {
    let path = paths::versioned(&client.account.model(model.id));
    let request = client.request(Method::PATCH, &path).header("content-type", media);
    client.try_send(request.body(body.to_string())).await.unwrap()
}

async fn found(client: &Client, filter: &str) -> Vec<Model> {
    let path = paths::versioned(&format!("{}?{filter}", client.account.models()));
    client.get(&path).await.expect(200).json::<Page<Model>>().value
}

#[tokio::test]
async fn tags_and_description_of_a_model_are_edited_and_nothing_else() {
    const MERGE: &str = "application/merge-patch+json";
    let edge = Edge::start();
    let client = edge.client().await;
    let stored = client.upload("iris.onnx", &fixtures::onnx("iris_logistic")).await;
    let model = client.register("iris", &stored.url).await;

    let words = json!({"description": "Three kinds of Iris", "tags": ["flowers", "demo"]});
    let edited: Model = patch(&client, &model, MERGE, &words).await.expect(200).json();
    let expected = Model {
        description: Some("Three kinds of Iris".to_owned()),
        tags: Some(vec!["flowers".to_owned(), "demo".to_owned()]),
        ..model.clone()
    };
    assert_eq!(edited, expected);
    assert_eq!(found(&client, "tag=flowers").await, std::slice::from_ref(&expected));
    assert_eq!(found(&client, "search=three%20KINDS").await, std::slice::from_ref(&expected));

    // What is absent stays, `null` clears, a list takes the place of the old one.
    let tags: Model = patch(&client, &model, "application/json", &json!({"tags": ["plants"]}))
        .await
        .expect(200)
        .json();
    assert_eq!(tags.description, expected.description);
    assert_eq!(found(&client, "tag=flowers").await, []);
    assert_eq!(found(&client, "tag=plants").await, std::slice::from_ref(&tags));
    let cleared: Model =
        patch(&client, &model, MERGE, &json!({"description": null})).await.expect(200).json();
    assert_eq!((&cleared.description, &cleared.tags), (&None, &tags.tags));
    assert_eq!(found(&client, "search=kinds").await, []);
    let same: Model = patch(&client, &model, MERGE, &json!({})).await.expect(200).json();
    assert_eq!(same, cleared);

    let long = "x".repeat(1_025);
    for (body, word) in [
        (json!({"name": "other"}), "name"),
        (json!({"tags": ["fine"], "url": "https://elsewhere.example/m"}), "url"),
        (json!({"tags": [""]}), "tags"),
        (json!({"tags": "plants"}), "sequence"),
        (json!({"description": long}), "1,024"),
        (json!([null, ["plants"]]), "object"),
        (json!(null), "object"),
    ] {
        let refusal = patch(&client, &model, MERGE, &body).await.expect(400).value();
        assert_eq!(refusal["code"], "InvalidRequest", "{body}");
        assert!(refusal.to_string().contains(word), "{body}: {refusal}");
        assert!(refusal["details"][0]["message"].is_string(), "{refusal}");
    }
    patch(&client, &model, "text/plain", &json!({})).await.expect(415);
    assert_eq!(found(&client, "name=iris").await, [cleared], "a refused patch changes nothing");
}

#[tokio::test]
async fn an_edited_description_survives_a_kill_and_its_change_is_in_the_audit_log() {
    let mut edge = Edge::start();
    let client = edge.client().await;
    let model = client.register("iris", "https://models.example/iris.onnx").await;
    let words = json!({"description": "kept"});
    let answer = patch(&client, &model, "application/json", &words).await.expect(200);

    edge.kill();
    edge.restart();

    let client = edge.client().await;
    let path = paths::versioned(&client.account.model(model.id));
    let read: Model = client.get(&path).await.expect(200).json();
    assert_eq!(read.description.as_deref(), Some("kept"));
    let log = format!("{}?requestId={}", paths::AUDIT, answer.header("x-ms-request-id"));
    let row = &client.get(&log).await.expect(200).value()["value"][0];
    assert_eq!(row["operation"], "PATCH {account}/models/{id}", "{row}");
    assert_eq!((&row["outcome"], &row["withChange"]), (&json!("Succeeded"), &json!(true)));
    assert!(row["path"].as_str().unwrap().ends_with(&model.id.to_string()), "{row}");
}
