//! The server against its own description: every documented operation, tried by `schemathesis`.

use std::process::Command;

use serde_json::{Value, json};
use shared::paths;
use tests::{Client, Edge, fixtures};

/// Examples of each operation, and the paths that are left out.
///
/// A stream of events never ends; other stories read theirs. Roles are given at four scopes by the
/// same handlers, of which the gate tries one. `cargo xtask soak` tries all, with many more examples.
fn extent() -> (String, &'static str) {
    match std::env::var("API_EXAMPLES") {
        Ok(examples) => (examples, "/(events|live)$"),
        Err(_) => ("20".to_owned(), "/(events|live)$|[{]group[}].*Microsoft.Authorization"),
    }
}

#[tokio::test]
async fn every_operation_answers_as_it_is_described() {
    let edge = Edge::start();
    let client = edge.client().await;
    client.publish("iris", &fixtures::onnx("iris_logistic")).await;
    let robot = json!({"displayName": "robot"});
    let robot = client.post(paths::SERVICE_PRINCIPALS, &robot).await.expect(201).value();
    let person = json!({"displayName": "Ada", "signInName": "ada"});
    let person = client.post(paths::PEOPLE, &person).await.expect(201).value();
    let bootstrap = edge.bootstrap();
    let folder = tempfile::tempdir().unwrap();
    // What is real is named, so that the handlers are reached and not only the doors.
    let config = format!(
        "[parameters]\n\
         \"path.subscription\" = {:?}\n\"path.group\" = {:?}\n\"path.account\" = {:?}\n\
         \"path.workspace\" = {:?}\n\"path.tenant\" = {:?}\n\"path.name\" = \"iris\"\n\
         \"path.model\" = \"iris\"\n\"path.service\" = \"iris\"\n\"path.version\" = \"1\"\n\
         \"path.namespace\" = \"Microsoft.Resources\"\n\
         \"query.api-version\" = \"2017-09-01-preview\"\n\
         {ELSEWHERE}\n\
         [[operations]]\ninclude-path-regex = \"^/api/servicePrincipals/\"\n\
         parameters = {{ \"path.id\" = {} }}\n\
         [[operations]]\ninclude-path-regex = \"^/api/people/\"\n\
         parameters = {{ \"path.id\" = {} }}\n",
        bootstrap.subscription_id,
        bootstrap.resource_group,
        bootstrap.account,
        bootstrap.workspace,
        bootstrap.tenant_id,
        robot["id"],
        person["id"],
    );
    std::fs::write(folder.path().join("hooks.py"), HOOKS).unwrap();
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
            .env("SCHEMATHESIS_HOOKS", "hooks")
            .env("CLIENT_ID", &bootstrap.client_id)
            .env("CLIENT_SECRET", &bootstrap.client_secret)
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
    client.get(&paths::versioned(&client.account.models())).await.expect(200);
}

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,unsupported_method";

/// Accounts and groups may be made and deleted, but not those that everything else happens in. Role
/// assignments and definitions are named with GUIDs.
const ELSEWHERE: &str = r#"
[[operations]]
include-path-regex = "^/subscriptions/.*/accounts/[{]account[}]$"
parameters = { "path.account" = "another" }
[[operations]]
include-path-regex = "^/subscriptions/.*/resourceGroups/[{]group[}]$"
parameters = { "path.group" = "another" }
[[operations]]
include-path-regex = "roleAssignments/[{]name[}]$"
parameters = { "path.name" = "7c9e6679-7425-40de-944b-e07fc1f90ae7" }
[[operations]]
include-path-regex = "roleDefinitions/[{]name[}]$"
parameters = { "path.name" = "acdd72a7-3385-48ef-bd42-f606fba81ae7" }
"#;

/// Half of the well-formed token requests hold real credentials: the others are refused, as they should.
const HOOKS: &str = r#"
import os, schemathesis

@schemathesis.hook
def before_call(ctx, case, kwargs):
    form = case.body
    if case.path.startswith("/{tenant}/oauth2/") and isinstance(form, dict):
        guess = form.get("client_secret")
        if isinstance(guess, str) and len(guess) % 2 == 0:
            form["client_id"] = os.environ["CLIENT_ID"]
            form["client_secret"] = os.environ["CLIENT_SECRET"]
            audience = "scope" if "scope" in form else "resource"
            form[audience] = "https://management.azure.com/" + {"scope": ".default"}.get(audience, "")
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
        "/api/audit",
        "/api/subscriptions/{subscription}/resourceGroups/{group}/accounts/{account}/swagger.json",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path} is not described");
    }
    let service = &document["components"]["schemas"]["Service"];
    assert!(service["properties"]["scoringUri"].is_object(), "{service}");
}
