//! From a trained model to a scored request and back to nothing.

use serde_json::{Value, json};
use shared::{
    Deployment, Image, Manifest, Model, OperationState, OperationType, Page, Service, paths,
};
use tests::{Client, Edge, fixtures};

#[tokio::test]
async fn a_model_is_uploaded_packed_deployed_scored_and_deleted() {
    let edge = Edge::start();
    let client = edge.client().await;
    let account = client.account.clone();

    // Upload and register.
    let stored = client.upload("cancer/model.onnx", &fixtures::onnx("breast_cancer_gbdt")).await;
    assert!(stored.url.ends_with(&stored.sha256), "the url names the bytes: {}", stored.url);
    let model = client.register("cancer", &stored.url).await;
    assert_eq!((model.name.as_str(), model.version), ("cancer", 1));
    assert_eq!(model.sha256.as_deref(), Some(stored.sha256.as_str()));
    let again = client.register("cancer", &stored.url).await;
    assert_eq!(again.version, 2);
    assert_ne!(again.id, model.id);

    // Describe and pack.
    let manifest = client.describe("cancer-manifest", &model).await;
    assert_eq!(manifest.model_ids.as_deref(), Some(&[model.id][..]));
    let operation = client.pack("cancer-image", &manifest).await;
    assert_eq!(operation.operation_type, OperationType::Image);
    assert!(operation.end_time.is_some());
    let image: Image = client.made(&operation).await;
    assert_eq!(image.creation_state, OperationState::Succeeded);
    assert!(image.module_size.unwrap() > 0);

    // Deploy.
    let service = client.deploy("cancer", &image).await;
    assert_eq!(service.state, OperationState::Succeeded);
    assert_eq!(service.image_id, image.id);
    let scoring_uri = service.scoring_uri.clone().unwrap();
    assert_eq!(scoring_uri, client.at(&paths::score("cancer")));

    // Score, through the address that the service names.
    let keys = client.keys(&service.id.to_string()).await;
    assert_ne!(keys.primary_key, keys.secondary_key);
    let row = &fixtures::rows("breast_cancer")[..30];
    for key in [&keys.primary_key, &keys.secondary_key] {
        let answer = client.score("cancer", key, &json!({ "data": [row] })).await.expect(200);
        let odds = answer.value()["predict_proba"][0].clone();
        let sum: f64 = odds.as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{odds}");
    }

    // The lists show it.
    let models: Page<Model> = list(&client, account.models()).await;
    assert_eq!(models.value.len(), 2);
    assert_eq!(models.value[0].id, again.id, "the newest comes first");
    let manifests: Page<Manifest> = list(&client, account.manifests()).await;
    assert_eq!(manifests.value.len(), 1);
    let services: Page<Service> = list(&client, account.services()).await;
    assert_eq!(services.value.len(), 1);
    let deployments: Vec<Deployment> = list(&client, account.deployments()).await;
    assert_eq!(deployments.len(), 1);
    assert_eq!(deployments[0].expired_at, None);

    // What is in use stays.
    let model_path = paths::versioned(&account.model(model.id));
    let manifest_path = paths::versioned(&account.manifest(manifest.id));
    let image_path = paths::versioned(&account.image(image.id));
    for path in [&model_path, &manifest_path, &image_path] {
        let refusal = client.delete(path).await.expect(409).value();
        assert_eq!(refusal["code"], "InUse", "{refusal}");
    }

    // Taken down in the opposite order, and gone.
    let service_path = paths::versioned(&account.service(&service.id.to_string()));
    for path in [&service_path, &image_path, &manifest_path, &model_path] {
        client.delete(path).await.expect(200);
        client.delete(path).await.expect(204);
        client.get(path).await.expect(404);
    }
    // Neither its old key nor a token finds it any more.
    client.score("cancer", &keys.primary_key, &json!({ "data": [row] })).await.expect(404);
    client.score("cancer", &client.token, &json!({ "data": [row] })).await.expect(404);
}

#[tokio::test]
async fn a_list_shows_services_with_their_parts_as_each_shows_itself() {
    let edge = Edge::start();
    let client = edge.client().await;
    let (_, iris) = client.image_of("iris", &fixtures::onnx("iris_logistic")).await;
    let (_, cancer) = client.image_of("cancer", &fixtures::onnx("breast_cancer_gbdt")).await;
    for (name, image) in [("first", &iris), ("second", &cancer), ("third", &iris)] {
        client.deploy(name, image).await;
    }

    let path = paths::versioned(&client.account.services());
    let mut listed = client.get(&path).await.expect(200).value();
    let rows = listed["value"].as_array_mut().unwrap();

    assert_eq!(rows.len(), 3);
    for (row, name) in rows.iter_mut().zip(["third", "second", "first"]) {
        let path = paths::versioned(&client.account.service(name));
        let mut alone = client.get(&path).await.expect(200).value();
        for service in [&mut *row, &mut alone] {
            let log = service["image"]["imageBuildLogUri"].take();
            assert!(log.as_str().unwrap().starts_with(&client.at("/api/")), "{log}");
        }
        assert_eq!(*row, alone);
        assert!(alone["models"][0]["url"].as_str().unwrap().starts_with(&client.at("/")));
        assert_eq!(alone["manifest"], alone["image"]["manifest"]);
    }
}

#[tokio::test]
async fn operation_location_is_an_absolute_address_that_needs_no_version() {
    let edge = Edge::start();
    let client = edge.client().await;
    let stored = client.upload("iris.onnx", &fixtures::onnx("iris_logistic")).await;
    let model = client.register("iris", &stored.url).await;
    let manifest = client.describe("iris", &model).await;

    let operation = client.pack("iris", &manifest).await;

    let location = operation.resource_location.unwrap();
    assert!(location.starts_with(&edge.url), "{location}");
    assert!(!location.contains('?'), "{location}");
    assert_eq!(operation.percent_complete, Some(100));
}

#[tokio::test]
async fn the_swagger_document_describes_a_request_that_works() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("cancer", &fixtures::onnx("breast_cancer_gbdt")).await;

    let swagger = client.get(&paths::swagger("cancer")).await.expect(200).value();

    assert_eq!(swagger["swagger"], "2.0");
    assert!(swagger["paths"]["/score"]["post"].is_object(), "{swagger}");
    let example = &swagger["definitions"]["ServiceInput"]["example"];
    let answer = client.score("cancer", &published.keys.primary_key, example).await.expect(200);
    let promised = &swagger["definitions"]["ServiceOutput"]["example"];
    assert_eq!(shape(&answer.value()), shape(promised), "{} {promised}", answer.text());
}

#[tokio::test]
async fn every_address_follows_from_the_ones_that_answers_hold() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("iris", &fixtures::onnx("iris_logistic")).await;
    let b = edge.bootstrap();
    let account = paths::account_arm_id(&b.subscription_id, &b.resource_group, &b.account);
    let account = client.get(&paths::versioned(&account)).await.expect(200).value();

    // The account says where its description is; less the last segment that is its base address.
    let location = account["properties"]["modelManagementSwaggerLocation"].as_str().unwrap();
    let swagger = client.get(location).await.expect(200).value();
    let (base, _) = location.rsplit_once('/').unwrap();
    let described = format!(
        "{}://{}{}",
        swagger["schemes"][0].as_str().unwrap(),
        swagger["host"].as_str().unwrap(),
        swagger["basePath"].as_str().unwrap()
    );
    assert_eq!(described, base);
    let lists: Vec<_> = swagger["paths"].as_object().unwrap().iter().collect();
    let lists = lists.iter().filter(|(path, one)| one["get"].is_object() && !path.contains('{'));
    let mut called = Vec::new();
    for (path, one) in lists {
        // Streams of events have no end.
        let produces = one["get"]["produces"].to_string();
        if !produces.contains("event-stream") {
            client.get(&paths::versioned(&format!("{base}{path}"))).await.expect(200);
            called.push(path.as_str());
        }
    }
    for path in ["/models", "/manifests", "/images", "/services", "/deployments", "/operations"] {
        assert!(called.contains(&path), "{path} is not among {called:?}");
    }

    // The service says where it scores; its description lies beside that.
    let services: Page<Service> =
        client.get(&paths::versioned(&format!("{base}/services"))).await.expect(200).json();
    let scoring = services.value[0].scoring_uri.clone().unwrap();
    assert!(scoring.starts_with(&edge.url), "{scoring}");
    let (beside, _) = scoring.rsplit_once('/').unwrap();
    let mut caller = Client::anonymous(&edge.url);
    caller.token = published.keys.secondary_key;
    let swagger = caller.get(&format!("{beside}/swagger.json")).await.expect(200).value();
    let described = format!(
        "{}://{}{}",
        swagger["schemes"][0].as_str().unwrap(),
        swagger["host"].as_str().unwrap(),
        swagger["basePath"].as_str().unwrap()
    );
    assert_eq!(described.trim_end_matches('/'), beside);
    let example = &swagger["definitions"]["ServiceInput"]["example"];
    let scored = caller.post(&format!("{beside}/score"), example).await.expect(200);
    let promised = &swagger["definitions"]["ServiceOutput"]["example"];
    assert_eq!(shape(&scored.value()), shape(promised), "{}", scored.text());
}

#[tokio::test]
async fn a_regenerated_key_works_at_once_and_the_old_one_no_longer() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("iris", &fixtures::onnx("iris_logistic")).await;
    let old = published.keys;
    let row = json!({ "data": [[5.1, 3.5, 1.4, 0.2]] });

    let path = client.account.regenerate_keys(&published.service.id.to_string());
    let body = json!({ "keyType": "Primary" });
    let new: shared::AuthKeys =
        client.post(&paths::versioned(&path), &body).await.expect(200).json();

    assert_ne!(new.primary_key, old.primary_key);
    assert_eq!(new.secondary_key, old.secondary_key);
    client.score("iris", &old.primary_key, &row).await.expect(401);
    client.score("iris", &new.primary_key, &row).await.expect(200);
    client.score("iris", &old.secondary_key, &row).await.expect(200);
}

async fn list<T: serde::de::DeserializeOwned>(client: &tests::Client, path: String) -> T {
    client.get(&paths::versioned(&path)).await.expect(200).json()
}

/// A document with its numbers and texts forgotten.
fn shape(document: &Value) -> Value {
    match document {
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::Number(_) => json!(0),
        Value::String(_) => json!(""),
        other => other.clone(),
    }
}
