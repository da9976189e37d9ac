//! Who may come in.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use shared::paths;
use tests::{Client, Edge};

#[tokio::test]
async fn without_a_token_nothing_is_shown_or_changed() {
    let edge = Edge::start();
    let stranger = Client::anonymous(&edge.url);
    let account = edge.client().await.account;

    for path in [account.models(), account.services(), account.operations(), account.images()] {
        let answer = stranger.get(&paths::versioned(&path)).await.expect(401);
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{:?}", answer.headers);
        assert!(answer.value()["code"].is_string(), "{}", answer.text());
    }
    let answer = stranger.post(&paths::versioned(&account.models()), &json!({})).await;
    answer.expect(401);
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_are_told_apart_by_nobody() {
    let edge = Edge::start();
    let bootstrap = edge.bootstrap();
    let stranger = Client::anonymous(&edge.url);
    let nobody = "00000000-0000-4000-8000-000000000000";

    let mut answers = Vec::new();
    for (id, secret) in [(bootstrap.client_id.as_str(), "wrong"), (nobody, "wrong")] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("resource", "https://management.azure.com/"),
        ];
        let path = paths::token(&bootstrap.tenant_id);
        let request = stranger.request(reqwest::Method::POST, &path).form(&form);
        answers.push(stranger.try_send(request).await.unwrap().expect(401).value());
    }

    assert_eq!(answers[0]["error"], "invalid_client");
    assert_eq!(answers[1]["error"], "invalid_client");
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_repeats_the_callers() {
    let edge = Edge::start();
    let client = edge.client().await;
    let path = paths::versioned(&client.account.models());

    let own = client.get(&path).await.expect(200);
    let request = client.request(reqwest::Method::GET, &path);
    let named = client.try_send(request.header("x-ms-client-request-id", "mine")).await.unwrap();
    let nowhere = client.get("/no/such/root").await.expect(404);

    assert_eq!(own.header("x-ms-request-id").len(), 36);
    assert_eq!(own.header("x-ms-client-request-id"), own.header("x-ms-request-id"));
    assert_eq!(named.header("x-ms-client-request-id"), "mine");
    assert_eq!(nowhere.header("x-ms-request-id").len(), 36);
}

#[tokio::test]
async fn the_bootstrap_file_is_private_and_a_second_start_leaves_it_alone() {
    let mut edge = Edge::start();
    let first = std::fs::read(edge.bootstrap_path()).unwrap();
    let mode = std::fs::metadata(edge.bootstrap_path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    assert!(edge.stop().success());
    edge.restart();

    assert_eq!(std::fs::read(edge.bootstrap_path()).unwrap(), first);
    edge.client().await;
}

#[tokio::test]
async fn a_foreign_host_name_is_turned_away() {
    let edge = Edge::start();
    let client = edge.client().await;
    let path = paths::versioned(&client.account.models());

    let request = client.request(reqwest::Method::GET, &path).header("host", "evil.example");

    client.try_send(request).await.unwrap().expect(400);
}
