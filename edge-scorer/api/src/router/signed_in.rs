//! What somebody with credentials meets, through every layer down to a real store.

use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use control::{Control, ControlConfig, FirstStart};
use hyper::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::router;
use crate::{config::ApiConfig, front::Front};

const VERSION: &str = "api-version=2017-09-01-preview";

struct Server {
    front: Front,
    first: FirstStart,
    _data: TempDir,
}

impl Server {
    async fn start() -> Self {
        let data = TempDir::new().unwrap();
        let config = ControlConfig::new(data.path(), "/nonexistent/edge-scorer");
        let opened = Control::open(config).await.unwrap();
        let config = ApiConfig::new("127.0.0.1:8080".parse().unwrap());
        Self {
            front: router(opened.control, config),
            first: opened.first_start.unwrap(),
            _data: data,
        }
    }

    fn base(&self) -> String {
        let FirstStart { subscription_id, resource_group, account, .. } = &self.first;
        format!(
            "/api/subscriptions/{subscription_id}/resourceGroups/{resource_group}/accounts/{account}"
        )
    }

    async fn send(&self, request: hyper::http::request::Builder, body: Body) -> Response {
        let request = request.header(header::HOST, "localhost:8080").body(body).unwrap();
        self.front.clone().oneshot(request).await.unwrap()
    }

    async fn token(&self) -> String {
        let FirstStart { tenant_id, client_id, client_secret, .. } = &self.first;
        let form = format!(
            "grant_type=client_credentials&client_id={client_id}&client_secret={}&resource=https%3A%2F%2Fmanagement.azure.com%2F",
            shared::paths::encode(client_secret)
        );
        let request = Request::post(format!("/{tenant_id}/OAuth2/Token"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let response = self.send(request, Body::from(form)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let answer = body(response).await;
        assert_eq!(answer["token_type"], "Bearer");
        assert!(answer["expires_in"].is_string() && answer["expires_on"].is_string(), "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn call(
        &self,
        token: &str,
        method: Method,
        target: &str,
        sent: Option<Value>,
    ) -> Response {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::AUTHORIZATION, format!("bEARER {token}"));
        if sent.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = sent.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        self.send(request, body).await
    }

    async fn get(&self, token: &str, target: &str) -> (StatusCode, Value) {
        let response = self.call(token, Method::GET, target, None).await;
        (response.status(), body(response).await)
    }
}

async fn body(response: Response) -> Value {
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("no JSON: {bytes:?}"))
}

#[tokio::test]
async fn a_client_finds_its_account_from_nothing_but_its_credentials() {
    let server = Server::start().await;
    let token = server.token().await;

    let (_, subscriptions) = server.get(&token, "/subscriptions?api-version=2020-01-01").await;
    let subscription = subscriptions["value"][0]["subscriptionId"].as_str().unwrap();
    assert_eq!(subscription, server.first.subscription_id);

    let accounts = format!(
        "/subscriptions/{subscription}/providers/microsoft.machinelearningmodelmanagement/accounts?{VERSION}"
    );
    let (_, accounts) = server.get(&token, &accounts).await;
    let account = &accounts["value"][0];
    assert_eq!(account["name"], server.first.account.as_str());
    let swagger = account["properties"]["modelManagementSwaggerLocation"].as_str().unwrap();
    assert!(swagger.starts_with("http://localhost:8080/api/subscriptions/"), "{swagger}");

    let groups = format!("/subscriptions/{subscription}/resourcegroups?api-version=2020-01-01");
    let (_, groups) = server.get(&token, &groups).await;
    assert_eq!(groups["value"][0]["name"], server.first.resource_group.as_str());

    let (status, models) = server.get(&token, &format!("{}/models?{VERSION}", server.base())).await;
    assert_eq!((status, models), (StatusCode::OK, json!({"value": []})));
}

#[tokio::test]
async fn model_management_demands_a_version_that_it_knows() {
    let server = Server::start().await;
    let token = server.token().await;
    let models = format!("{}/models", server.base());

    let (status, refusal) = server.get(&token, &models).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(refusal["code"], "MissingApiVersionParameter");
    let (status, refusal) = server.get(&token, &format!("{models}?api-version=2019-01-01")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(refusal["code"], "InvalidApiVersionParameter");

    let twice = format!("{models}?api-version=nonsense&api-version=2017-06-01-privatepreview");
    assert_eq!(server.get(&token, &twice).await.0, StatusCode::OK);

    let operation = format!("{}/operations/7c9e6679-7425-40de-944b-e07fc1f90ae7", server.base());
    assert_eq!(server.get(&token, &operation).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_not_there_and_what_belongs_to_others_look_alike() {
    let server = Server::start().await;
    let token = server.token().await;
    let id = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

    for target in [
        format!("{}/models/{id}?{VERSION}", server.base()),
        format!("{}/models/not-an-id?{VERSION}", server.base()),
        format!("/api/subscriptions/{id}/resourceGroups/g/accounts/a/models?{VERSION}"),
        format!("{}x/models?{VERSION}", server.base()),
    ] {
        let (status, refusal) = server.get(&token, &target).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{target}");
        assert_eq!(refusal["code"], "NotFound", "{target}: {refusal}");
        assert_eq!(refusal["statusCode"], 404, "{target}");
    }
    let (status, refusal) =
        server.get(&token, &format!("/subscriptions/{id}?api-version=2020-01-01")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(refusal["error"]["code"], "SubscriptionNotFound");
}

#[tokio::test]
async fn a_body_that_is_no_document_is_refused_before_it_reaches_the_domain() {
    let server = Server::start().await;
    let token = server.token().await;
    let target = format!("{}/models?{VERSION}", server.base());
    let post = |media: &'static str| {
        Request::post(&target)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, media)
    };

    let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
    for (media, sent, status, code) in [
        ("application/json", "{".to_owned(), 400, "InvalidRequest"),
        ("application/json", "[]".to_owned(), 400, "InvalidRequest"),
        ("application/json", "{\"name\":\"x\"}".to_owned(), 400, "InvalidRequest"),
        ("application/json", deep, 400, "LimitExceeded"),
        ("application/json", " ".repeat((1 << 20) + 1), 413, "LimitExceeded"),
        ("text/plain", "{}".to_owned(), 415, "UnsupportedMediaType"),
    ] {
        let what = sent.chars().take(20).collect::<String>();

        let response = server.send(post(media), Body::from(sent)).await;

        assert_eq!(response.status(), status, "{what}");
        let refusal = body(response).await;
        assert_eq!(refusal["code"], code, "{what}: {refusal}");
    }
}

#[tokio::test]
async fn stored_bytes_are_served_whole_in_part_or_not_at_all() {
    let server = Server::start().await;
    let token = server.token().await;
    let artifact = format!("{}/artifacts/m/a.onnx?{VERSION}", server.base());
    let request = Request::put(&artifact).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let response = server.send(request, Body::from("not a model")).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let stored = body(response).await;
    let url = stored["url"].as_str().unwrap();
    assert!(url.starts_with("http://localhost:8080/api/subscriptions/"), "{url}");

    let fetched = server.call(&token, Method::GET, url, None).await;
    assert_eq!(fetched.status(), StatusCode::OK);
    let etag = fetched.headers()[header::ETAG].clone();
    let again = Request::get(url)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::IF_NONE_MATCH, etag);
    assert_eq!(server.send(again, Body::empty()).await.status(), StatusCode::NOT_MODIFIED);
    let part = Request::get(url)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::RANGE, "bytes=4-8");
    let part = server.send(part, Body::empty()).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()[header::CONTENT_RANGE], "bytes 4-8/11");
    assert_eq!(to_bytes(part.into_body(), 100).await.unwrap(), "a mod");
}

#[tokio::test]
async fn pages_of_a_list_lead_to_one_another() {
    let server = Server::start().await;
    let token = server.token().await;
    let url = "https://models.example/m.onnx";

    let mut expected = Vec::new();
    for _ in 0..5 {
        let model = json!({"name": "m & m", "url": url, "mimeType": "application/onnx"});
        let target = format!("{}/models?{VERSION}", server.base());
        let refused = server.call(&token, Method::POST, &target, Some(model)).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        let model = json!({"name": "mm", "url": url, "mimeType": "application/onnx"});
        let made = server.call(&token, Method::POST, &target, Some(model)).await;
        assert_eq!(made.status(), StatusCode::OK);
        expected.insert(0, body(made).await["id"].clone());
    }

    let mut found = Vec::new();
    let mut next = Some(format!("{}/models?name=mm&count=2&{VERSION}", server.base()));
    while let Some(target) = next {
        let (status, page) = server.get(&token, &target).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let rows = page["value"].as_array().unwrap();
        assert!(rows.len() <= 2);
        found.extend(rows.iter().map(|row| row["id"].clone()));
        next = page.get("nextLink").map(|link| link.as_str().unwrap().to_owned());
        if let Some(link) = &next {
            assert!(link.starts_with("http://localhost:8080/api/"), "{link}");
            assert!(link.contains("name=mm") && link.contains(VERSION), "{link}");
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_session_reads_freely_and_changes_only_with_its_csrf_token() {
    let server = Server::start().await;
    let FirstStart { client_id, client_secret, .. } = &server.first;
    let open = || {
        Request::post("/api/session")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ORIGIN, "http://localhost:8080")
    };
    let link = json!({"signInToken": server.first.sign_in_token}).to_string();
    let opened = server.send(open(), Body::from(link.clone())).await;
    assert_eq!(opened.status(), StatusCode::OK);
    let replayed = server.send(open(), Body::from(link)).await;
    assert_eq!(replayed.status(), StatusCode::UNAUTHORIZED);

    let secret = json!({"clientId": client_id, "clientSecret": client_secret}).to_string();
    let opened = server.send(open(), Body::from(secret.clone())).await;
    assert_eq!(opened.status(), StatusCode::OK);
    let set = opened.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    let cookie = set.split(';').next().unwrap().to_owned();
    let csrf = body(opened).await["csrfToken"].as_str().unwrap().to_owned();

    let with = |method: Method, target: &str| {
        Request::builder().method(method).uri(target).header(header::COOKIE, cookie.clone())
    };
    let me = body(server.send(with(Method::GET, "/api/me"), Body::empty()).await).await;
    assert_eq!(me["csrfToken"], csrf.as_str());
    assert_eq!(me["tenantId"], server.first.tenant_id.as_str());
    assert!(me["actions"].as_array().unwrap().contains(&json!("write")), "{me}");

    let upload = format!("{}/uploads?{VERSION}", server.base());
    let sent = || Body::from(json!({"path": "a.onnx", "size": 4}).to_string());
    let refused = server.send(with(Method::POST, &upload), sent()).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let allowed = with(Method::POST, &upload).header("x-csrf-token", &csrf);
    let started = server.send(allowed, sent()).await;
    assert_eq!(started.status(), StatusCode::CREATED);
    let id = body(started).await["id"].as_str().unwrap().to_owned();

    let chunk = format!("{}/uploads/{id}?{VERSION}", server.base());
    let append = |offset: u64| {
        with(Method::PATCH, &chunk)
            .header("x-csrf-token", &csrf)
            .header("upload-offset", offset.to_string())
    };
    let first = server.send(append(0), Body::from("ab")).await;
    assert_eq!(first.status(), StatusCode::NO_CONTENT);
    assert_eq!(first.headers()["upload-offset"], "2");
    let wrong = server.send(append(0), Body::from("ab")).await;
    assert_eq!(wrong.status(), StatusCode::CONFLICT);
    assert_eq!(wrong.headers()["upload-offset"], "2");
    let head = server.send(with(Method::HEAD, &chunk), Body::empty()).await;
    assert_eq!(
        (head.status(), &head.headers()["upload-offset"]),
        (StatusCode::OK, &"2".parse().unwrap())
    );

    let close = || with(Method::DELETE, "/api/session").header("x-csrf-token", &csrf);
    assert_eq!(server.send(close(), Body::empty()).await.status(), StatusCode::NO_CONTENT);
    let after = server.send(with(Method::GET, "/api/me"), Body::empty()).await;
    assert_eq!(after.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(server.send(close(), Body::empty()).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn guessing_a_secret_is_slowed_down() {
    let server = Server::start().await;
    let FirstStart { tenant_id, client_id, .. } = &server.first;
    let guess = || {
        let form = format!(
            "grant_type=client_credentials&client_id={client_id}&client_secret=wrong&resource=https://management.azure.com/"
        );
        let request = Request::post(format!("/{tenant_id}/oauth2/token"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        server.send(request, Body::from(form))
    };

    let first = guess().await;
    assert_eq!(first.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(body(first).await["error"], "invalid_client");
    let mut refused = StatusCode::UNAUTHORIZED;
    for _ in 0..10 {
        let response = guess().await;
        refused = response.status();
        if refused == StatusCode::TOO_MANY_REQUESTS {
            assert!(response.headers().contains_key(header::RETRY_AFTER));
        }
    }
    assert_eq!(refused, StatusCode::TOO_MANY_REQUESTS);
}
