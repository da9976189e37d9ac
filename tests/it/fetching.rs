//! Models by url: fetched when an image is built, and only from where the operator said.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router, body::Body, extract::State, http::StatusCode, response::Redirect, routing::get,
};
use serde_json::json;
use shared::{ErrorBody, ErrorCode, Model, OperationState, paths};
use tests::{Client, Edge, fixtures};
use tokio::net::TcpListener;

/// A server of models, and how often it was asked.
struct Models {
    port: u16,
    asked: Arc<AtomicUsize>,
    running: tokio::task::JoinHandle<()>,
}

impl Models {
    /// Serves the iris model, and redirects to `elsewhere`.
    async fn serve(elsewhere: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = |State(asked): State<Arc<AtomicUsize>>| async move {
            asked.fetch_add(1, Ordering::Relaxed);
            fixtures::onnx("iris_logistic")
        };
        let away = Redirect::temporary(elsewhere);
        let endless = || async {
            let chunks =
                futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0_u8; 1 << 16]));
            Body::from_stream(chunks)
        };
        let routes = Router::new()
            .route("/iris.onnx", get(count))
            .route("/moved", get(|| async { Redirect::temporary("/iris.onnx") }))
            .route("/away", get(move || std::future::ready(away.clone())))
            .route(
                "/metadata",
                get(|| async { Redirect::temporary("http://169.254.169.254/latest") }),
            )
            .route("/round", get(|| async { Redirect::temporary("/round") }))
            .route("/endless", get(endless))
            .route("/gone", get(|| async { StatusCode::GONE }))
            .with_state(asked.clone());
        let running = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { port, asked, running }
    }

    fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Models {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Why no image can be built of the model at `url`.
async fn refusal(client: &Client, url: &str) -> ErrorBody {
    let model = client.register("far", url).await;
    let manifest = client.describe("far", &model).await;
    let operation = client.pack("far", &manifest).await;
    assert_eq!(operation.state, OperationState::Failed, "{url}");
    let error = operation.error.unwrap();
    assert!(!error.details.is_empty() && !error.details[0].message.is_empty(), "{error:?}");
    error
}

#[tokio::test]
async fn a_model_is_fetched_once_and_its_bytes_are_then_its_own() {
    let models = Models::serve("/").await;
    let hosts = format!("127.0.0.1:{}", models.port);
    let edge = Edge::start_with(&["--model-hosts", &hosts]);
    let client = edge.client().await;

    let model = client.register("far", &models.at("/moved?token=hush")).await;
    assert_eq!(model.sha256, None);
    let manifest = client.describe("far", &model).await;
    let operation = client.pack("far", &manifest).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{:?}", operation.error);
    let path = paths::versioned(&client.account.model(model.id));
    let read: Model = client.get(&path).await.expect(200).json();
    assert_eq!(read.size, Some(fixtures::onnx("iris_logistic").len() as u64));
    let signature = paths::versioned(&client.account.model_signature(model.id));
    client.get(&signature).await.expect(200);

    let again = client.pack("far", &manifest).await;
    assert_eq!(again.state, OperationState::Succeeded, "{:?}", again.error);
    assert_eq!(models.asked.load(Ordering::Relaxed), 1);
    assert!(!edge.log().contains("hush"));
}

#[tokio::test]
async fn nothing_inside_the_network_is_asked_that_the_operator_did_not_name() {
    let inside = Models::serve("/").await;
    let models = Models::serve(&inside.at("/iris.onnx")).await;
    let hosts = format!("127.0.0.1:{},models.invalid", models.port);
    let edge = Edge::start_with(&["--model-hosts", &hosts]);
    let client = edge.client().await;
    let port = inside.port;

    for url in [
        inside.at("/iris.onnx"),
        format!("http://localhost:{port}/iris.onnx"),
        format!("http://2130706433:{port}/iris.onnx"),
        format!("http://0x7f.1:{port}/iris.onnx"),
        format!("http://[::ffff:127.0.0.1]:{port}/iris.onnx"),
        format!("http://[::1]:{port}/iris.onnx"),
        format!("http://0.0.0.0:{port}/iris.onnx"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://models.example/iris.onnx".to_owned(),
        format!("http://user:hush@127.0.0.1:{}/iris.onnx", models.port),
        models.at("/away"),
        models.at("/metadata"),
        models.at("/round"),
    ] {
        let error = refusal(&client, &url).await;
        assert_eq!(error.code, ErrorCode::SourceRefused, "{url}: {error:?}");
        assert!(error.details[0].message.contains("Upload the bytes"), "{error:?}");
        assert!(!error.message.contains("hush"), "{error:?}");
    }
    assert_eq!(inside.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn what_cannot_be_fetched_says_why_and_what_to_do() {
    let models = Models::serve("/").await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let hosts = format!("127.0.0.1,models.invalid,localhost:{closed}");
    let edge = Edge::start_with(&["--model-hosts", &hosts, "--max-artifact", "1MiB"]);
    let client = edge.client().await;

    for (url, code, said) in [
        (models.at("/gone"), ErrorCode::SourceUnreachable, "410"),
        (format!("http://127.0.0.1:{closed}/m"), ErrorCode::SourceUnreachable, "refused"),
        (format!("http://localhost:{closed}/m"), ErrorCode::SourceUnreachable, "refused"),
        ("http://models.invalid/m".to_owned(), ErrorCode::SourceUnreachable, "no address"),
        (models.at("/endless"), ErrorCode::LimitExceeded, "1048576"),
        (
            models.at(&format!("/iris.onnx#sha256={}", "0".repeat(64))),
            ErrorCode::HashMismatch,
            "0000",
        ),
    ] {
        let error = refusal(&client, &url).await;
        assert_eq!(error.code, code, "{url}: {error:?}");
        assert!(serde_json::to_string(&error).unwrap().contains(said), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn an_archive_holds_one_model_and_the_files_beside_it() {
    let edge = Edge::start();
    let client = edge.client().await;
    let onnx = fixtures::onnx("iris_logistic");
    let archive = fixtures::zip(&[("readme.txt", b"hello"), ("models/iris.onnx", &onnx)]);
    let stored = client.upload("iris.zip", &archive).await;

    let request = json!({ "name": "packed", "url": stored.url, "mimeType": "application/zip",
                          "unpack": true });
    let answer = client.post(&paths::versioned(&client.account.models()), &request).await;
    let model: Model = answer.expect(200).json();
    let manifest = client.describe("packed", &model).await;
    let operation = client.pack("packed", &manifest).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{:?}", operation.error);
    let climbing = fixtures::zip(&[("../iris.onnx", &onnx)]);
    let stored = client.upload("climbing.zip", &climbing).await;
    let request = json!({ "name": "climbing", "url": stored.url, "mimeType": "application/zip",
                          "unpack": true });
    let answer = client.post(&paths::versioned(&client.account.models()), &request).await;
    let manifest = client.describe("climbing", &answer.expect(200).json()).await;
    let operation = client.pack("climbing", &manifest).await;
    assert!(operation.error.unwrap().message.contains("leads out"));
}
