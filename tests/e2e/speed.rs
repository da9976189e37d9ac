//! How fast the console is and what it keeps in memory, in headless Chromium; one after the other.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics where it stands; figures are printed"
)]

mod travel;

use std::{
    env,
    sync::{Mutex, PoisonError},
};

use serde_json::json;
use tests::{Edge, fixtures};

use crate::travel::travel;

/// Two measurements at the same time measure each other.
static ALONE: Mutex<()> = Mutex::new(());

#[tokio::test]
async fn pages_are_there_at_once_and_a_hundred_thousand_rows_scroll() {
    let edge = Edge::start();
    edge.client().await.publish("cancer", &fixtures::onnx("breast_cancer_gbdt")).await;

    let said = tokio::task::spawn_blocking(move || {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        travel("speed", &edge, json!({}))
    });
    eprintln!("{}", said.await.unwrap());
}

/// Half a minute in every test run, as long as `LIVE_SECONDS` says in `cargo xtask soak`.
#[tokio::test]
async fn live_views_do_not_grow() {
    let seconds: u32 = env::var("LIVE_SECONDS").map_or(30, |text| text.parse().unwrap());
    let edge = Edge::start();
    let published =
        edge.client().await.publish("cancer", &fixtures::onnx("breast_cancer_gbdt")).await;

    let known = json!({ "key": published.keys.primary_key, "seconds": seconds });
    let said = tokio::task::spawn_blocking(move || {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        travel("live", &edge, known)
    });
    eprintln!("{}", said.await.unwrap());
}
