//! People, clients, roles, keys and the log of it all, over HTTP and from the shell.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::paths;
use tests::{Answer, Client, Edge, binary, fixtures};

/// A browser's worth of memory: the session cookie and its CSRF token.
struct Visitor {
    client: Client,
    cookie: String,
    csrf: String,
}

impl Visitor {
    async fn sign_in(url: &str, request: &Value) -> Result<Self, Answer> {
        let client = Client::anonymous(url);
        let answer = client.post(paths::SESSION, request).await;
        if answer.status != StatusCode::OK {
            return Err(answer);
        }
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let csrf = answer.value()["csrfToken"].as_str().unwrap().to_owned();
        Ok(Self { client, cookie, csrf })
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.client.request(method, path).header("cookie", &self.cookie);
        let request = request.header("x-csrf-token", &self.csrf).json(body);
        self.client.try_send(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &json!({})).await
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn link_token(link: &Value) -> Value {
    let url = text(&link["url"]);
    json!({"signInToken": url.split_once('#').unwrap().1})
}

async fn token_of(edge: &Edge, id: &str, secret: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
        ("resource", "https://management.azure.com/"),
    ];
    let stranger = Client::anonymous(&edge.url);
    let request = stranger.request(Method::POST, &paths::token("common")).form(&form);
    stranger.try_send(request).await.unwrap()
}

#[tokio::test]
async fn a_person_comes_by_link_sets_a_password_forgets_it_and_comes_by_link_again() {
    let edge = Edge::start();
    let owner = edge.client().await;
    let scope = format!("/subscriptions/{}", edge.bootstrap().subscription_id);
    let request = json!({
        "displayName": "Ada Lovelace", "signInName": "Ada",
        "roles": [{"scope": scope, "role": "Reader"}],
    });
    let made = owner.post(paths::PEOPLE, &request).await.expect(201).value();
    let taken = owner.post(paths::PEOPLE, &request).await.expect(409).value();
    assert_eq!(taken["code"], "NameTaken");

    let ada = Visitor::sign_in(&edge.url, &link_token(&made["signInLink"])).await.ok().unwrap();
    assert!(Visitor::sign_in(&edge.url, &link_token(&made["signInLink"])).await.is_err(), "once");
    let me = ada.get(paths::ME).await.expect(200).value();
    assert_eq!(me["openedBy"], "Link");
    assert_eq!(me["actions"], json!(["read"]));
    let short = json!({"newPassword": "short"});
    ada.send(Method::PUT, paths::PASSWORD, &short).await.expect(400);
    let first = json!({"newPassword": "correct horse battery"});
    ada.send(Method::PUT, paths::PASSWORD, &first).await.expect(204);
    let again = ada.send(Method::PUT, paths::PASSWORD, &first).await.expect(400).value();
    assert!(text(&again["message"]).contains("current password"), "{again}");

    let by = |password: &str| json!({"name": "ADA", "password": password});
    let elsewhere = Visitor::sign_in(&edge.url, &by("correct horse battery")).await.ok().unwrap();
    let wrong = Visitor::sign_in(&edge.url, &by("incorrect horse")).await.err().unwrap();
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let sessions = elsewhere.get(paths::SESSIONS).await.expect(200).value();
    assert_eq!(sessions["value"].as_array().unwrap().len(), 2, "{sessions}");
    let change = json!({
        "currentPassword": "correct horse battery", "newPassword": "staple the battery",
    });
    elsewhere.send(Method::PUT, paths::PASSWORD, &change).await.expect(204);
    ada.get(paths::ME).await.expect(401);

    let id = text(&made["id"]);
    let link = owner.post(&paths::person_link(&id), &json!({})).await.expect(201).value();
    let back = Visitor::sign_in(&edge.url, &link_token(&link)).await.ok().unwrap();
    let reset = json!({"newPassword": "a third passphrase"});
    back.send(Method::PUT, paths::PASSWORD, &reset).await.expect(204);
    assert!(Visitor::sign_in(&edge.url, &by("staple the battery")).await.is_err());
    elsewhere.get(paths::ME).await.expect(401);

    owner.delete(&paths::person(&id)).await.expect(200);
    back.get(paths::ME).await.expect(401);
    owner.delete(&paths::person(&id)).await.expect(204);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_and_by_owners() {
    let edge = Edge::start();
    let owner = edge.client().await;
    let credentials = {
        let b = edge.bootstrap();
        json!({"clientId": b.client_id, "clientSecret": b.client_secret})
    };
    let first = Visitor::sign_in(&edge.url, &credentials).await.ok().unwrap();
    let second = Visitor::sign_in(&edge.url, &credentials).await.ok().unwrap();
    let third = Visitor::sign_in(&edge.url, &credentials).await.ok().unwrap();

    let list = first.get(paths::SESSIONS).await.expect(200).value();
    let rows = list["value"].as_array().unwrap();
    assert_eq!(rows.len(), 3, "{list}");
    let current: Vec<_> = rows.iter().filter(|row| row["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(rows[2], *current[0], "newest first");
    let of_second = text(&rows[1]["id"]);
    owner.delete(&paths::session(&of_second)).await.expect(200);
    second.get(paths::ME).await.expect(401);

    let closed = first.send(Method::DELETE, paths::SESSIONS, &json!({})).await.expect(200);
    assert_eq!(closed.value()["closed"], 1);
    third.get(paths::ME).await.expect(401);
    first.get(paths::ME).await.expect(200);
}

#[tokio::test]
async fn a_second_secret_replaces_the_first_without_a_gap() {
    let edge = Edge::start();
    let owner = edge.client().await;
    let request = json!({"displayName": "ci"});
    let made = owner.post(paths::SERVICE_PRINCIPALS, &request).await.expect(201).value();
    let (id, client_id) = (text(&made["id"]), text(&made["clientId"]));
    let old = text(&made["secret"]["secret"]);

    let wanted = json!({"description": "from 2027", "expiresAt": "2027-06-01T00:00:00Z"});
    let new = owner.post(&paths::secrets(&id), &wanted).await.expect(201).value();
    let third = owner.post(&paths::secrets(&id), &json!({})).await.expect(413).value();
    assert!(text(&third["message"]).contains("2 secrets"), "{third}");
    token_of(&edge, &client_id, &old).await.expect(200);
    token_of(&edge, &client_id, &text(&new["secret"])).await.expect(200);
    let list = owner.get(&paths::secrets(&id)).await.expect(200).value();
    let rows = list["value"].as_array().unwrap();
    assert_eq!(rows[0]["hint"], old[..3], "{list}");
    assert_eq!(rows[1]["description"], "from 2027");
    assert!(text(&rows[1]["expiresAt"]).starts_with("2027-06-01T00:00:00"), "{list}");
    assert!(!list.to_string().contains(&old));

    let first = text(&rows[0]["id"]);
    owner.delete(&paths::secret(&id, &first)).await.expect(200);
    token_of(&edge, &client_id, &old).await.expect(401);
    token_of(&edge, &client_id, &text(&new["secret"])).await.expect(200);
    for bad in ["2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "soon"] {
        owner.post(&paths::secrets(&id), &json!({"expiresAt": bad})).await.expect(400);
    }
}

#[tokio::test]
async fn a_role_holds_at_its_scope_and_below_and_from_the_next_call_on() {
    let edge = Edge::start();
    let owner = edge.client().await;
    let b = edge.bootstrap();
    let made = owner.post(paths::SERVICE_PRINCIPALS, &json!({"displayName": "robot"})).await;
    let made = made.expect(201).value();
    let answer = token_of(&edge, &text(&made["clientId"]), &text(&made["secret"]["secret"])).await;
    let mut robot = Client::anonymous(&edge.url);
    robot.token = text(&answer.expect(200).value()["access_token"]);
    let models = paths::versioned(&owner.account.models());
    let services = paths::versioned(&owner.account.services());
    robot.get(&models).await.expect(403);

    let group = paths::resource_group(&b.subscription_id, &b.resource_group);
    let name = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    let arm = |path: String| format!("{path}?api-version=2022-04-01");
    let give =
        |role: &str| json!({"properties": {"roleDefinitionId": role, "principalId": made["id"]}});
    let path = arm(paths::role_assignment(&group, name));
    let given = owner.put(&path, &give("Reader")).await.expect(201).value();
    assert_eq!(given["properties"]["principalName"], "robot");
    robot.get(&models).await.expect(200);
    let below = paths::account_arm_id(&b.subscription_id, &b.resource_group, &b.account);
    let inherited = owner.get(&arm(paths::role_assignments(&below))).await.expect(200).value();
    assert!(inherited.to_string().contains(name), "{inherited}");

    owner.put(&path, &give("Reader")).await.expect(200);
    let other = owner.put(&path, &give("Owner")).await.expect(409).value();
    assert_eq!(other["error"]["code"], "RoleAssignmentExists", "{other}");
    let nobody = json!({"properties": {"roleDefinitionId": "Reader", "principalId": name}});
    let unknown =
        owner.put(&arm(paths::role_assignment(&group, b.tenant_id.as_str())), &nobody).await;
    assert_eq!(unknown.expect(400).value()["error"]["code"], "PrincipalNotFound");
    robot.put(&path, &give("Owner")).await.expect(403);
    let of_robot = format!(
        "{}&$filter=principalId%20eq%20'{}'",
        arm(paths::role_assignments(&group)),
        text(&made["id"])
    );
    let robots = owner.get(&of_robot).await.expect(200).value();
    assert_eq!(robots["value"].as_array().unwrap().len(), 1);

    owner.delete(&path).await.expect(200);
    robot.get(&services).await.expect(403);
    owner.delete(&path).await.expect(204);
    let root = arm(paths::role_assignments(&format!("/subscriptions/{}", b.subscription_id)));
    let roots = owner.get(&root).await.expect(200).value();
    let last = arm(text(&roots["value"][0]["id"]));
    assert_eq!(owner.delete(&last).await.expect(409).value()["error"]["code"], "LastOwner");
}

#[tokio::test]
async fn a_new_key_signs_at_once_and_the_old_one_lives_out_its_tokens_over_a_restart() {
    let mut edge = Edge::start();
    let owner = edge.client().await;
    let jwks = format!("/{}/discovery/v2.0/keys", edge.bootstrap().tenant_id);
    let before = owner.get(&jwks).await.expect(200).value();

    let new = owner.post(paths::ROTATE_SIGNING_KEY, &json!({})).await.expect(201).value();

    let after = owner.get(&jwks).await.expect(200).value();
    assert_eq!(after["keys"][0]["kid"], new["id"]);
    assert_eq!(after["keys"][1]["kid"], before["keys"][0]["kid"]);
    owner.get(paths::ME).await.expect(200);
    let younger = edge.client().await;
    assert_ne!(younger.token.split('.').next(), owner.token.split('.').next());
    edge.kill();
    edge.restart();
    for token in [&owner.token, &younger.token] {
        let mut caller = Client::anonymous(&edge.url);
        caller.token.clone_from(token);
        caller.get(paths::ME).await.expect(200);
    }
    let list = edge.client().await.get(paths::SIGNING_KEYS).await.expect(200).value();
    assert!(list["value"][0]["retiredAt"].is_null(), "{list}");
    assert!(list["value"][1]["verifiesUntil"].is_string(), "{list}");
}

#[tokio::test]
async fn the_audit_log_survives_a_kill_and_is_read_page_by_page_and_by_filter() {
    let mut edge = Edge::start();
    let owner = edge.client().await;
    for name in ["one", "two", "three"] {
        owner.post(paths::SERVICE_PRINCIPALS, &json!({"displayName": name})).await.expect(201);
    }
    owner.delete("/api/servicePrincipals/nobody").await.expect(204);
    edge.kill();
    edge.restart();
    let owner = edge.client().await;

    let mut found = Vec::new();
    let mut next = Some(format!("{}?count=2&method=POST", paths::AUDIT));
    while let Some(path) = next {
        let page = owner.get(&path).await.expect(200).value();
        let rows = page["value"].as_array().unwrap();
        assert!(rows.len() <= 2);
        found.extend(rows.iter().map(|row| (row["operation"].clone(), row["withChange"].clone())));
        next = page.get("nextLink").map(text);
    }
    assert_eq!(found, vec![(json!("POST /api/servicePrincipals"), json!(true)); 3]);
    let since = owner.get(&format!("{}?since=2100-01-01T00:00:00Z", paths::AUDIT)).await;
    assert_eq!(since.expect(200).value()["value"], json!([]));
    for bad in ["since=yesterday", "outcome=perhaps", "count=0", "$skipToken=x"] {
        owner.get(&format!("{}?{bad}", paths::AUDIT)).await.expect(400);
    }
}

#[tokio::test]
async fn no_secret_of_a_busy_day_is_in_the_log() {
    let edge = Edge::start_with(&["--log", "trace"]);
    let owner = edge.client().await;
    let b = edge.bootstrap();
    let mut secrets = vec![b.client_secret.clone(), owner.token.clone()];
    secrets.push(b.sign_in_link.split_once('#').unwrap().1.to_owned());

    let published = owner.publish("busy", &fixtures::onnx("iris_logistic")).await;
    secrets.push(published.keys.primary_key.clone());
    let service = published.service.id.to_string();
    let path = paths::versioned(&owner.account.regenerate_keys(&service));
    let renewed = owner.post(&path, &json!({"keyType": "Secondary"})).await.expect(200).value();
    secrets.push(text(&renewed["secondaryKey"]));
    let document = json!({"data": [[5.1, 3.5, 1.4, 0.2]]});
    owner.score("busy", &published.keys.primary_key, &document).await.expect(200);
    owner.score("busy", &published.keys.secondary_key, &document).await.expect(401);
    secrets.push(published.keys.secondary_key.clone());

    let made = owner.post(paths::SERVICE_PRINCIPALS, &json!({"displayName": "x"})).await;
    secrets.push(text(&made.expect(201).value()["secret"]["secret"]));
    let person = json!({"displayName": "Ada", "signInName": "ada"});
    let person = owner.post(paths::PEOPLE, &person).await.expect(201).value();
    let link = link_token(&person["signInLink"]);
    secrets.push(text(&link["signInToken"]));
    let ada = Visitor::sign_in(&edge.url, &link).await.ok().unwrap();
    let password = "correct horse battery";
    ada.send(Method::PUT, paths::PASSWORD, &json!({"newPassword": password})).await.expect(204);
    let wrong = json!({"name": "ada", "password": "a wrong passphrase"});
    assert!(Visitor::sign_in(&edge.url, &wrong).await.is_err());
    token_of(&edge, &b.client_id, "a wrong client secret").await.expect(401);
    secrets.extend([password, "a wrong passphrase", "a wrong client secret"].map(str::to_owned));
    secrets.push(ada.cookie.split_once('=').unwrap().1.to_owned());
    secrets.push(ada.csrf.clone());
    owner.post(paths::ROTATE_SIGNING_KEY, &json!({})).await.expect(201);
    let audit = owner.get(&format!("{}?count=1000", paths::AUDIT)).await.expect(200).text();

    let master = std::fs::read_to_string(edge.data().join("master.key")).unwrap();
    secrets.push(master.trim().to_owned());
    let log = edge.log();
    assert!(log.contains("/api/servicePrincipals"), "the log is there");
    for secret in secrets {
        assert!(secret.len() > 10);
        assert!(!log.contains(&secret), "a secret is in the log: {secret}");
        assert!(!audit.contains(&secret), "a secret is in the audit log: {secret}");
    }
}

#[tokio::test]
async fn a_regenerated_key_is_dead_at_once() {
    let edge = Edge::start();
    let owner = edge.client().await;
    let published = owner.publish("keyed", &fixtures::onnx("iris_logistic")).await;
    let document = json!({"data": [[5.1, 3.5, 1.4, 0.2]]});
    let service = published.service.id.to_string();
    let mut old = published.keys.primary_key.clone();
    for _ in 0..5 {
        owner.score("keyed", &old, &document).await.expect(200);
        let path = paths::versioned(&owner.account.regenerate_keys(&service));
        let renewed = owner.post(&path, &json!({})).await.expect(200).value();
        owner.score("keyed", &old, &document).await.expect(401);
        old = text(&renewed["primaryKey"]);
    }
    let read = owner.get(&paths::versioned(&owner.account.service_keys(&service))).await;
    let id = read.expect(200).header("x-ms-request-id").to_owned();
    let log = owner.get(&format!("{}?requestId={id}", paths::AUDIT)).await.expect(200).value();
    assert_eq!(log["value"][0]["method"], "GET", "reading keys is told: {log}");
}

#[tokio::test]
async fn other_peoples_clients_sign_in_and_manage_unmodified() {
    let edge = Edge::start_with(&["--tls-self-signed"]);
    let log = edge.log();
    let certificate = log.lines().find_map(|line| line.strip_prefix("clients must trust "));
    let bootstrap = edge.bootstrap_path();
    let made = admin(&edge, &["principals", "add", "second"]);
    let second = edge.folder().join("second.json");
    std::fs::write(&second, made.to_string()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/flows.py");

    let output = Command::new("python3")
        .args([script, &edge.url])
        .arg(bootstrap)
        .arg(certificate.unwrap())
        .arg(second)
        .env("PYTHONPATH", fixtures::prepared_clients())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();

    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let passed: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(passed.len(), 7, "{passed:?}");
}

/// Runs `edge-scorer admin …` against a running server, as whoever may write to its data folder.
fn admin(edge: &Edge, arguments: &[&str]) -> Value {
    let output = Command::new(binary())
        .arg("admin")
        .args(arguments)
        .arg("--data")
        .arg(edge.data())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

#[tokio::test]
async fn the_shell_makes_clients_people_and_roles_beside_the_running_server() {
    let edge = Edge::start();
    let made = admin(&edge, &["principals", "add", "ci", "--role", "Reader"]);
    let id = text(&made["id"]);
    let answer = token_of(&edge, &text(&made["clientId"]), &text(&made["secret"]["secret"])).await;
    let mut robot = edge.client().await;
    robot.token = text(&answer.expect(200).value()["access_token"]);
    let models = paths::versioned(&robot.account.models());
    robot.get(&models).await.expect(200);

    let second = admin(&edge, &["secrets", "add", &id, "--days", "30"]);
    let listed = admin(&edge, &["secrets", "list", &id]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    admin(&edge, &["secrets", "delete", &id, &text(&second["id"])]);
    admin(&edge, &["roles", "delete", &id, "Reader"]);
    robot.get(&models).await.expect(403);
    admin(&edge, &["roles", "add", &id, "contributor"]);
    robot.get(&models).await.expect(200);
    let roles = admin(&edge, &["roles", "list"]);
    assert!(roles.to_string().contains(&id), "{roles}");
    let person = admin(&edge, &["people", "add", "ada", "--name", "Ada", "--role", "Owner"]);
    assert!(Visitor::sign_in(&edge.url, &link_token(&person["signInLink"])).await.is_ok());
    let keys = admin(&edge, &["keys", "list"]);
    admin(&edge, &["keys", "rotate"]);
    assert_eq!(
        admin(&edge, &["keys", "list"]).as_array().unwrap().len(),
        keys.as_array().unwrap().len() + 1
    );
    admin(&edge, &["principals", "delete", &id]);
    robot.get(&models).await.expect(401);
    let log = admin(&edge, &["audit", "--count", "1000"]);
    assert!(log.to_string().contains("signingKeys/rotate"), "{log}");
}

/// The issuer of `tests/clients/issuer.py`.
struct Issuer {
    url: String,
    process: Child,
}

const OUTSIDE_SECRET: &str = "known-to-the-issuer-and-the-server";

impl Issuer {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/issuer.py");
        let mut process = Command::new("python3")
            .arg(script)
            .env("PYTHONPATH", fixtures::prepared_clients())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("CLIENT_SECRET", OUTSIDE_SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { url: line.trim().to_owned(), process }
    }

    async fn mint(&self, claims: &Value, how: &str) -> String {
        let claims = paths::encode(&claims.to_string());
        let path = format!("/mint?how={how}&claims={claims}");
        let answer = Client::anonymous(&self.url).get(&path).await;
        text(&answer.expect(200).value()["token"])
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn the_outside_issuers_tokens_and_people_come_in_by_subject_and_by_group() {
    let issuer = Issuer::start();
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), OUTSIDE_SECRET).unwrap();
    let edge = Edge::start_with(&[
        "--oidc-issuer",
        &issuer.url,
        "--oidc-audience",
        "api://edge",
        "--oidc-client-id",
        "console",
        "--oidc-client-secret-file",
        secret.path().to_str().unwrap(),
    ]);
    let owner = edge.client().await;
    let models = paths::versioned(&owner.account.models());
    let with = |token: String| {
        let mut caller = Client::anonymous(&edge.url);
        caller.token = token;
        caller
    };
    let claims = json!({"sub": "hal", "aud": "api://edge", "groups": ["crew"]});
    let hal = with(issuer.mint(&claims, "good").await);
    hal.get(&models).await.expect(403);
    assert_eq!(hal.get(paths::ME).await.expect(200).value()["actions"], json!([]));

    let scope = format!("/subscriptions/{}", edge.bootstrap().subscription_id);
    let known = |kind: &str, name: &str, role: &str| {
        json!({"kind": kind, "displayName": name, "signInName": name,
            "roles": [{"scope": scope, "role": role}]})
    };
    owner.post(paths::PEOPLE, &known("OutsideGroup", "crew", "Reader")).await.expect(201);
    hal.get(&models).await.expect(200);
    let artifact = paths::versioned(&owner.account.artifact("x.bin"));
    hal.put(&artifact, &json!("x")).await.expect(403);
    owner.post(paths::PEOPLE, &known("OutsidePerson", "hal", "Contributor")).await.expect(201);
    hal.put(&artifact, &json!("x")).await.expect(201);
    let me = hal.get(paths::ME).await.expect(200).value();
    assert_eq!(me["roles"].as_array().unwrap().len(), 2, "{me}");

    for (claims, how) in [
        (json!({"sub": "hal", "aud": "api://other"}), "good"),
        (json!({"sub": "hal", "aud": "api://edge", "exp": 1_600_000_000}), "good"),
        (json!({"sub": "hal", "aud": "api://edge", "nbf": 4_000_000_000_u64}), "good"),
        (json!({"sub": "hal", "aud": "api://edge", "iss": "https://elsewhere.example"}), "good"),
        (json!({"aud": "api://edge"}), "good"),
        (json!({"sub": "hal", "aud": "api://edge"}), "none"),
        (json!({"sub": "hal", "aud": "api://edge"}), "confused"),
        (json!({"sub": "hal", "aud": "api://edge"}), "unknown"),
    ] {
        let refused = with(issuer.mint(&claims, how).await).get(&models).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{how} {claims}");
    }

    // A browser that goes there and comes back.
    let browser = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let options = owner.get(paths::SIGN_IN_OPTIONS).await.expect(200).value();
    let to = |answer: &reqwest::Response| answer.headers()["location"].to_str().unwrap().to_owned();
    let depart = async || {
        let start =
            format!("{}{}?returnTo=/console/models", edge.url, text(&options["outside"]["url"]));
        let left = browser.get(start).send().await.unwrap();
        assert_eq!(left.status(), 303);
        let cookie =
            left.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let there = browser.get(to(&left)).send().await.unwrap();
        (cookie, to(&there))
    };
    let (cookie, back) = depart().await;
    let nobody = browser.get(&back).header("cookie", &cookie).send().await.unwrap();
    assert!(
        to(&nobody).contains("error=AuthorizationFailed"),
        "grace has no role yet: {}",
        to(&nobody)
    );
    owner.post(paths::PEOPLE, &known("OutsideGroup", "admirals", "Owner")).await.expect(201);
    let (cookie, back) = depart().await;
    let stolen = browser.get(&back).send().await.unwrap();
    assert!(to(&stolen).contains("error="), "without the cookie: {}", to(&stolen));
    let (cookie_again, back_again) = depart().await;
    let mixed = browser.get(&back_again).header("cookie", &cookie).send().await.unwrap();
    assert!(to(&mixed).contains("error="), "with another's cookie: {}", to(&mixed));
    drop(back);
    let (_, back_again) = (back_again, depart().await);
    let arrived = browser.get(&back_again.1).header("cookie", &back_again.0).send().await.unwrap();
    drop(cookie_again);
    assert_eq!(to(&arrived), "/console/models");
    let cookies: Vec<_> = arrived.headers().get_all("set-cookie").iter().collect();
    let session = cookies.iter().find(|cookie| cookie.to_str().unwrap().starts_with("edge="));
    let session = session.unwrap().to_str().unwrap().split(';').next().unwrap();
    let me = browser.get(format!("{}{}", edge.url, paths::ME)).header("cookie", session);
    let me: Value = me.send().await.unwrap().json().await.unwrap();
    assert_eq!(me["name"], "Grace Hopper", "{me}");
    assert_eq!(me["openedBy"], "Outside");
    assert!(me["actions"].as_array().unwrap().contains(&json!("access")), "by her group: {me}");
    assert!(!edge.log().contains(OUTSIDE_SECRET));
}
