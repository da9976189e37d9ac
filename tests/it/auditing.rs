//! What the audit log tells besides changes by callers: guesses, ids, the server's own doings, and
//! who is behind a proxy.

use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::{AuditEntry, AuditOutcome, Page, paths};
use tests::{Answer, Client, Edge, binary, eventually};

async fn log(owner: &Client, filter: &str) -> Vec<AuditEntry> {
    let path = format!("{}?count=1000&{filter}", paths::AUDIT);
    owner.get(&path).await.expect(200).json::<Page<AuditEntry>>().value
}

/// A token request with a wrong secret, perhaps through a proxy.
async fn guess(edge: &Edge, client_id: &str, forwarded: &[(&str, &str)]) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", "wrong-guess"),
        ("resource", "https://management.azure.com/"),
    ];
    let stranger = Client::anonymous(&edge.url);
    let mut request = stranger.request(Method::POST, &paths::token("common")).form(&form);
    for (name, value) in forwarded {
        request = request.header(*name, *value);
    }
    stranger.try_send(request).await.unwrap()
}

#[tokio::test]
async fn guesses_are_in_the_log_as_few_rows_with_their_number() {
    let mut edge = Edge::start();
    let client_id = edge.bootstrap().client_id;
    let administrator = edge.client().await.get(paths::ME).await.expect(200).value()["id"].clone();

    for _ in 0..9 {
        guess(&edge, &client_id, &[]).await.expect(401);
    }
    for name in ["hunter2-typed-as-a-name", "another-typed-secret"] {
        let stranger = Client::anonymous(&edge.url);
        let request = json!({"name": name, "password": "wrong"});
        stranger.post(paths::SESSION, &request).await.expect(401);
        guess(&edge, name, &[]).await.expect(401);
        stranger.post(paths::SESSION, &json!({"signInToken": name})).await.expect(401);
    }
    assert!(edge.stop().success());
    edge.restart();

    let owner = edge.client().await;
    let rows = log(&owner, "outcome=Denied").await;
    assert_eq!(rows.len(), 4, "{rows:#?}");
    for row in &rows {
        assert_eq!((&row.principal_id, &row.principal_name), (&None, &None), "{row:?}");
        assert_eq!(row.code.as_deref(), Some("AuthenticationFailed"), "{row:?}");
        assert_eq!(row.address.as_deref(), Some("127.0.0.1"), "{row:?}");
    }
    let told = |proof: &str, about: Option<&str>| {
        let rows = rows.iter().filter(|row| row.proof.as_deref() == Some(proof));
        let mut rows = rows.filter(|row| row.resource_id.as_deref() == about);
        rows.next().map(|row| (row.operation.as_str(), row.attempts))
    };
    let token = "POST /{tenant}/oauth2/token";
    assert_eq!(told("Client", administrator.as_str()), Some((token, 9)));
    assert_eq!(told("Client", None), Some((token, 2)));
    assert_eq!(told("Password", None), Some(("POST /api/session", 2)));
    assert_eq!(told("Link", None), Some(("POST /api/session", 2)));
    let written = serde_json::to_string(&rows).unwrap() + &edge.log();
    assert!(!written.contains("typed") && !written.contains("wrong-guess"), "{written}");
}

#[tokio::test]
async fn a_row_names_what_was_made_and_is_found_by_it() {
    let edge = Edge::start();
    let owner = edge.client().await;
    let model = owner.register("iris", "https://models.example/iris.onnx").await;
    let person = json!({"displayName": "Ada", "signInName": "ada"});
    let person = owner.post(paths::PEOPLE, &person).await.expect(201).value()["id"].clone();
    owner.delete(&paths::versioned(&owner.account.model(model.id))).await.expect(200);

    let about_the_model = format!("resource={}", paths::encode(&owner.account.model(model.id)));
    let rows = log(&owner, &about_the_model).await;
    let told: Vec<_> = rows.iter().map(|row| row.operation.as_str()).collect();
    assert_eq!(told, ["DELETE {account}/models/{id}", "POST {account}/models"]);
    assert_eq!(rows[1].resource_id, Some(model.id.to_string()));
    let rows = log(&owner, "method=POST&search=people").await;
    assert_eq!(rows[0].resource_id.as_deref(), person.as_str());

    let activity = format!(
        "/subscriptions/{}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01",
        edge.bootstrap().subscription_id
    );
    let events = owner.get(&activity).await.expect(200).value();
    let made = &events["value"][1]["resourceId"];
    assert_eq!(made, &json!(owner.account.model(model.id)), "{events}");
}

#[tokio::test]
async fn what_the_server_and_the_shell_do_is_in_the_log_under_their_names() {
    let edge = Edge::start_with(&["--demo"]);
    let owner = edge.client().await;
    let service = paths::versioned(&owner.account.service("breast-cancer"));
    eventually("the demo", async || {
        (owner.get(&service).await.status == StatusCode::OK).then_some(())
    })
    .await;
    let linked = Command::new(binary())
        .args(["admin", "sign-in-link", "--data"])
        .arg(edge.data())
        .output()
        .unwrap();
    assert!(linked.status.success());

    let rows = log(&owner, "").await;

    let told: Vec<_> = rows
        .iter()
        .rev()
        .map(|row| (row.principal_name.as_deref().unwrap(), row.operation.as_str()))
        .collect();
    let demo = "edge-scorer serve --demo";
    assert_eq!(
        told,
        [
            ("edge-scorer serve", "COMMAND edge-scorer serve"),
            (demo, "PUT {account}/artifacts/{*path}"),
            (demo, "POST {account}/models"),
            (demo, "POST {account}/manifests"),
            (demo, "POST {account}/images"),
            (demo, "POST {account}/services"),
            ("edge-scorer admin sign-in-link", "COMMAND edge-scorer admin sign-in-link"),
        ]
    );
    for row in &rows {
        assert_eq!((row.outcome, row.with_change), (AuditOutcome::Succeeded, true), "{row:?}");
        assert_eq!((row.proof.as_deref(), &row.address), (Some("System"), &None), "{row:?}");
    }
    let found: Value = owner.get(&service).await.expect(200).value();
    assert_eq!(rows[1].resource_id.as_deref(), found["id"].as_str(), "{rows:?}");
}

#[tokio::test]
async fn behind_a_trusted_proxy_callers_have_addresses_and_limits_of_their_own() {
    let edge = Edge::start_with(&["--trusted-proxy", "127.0.0.0/8,10.0.0.0/8"]);
    let client_id = edge.bootstrap().client_id;
    let through = |chain: &'static str| [("x-forwarded-for", chain)];

    for _ in 0..10 {
        guess(&edge, &client_id, &through("192.0.2.1, 198.51.100.7, 10.1.1.1")).await.expect(401);
    }
    // What it writes itself, further to the left, does not make it another caller.
    guess(&edge, &client_id, &through("203.0.113.1, 198.51.100.7")).await.expect(429);
    guess(&edge, &client_id, &through("198.51.100.8")).await.expect(401);
    guess(&edge, &client_id, &[("forwarded", "for=203.0.113.2")]).await.expect(401);

    let owner = edge.client().await;
    let request = json!({"displayName": "robot"});
    let request = owner.request(Method::POST, paths::SERVICE_PRINCIPALS).json(&request);
    let request = request.header("x-forwarded-for", "2001:db8::7");
    owner.try_send(request).await.unwrap().expect(201);
    let made = log(&owner, "address=2001:db8::7").await;
    assert_eq!(made[0].operation, "POST /api/servicePrincipals");
    let from: Vec<_> =
        log(&owner, "outcome=Denied").await.into_iter().filter_map(|row| row.address).collect();
    assert_eq!(from, ["127.0.0.1", "198.51.100.8", "198.51.100.7"]);
    assert!(edge.log().contains("2001:db8::7"), "the access log names the caller");
}

#[tokio::test]
async fn nobody_else_is_believed_about_where_it_comes_from() {
    let edge = Edge::start_with(&["--trusted-proxy", "192.0.2.1"]);
    let client_id = edge.bootstrap().client_id;

    guess(&edge, &client_id, &[("x-forwarded-for", "198.51.100.7")]).await.expect(401);

    let rows = log(&edge.client().await, "outcome=Denied").await;
    assert_eq!(rows[0].address.as_deref(), Some("127.0.0.1"));
}

#[test]
fn a_proxy_that_is_no_network_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let refused = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--trusted-proxy", "10.0.0.0/33", "--data"])
        .arg(&data)
        .output()
        .unwrap();

    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("10.0.0.0/33"));
    assert!(!data.exists());
}
