//! Journeys through the console in headless Chromium; the scripts are in `tests/e2e`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics where it stands")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};
use tests::{Edge, fixtures};

#[test]
fn a_visitor_signs_in_uploads_deploys_tries_it_and_sees_the_result() {
    let edge = Edge::start();

    travel("journey", &edge, json!({}));
}

#[test]
fn a_visitor_without_a_mouse_signs_in_and_deploys() {
    let edge = Edge::start();

    travel("keyboard", &edge, json!({}));
}

#[test]
fn the_console_speaks_the_readers_language() {
    let edge = Edge::start();

    travel("languages", &edge, json!({}));
}

#[test]
fn a_lost_network_and_an_ended_session_lose_nothing_that_was_typed() {
    let edge = Edge::start();

    travel("resilience", &edge, json!({}));
}

#[tokio::test]
async fn every_page_is_accessible_in_light_and_dark_and_fits_a_phone() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("cancer", &fixtures::onnx("breast_cancer_gbdt")).await;
    let (odd, _) = {
        let stored = client.upload("odd.onnx", &fixtures::onnx("unsupported")).await;
        let model = client.register("odd", &stored.url).await;
        let manifest = client.describe("odd", &model).await;
        let operation = client.pack("odd", &manifest).await;
        (model, operation)
    };
    let operations = shared::paths::versioned(&client.account.operations());
    let operations = client.get(&operations).await.expect(200).value();
    let operation = operations["value"][0]["id"].as_str().unwrap().to_owned();

    let pages = json!({ "pages": [
        "", "/models", "/models/new",
        format!("/models/{}", published.model.id),
        format!("/models/{}/graph", published.model.id),
        format!("/models/{}/versions", published.model.id),
        format!("/models/{}", odd.id),
        "/manifests", "/manifests/new",
        format!("/manifests/{}", published.image.manifest_id),
        "/images",
        format!("/images/{}", published.image.id),
        "/services", "/services/cancer", "/services/cancer/try-it", "/services/cancer/deployments",
        "/services/cancer/keys", "/services/cancer/settings", "/services/cancer/metrics",
        "/services/cancer/records",
        "/deploy", "/operations",
        format!("/operations/{operation}"),
        "/accounts", "/access", "/access/principals", "/access/people", "/access/sessions",
        "/access/audit", "/changes", "/design",
        "/no-such-page",
    ] });
    tokio::task::spawn_blocking(move || travel("pages", &edge, pages)).await.unwrap();
}

/// Runs one script against a server and shows what it said if it failed.
fn travel(journey: &str, edge: &Edge, more: Value) {
    let bootstrap = edge.bootstrap();
    // Two rows of thirty numbers, without headings.
    let table = [["1.5"; 30].join(","), ["2"; 30].join(",")].join("\n");
    let mut settings = json!({
        "url": edge.url,
        "signInLink": bootstrap.sign_in_link,
        "clientId": bootstrap.client_id,
        "clientSecret": bootstrap.client_secret,
        "model": fixtures::onnx_path("breast_cancer_gbdt"),
        "table": table,
        "screenshots": fixtures::target().join("e2e-screenshots"),
        "chromium": "/usr/bin/chromium",
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    if let Ok(gallery) = std::env::var("GALLERY") {
        settings["gallery"] = gallery.into();
    }

    let output = Command::new("node")
        .arg(scripts().join(format!("{journey}.cjs")))
        .env("NODE_PATH", node_modules())
        .env("JOURNEY", settings.to_string())
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// The pinned packages, installed under `target/` once for each state of the lock file.
fn node_modules() -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);

    let lock = fs::read(scripts().join("package-lock.json")).unwrap();
    let folder = fixtures::target().join("e2e");
    let modules = folder.join("node_modules");
    if fs::read(folder.join("installed-lock.json")).is_ok_and(|installed| installed == lock) {
        return modules;
    }
    fs::create_dir_all(&folder).unwrap();
    for file in ["package.json", "package-lock.json"] {
        fs::copy(scripts().join(file), folder.join(file)).unwrap();
    }
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(npm.status.success(), "{}", String::from_utf8_lossy(&npm.stderr));
    fs::write(folder.join("installed-lock.json"), lock).unwrap();
    modules
}

fn scripts() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e"))
}
