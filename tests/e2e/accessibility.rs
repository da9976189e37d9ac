//! Every page under axe and at 360 px, beside how it looked before, and the console without a mouse;
//! the scripts are beside this.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics where it stands")]

mod travel;

use serde_json::json;
use tests::{Edge, fixtures};

use crate::travel::travel;

#[test]
fn a_visitor_without_a_mouse_signs_in_and_deploys() {
    let edge = Edge::start();

    travel("keyboard", &edge, json!({}));
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

/// `LAYOUT_WRITE=1` keeps how the pages look now.
#[tokio::test]
async fn every_page_looks_as_it_did() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("cancer", &fixtures::onnx("breast_cancer_gbdt")).await;
    let model = published.model.id;

    let pages = json!({
        "write": std::env::var_os("LAYOUT_WRITE").is_some(),
        "pages": {
            "overview": "",
            "models": "/models",
            "new-model": "/models/new",
            "model": format!("/models/{model}"),
            "graph": format!("/models/{model}/graph"),
            "versions": format!("/models/{model}/versions"),
            "image": format!("/images/{}", published.image.id),
            "services": "/services",
            "try-it": "/services/cancer/try-it",
            "settings": "/services/cancer/settings",
            "metrics": "/services/cancer/metrics",
            "operations": "/operations",
            "principals": "/access/principals",
            "audit": "/access/audit",
            "design": "/design",
        },
    });
    tokio::task::spawn_blocking(move || travel("layout", &edge, pages)).await.unwrap();
}
