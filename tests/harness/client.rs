//! A caller: signs in, sends, waits for operations, and reads as English in a story.

use std::{future::Future, time::Duration};

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use shared::{
    AsyncOperationStatus, AuthKeys, Bootstrap, Image, Manifest, Model, OperationState, Service,
    StoredArtifact,
    paths::{self, AccountPath},
};

/// How long an operation may take before a story gives up on it.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long to rest between two looks.
const REST: Duration = Duration::from_millis(10);

/// Someone with a token.
#[derive(Clone)]
pub struct Client {
    /// Where the server listens.
    pub url: String,
    /// The administrator's access token.
    pub token: String,
    /// The account of the first start.
    pub account: AccountPath,
    http: reqwest::Client,
}

/// What came back, read to the end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// A model that answers under a name, and the keys to it.
#[derive(Debug, Clone)]
pub struct Published {
    /// The registered model.
    pub model: Model,
    /// What it was packed into.
    pub image: Image,
    /// What serves it.
    pub service: Service,
    /// Its keys.
    pub keys: AuthKeys,
}

/// Looks until `look` finds something, and panics when patience runs out.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let search = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(REST).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, search).await;
    found.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain: {what}"))
}

impl Answer {
    /// The body as `T`.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.text()))
    }

    /// The body as it stands.
    pub fn value(&self) -> Value {
        self.json()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The answer, if its status is the expected one; else a panic that shows it.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

impl Client {
    /// Exchanges the bootstrap file's secret for a token.
    pub async fn sign_in(url: &str, bootstrap: &Bootstrap) -> Self {
        let mut client = Self::anonymous(url);
        let b = bootstrap;
        client.account = AccountPath::new(&b.subscription_id, &b.resource_group, &b.account);
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &b.client_id),
            ("client_secret", &b.client_secret),
            ("resource", "https://management.azure.com/"),
        ];
        let request = client.http.post(client.at(&paths::token(&b.tenant_id))).form(&form);
        let answer = read(request).await.unwrap().expect(200).value();
        client.token = answer["access_token"].as_str().unwrap().to_owned();
        client
    }

    /// Someone who has not signed in.
    pub fn anonymous(url: &str) -> Self {
        // The stories speak plain HTTP; reqwest wants to know of a TLS library all the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self {
            url: url.to_owned(),
            token: String::new(),
            account: AccountPath::new("none", "none", "none"),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// A full address from a path; an address stays as it is.
    pub fn at(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) }
    }

    /// A request with the token, for what the helpers below do not cover.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, self.at(path));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    /// Sends and reads; an error means that no answer came.
    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        read(request).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        read(self.request(Method::GET, path)).await.unwrap()
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        read(self.request(Method::DELETE, path)).await.unwrap()
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: &impl Serialize) -> Answer {
        read(self.request(Method::POST, path).json(body)).await.unwrap()
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: &impl Serialize) -> Answer {
        read(self.request(Method::PUT, path).json(body)).await.unwrap()
    }

    /// Stores bytes under a path of the account's artefacts.
    pub async fn upload(&self, path: &str, bytes: &[u8]) -> StoredArtifact {
        let path = paths::versioned(&self.account.artifact(path));
        let answer = read(self.request(Method::PUT, &path).body(bytes.to_vec())).await.unwrap();
        assert!(answer.status.is_success(), "{}: {}", answer.status, answer.text());
        answer.json()
    }

    /// Registers stored bytes as a model.
    pub async fn register(&self, name: &str, url: &str) -> Model {
        let request = json!({ "name": name, "url": url, "mimeType": "application/octet-stream" });
        self.post(&paths::versioned(&self.account.models()), &request).await.expect(200).json()
    }

    /// Writes a manifest around one model.
    pub async fn describe(&self, name: &str, model: &Model) -> Manifest {
        let request = json!({
            "name": name,
            "driverProgram": "driver",
            "assets": [],
            "modelIds": [model.id],
            "targetRuntime": { "runtimeType": "Onnx", "properties": {} },
        });
        self.post(&paths::versioned(&self.account.manifests()), &request).await.expect(200).json()
    }

    /// Asks for an image and waits for the end of its operation, good or bad.
    pub async fn pack(&self, name: &str, manifest: &Manifest) -> AsyncOperationStatus {
        let request = json!({
            "name": name,
            "manifestId": manifest.id,
            "computeResourceId": "here",
            "imageType": "Docker",
        });
        let answer = self.post(&paths::versioned(&self.account.images()), &request).await;
        self.finished(&answer.expect(202)).await
    }

    /// Follows `Operation-Location` until nothing changes any more.
    pub async fn finished(&self, accepted: &Answer) -> AsyncOperationStatus {
        let location = accepted.header("operation-location").to_owned();
        assert!(location.starts_with("http"), "Operation-Location is `{location}`");
        eventually(&location, async || {
            let status: AsyncOperationStatus = self.get(&location).await.expect(200).json();
            status.state.is_final().then_some(status)
        })
        .await
    }

    /// What a finished operation made.
    #[track_caller]
    pub fn made<T: DeserializeOwned>(
        &self,
        operation: &AsyncOperationStatus,
    ) -> impl Future<Output = T> {
        assert_eq!(operation.state, OperationState::Succeeded, "{:?}", operation.error);
        let location = operation.resource_location.clone().unwrap();
        async move { self.get(&paths::versioned(&location)).await.expect(200).json() }
    }

    /// An image of a model's bytes: upload, register, describe, pack.
    pub async fn image_of(&self, name: &str, bytes: &[u8]) -> (Model, Image) {
        let stored = self.upload(&format!("{name}/model.onnx"), bytes).await;
        let model = self.register(name, &stored.url).await;
        let manifest = self.describe(name, &model).await;
        let operation = self.pack(name, &manifest).await;
        (model, self.made(&operation).await)
    }

    /// Puts an image behind a name.
    pub async fn deploy(&self, name: &str, image: &Image) -> Service {
        let request = json!({
            "name": name,
            "imageId": image.id,
            "computeResource": { "id": "here", "type": "Cluster" },
        });
        let answer = self.post(&paths::versioned(&self.account.services()), &request).await;
        let operation = self.finished(&answer.expect(202)).await;
        self.made(&operation).await
    }

    /// The keys of a service.
    pub async fn keys(&self, service: &str) -> AuthKeys {
        let path = paths::versioned(&self.account.service_keys(service));
        self.get(&path).await.expect(200).json()
    }

    /// From bytes to a service that answers, in one go.
    pub async fn publish(&self, name: &str, bytes: &[u8]) -> Published {
        let (model, image) = self.image_of(name, bytes).await;
        let service = self.deploy(name, &image).await;
        let keys = self.keys(&service.id.to_string()).await;
        Published { model, image, service, keys }
    }

    /// Scores a document with a key.
    pub async fn score(&self, service: &str, key: &str, document: &Value) -> Answer {
        self.try_score(service, key, document).await.unwrap()
    }

    /// Scores a document with a key; an error means that no answer came.
    pub async fn try_score(
        &self,
        service: &str,
        key: &str,
        document: &Value,
    ) -> reqwest::Result<Answer> {
        let request = self.http.post(self.at(&paths::score(service)));
        read(request.bearer_auth(key).json(document)).await
    }
}

async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}
