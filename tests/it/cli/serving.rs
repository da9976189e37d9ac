//! `serve`, `admin` and `deploy` as an operator uses them.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::{Value, json};
use tests::{Client, Edge, fixtures};

use super::{Desk, run, run_in};

#[test]
fn the_configuration_is_printed_with_the_source_of_each_value() {
    let desk = Desk::new();
    let config = desk.put("edge.toml", "listen = \"127.0.0.1:7001\"\nscore-timeout = \"5s\"\n");

    let printed = run(&["serve", "--config", &config, "--demo", "--print-config"], "").expect(0);
    let saved = desk.put("saved.toml", &printed.out);
    let again = run(&["serve", "--config", &saved, "--print-config"], "").expect(0);

    let line = |text: &str, name: &str| {
        let found = text.lines().find(|line| line.starts_with(name));
        found.unwrap_or_else(|| panic!("{name} in {text}")).to_owned()
    };
    assert!(line(&printed.out, "listen = ").contains("\"127.0.0.1:7001\""));
    assert!(line(&printed.out, "listen = ").ends_with(&format!("file {config}")));
    assert!(line(&printed.out, "demo = true").ends_with("flag --demo"));
    assert!(line(&printed.out, "data = ").ends_with("default"));
    assert!(line(&again.out, "score-timeout = \"5s\"").ends_with(&format!("file {saved}")));
}

#[tokio::test]
async fn the_bootstrap_file_is_for_its_owner_and_written_once() {
    let mut edge = Edge::start();
    let path = edge.bootstrap_path();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    let first = fs::read(&path).unwrap();

    assert!(edge.stop().success());
    edge.restart();

    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read(&path).unwrap(), first);
    let bootstrap = edge.bootstrap();
    assert!(bootstrap.sign_in_link.starts_with(&bootstrap.endpoint));
    assert!(bootstrap.sign_in_link.contains("/console/sign-in#"), "{}", bootstrap.sign_in_link);
    edge.client().await;
}

#[tokio::test]
async fn a_lost_bootstrap_file_is_not_remade_but_the_secret_can_be_reset() {
    let mut edge = Edge::start();
    let lost = edge.bootstrap();
    fs::remove_file(edge.bootstrap_path()).unwrap();
    edge.kill();
    edge.restart();
    assert!(!edge.bootstrap_path().exists());
    assert!(edge.log().contains("admin reset-secret"), "{}", edge.log());

    let data = edge.data();
    let reset = run(&["admin", "reset-secret", "--data", data.to_str().unwrap()], "").expect(0);

    let reset = reset.json();
    let mut found = lost.clone();
    reset["clientId"].as_str().unwrap().clone_into(&mut found.client_id);
    reset["clientSecret"].as_str().unwrap().clone_into(&mut found.client_secret);
    assert_eq!(found.client_id, lost.client_id);
    Client::sign_in(&edge.url, &found).await;
}

#[tokio::test]
async fn a_sign_in_link_made_beside_a_running_server_opens_the_console_once() {
    let edge = Edge::start();
    let data = edge.data();

    let made = run(&["admin", "sign-in-link", "--data", data.to_str().unwrap()], "").expect(0);

    let (address, token) = made.out.trim().split_once('#').unwrap();
    assert_eq!(address, format!("{}/console/sign-in", edge.url));
    let visitor = Client::anonymous(&edge.url);
    let request = json!({"signInToken": token});
    visitor.post(shared::paths::SESSION, &request).await.expect(200);
    let second = visitor.post(shared::paths::SESSION, &request).await;
    assert_eq!(second.status.as_u16(), 401, "once");
}

#[test]
fn a_taken_address_and_a_taken_data_folder_end_with_7() {
    let edge = Edge::start();
    let desk = Desk::new();
    let address = edge.url.trim_start_matches("http://");
    let data = edge.data();

    let on_address =
        run(&["serve", "--listen", address, "--data", &desk.path("fresh")], "").expect(7);
    let on_data =
        run(&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()], "").expect(7);

    assert!(on_address.err.contains(address), "{}", on_address.err);
    assert!(on_data.err.contains(data.to_str().unwrap()), "{}", on_data.err);
    assert!(!Path::new(&desk.path("fresh")).exists(), "nothing was made");
}

#[tokio::test]
async fn the_console_is_served_compressed_validated_and_fenced_in() {
    let edge = Edge::start();
    let visitor = Client::anonymous(&edge.url);

    let page = visitor.get("/console/").await.expect(200);
    let deep = visitor.get("/console/models/anything").await.expect(200);
    let root = visitor.get("/").await;

    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(page.header("cache-control"), "no-cache");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline"));
    assert_eq!(deep.body, page.body);
    assert!(root.status.is_success() || root.status.is_redirection());
    let again = visitor.request(reqwest::Method::GET, "/console/");
    let again = again.header("if-none-match", page.header("etag"));
    assert_eq!(visitor.try_send(again).await.unwrap().status.as_u16(), 304);
}

#[tokio::test]
async fn https_with_a_certificate_of_its_own_is_trusted_by_the_path_it_prints() {
    let edge = Edge::start_with(&["--tls-self-signed"]);

    // Making any caller chooses the cryptography that the careful one below needs.
    Client::anonymous(&edge.url);
    assert!(edge.url.starts_with("https://127.0.0.1:"), "{}", edge.url);
    let log = edge.log();
    let path = log.lines().find_map(|line| line.strip_prefix("clients must trust ")).unwrap();
    let certificate = reqwest::Certificate::from_pem(&fs::read(path).unwrap()).unwrap();
    let careful = reqwest::Client::builder().no_proxy().add_root_certificate(certificate);
    let answer = careful.build().unwrap().get(format!("{}/v2/health/live", edge.url)).send().await;
    assert_eq!(answer.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn one_command_takes_a_model_to_a_curl_line_that_scores() {
    let edge = Edge::start();
    let onnx = fixtures::onnx_path("breast_cancer_gbdt");
    let bootstrap = edge.bootstrap_path();
    let deploy = || {
        run(
            &[
                "deploy",
                onnx.to_str().unwrap(),
                "--name",
                "from-shell",
                "--bootstrap-file",
                bootstrap.to_str().unwrap(),
                "--server",
                &edge.url,
            ],
            "",
        )
    };

    let line = deploy().expect(0).out;

    assert!(line.starts_with("curl "), "{line}");
    let answer = shell(line.trim());
    let probabilities = answer["predict_proba"][0].as_array().unwrap().clone();
    assert_eq!(probabilities.len(), 2, "{answer}");

    // The same name again is an update, not a conflict.
    deploy().expect(0);
    let client = edge.client().await;
    let path = shared::paths::versioned(&client.account.models());
    let models = client.get(&path).await.expect(200).value();
    let versions: Vec<_> =
        models["value"].as_array().unwrap().iter().map(|m| &m["version"]).collect();
    assert_eq!(versions, [&json!(2), &json!(1)]);
}

#[tokio::test]
async fn a_row_too_long_for_a_shell_is_sent_from_a_file_that_is_written_once() {
    let edge = Edge::start();
    let desk = Desk::new();
    let (onnx, bootstrap) = (fixtures::onnx_path("squeezenet"), edge.bootstrap_path());
    let deploy = || {
        let arguments = [
            &["deploy", onnx.to_str().unwrap(), "--name", "squeezenet"][..],
            &["--bootstrap-file", bootstrap.to_str().unwrap(), "--server", &edge.url],
        ];
        run_in(desk.0.path(), &arguments.concat(), "").expect(0)
    };

    let first = deploy();

    assert_eq!(desk.names(), ["squeezenet-example.json"]);
    assert!(first.err.contains("squeezenet-example.json"), "{}", first.err);
    assert!(first.out.trim().ends_with("-d '@squeezenet-example.json'"), "{}", first.out);
    let answer = shell(&format!("cd {} && {}", desk.0.path().display(), first.out.trim()));
    assert!(answer.to_string().len() > 1000, "{answer}");

    // What somebody made of it since is left alone.
    desk.put("squeezenet-example.json", "mine");
    deploy();
    assert_eq!(fs::read(desk.path("squeezenet-example.json")).unwrap(), b"mine");
}

#[tokio::test]
async fn deploying_a_model_that_cannot_be_compiled_ends_with_3_and_the_reason() {
    let edge = Edge::start();
    let onnx = fixtures::onnx_path("unsupported");
    let bootstrap = edge.bootstrap_path();

    let refusal = run(
        &[
            "deploy",
            onnx.to_str().unwrap(),
            "--name",
            "hopeless",
            "--bootstrap-file",
            bootstrap.to_str().unwrap(),
        ],
        "",
    )
    .expect(3);

    assert!(refusal.err.contains("operator"), "{}", refusal.err);
    assert_eq!(refusal.out, "");
}

/// Runs a printed line as a user would, and reads the JSON it prints.
fn shell(line: &str) -> Value {
    let output = std::process::Command::new("sh").args(["-c", line]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error} in `{text}`, {}", String::from_utf8_lossy(&output.stderr))
    })
}
