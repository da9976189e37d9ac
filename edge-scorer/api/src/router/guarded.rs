//! Every route × every kind of caller who must not come in, and the same routes' rows in the audit log.
//!
//! The routes are the router's own, so that a new one is in the matrix from its first day. What is
//! expected follows from the route alone: 401 without a valid proof, 403 without the role, 404 for
//! what belongs to others.

use std::collections::BTreeSet;

use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use control::{
    Audience, ClientCredentials, Control, ControlConfig, FirstStart, TokenRequest, TokenVersion,
};
use hyper::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use shared::paths;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{management, router};
use crate::{config::ApiConfig, front::Front, scoring};

const HERE: &str = "http://localhost:8080";
const RESOURCE: &str = "https://management.azure.com/";
const ID: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
const CHANGES: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

struct Server {
    front: Front,
    control: Control,
    first: FirstStart,
    owner: String,
    _data: TempDir,
}

/// A client id and its secret.
struct Client(String, String);

impl Server {
    async fn start() -> Self {
        let data = TempDir::new().unwrap();
        let opened = Control::open(config(&data)).await.unwrap();
        let first = opened.first_start.unwrap();
        let mut server = Self {
            front: front(&opened.control),
            control: opened.control,
            first,
            owner: String::new(),
            _data: data,
        };
        let administrator =
            Client(server.first.client_id.clone(), server.first.client_secret.clone());
        server.owner = token(&server.control, &administrator, HERE, RESOURCE).await;
        server
    }

    fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.first.subscription_id)
    }

    fn account(&self) -> String {
        let FirstStart { subscription_id, resource_group, account, .. } = &self.first;
        paths::account_arm_id(subscription_id, resource_group, account)
    }

    /// A path of a template in the account that there is.
    fn filled(&self, template: &str) -> String {
        let first = &self.first;
        let segments = template.split('/').map(|segment| match segment {
            "{subscription}" => first.subscription_id.as_str(),
            "{group}" => first.resource_group.as_str(),
            "{account}" => first.account.as_str(),
            "{workspace}" => first.workspace.as_str(),
            "{namespace}" => "Microsoft.Resources",
            "{tenant}" => first.tenant_id.as_str(),
            "{cluster}" => "any",
            "{*path}" => "folder/model.onnx",
            "{id}" | "{name}" | "{secret}" | "{version}" => ID,
            other if other.starts_with('{') => "unknown",
            fixed => fixed,
        });
        segments.collect::<Vec<_>>().join("/")
    }

    async fn send(&self, bearer: Option<&str>, method: &Method, path: &str) -> Response {
        let version = if path.starts_with("/api/") { "2017-09-01-preview" } else { "2020-08-01" };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{path}?api-version={version}"))
            .header(header::HOST, "localhost:8080")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(bearer) = bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let body = match *method {
            Method::GET => Body::empty(),
            _ => Body::from(self.document(path).to_string()),
        };
        self.front.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    /// A document that the route reads, where it needs one.
    fn document(&self, path: &str) -> Value {
        let scope = self.account();
        if path.ends_with("/roles") {
            json!({"scope": scope, "role": "Reader"})
        } else if path.starts_with(paths::SERVICE_PRINCIPALS) {
            json!({"displayName": "somebody"})
        } else if path.starts_with(paths::PEOPLE) {
            json!({"displayName": "Somebody", "signInName": "somebody"})
        } else if path.starts_with(paths::PASSWORD) {
            json!({"newPassword": "correct horse battery"})
        } else if path.contains("/roleAssignments/") {
            json!({"properties": {"roleDefinitionId": "Reader", "principalId": ID}})
        } else {
            json!({})
        }
    }

    /// A client with a role at the account.
    async fn client(&self, roles: &[&str]) -> String {
        self.client_at(&self.account(), roles).await
    }

    async fn client_at(&self, scope: &str, roles: &[&str]) -> String {
        let roles: Vec<_> =
            roles.iter().map(|role| json!({"scope": scope, "role": role})).collect();
        let request = Request::post(paths::SERVICE_PRINCIPALS)
            .header(header::HOST, "localhost:8080")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.owner))
            .body(Body::from(json!({"displayName": "robot", "roles": roles}).to_string()))
            .unwrap();
        let response = self.front.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        let made = body(response).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let client = Client(text(&made["clientId"]), text(&made["secret"]["secret"]));
        token(&self.control, &client, HERE, RESOURCE).await
    }
}

fn config(data: &TempDir) -> ControlConfig {
    let mut config = ControlConfig::new(data.path(), "/nonexistent/edge-scorer");
    config.public_url = Some(HERE.to_owned());
    config
}

fn front(control: &Control) -> Front {
    let mut config = ApiConfig::new("127.0.0.1:8080".parse().unwrap());
    config.public_url = Some(HERE.to_owned());
    router(control.clone(), config)
}

async fn token(control: &Control, client: &Client, endpoint: &str, resource: &str) -> String {
    let request = TokenRequest {
        tenant: "common".to_owned(),
        version: TokenVersion::V1,
        audience: Audience::Resource(resource.to_owned()),
        credentials: ClientCredentials {
            client_id: client.0.clone(),
            client_secret: client.1.clone(),
        },
        endpoint: endpoint.to_owned(),
        from: None,
    };
    control.issue_token(request).await.unwrap().access_token
}

async fn body(response: Response) -> Value {
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

/// Every route and method that a caller must prove itself for.
fn guarded() -> Vec<(String, Method)> {
    let public = [
        "/api/version",
        paths::SESSION,
        paths::SIGN_IN_OPTIONS,
        paths::OUTSIDE_SIGN_IN,
        paths::OUTSIDE_CALLBACK,
        "/openapi.json",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
    ];
    let templates: BTreeSet<_> =
        management().and(scoring::routes()).templates().into_iter().collect();
    let templates = templates
        .into_iter()
        .filter(|t| !public.contains(&t.as_str()) && !t.starts_with("/{tenant}/"));
    let methods = [&[Method::GET], &CHANGES[..]].concat();
    templates
        .flat_map(|template| methods.clone().into_iter().map(move |m| (template.clone(), m)))
        .collect()
}

#[tokio::test]
async fn without_a_valid_proof_every_route_answers_401() {
    let server = Server::start().await;
    let administrator = Client(server.first.client_id.clone(), server.first.client_secret.clone());

    // Signed by this server's own key, and still not good here.
    let elsewhere = "http://elsewhere.example";
    let wrong_audience = token(&server.control, &administrator, elsewhere, elsewhere).await;
    let forged = {
        let jwks = server.control.json_web_keys();
        let (kid, modulus) = (&jwks.keys[0].kid, &jwks.keys[0].n);
        let claims = server.owner.split('.').nth(1).unwrap();
        let encode = |header: Value| URL_SAFE_NO_PAD.encode(header.to_string());
        let none = format!("{}.{claims}.", encode(json!({"alg": "none", "kid": kid})));
        let message = format!("{}.{claims}", encode(json!({"alg": "HS256", "kid": kid})));
        let sign = |secret: &[u8]| {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
            let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
        };
        let confused = sign(modulus.as_bytes());
        let confused_bytes = sign(&URL_SAFE_NO_PAD.decode(modulus).unwrap());
        [none, confused, confused_bytes]
    };
    let stranger = {
        let other = Server::start().await;
        other.owner.clone()
    };
    let wrong_issuer = issued_under_another_name().await;
    let expired = expired_token(&server).await;
    assert_eq!(
        server.send(Some(&server.owner), &Method::GET, paths::ME).await.status(),
        StatusCode::OK,
        "the good token is good"
    );

    let mut walked = 0;
    for (template, method) in guarded() {
        let path = server.filled(&template);
        let nobody = server.send(None, &method, &path).await;
        if nobody.status() == StatusCode::METHOD_NOT_ALLOWED {
            continue;
        }
        walked += 1;
        assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED, "{method} {template}: nobody");
        for (what, bearer) in [
            ("wrong audience", &wrong_audience),
            ("alg none", &forged[0]),
            ("key confusion, text", &forged[1]),
            ("key confusion, bytes", &forged[2]),
            ("another server's", &stranger),
        ] {
            let status = server.send(Some(bearer), &method, &path).await.status();
            let unknown_service = status == StatusCode::NOT_FOUND && is_scoring(&template);
            assert!(
                status == StatusCode::UNAUTHORIZED || unknown_service,
                "{method} {template}: {what}: {status}"
            );
        }
        let (issuer_server, bearer) = &wrong_issuer;
        let path = issuer_server.filled(&template);
        let status = issuer_server.send(Some(bearer), &method, &path).await.status();
        let unknown_service = status == StatusCode::NOT_FOUND && is_scoring(&template);
        assert!(
            status == StatusCode::UNAUTHORIZED || unknown_service,
            "{method} {template}: wrong issuer: {status}"
        );
        let (expired_server, bearer) = &expired;
        let path = expired_server.filled(&template);
        let response = expired_server.send(Some(bearer), &method, &path).await;
        let unknown_service = response.status() == StatusCode::NOT_FOUND && is_scoring(&template);
        assert!(
            response.status() == StatusCode::UNAUTHORIZED || unknown_service,
            "{method} {template}: expired: {}",
            response.status()
        );
    }
    assert!(walked > 80, "only {walked} routes were walked");
}

/// Whoever sends a key to a service that does not exist is told so, as documented.
fn is_scoring(template: &str) -> bool {
    template.starts_with("/api/v1/service/")
        || template.starts_with("/v2/models/")
        || template.starts_with("/workspaces/")
}

/// A server whose public address is not the one that its token was issued under.
async fn issued_under_another_name() -> (Server, String) {
    let data = TempDir::new().unwrap();
    let mut before = config(&data);
    before.public_url = Some("http://before.example".to_owned());
    let opened = Control::open(before).await.unwrap();
    let first = opened.first_start.unwrap();
    let administrator = Client(first.client_id.clone(), first.client_secret.clone());
    let bearer = token(&opened.control, &administrator, HERE, RESOURCE).await;
    opened.control.shutdown().await;
    drop(opened.control);

    let control = reopened(config(&data)).await;
    let front = front(&control);
    (Server { front, control, first, owner: String::new(), _data: data }, bearer)
}

/// A server that gives no leeway, and a token whose second has passed.
async fn expired_token(_: &Server) -> (Server, String) {
    let data = TempDir::new().unwrap();
    let mut strict = config(&data);
    strict.token_lifetime = std::time::Duration::ZERO;
    strict.clock_skew = std::time::Duration::ZERO;
    let opened = Control::open(strict).await.unwrap();
    let first = opened.first_start.unwrap();
    let administrator = Client(first.client_id.clone(), first.client_secret.clone());
    let bearer = token(&opened.control, &administrator, HERE, RESOURCE).await;
    let control = opened.control;
    let server =
        Server { front: front(&control), control, first, owner: String::new(), _data: data };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let response = server.send(Some(&bearer), &Method::GET, paths::ME).await;
        if response.status() == StatusCode::UNAUTHORIZED {
            assert_eq!(body(response).await["code"], "ExpiredAuthenticationToken");
            return (server, bearer);
        }
        assert!(std::time::Instant::now() < deadline, "the token does not expire");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Opens a folder again, once its last user has let go of it.
async fn reopened(config: ControlConfig) -> Control {
    loop {
        match Control::open(config.clone()).await {
            Ok(opened) => return opened.control,
            Err(control::OpenError::InUse(_)) => {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn readers_and_scorers_change_nothing_and_see_no_secret() {
    let server = Server::start().await;
    let reader = server.client(&["Reader"]).await;
    let scorer = server.client(&["Scorer"]).await;
    let nobody = server.client(&[]).await;

    for (template, method) in guarded() {
        let path = server.filled(&template);
        let changes = CHANGES.contains(&method);
        for (who, bearer) in [("reader", &reader), ("scorer", &scorer), ("no role", &nobody)] {
            let status = server.send(Some(bearer), &method, &path).await.status();
            if status == StatusCode::METHOD_NOT_ALLOWED {
                continue;
            }
            let what = format!("{method} {template} as {who}: {status}");
            let refused = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
            if is_own(&template) {
                // What everybody may do about themselves.
                assert!(!refused.contains(&status) || template.contains('{'), "{what}");
            } else if changes || is_secret(&template) || is_scoring(&template) || who != "reader" {
                let visible = !changes && is_list_of_what_one_may_see(&template);
                assert!(visible || refused.contains(&status), "{what}");
            } else {
                assert_ne!(status, StatusCode::UNAUTHORIZED, "{what}");
                assert!(!status.is_server_error(), "{what}");
            }
        }
    }
}

/// The caller's own sessions, password and name.
fn is_own(template: &str) -> bool {
    [paths::ME, paths::PASSWORD, paths::SESSIONS].contains(&template)
        || template.starts_with("/api/sessions/")
}

/// What a Reader may not see.
fn is_secret(template: &str) -> bool {
    template.ends_with("/keys")
        || template.ends_with("/listKeys")
        || template.starts_with(paths::SERVICE_PRINCIPALS)
        || template.starts_with(paths::PEOPLE)
        || template.starts_with(paths::SIGNING_KEYS)
}

/// Lists of ARM that leave out what the caller may not see, rather than refuse, and what describes
/// only the server.
fn is_list_of_what_one_may_see(template: &str) -> bool {
    template.starts_with("/subscriptions") && !template.contains("/accounts/{account}")
        || template == "/metrics"
        || !template.starts_with("/api/") && !template.starts_with("/subscriptions/")
}

#[tokio::test]
async fn what_belongs_to_others_does_not_exist() {
    let server = Server::start().await;
    for (template, method) in guarded() {
        if !template.contains("{subscription}") {
            continue;
        }
        let path = server.filled(&template).replace(&server.first.subscription_id, ID);
        let status = server.send(Some(&server.owner), &method, &path).await.status();
        if status != StatusCode::METHOD_NOT_ALLOWED {
            assert_eq!(status, StatusCode::NOT_FOUND, "{method} {template}");
        }
    }
}

/// This server holds one tenant; the token of another's is in the matrix above. Within the tenant, an
/// owner of one account is a stranger to every other.
#[tokio::test]
async fn the_owner_of_another_account_reads_and_changes_nothing_of_this_one() {
    let server = Server::start().await;
    let group = format!("{}/resourceGroups/other", server.subscription());
    let account =
        format!("{group}/providers/Microsoft.MachineLearningModelManagement/accounts/theirs");
    for path in [&group, &account] {
        let request = Request::put(format!("{path}?api-version=2020-08-01"))
            .header(header::HOST, "localhost:8080")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", server.owner))
            .body(Body::from(json!({"location": "local"}).to_string()))
            .unwrap();
        let made = server.front.clone().oneshot(request).await.unwrap();
        assert_eq!(made.status(), StatusCode::CREATED, "{path}");
    }
    let theirs = server.client_at(&account, &["Owner"]).await;
    let own = account.replace("/subscriptions/", "/api/subscriptions/");
    let own = own.replace("/providers/Microsoft.MachineLearningModelManagement", "") + "/models";
    let seen = server.send(Some(&theirs), &Method::GET, &own).await;
    assert_eq!(seen.status(), StatusCode::OK, "what is theirs is theirs");

    let mut walked = 0;
    for (template, method) in guarded() {
        if !template.contains("{account}") && !template.contains("{group}") {
            continue;
        }
        let path = server.filled(&template);
        let response = server.send(Some(&theirs), &method, &path).await;
        let status = response.status();
        if status == StatusCode::METHOD_NOT_ALLOWED {
            continue;
        }
        walked += 1;
        if status == StatusCode::OK && method == Method::GET {
            assert!(is_list_of_what_one_may_see(&template), "{method} {template}: {status}");
            assert_eq!(body(response).await["value"], json!([]), "{template}");
            continue;
        }
        let refused = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
        assert!(refused.contains(&status), "{method} {template}: {status}");
    }
    assert!(walked > 60, "only {walked} routes were walked");
    let list = server.send(Some(&theirs), &Method::GET, &server.subscription()).await;
    assert_eq!(list.status(), StatusCode::OK, "the way to their account is open");
}

#[tokio::test]
async fn every_changing_route_leaves_a_row_in_the_audit_log() {
    let server = Server::start().await;
    let mut walked = 0;
    for (template, method) in guarded() {
        // Scoring changes nothing; the password belongs to a session and is told of below.
        if !CHANGES.contains(&method) || is_scoring(&template) {
            continue;
        }
        let path = server.filled(&template);
        let response = server.send(Some(&server.owner), &method, &path).await;
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            continue;
        }
        walked += 1;
        let what = format!("{method} {template}: {}", response.status());
        let id = response.headers()["x-ms-request-id"].to_str().unwrap().to_owned();
        let succeeded = response.status().is_success();

        let target = format!("{}?requestId={id}", paths::AUDIT);
        let request = Request::get(&target)
            .header(header::HOST, "localhost:8080")
            .header(header::AUTHORIZATION, format!("Bearer {}", server.owner))
            .body(Body::empty())
            .unwrap();
        let log = body(server.front.clone().oneshot(request).await.unwrap()).await;

        let rows = log["value"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{what}: {log}");
        assert_eq!(rows[0]["method"], method.as_str(), "{what}");
        assert_eq!(rows[0]["path"], path, "{what}");
        assert_eq!(rows[0]["principalName"], "Administrator", "{what}");
        assert_eq!(rows[0]["proof"], "Token", "{what}");
        assert_eq!(rows[0]["outcome"] == "Succeeded", succeeded, "{what}: {log}");
    }
    assert!(walked > 40, "only {walked} routes were walked");
}

#[tokio::test]
async fn a_change_and_its_row_are_written_together() {
    let server = Server::start().await;
    let subscription = server.subscription();
    let group = format!("{subscription}/resourceGroups/new");
    let account =
        format!("{group}/providers/Microsoft.MachineLearningModelManagement/accounts/fresh");
    let steps = [
        (Method::PUT, group.clone(), json!({"location": "local"}), 201),
        (Method::PUT, account.clone(), json!({"location": "local"}), 201),
        (Method::PATCH, account.clone(), json!({"tags": {"a": "b"}}), 200),
        (Method::DELETE, account, json!({}), 200),
        (Method::DELETE, group, json!({}), 200),
        (Method::POST, paths::SERVICE_PRINCIPALS.to_owned(), json!({"displayName": "x"}), 201),
        (
            Method::POST,
            paths::PEOPLE.to_owned(),
            json!({"displayName": "Ada", "signInName": "ada"}),
            201,
        ),
        (Method::POST, paths::ROTATE_SIGNING_KEY.to_owned(), json!({}), 201),
    ];
    for (method, path, document, expected) in &steps {
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}?api-version=2020-08-01"))
            .header(header::HOST, "localhost:8080")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", server.owner))
            .body(Body::from(document.to_string()))
            .unwrap();
        let response = server.front.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), *expected, "{method} {path}");
    }

    let request = Request::get(format!("{}?method=GET", paths::AUDIT))
        .header(header::HOST, "localhost:8080")
        .header(header::AUTHORIZATION, format!("Bearer {}", server.owner))
        .body(Body::empty())
        .unwrap();
    let reads = body(server.front.clone().oneshot(request).await.unwrap()).await;
    assert_eq!(reads["value"], json!([]), "reading is no change");
    let log = body(server.send(Some(&server.owner), &Method::GET, paths::AUDIT).await).await;
    // What the first start made is in the log too.
    let rows = log["value"].as_array().unwrap().iter().filter(|row| row["proof"] == "Token");
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.len(), steps.len(), "{log}");
    for (row, (method, path, ..)) in rows.into_iter().rev().zip(&steps) {
        assert_eq!(row["method"], method.as_str());
        assert_eq!(&row["path"], path);
        assert_eq!(row["withChange"], true, "{row}");
        assert_eq!(row["outcome"], "Succeeded", "{row}");
    }
}
