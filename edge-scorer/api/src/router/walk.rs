//! Every route, walked as somebody does who knows nothing: each failure has its family's shape.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use control::{Control, ControlConfig};
use hyper::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{management, router};
use crate::{
    config::ApiConfig,
    console::{Console, ConsoleFile},
    family::Family,
    front::Front,
    openapi, scoring,
};

/// A server on an empty data folder.
struct Server {
    router: Front,
    _data: Arc<TempDir>,
}

impl Server {
    async fn start() -> Self {
        let data = TempDir::new().unwrap();
        let opened = Control::open(ControlConfig::new(data.path(), "/nonexistent/edge-scorer"))
            .await
            .unwrap();
        let mut config = ApiConfig::new("127.0.0.1:8080".parse().unwrap());
        let index = ConsoleFile {
            path: "index.html",
            etag: "\"1\"",
            content_type: "text/html",
            identity: b"<!doctype html>",
            br: None,
            gzip: None,
            immutable: false,
        };
        config.console = Console::new([index], &[]);
        Self { router: router(opened.control, config), _data: Arc::new(data) }
    }

    async fn call(&self, method: Method, target: &str) -> Response {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, "localhost:8080")
            .body(Body::empty())
            .unwrap();
        self.send(request).await
    }

    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }
}

async fn body(response: Response) -> Value {
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("no JSON: {bytes:?}"))
}

/// Demands the shape that `family` promises for its failures.
fn demand_shape(family: Family, status: StatusCode, body: &Value, what: &str) {
    match family {
        Family::ModelManagement | Family::Scoring => {
            assert_eq!(body["statusCode"], status.as_u16(), "{what}: {body}");
            assert!(body["code"].is_string() && body["message"].is_string(), "{what}: {body}");
            let advice = &body["details"][0];
            assert!(advice["code"].is_string() && advice["message"].is_string(), "{what}: {body}");
        }
        Family::Arm | Family::Rrs | Family::Console => {
            let error = &body["error"];
            assert!(error["code"].is_string() && error["message"].is_string(), "{what}: {body}");
            assert!(error["details"].is_array(), "{what}: {body}");
        }
        Family::Token => {
            assert!(body["error"].is_string(), "{what}: {body}");
            assert!(body["error_description"].is_string(), "{what}: {body}");
        }
        Family::OpenInference => assert!(body["error"].is_string(), "{what}: {body}"),
    }
}

fn demand_ids(response: &Response, what: &str) {
    let id = response.headers()["x-ms-request-id"].to_str().unwrap();
    assert!(uuid::Uuid::try_parse(id).is_ok(), "{what}: {id}");
    assert_eq!(response.headers()["x-ms-client-request-id"], id, "{what}");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{what}");
}

const ID: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

#[tokio::test]
async fn every_route_refuses_strangers_in_its_own_shape_and_with_request_ids() {
    let server = Server::start().await;
    let templates = management().and(scoring::routes()).templates();

    for template in &templates {
        let path = filled(template);
        let family = Family::of(&path);
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let what = format!("{method} {path}");

            let response = server.call(method, &path).await;

            demand_ids(&response, &what);
            let status = response.status();
            if status.is_success() {
                let open = [
                    "/openapi.json",
                    "/api/version",
                    "/api/session",
                    "/api/signIn",
                    "/v2",
                    "/v2/health/live",
                    "/v2/health/ready",
                ];
                let public = open.contains(&path.as_str()) || family == Family::Token;
                assert!(public, "{what} let a stranger in");
                continue;
            }
            assert!(status.is_client_error(), "{what}: {status}");
            if status == StatusCode::METHOD_NOT_ALLOWED {
                assert!(response.headers().contains_key(header::ALLOW), "{what}");
            }
            if status == StatusCode::UNAUTHORIZED {
                assert!(response.headers().contains_key(header::WWW_AUTHENTICATE), "{what}");
            }
            let guarded = matches!(family, Family::Arm | Family::Scoring | Family::Rrs)
                || path.contains("/accounts/")
                || path.starts_with("/v2/models/");
            if guarded {
                let expected = [StatusCode::UNAUTHORIZED, StatusCode::METHOD_NOT_ALLOWED];
                assert!(expected.contains(&status), "{what}: {status}");
            }
            demand_shape(family, status, &body(response).await, &what);
        }
    }
    assert!(templates.len() > 40, "only {} routes were walked", templates.len());
}

/// What `/openapi.json` leaves out: nothing. Pages and files of the console are no routes of ours,
/// and HEAD of whatever can be got goes without saying.
const UNDESCRIBED: [(&str, &str); 0] = [];

#[tokio::test]
async fn every_route_is_described_and_what_is_described_is_a_route() {
    let server = Server::start().await;
    let mut routed = BTreeSet::new();
    let mut implied = BTreeSet::new();
    for template in management().and(scoring::routes()).templates() {
        let refusal = server.call(Method::TRACE, &filled(&template)).await;
        assert_eq!(refusal.status(), StatusCode::METHOD_NOT_ALLOWED, "{template}");
        let allowed = refusal.headers()[header::ALLOW].to_str().unwrap();
        for method in allowed.split(',').map(str::trim) {
            let route = (method.to_owned(), template.replace("{*", "{"));
            let goes_without_saying = method == "HEAD" && allowed.contains("GET");
            if goes_without_saying {
                implied.insert(route)
            } else {
                routed.insert(route)
            };
        }
    }
    assert!(routed.len() > 120, "only {} routes were walked", routed.len());

    let described = openapi::described();

    let excused = |(method, path): &&(String, String)| {
        UNDESCRIBED.contains(&(method.as_str(), path.as_str()))
    };
    let missing: Vec<_> = routed.difference(&described).filter(|route| !excused(route)).collect();
    let invented: Vec<_> =
        described.difference(&routed).filter(|route| !implied.contains(*route)).collect();
    assert!(missing.is_empty(), "add these to `api/src/openapi/`: {missing:#?}");
    assert!(invented.is_empty(), "no router has these: {invented:#?}");
}

fn filled(template: &str) -> String {
    let segments = template.split('/').map(|segment| match segment {
        "{id}" => ID,
        "{tenant}" => "nobody",
        "{*path}" => "folder/model.onnx",
        name if name.starts_with('{') => "unknown",
        fixed => fixed,
    });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_path_under_no_route_is_missing_in_the_shape_of_its_root() {
    let server = Server::start().await;

    for path in [
        "/nothing",
        "/api/unknown",
        "/api/subscriptions/s/nothing",
        "/api/v1/service/x/y/z",
        "/subscriptions/a/b/c/d",
        "/v2/nothing/at/all",
        "/workspaces/w/x",
        "/contoso/oauth2/nothing",
        "/api/subscriptions/%FF/resourceGroups/g/accounts/a/models",
    ] {
        let response = server.call(Method::GET, path).await;

        demand_ids(&response, path);
        let status = response.status();
        assert!(status == StatusCode::NOT_FOUND || status == StatusCode::UNAUTHORIZED, "{path}");
        demand_shape(Family::of(path), status, &body(response).await, path);
    }
}

#[tokio::test]
async fn a_foreign_host_reaches_no_handler() {
    let server = Server::start().await;
    for host in [Some("evil.example"), Some("localhost.evil.example:8080"), None] {
        let mut request = Request::builder().uri("/api/version");
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }

        let response = server.send(request.body(Body::empty()).unwrap()).await;

        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{host:?}");
        assert_eq!(body(response).await["code"], "HostNotAllowed");
    }
}

#[tokio::test]
async fn the_callers_request_id_comes_back() {
    let server = Server::start().await;
    let request = Request::builder()
        .uri("/subscriptions?api-version=2019-11-01")
        .header(header::HOST, "127.0.0.1")
        .header("x-ms-client-request-id", "mine")
        .body(Body::empty())
        .unwrap();

    let response = server.send(request).await;

    assert_eq!(response.headers()["x-ms-client-request-id"], "mine");
    assert_ne!(response.headers()["x-ms-request-id"], "mine");
}

#[tokio::test]
async fn fixed_segments_are_matched_in_any_case_with_one_trailing_slash() {
    let server = Server::start().await;
    for path in ["/API/Version", "/api/version/", "/Api/VERSION/"] {
        assert_eq!(server.call(Method::GET, path).await.status(), StatusCode::OK, "{path}");
    }

    let alias = "/api/subscriptions/s/resourcegroups/g/HOSTINGACCOUNTS/a/Models";
    let response = server.call(Method::GET, alias).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_front_page_leads_to_the_console_and_every_page_below_it_is_one() {
    let server = Server::start().await;

    let root = server.call(Method::GET, "/").await;
    assert!(root.status().is_redirection());
    assert_eq!(root.headers()[header::LOCATION], "/console/");
    assert!(server.call(Method::GET, "/console").await.status().is_redirection());
    for page in ["/console/", "/console/models/7?tab=log", "/console/sign-in"] {
        let response = server.call(Method::GET, page).await;
        assert_eq!(response.status(), StatusCode::OK, "{page}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html");
    }
    let refused = server.call(Method::DELETE, "/console/").await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_refused_by_name() {
    let server = Server::start().await;
    let request = Request::builder()
        .method(Method::POST)
        .uri("/common/oauth2/token")
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(vec![b'x'; 70_000]))
        .unwrap();

    let response = server.send(request).await;

    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let refusal = body(response).await;
    assert!(refusal["error_description"].as_str().unwrap().contains("65536"), "{refusal}");
}

#[tokio::test]
async fn a_token_request_that_is_no_form_is_refused_in_oauths_words() {
    let server = Server::start().await;
    let ask = |media: &'static str, form: &'static str| {
        Request::builder()
            .method(Method::POST)
            .uri("/common/oauth2/token")
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, media)
            .body(Body::from(form))
            .unwrap()
    };

    let json = server.send(ask("application/json", "{}")).await;
    assert_eq!(json.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let grant = server.send(ask("application/x-www-form-urlencoded", "grant_type=password")).await;
    assert_eq!(grant.status(), StatusCode::BAD_REQUEST);
    let refusal = body(grant).await;
    assert_eq!(refusal["error"], "unsupported_grant_type");
    assert_eq!(refusal["error_codes"], json!([70003]));
}
