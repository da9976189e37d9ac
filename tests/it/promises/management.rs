//! The model management reference, call by call.

use reqwest::Method;
use serde_json::{Value, json};
use shared::{AsyncOperationStatus, paths};
use tests::{Client, Edge, fixtures};

use super::{Body, Differences};

/// A line of the table: what is asked, and what the documents promise.
struct Call {
    what: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
    status: u16,
    headers: &'static [&'static str],
    answer: Body,
}

const JSON: &[&str] = &["content-type: application/json"];
/// What an accepted operation's answer carries.
const ACCEPTED: &[&str] = &["operation-location: http", "retry-after: 1"];
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

#[tokio::test]
async fn every_call_answers_with_every_property_even_those_without_a_value() {
    let edge = Edge::start();
    let client = edge.client().await;
    let mut differences = Differences::default();
    for call in calls(&client).await {
        let answer = send(&client, &call).await;
        differences.compare(call.what, &answer, call.status, call.headers, call.answer);
        if answer.status == 202 {
            let operation = client.finished(&answer).await;
            let location = answer.header("operation-location");
            assert!(location.ends_with(&operation.id.to_string()), "{location} names no id");
        }
    }
    differences.none();
}

#[tokio::test]
async fn every_call_refuses_strangers_versions_accounts_and_bodies_with_the_documented_error() {
    let edge = Edge::start();
    let client = edge.client().await;
    let mut stranger = client.clone();
    stranger.token = String::new();
    let mut differences = Differences::default();
    for mut call in calls(&client).await {
        // The same call by nobody, without a version, and of an account that is not there.
        let answer = send(&stranger, &call).await;
        let headers = &["www-authenticate: Bearer"];
        differences.compare(call.what, &answer, 401, headers, Body::Json("Error"));

        let path = call.path.clone();
        call.path = path.split(['?', '&']).next().unwrap().to_owned();
        if !call.path.contains("/operations/") {
            let answer = send(&client, &call).await;
            differences.compare(call.what, &answer, 400, &[], Body::Json("Error"));
        }
        call.path = path.replace(client.account.base(), &format!("{}x", client.account.base()));
        let answer = send(&client, &call).await;
        differences.compare(call.what, &answer, 404, &[], Body::Json("Error"));

        if call.body.is_some() {
            // A list is no request; the path is right.
            call.path = path;
            call.body = Some(json!([1]));
            let answer = send(&client, &call).await;
            differences.compare(call.what, &answer, 400, &[], Body::Json("Error"));
        }
    }
    differences.none();
}

async fn send(client: &Client, call: &Call) -> tests::Answer {
    let mut request = client.request(call.method.clone(), &call.path);
    if let Some(body) = &call.body {
        request = request.json(body);
    }
    client.try_send(request).await.unwrap()
}

/// All calls of the reference, in its order, each in every outcome that it names.
async fn calls(client: &Client) -> Vec<Call> {
    let account = &client.account;
    let published = client.publish("first", &fixtures::onnx("iris_logistic")).await;
    let (image, service) = (&published.image, published.service.id.to_string());
    let stored = client.upload("second.onnx", &fixtures::onnx("iris_logistic")).await;
    let model = json!({
        "name": "second", "url": stored.url, "mimeType": "application/octet-stream",
    });
    let manifest = json!({
        "name": "second",
        "driverProgram": "driver",
        "assets": [{ "id": "driver", "mimeType": "application/x-python", "url": stored.url }],
        "modelIds": [published.model.id],
        "targetRuntime": { "runtimeType": "Onnx", "properties": {} },
    });
    let pack = json!({
        "name": "second", "manifestId": image.manifest_id, "computeResourceId": "here",
        "imageType": "Docker",
    });
    let create = |name: &str| {
        json!({
            "name": name, "imageId": image.id,
            "computeResource": { "id": "here", "type": "Cluster" },
            "autoScaler": {
                "autoscaleEnabled": true, "minReplicas": 1, "maxReplicas": 2,
                "refreshPeriodInSeconds": 1, "targetUtilization": 70,
            },
            "containerResourceReservation": { "cpu": "1", "memory": "1Gi" },
            "dataCollection": { "eventHubEnabled": false, "storageEnabled": false },
        })
    };
    let deployments = client.get(&paths::versioned(&account.deployments())).await.expect(200);
    let deployment = deployments.value()[0]["id"].as_str().unwrap().parse().unwrap();
    let path = paths::versioned(&account.operations());
    let operations = client.get(&path).await.expect(200).value();
    let operation: AsyncOperationStatus =
        serde_json::from_value(operations["value"][0].clone()).unwrap();

    let get = |what, path: String, answer| Call {
        what,
        method: Method::GET,
        path: paths::versioned(&path),
        body: None,
        status: 200,
        headers: JSON,
        answer: Body::Json(answer),
    };
    let post = |what, path: String, body: &Value, answer| Call {
        method: Method::POST,
        body: Some(body.clone()),
        ..get(what, path, answer)
    };
    let accepted =
        |call: Call| Call { status: 202, headers: ACCEPTED, answer: Body::Empty, ..call };
    let filtered =
        |call: Call, filters: &str| Call { path: format!("{}&{filters}", call.path), ..call };
    let to = |method: Method, call: Call| Call { method, ..call };
    let gone = |status, answer, call: Call| Call { status, headers: &[], answer, ..call };

    let by_all = format!(
        "serviceName=first&modelId={}&modelName=first&manifestId={}&manifestName=first&imageId={}\
         &computeResourceId=here&count=10",
        published.model.id, image.manifest_id, image.id
    );
    let update = json!({ "imageId": image.id, "maxConcurrentRequestsPerContainer": 4 });
    let services = || account.services();
    vec![
        post("register a model", account.models(), &model, "Model"),
        get("list models", account.models(), "Models"),
        filtered(get("list models", account.models(), "MoreModels"), "count=1"),
        filtered(get("filter models", account.models(), "Models"), "name=first&count=10"),
        get("get a model", account.model(published.model.id), "Model"),
        post("register a manifest", account.manifests(), &manifest, "Manifest"),
        get("list manifests", account.manifests(), "Manifests"),
        filtered(
            get("filter manifests", account.manifests(), "Manifests"),
            &format!("modelId={}&manifestName=first&count=10", published.model.id),
        ),
        get("get a manifest", account.manifest(image.manifest_id), "Manifest"),
        accepted(post("create an image", account.images(), &pack, "Image")),
        get("list images", account.images(), "Images"),
        filtered(
            get("filter images", account.images(), "Images"),
            &format!("manifestId={}&manifestName=first&count=10", image.manifest_id),
        ),
        get("get an image", account.image(image.id), "Image"),
        accepted(post("create a service", services(), &create("second"), "Service")),
        gone(
            409,
            Body::Json("Error"),
            post("create a service with a taken name", services(), &create("first"), "Error"),
        ),
        get("list services", services(), "Services"),
        filtered(get("filter services", services(), "Services"), &by_all),
        get("get a service", account.service(&service), "Service"),
        to(
            Method::PUT,
            accepted(post("update a service", account.service(&service), &update, "Service")),
        ),
        to(
            Method::PUT,
            gone(
                404,
                Body::Json("Error"),
                post("update no service", account.service(NOBODY), &update, "Error"),
            ),
        ),
        to(
            Method::DELETE,
            gone(200, Body::Any, get("delete a service", account.service("second"), "Service")),
        ),
        to(
            Method::DELETE,
            gone(204, Body::Empty, get("delete no service", account.service("second"), "Error")),
        ),
        get("get a service's keys", account.service_keys(&service), "Keys"),
        post(
            "regenerate a service's keys",
            account.service_keys(&service),
            &json!({ "keyType": "Primary" }),
            "Keys",
        ),
        post(
            "regenerate a service's keys by the older path",
            account.regenerate_keys(&service),
            &json!({ "keyType": "Secondary" }),
            "Keys",
        ),
        get("list deployments", account.deployments(), "[Deployment]"),
        filtered(
            get("filter deployments", account.deployments(), "[Deployment]"),
            &format!("serviceId={service}"),
        ),
        get("get a deployment", account.deployment(deployment), "Deployment"),
        get("get an operation", account.operation(operation.id), "Operation"),
    ]
}
