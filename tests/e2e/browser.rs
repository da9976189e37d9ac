//! Journeys through the console in headless Chromium; the scripts are in `tests/e2e`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics where it stands")]

mod travel;

use serde_json::json;
use tests::{Edge, fixtures};

use crate::travel::travel;

#[test]
fn a_visitor_signs_in_uploads_deploys_tries_it_and_sees_the_result() {
    let edge = Edge::start();

    travel("journey", &edge, json!({}));
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

#[test]
fn long_lists_the_palette_and_forms_behave_in_a_real_browser() {
    let edge = Edge::start();

    travel("parts", &edge, json!({}));
}

#[tokio::test]
async fn what_is_known_is_changed_in_place_and_the_audit_log_tells_of_it() {
    let edge = Edge::start();
    let client = edge.client().await;
    let stored = client.upload("cancer.onnx", &fixtures::onnx("breast_cancer_gbdt")).await;
    let model = client.register("cancer", &stored.url).await;

    let known = json!({ "model": model.id });
    tokio::task::spawn_blocking(move || travel("editing", &edge, known)).await.unwrap();
}
