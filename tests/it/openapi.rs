//! The server against its own description: every documented operation, tried by `schemathesis`.

use std::process::Command;

use serde_json::Value;
use tests::{Client, Edge, fixtures};

/// Examples of each operation, and the paths that are left out.
///
/// The gate tries what registers, packs, serves and scores; `cargo xtask soak` tries everything, with
/// many more examples. A stream of events never ends; other stories read theirs.
fn extent() -> (String, &'static str) {
    match std::env::var("API_EXAMPLES") {
        Ok(examples) => (examples, "/(events|live)$"),
        Err(_) => ("20".to_owned(), GATE_LEAVES_OUT),
    }
}

const GATE_LEAVES_OUT: &str = "/(events|live)$|^/(subscriptions|metrics|openapi)|^/.tenant.\
    |^/api/(servicePrincipals|session|me|version)";

#[tokio::test]
async fn every_operation_answers_as_it_is_described() {
    let edge = Edge::start();
    let client = edge.client().await;
    client.publish("iris", &fixtures::onnx("iris_logistic")).await;
    let bootstrap = edge.bootstrap();
    let folder = tempfile::tempdir().unwrap();
    // What is real is named, so that the handlers are reached and not only the doors.
    let config = format!(
        "[parameters]\n\
         \"path.subscription\" = {:?}\n\"path.group\" = {:?}\n\"path.account\" = {:?}\n\
         \"path.tenant\" = {:?}\n\"path.name\" = \"iris\"\n\"path.model\" = \"iris\"\n\
         \"path.service\" = \"iris\"\n\"path.version\" = \"1\"\n\"query.api-version\" = \"2017-09-01-preview\"\n\
         {DELETED_ELSEWHERE}",
        bootstrap.subscription_id, bootstrap.resource_group, bootstrap.account, bootstrap.tenant_id,
    );
    let path = folder.path().join("schemathesis.toml");
    std::fs::write(&path, config).unwrap();
    let url = edge.url.clone();
    let token = client.token.clone();
    let (examples, left_out) = extent();

    let output = tokio::task::spawn_blocking(move || {
        let packages = fixtures::prepared_for_protocols();
        Command::new("python3")
            .args(["-m", "schemathesis.cli", "--config-file"])
            .arg(path)
            .args(["run", &format!("{url}/openapi.json")])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(["--max-examples", &examples, "--seed", "2026", "--workers", "1"])
            .args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure"])
            .args(["--checks", CHECKS, "--request-timeout", "30", "--suppress-health-check", "all"])
            .args(["--warnings", "off", "--no-color", "--generation-database", "none"])
            .args(["--exclude-path-regex", left_out])
            .current_dir(folder.path())
            .env("PYTHONPATH", &packages.python_path)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_PROXY", "*")
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("passed"), "{said}");
    // The server is as well as before; the service may have been deleted, as anybody may do.
    client.get("/v2/health/ready").await.expect(200);
    client.get(&shared::paths::versioned(&client.account.models())).await.expect(200);
}

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,unsupported_method";

/// Accounts may be made and deleted, but not the one that everything else happens in.
const DELETED_ELSEWHERE: &str = r#"
[[operations]]
include-path-regex = "^/subscriptions/.*/accounts/[{]account[}]$"
parameters = { "path.account" = "another" }
"#;

#[tokio::test]
async fn the_description_is_open_and_names_every_family() {
    let edge = Edge::start();

    let described = Client::anonymous(&edge.url).get("/openapi.json").await.expect(200);

    let document: Value = described.value();
    assert_eq!(document["openapi"], "3.1.0");
    for path in [
        "/api/v1/service/{name}/score",
        "/v2/models/{model}/infer",
        "/workspaces/{workspace}/services/{service}/execute",
        "/{tenant}/oauth2/token",
        "/subscriptions",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path} is not described");
    }
    let service = &document["components"]["schemas"]["Service"];
    assert!(service["properties"]["scoringUri"].is_object(), "{service}");
}
