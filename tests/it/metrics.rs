//! What a service does is counted once, and live readers, history and scrapers are told the same.

mod prometheus;

use futures::StreamExt as _;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::{
    metrics::{AccountSecond, LiveSecond, MetricName, MetricsResponse},
    paths,
};
use tests::{Client, Edge, Published, fixtures};

/// One row that the iris model takes.
fn row() -> Value {
    json!({ "data": [[5.1, 3.5, 1.4, 0.2]] })
}

async fn publish(client: &Client, name: &str) -> Published {
    client.publish(name, &fixtures::onnx("iris_logistic_text")).await
}

/// Scores `good` rows and then `bad` documents.
async fn score(client: &Client, service: &Published, good: usize, bad: usize) {
    let (name, key) = (&service.service.name, &service.keys.primary_key);
    for _ in 0..good {
        client.score(name, key, &row()).await.expect(200);
    }
    for _ in 0..bad {
        client.score(name, key, &json!({ "data": [["none"]] })).await.expect(400);
    }
}

/// Reads events, each with its id, until `enough` says so.
async fn listen<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    last_event_id: Option<i64>,
    mut enough: impl FnMut(&[(i64, T)]) -> bool,
) -> Vec<(i64, T)> {
    let mut request = client.request(Method::GET, path);
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut bytes = response.bytes_stream();
    let (mut heard, mut text) = (Vec::new(), String::new());
    while !enough(&heard) {
        text.push_str(std::str::from_utf8(&bytes.next().await.unwrap().unwrap()).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                let fields = event.lines().filter_map(|line| line.split_once(':'));
                fields.filter(|(known, _)| *known == name).map(|(_, value)| value.trim()).next()
            };
            if let Some(data) = field("data") {
                assert_eq!(field("event"), Some("second"));
                let id = field("id").unwrap().parse().unwrap();
                heard.push((id, serde_json::from_str(data).unwrap()));
            }
            text = rest.to_owned();
        }
    }
    heard
}

fn requests(seconds: &[(i64, LiveSecond)]) -> u64 {
    seconds.iter().map(|(_, second)| second.point.requests).sum()
}

async fn history(client: &Client, path: &str, question: &str) -> MetricsResponse {
    client.get(&paths::versioned(&format!("{path}?{question}"))).await.expect(200).json()
}

/// The sum of a metric's totals.
fn total(history: &MetricsResponse, name: MetricName) -> f64 {
    let metric = history.value.iter().find(|metric| metric.name.value == name).unwrap();
    metric.timeseries[0].data.iter().filter_map(|value| value.total).sum()
}

#[tokio::test]
async fn live_seconds_history_and_scrapes_tell_of_the_same_calls() {
    let edge = Edge::start();
    let client = edge.client().await;
    let service = publish(&client, "iris").await;
    let live = client.account.live_service_metrics("iris", 300);

    score(&client, &service, 40, 3).await;

    let seconds = listen(&client, &live, None, |heard| requests(heard) >= 43).await;
    assert_eq!(requests(&seconds), 43);
    assert_eq!(seconds.iter().map(|(_, second)| second.point.errors).sum::<u64>(), 3);
    assert!(seconds.is_sorted_by(|(earlier, _), (later, _)| earlier < later));
    let (_, busy) = seconds.iter().find(|(_, second)| second.point.requests > 0).unwrap();
    assert_eq!(busy.point.replicas, 1);
    assert!(busy.point.p50.unwrap() > 0.0 && busy.point.p50 <= busy.point.p99);

    let of_service =
        history(&client, &client.account.service_metrics("iris"), "timespan=PT1H").await;
    let of_account = history(&client, &client.account.metrics(), "timespan=PT1H").await;
    for history in [&of_service, &of_account] {
        assert_eq!(total(history, MetricName::Requests), 43.0);
        assert_eq!(total(history, MetricName::Errors), 3.0);
        assert_eq!(total(history, MetricName::Rejected), 0.0);
    }
    let counts = "metricnames=Latency,RunTime,ParseTime&aggregation=Count,Total,P99,Maximum";
    let times = history(&client, &client.account.service_metrics("iris"), counts).await;
    let count = |at: usize| -> f64 {
        times.value[at].timeseries[0].data.iter().filter_map(|value| value.count).sum()
    };
    // A document that cannot be read never runs, and has no time of reading.
    assert_eq!((count(0), count(1), count(2)), (43.0, 40.0, 40.0));
    let busy = times.value[0].timeseries[0].data.iter().find(|value| value.count > Some(0.0));
    assert!(busy.unwrap().p99 <= busy.unwrap().maximum);

    let text = client.get("/metrics").await.expect(200).text();
    for line in [
        "edge_scorer_service_requests_total{account=\"default\",service=\"iris\",outcome=\"answered\"} 40",
        "edge_scorer_service_requests_total{account=\"default\",service=\"iris\",outcome=\"client_error\"} 3",
        "edge_scorer_service_latency_seconds_count{account=\"default\",service=\"iris\"} 43",
        "edge_scorer_service_latency_seconds_bucket{account=\"default\",service=\"iris\",le=\"+Inf\"} 43",
        "edge_scorer_service_stage_seconds_count{account=\"default\",service=\"iris\",stage=\"run\"} 40",
        "edge_scorer_operations{type=\"Image\",state=\"Succeeded\"} 1",
        "edge_scorer_compile_children 0",
        "edge_scorer_http_requests_total{family=\"scoring\",code=\"2xx\"} 40",
    ] {
        let line = line.replace("\"default\"", &format!("\"{}\"", edge.bootstrap().account));
        assert!(text.lines().any(|known| known == line), "{line} is missing in\n{text}");
    }
    assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
}

#[tokio::test]
async fn a_reader_that_connects_again_gets_the_seconds_it_missed() {
    let edge = Edge::start();
    let client = edge.client().await;
    let service = publish(&client, "iris").await;
    let live = client.account.live_service_metrics("iris", 300);
    score(&client, &service, 5, 0).await;
    let before = listen(&client, &live, None, |heard| requests(heard) >= 5).await;
    let (last, _) = *before.last().as_ref().unwrap();

    score(&client, &service, 7, 0).await;
    let after = listen(&client, &live, Some(*last), |heard| requests(heard) >= 7).await;

    assert_eq!((requests(&before), requests(&after)), (5, 7));
    assert!(after[0].0 > *last);
    let both = client.account.live_metrics(300);
    let sum = |heard: &[(i64, AccountSecond)]| -> u64 {
        heard.iter().map(|(_, second)| second.total.requests).sum()
    };
    let account = listen(&client, &both, None, |heard| sum(heard) >= 12).await;
    let named = account.iter().flat_map(|(_, second)| &second.services);
    assert!(named.clone().all(|service| service.name == "iris"));
    assert_eq!(named.map(|service| service.point.requests).sum::<u64>(), 12);
}

#[tokio::test]
async fn a_stop_keeps_every_call_and_a_crash_all_but_the_last_seconds() {
    let mut edge = Edge::start();
    let client = edge.client().await;
    let service = publish(&client, "iris").await;
    score(&client, &service, 6, 0).await;

    edge.stop();
    edge.restart();

    let client = edge.client().await;
    let path = client.account.service_metrics("iris");
    assert_eq!(total(&history(&client, &path, "").await, MetricName::Requests), 6.0);
    score(&client, &service, 4, 0).await;
    // Once a slot of ten seconds has passed since, what was counted in it is on the disk.
    let live = client.account.live_service_metrics("iris", 0);
    let mut slots = std::collections::BTreeSet::new();
    let saved = |heard: &[(i64, LiveSecond)]| {
        slots.extend(heard.iter().map(|(id, _)| (id - 1) / 10));
        // The first second of a new slot closes the old one, which is then written.
        slots.len() > 1 && heard.last().is_some_and(|(id, _)| (id - 1) % 10 > 1)
    };
    listen(&client, &live, None, saved).await;

    edge.kill();
    edge.restart();

    let client = edge.client().await;
    assert_eq!(total(&history(&client, &path, "").await, MetricName::Requests), 10.0);
    let replicas = history(&client, &path, "metricnames=Replicas").await;
    let latest = replicas.value[0].timeseries[0].data.last().unwrap();
    assert_eq!(latest.average, Some(1.0));
}

#[tokio::test]
async fn what_is_turned_away_is_counted_apart_and_a_deleted_service_has_no_stream() {
    let edge = Edge::start();
    let client = edge.client().await;
    let service = publish(&client, "iris").await;
    let path = paths::versioned(&client.account.service("iris"));
    let stopped = client.put(&path, &json!({ "numReplicas": 0 })).await.expect(202);
    client.finished(&stopped).await;

    let refused = client.score("iris", &service.keys.primary_key, &row()).await;

    assert_eq!(refused.status, 503);
    let live = client.account.live_service_metrics("iris", 300);
    let seconds = listen(&client, &live, None, |heard| requests(heard) >= 1).await;
    let (_, second) = seconds.last().unwrap();
    assert_eq!((second.point.rejected, second.point.errors, second.point.replicas), (1, 0, 0));
    client.delete(&path).await.expect(200);
    let gone = client.get(&live).await.expect(404);
    assert_eq!(gone.value()["code"], "NotFound");
    let account = history(&client, &client.account.metrics(), "").await;
    assert_eq!(total(&account, MetricName::Rejected), 1.0);
}

#[tokio::test]
async fn metrics_of_everything_are_for_those_who_may_read_everything() {
    let edge = Edge::start_with(&["--metrics-listen", "127.0.0.1:0"]);
    let client = edge.client().await;
    let service = publish(&client, "iris").await;
    let stranger = Client::anonymous(&edge.url);
    let mut caller = stranger.clone();
    caller.token = service.keys.primary_key.clone();

    assert_eq!(
        stranger.get("/metrics").await.expect(401).value()["error"]["code"],
        "AuthenticationFailed"
    );
    caller.get("/metrics").await.expect(401);
    client.get("/metrics").await.expect(200);

    let open = edge.said("metrics on ");
    let scraped = stranger.get(&open).await.expect(200);
    assert!(scraped.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert!(scraped.text().contains("edge_scorer_service_replicas{"));
    let elsewhere = open.replace("/metrics", "/api/version");
    assert_eq!(stranger.get(&elsewhere).await.status, 404);
}

#[tokio::test]
async fn a_question_that_has_no_answer_is_refused_with_what_to_do() {
    let edge = Edge::start();
    let client = edge.client().await;
    for (question, word) in [
        ("timespan=tomorrow", "timespan"),
        ("timespan=P7D&interval=PT1M", "finer"),
        ("metricnames=Speed", "Speed"),
        ("aggregation=Median", "Median"),
    ] {
        let path = paths::versioned(&format!("{}?{question}", client.account.metrics()));
        let refusal = client.get(&path).await.expect(400).value();
        assert_eq!(refusal["code"], "InvalidRequest");
        assert!(refusal["message"].as_str().unwrap().contains(word), "{refusal}");
        assert!(refusal["details"][0]["message"].is_string());
    }
    let path = paths::versioned(&client.account.service_metrics("nobody"));
    client.get(&path).await.expect(404);
    client.get(&client.account.live_metrics(301)).await.expect(400);
}
