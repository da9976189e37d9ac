//! What a service shows of its calls: its log, its traces, the inputs and outputs that it keeps.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{CollectedFile, LogEntry, LogLevel, Page, TraceRecord, paths};
use tests::{Client, Edge, Published, eventually, guests};
use tokio::net::TcpListener;

/// Publishes the adder with these settings.
async fn adder(client: &Client, settings: Value) -> Published {
    let published = client.publish("adder", &guests::sums_two()).await;
    let path = paths::versioned(&client.account.service("adder"));
    let accepted = client.put(&path, &settings).await.expect(202);
    client.finished(&accepted).await;
    published
}

async fn part<T: serde::de::DeserializeOwned>(client: &Client, part: &str) -> Vec<T> {
    let path = paths::versioned(&client.account.service_part("adder", part));
    client.get(&path).await.expect(200).json::<Page<T>>().value
}

fn rows(first: f64) -> Value {
    json!({ "data": [[first, 2.0]] })
}

#[tokio::test]
async fn kept_calls_are_json_lines_that_outlive_the_process_and_go_with_the_service() {
    let mut edge = Edge::start();
    let client = edge.client().await;
    let published = adder(&client, json!({ "dataCollection": { "storageEnabled": true } })).await;
    let key = &published.keys.primary_key;

    for first in [1.0, 2.0, 3.0] {
        client.score("adder", key, &rows(first)).await.expect(200);
    }
    let files: Vec<CollectedFile> = part(&client, "data").await;
    assert_eq!(files.iter().map(|file| file.records).sum::<u64>(), 3);

    edge.kill();
    edge.restart();
    let client = edge.client().await;
    let files: Vec<CollectedFile> = part(&client, "data").await;
    let mut lines = String::new();
    for file in files.iter().rev() {
        lines.push_str(&client.get(&file.url).await.expect(200).text());
    }
    let calls: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let inputs: Vec<&Value> = calls.iter().map(|call| &call["inputs"]["X"]).collect();
    assert_eq!(inputs, [&json!([[1.0, 2.0]]), &json!([[2.0, 2.0]]), &json!([[3.0, 2.0]])]);
    assert_eq!(calls[2]["outputs"]["sum"], json!([[5.0]]));
    assert!(calls[0]["requestId"].is_string() && calls[0]["version"] == 1);

    let url = files[0].url.clone();
    client.delete(&paths::versioned(&client.account.service("adder"))).await.expect(200);
    client.get(&url).await.expect(404);
}

#[tokio::test]
async fn a_sample_keeps_the_share_that_was_asked_for() {
    let edge = Edge::start();
    let client = edge.client().await;
    let settings = json!({ "dataCollection": { "storageEnabled": true, "samplePercent": 30 } });
    let published = adder(&client, settings).await;

    for _ in 0..20 {
        client.score("adder", &published.keys.primary_key, &rows(1.0)).await.expect(200);
    }

    let files: Vec<CollectedFile> = part(&client, "data").await;
    assert_eq!(files.iter().map(|file| file.records).sum::<u64>(), 6);
}

#[tokio::test]
async fn a_traced_call_is_on_record_and_reaches_the_collector() {
    type Received = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;
    let received = Received::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let take = |State(received): State<Received>, headers: HeaderMap, body: Bytes| async move {
        received.lock().unwrap().push((headers, body));
    };
    let collector = Router::new().route("/v1/traces", post(take)).with_state(received.clone());
    let collector = tokio::spawn(async move { axum::serve(listener, collector).await.unwrap() });
    let edge = Edge::start_with(&["--otlp-endpoint", &endpoint]);
    let client = edge.client().await;
    let published = adder(&client, json!({ "appInsightsEnabled": true })).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";

    let request = Client::anonymous(&edge.url)
        .request(Method::POST, &paths::score("adder"))
        .bearer_auth(&published.keys.primary_key)
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let answer = client.try_send(request.json(&rows(1.0))).await.unwrap().expect(200);

    let records: Vec<TraceRecord> = part(&client, "traces").await;
    let record = &records[0];
    assert_eq!(record.trace_id, trace);
    assert_eq!(record.parent_span_id.as_deref(), Some("00f067aa0ba902b7"));
    assert_eq!(record.request_id, answer.header("x-ms-request-id"));
    assert_eq!((record.status, record.rows), (200, Some(1)));
    assert!(record.score_micros.unwrap() <= record.duration_micros);
    let id: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&trace[2 * at..2 * at + 2], 16).unwrap()).collect();
    let body = eventually("the collector gets the trace", async || {
        let received = received.lock().unwrap();
        let found = received
            .iter()
            .find(|(_, body)| body.windows(16).any(|window| window == id.as_slice()));
        found.map(|(headers, body)| (headers["content-type"].clone(), body.clone()))
    })
    .await;
    assert_eq!(body.0, "application/x-protobuf");
    let said = |text: &str| body.1.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(said("service.name") && said("edge-scorer") && said("http.response.status_code"));
    collector.abort();
}

#[tokio::test]
async fn a_services_log_tells_what_became_of_it_and_which_calls_failed() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("adder", &guests::sums_two()).await;
    let key = &published.keys.primary_key;

    let answer = client.score("adder", key, &json!({ "data": [["hush", 2.0]] })).await.expect(400);
    client.score("adder", key, &rows(1.0)).await.expect(200);
    let stopped = json!({ "numReplicas": 0 });
    let path = paths::versioned(&client.account.service("adder"));
    let accepted = client.put(&path, &stopped).await.expect(202);
    client.finished(&accepted).await;
    client.score("adder", key, &rows(1.0)).await.expect(503);
    // Who asks before calling is told so too.
    for path in ["/v2/models/adder/ready", "/v2/models/adder/versions/1/ready"] {
        let refusal = client.get(path).await.expect(503).value();
        assert!(refusal["error"].as_str().unwrap().contains("no replicas"), "{path}: {refusal}");
    }
    let asked = client.get("/api/v1/service/adder/").await.expect(503).value();
    assert_eq!(asked["code"], "ServiceStopped", "{asked}");

    let lines: Vec<LogEntry> = part(&client, "logs").await;
    let levels: Vec<LogLevel> = lines.iter().map(|line| line.level).collect();
    use LogLevel::{Error, Information, Warning};
    assert_eq!(levels, [Error, Information, Warning, Information]);
    assert!(lines[0].message.contains("no replicas"), "{:?}", lines[0]);
    assert!(lines[3].message.contains("version 1"), "{:?}", lines[3]);
    assert_eq!(lines[2].request_id.as_deref(), Some(answer.header("x-ms-request-id")));
    assert!(!format!("{lines:?}{}", edge.log()).contains("hush"));
}

#[tokio::test]
async fn a_setting_that_cannot_be_kept_is_refused() {
    let edge = Edge::start();
    let client = edge.client().await;
    let (_, image) = client.image_of("adder", &guests::sums_two()).await;
    for settings in [
        json!({ "dataCollection": { "eventHubEnabled": true } }),
        json!({ "dataCollection": { "storageEnabled": true, "samplePercent": 0 } }),
        json!({ "dataCollection": { "storageEnabled": true, "retentionDays": 0 } }),
        json!({ "containerResourceReservation": { "memory": "plenty" } }),
        json!({ "autoScaler": { "minReplicas": 3, "maxReplicas": 2 } }),
    ] {
        let mut request = json!({ "name": "adder", "imageId": image.id,
            "computeResource": { "id": "here", "type": "Cluster" } });
        request.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let path = paths::versioned(&client.account.services());
        let refusal = client.post(&path, &request).await.expect(400).value();
        assert!(!refusal["details"][0]["message"].as_str().unwrap().is_empty(), "{refusal}");
    }
}
