//! Every setting of a service does what it says.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use shared::{Deployment, ErrorCode, LogEntry, OperationState, Page, Service, TraceRecord, paths};
use tests::{Client, Edge, Published, eventually, guests};

async fn set(client: &Client, service: &str, settings: Value) -> shared::AsyncOperationStatus {
    let path = paths::versioned(&client.account.service(service));
    let accepted = client.put(&path, &settings).await.expect(202);
    client.finished(&accepted).await
}

async fn burner(edge: &Edge, settings: Value) -> (Client, Published) {
    let client = edge.client().await;
    let published = client.publish("burner", &guests::burns()).await;
    let operation = set(&client, "burner", settings).await;
    assert_eq!(operation.state, OperationState::Succeeded, "{:?}", operation.error);
    (client, published)
}

fn rows() -> Value {
    json!({ "data": [[1.0, 2.0]] })
}

#[tokio::test]
async fn calls_beyond_what_may_run_and_wait_are_sent_away_for_a_second() {
    let edge = Edge::start_with(&["--score-timeout", "2s"]);
    let client = edge.client().await;
    let published = client.publish("endless", &guests::never_returns()).await;
    let settings = json!({ "numReplicas": 1, "maxConcurrentRequestsPerContainer": 2 });
    set(&client, "endless", settings).await;

    let key = &published.keys.primary_key;
    let document = rows();
    let answers = join_all((0..4).map(|_| client.score("endless", key, &document))).await;

    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert_eq!(busy.len(), 2, "{answers:?}");
    for answer in busy {
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.value()["code"], "ServiceBusy");
    }
    assert_eq!(answers.iter().filter(|answer| answer.status == 504).count(), 2, "{answers:?}");
}

#[tokio::test]
async fn a_model_that_needs_more_memory_than_reserved_is_not_put_in_place() {
    let edge = Edge::start();
    let client = edge.client().await;
    let published = client.publish("adder", &guests::sums_two()).await;

    let reservation = json!({ "containerResourceReservation": { "memory": "128Ki" } });
    let operation = set(&client, "adder", reservation).await;

    assert_eq!(operation.state, OperationState::Failed);
    let error = operation.error.unwrap();
    assert_eq!(error.code, ErrorCode::LimitExceeded);
    assert!(error.details[0].message.contains("containerResourceReservation.memory"));
    client.score("adder", &published.keys.primary_key, &rows()).await.expect(200);
    let enough = json!({ "containerResourceReservation": { "memory": "192Ki" } });
    assert_eq!(set(&client, "adder", enough).await.state, OperationState::Succeeded);
    client.score("adder", &published.keys.primary_key, &rows()).await.expect(200);
}

#[tokio::test]
async fn a_tenth_of_a_cpu_is_a_tenth_of_the_time() {
    let edge = Edge::start();
    let settings = json!({
        "containerResourceReservation": { "cpu": "100m" },
        "appInsightsEnabled": true,
    });
    let (client, published) = burner(&edge, settings).await;
    let key = &published.keys.primary_key;
    let document = rows();

    let began = Instant::now();
    let calls = join_all((0..8).map(|_| client.score("burner", key, &document))).await;
    let passed = began.elapsed();

    assert!(calls.iter().all(|answer| answer.status == 200), "{calls:?}");
    let path = paths::versioned(&client.account.service_part("burner", "traces"));
    let traces: Page<TraceRecord> = client.get(&path).await.expect(200).json();
    let worked: u64 = traces.value.iter().filter_map(|trace| trace.score_micros).sum();
    assert_eq!(traces.value.len(), 8);
    let share = Duration::from_micros(worked).as_secs_f64() / passed.as_secs_f64();
    // Eight calls and the seven rests between them: 8 of 71 parts.
    assert!(share < 0.125, "{share} of the time was worked");
}

#[tokio::test]
async fn replicas_follow_the_load_within_their_limits() {
    let edge = Edge::start();
    let scaler = json!({ "autoScaler": { "autoscaleEnabled": true, "minReplicas": 1,
        "maxReplicas": 3, "targetUtilization": 5 } });
    let (client, published) = burner(&edge, scaler).await;
    let path = paths::versioned(&client.account.service("burner"));
    let service: Service = client.get(&path).await.expect(200).json();
    assert_eq!(service.replicas, 1);

    let load = tokio::spawn({
        let (client, key) = (client.clone(), published.keys.primary_key.clone());
        async move {
            loop {
                let document = rows();
                join_all((0..4).map(|_| client.score("burner", &key, &document))).await;
            }
        }
    });
    eventually("three replicas", async || {
        let service: Service = client.get(&path).await.expect(200).json();
        assert!(service.replicas <= 3);
        (service.replicas == 3).then_some(())
    })
    .await;
    load.abort();

    let logs = paths::versioned(&client.account.service_part("burner", "logs"));
    let logs: Page<LogEntry> = client.get(&logs).await.expect(200).json();
    assert!(logs.value.iter().any(|line| line.message.contains("scaled from")), "{logs:?}");
    set(&client, "burner", json!({ "autoScaler": { "maxReplicas": 2 } })).await;
    let service: Service = client.get(&path).await.expect(200).json();
    assert_eq!(service.replicas, 2);
}

#[tokio::test]
async fn going_back_to_an_earlier_image_keeps_the_settings_and_shows_in_the_deployments() {
    let edge = Edge::start();
    let client = edge.client().await;
    let (_, first) = client.image_of("adder", &guests::sums_two()).await;
    let (_, second) = client.image_of("adder", &guests::burns()).await;
    client.deploy("adder", &first).await;
    set(&client, "adder", json!({ "numReplicas": 2, "imageId": second.id })).await;

    let operation = set(&client, "adder", json!({ "imageId": first.id })).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{:?}", operation.error);
    let path = paths::versioned(&client.account.service("adder"));
    let service: Service = client.get(&path).await.expect(200).json();
    assert_eq!((service.image_id, service.num_replicas), (first.id, Some(2)));
    let path = paths::versioned(&client.account.deployments());
    let page = client.get(&format!("{path}&serviceId=adder&count=2")).await.expect(200);
    let newest: Vec<Deployment> = page.json();
    assert_eq!([newest[0].image_id, newest[1].image_id], [first.id, second.id]);
    assert!(newest[0].expired_at.is_none() && newest[1].expired_at.is_some());
    let next = page.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    assert!(page.header("link").ends_with("rel=\"next\""));
    let oldest = client.get(&next).await.expect(200);
    assert_eq!(oldest.json::<Vec<Deployment>>().len(), 1);
    assert_eq!(oldest.header("link"), "");
}
