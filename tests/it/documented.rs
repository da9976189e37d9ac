//! Every documented call of model management, once and in order: its status, its headers, and the
//! members of its answer, with every documented member of a request sent.

use serde_json::{Value, json};
use shared::paths;
use tests::{Answer, Client, Edge, fixtures};

const MODEL: &str = "id name version url mimeType description tags unpack createdAt";
const MANIFEST: &str = "id name version description driverProgram assets modelIds modelType \
    targetRuntime webserviceType createdTime";
const IMAGE: &str = "id name version description computeResourceId imageType manifest createdTime \
    creationState imageBuildLogUri imageLocation";
const SERVICE: &str = "id name createdAt updatedAt state scoringUri image manifest models \
    computeResource containerResourceReservation dataCollection appInsightsEnabled autoScaler \
    maxConcurrentRequestsPerContainer";
const DEPLOYMENT: &str = "id serviceName imageId state createdAt";
const OPERATION: &str = "id operationType state createdTime resourceLocation";
const KEYS: &str = "primaryKey secondaryKey";
const ERROR: &str = "code message statusCode details";

/// Where each call goes; `{B}` and `api-version` are the same everywhere.
struct Account<'a> {
    client: &'a Client,
    base: String,
}

impl Account<'_> {
    fn at(&self, path: &str) -> String {
        paths::versioned(&format!("{}{path}", self.base))
    }

    async fn get(&self, path: &str, members: &str) -> Value {
        has(self.client.get(&self.at(path)).await.expect(200), members)
    }

    async fn post(&self, path: &str, body: Value, members: &str) -> Value {
        has(self.client.post(&self.at(path), &body).await.expect(200), members)
    }

    /// One page that holds one row.
    async fn page(&self, path: &str, members: &str) {
        let page = self.client.get(&self.at(path)).await.expect(200).value();
        let [row] = page["value"].as_array().unwrap().as_slice() else { panic!("{page}") };
        holds(row, members);
        assert!(page["nextLink"].is_null(), "{page}");
    }

    /// 202, no body, and an address that tells of the operation; waits for its end.
    async fn accepted(&self, answer: Answer, kind: &str) -> Value {
        let answer = answer.expect(202);
        assert_eq!(answer.text(), "");
        let location = answer.header("operation-location");
        assert!(location.starts_with(&format!("{}{}/operations/", self.client.url, self.base)));
        assert!(!location.contains('?'), "{location}");
        let begun = has(self.client.get(location).await.expect(200), OPERATION);
        assert_eq!(location.rsplit('/').next(), begun["id"].as_str());
        assert_eq!(begun["operationType"], kind);

        self.client.finished(&answer).await;
        let path = format!("/operations/{}", begun["id"].as_str().unwrap());
        let ended = self.get(&path, &format!("{OPERATION} endTime")).await;
        assert_eq!(ended["state"], "Succeeded", "{ended}");
        ended
    }

    /// An error of the documented form.
    fn refused(&self, answer: Answer, status: u16) {
        let error = has(answer.expect(status), ERROR);
        assert_eq!(error["statusCode"], status, "{error}");
        for detail in error["details"].as_array().unwrap() {
            holds(detail, "code message");
        }
    }
}

/// The answer's body, which is JSON with these members.
#[track_caller]
fn has(answer: Answer, members: &str) -> Value {
    let kind = answer.header("content-type");
    assert!(kind.starts_with("application/json"), "{kind}");
    let body = answer.value();
    holds(&body, members);
    body
}

#[track_caller]
fn holds(body: &Value, members: &str) {
    for member in members.split_whitespace() {
        assert!(!body[member].is_null(), "`{member}` is missing in {body}");
    }
}

fn settings(image: &Value) -> Value {
    json!({
        "imageId": image,
        "appInsightsEnabled": false,
        "autoScaler": {
            "autoscaleEnabled": true,
            "minReplicas": 1,
            "maxReplicas": 2,
            "refreshPeriodInSeconds": 1,
            "targetUtilization": 70,
        },
        "containerResourceReservation": { "cpu": "100m", "memory": "64Mi" },
        "dataCollection": { "eventHubEnabled": false, "storageEnabled": true },
        "maxConcurrentRequestsPerContainer": 4,
    })
}

#[tokio::test]
async fn every_documented_call_answers_with_the_documented_status_headers_and_members() {
    let edge = Edge::start();
    let client = edge.client().await;
    let stored = client.upload("iris.onnx", &fixtures::onnx("iris_logistic")).await;
    let b = edge.bootstrap();
    let base = format!(
        "/api/subscriptions/{}/resourceGroups/{}/accounts/{}",
        b.subscription_id, b.resource_group, b.account
    );
    let account = Account { client: &client, base };
    let absent = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

    let model = json!({
        "name": "iris",
        "description": "flowers",
        "tags": ["demo"],
        "url": stored.url,
        "mimeType": "application/octet-stream",
        "unpack": false,
    });
    let model = account.post("/models", model, MODEL).await;
    account.page("/models?name=iris&tag=demo&count=10", MODEL).await;
    let model = &model["id"];
    account.get(&format!("/models/{}", model.as_str().unwrap()), MODEL).await;
    account.refused(client.get(&account.at(&format!("/models/{absent}"))).await, 404);

    let manifest = json!({
        "name": "iris",
        "description": "one model",
        "driverProgram": "driver",
        "assets": [{
            "id": "driver",
            "mimeType": "application/x-python",
            "url": stored.url,
            "unpack": false,
        }],
        "modelIds": [model],
        "modelType": "Registered",
        "targetRuntime": { "runtimeType": "Python", "properties": { "pythonVersion": "3.6" } },
        "webserviceType": "Realtime",
    });
    let mut unknown = manifest.clone();
    unknown["modelIds"] = json!([absent]);
    account.refused(client.post(&account.at("/manifests"), &unknown).await, 400);
    let manifest = account.post("/manifests", manifest, MANIFEST).await;
    holds(&manifest["assets"][0], "id mimeType url unpack");
    let by_model = format!("modelId={}", model.as_str().unwrap());
    account.page(&format!("/manifests?{by_model}&manifestName=iris"), MANIFEST).await;
    let manifest = &manifest["id"];
    account.get(&format!("/manifests/{}", manifest.as_str().unwrap()), MANIFEST).await;

    let image = json!({
        "name": "iris",
        "description": "packed",
        "manifestId": manifest,
        "computeResourceId": "here",
        "imageType": "Docker",
    });
    let answer = client.post(&account.at("/images"), &image).await;
    let built = account.accepted(answer, "Image").await;
    let image = client.get(&paths::versioned(built["resourceLocation"].as_str().unwrap())).await;
    let image = has(image.expect(200), IMAGE);
    holds(&image["manifest"], MANIFEST);
    let by_manifest = format!("manifestId={}", manifest.as_str().unwrap());
    account.page(&format!("/images?{by_manifest}&manifestName=iris"), IMAGE).await;
    let image = &image["id"];
    account.get(&format!("/images/{}", image.as_str().unwrap()), IMAGE).await;

    let mut service = settings(image);
    service["name"] = json!("iris");
    service["computeResource"] = json!({ "id": "here", "type": "Cluster" });
    let answer = client.post(&account.at("/services"), &service).await;
    let deployed = account.accepted(answer, "Service").await;
    account.refused(client.post(&account.at("/services"), &service).await, 409);
    let service =
        client.get(&paths::versioned(deployed["resourceLocation"].as_str().unwrap())).await;
    let service = has(service.expect(200), SERVICE);
    holds(&service["computeResource"], "id type");
    holds(&service["containerResourceReservation"], "cpu memory");
    holds(&service["dataCollection"], "eventHubEnabled storageEnabled");
    let scaler =
        "autoscaleEnabled minReplicas maxReplicas refreshPeriodInSeconds targetUtilization";
    holds(&service["autoScaler"], scaler);
    holds(&service["models"][0], MODEL);
    holds(&service["image"], IMAGE);
    let filters = format!(
        "serviceName=iris&{by_model}&modelName=iris&{by_manifest}&manifestName=iris&imageId={}\
         &computeResourceId=here&count=5",
        image.as_str().unwrap()
    );
    account.page(&format!("/services?{filters}"), SERVICE).await;
    let service = format!("/services/{}", service["id"].as_str().unwrap());
    account.get(&service, SERVICE).await;

    let absent = format!("/services/{absent}");
    let answer = client.put(&account.at(&service), &settings(image)).await;
    account.accepted(answer, "Service").await;
    account.refused(client.put(&account.at(&absent), &settings(image)).await, 404);
    account.refused(client.get(&account.at(&absent)).await, 404);

    let first = account.get(&format!("{service}/keys"), KEYS).await;
    let body = json!({ "keyType": "Secondary" });
    let second = account.post(&format!("{service}/keys"), body.clone(), KEYS).await;
    assert_eq!(second["primaryKey"], first["primaryKey"]);
    assert_ne!(second["secondaryKey"], first["secondaryKey"]);
    account.post(&format!("{service}/regenerateKeys"), body, KEYS).await;

    let list = format!("/deployments?serviceId={}", service.rsplit('/').next().unwrap());
    let deployments = client.get(&account.at(&list)).await.expect(200).value();
    let rows = deployments.as_array().unwrap();
    rows.iter().for_each(|row| holds(row, DEPLOYMENT));
    let ended = rows.iter().filter(|row| !row["expiredAt"].is_null()).count();
    assert_eq!((rows.len(), ended), (2, 1), "{deployments}");
    let deployment = format!("/deployments/{}", rows[0]["id"].as_str().unwrap());
    account.get(&deployment, DEPLOYMENT).await;

    let gone = client.delete(&account.at(&service)).await.expect(200);
    assert_eq!(gone.text(), "");
    client.delete(&account.at(&service)).await.expect(204);
}
