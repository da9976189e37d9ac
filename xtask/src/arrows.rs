//! The arrows between the rooms: who may depend on whom, and who owns which outside library.
//!
//! What is not listed here is an error; to draw a new arrow is to change this file, in review.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::steps::cargo;

/// Room → the rooms it may depend on.
const ROOMS: &[(&str, &[&str])] = &[
    ("shared", &[]),
    ("kernels", &[]),
    ("operators", &[]),
    ("compiler", &["shared"]),
    ("engine", &["shared"]),
    ("control", &["shared", "compiler", "engine"]),
    ("api", &["shared", "engine", "control"]),
    ("edge-scorer", &["shared", "compiler", "engine", "control", "api"]),
    ("markup", &[]),
    ("app", &["shared", "markup"]),
    ("tests", &["shared", "kernels", "compiler", "engine", "control", "api"]),
    ("xtask", &[]),
];

/// Outside library → the rooms that may name it. A library that is not listed is free.
const OWNERS: &[(&str, &[&str])] = &[
    ("wasmtime", &["engine"]),
    ("wasmparser", &["engine"]),
    ("tract-onnx", &["compiler"]),
    ("prost", &["api", "compiler", "control"]),
    ("walrus", &["compiler"]),
    ("regex-automata", &["compiler"]),
    ("axum", &["api", "tests"]),
    ("axum-server", &["api"]),
    ("tower-http", &["api"]),
    ("rustls", &["api", "tests"]),
    ("rcgen", &["api"]),
    ("csv", &["api"]),
    ("schemars", &["shared", "api"]),
    ("zstd", &["api"]),
    ("sqlx", &["control"]),
    ("object_store", &["control"]),
    ("oci-client", &["control"]),
    ("opentelemetry", &["control"]),
    ("opentelemetry_sdk", &["control"]),
    ("opentelemetry-otlp", &["control"]),
    ("zip", &["control", "tests"]),
    ("jsonwebtoken", &["control"]),
    ("argon2", &["control"]),
    ("procfs", &["control"]),
    ("reqwest", &["control", "edge-scorer", "tests"]),
    ("clap", &["edge-scorer", "tests", "xtask"]),
    ("indicatif", &["edge-scorer"]),
    ("leptos", &["app"]),
    ("leptos_router", &["app"]),
    ("web-sys", &["app"]),
    ("gloo-net", &["app"]),
    ("plotters", &["app"]),
    ("rstml", &["markup"]),
    ("ort", &["tests"]),
    ("tokio", &["control", "api", "edge-scorer", "tests"]),
];

/// Compares the manifests with the lists above.
pub(crate) fn check() -> Result<()> {
    let breaches = breaches(&metadata()?)?;
    if !breaches.is_empty() {
        bail!("arrows that architecture does not have:\n  {}", breaches.join("\n  "));
    }
    Ok(())
}

fn metadata() -> Result<Value> {
    let output = cargo(["metadata", "--format-version", "1", "--no-deps"]).output()?;
    serde_json::from_slice(&output.stdout).context("`cargo metadata` gave no JSON")
}

fn breaches(metadata: &Value) -> Result<Vec<String>> {
    let rooms: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let owners: BTreeMap<_, _> = OWNERS.iter().copied().collect();
    let mut breaches = Vec::new();
    for package in metadata["packages"].as_array().context("no packages")? {
        let room = package["name"].as_str().context("a package without a name")?;
        let Some(allowed) = rooms.get(room) else {
            breaches.push(format!("`{room}` is no room"));
            continue;
        };
        for dependency in package["dependencies"].as_array().context("no dependencies")? {
            let name = dependency["name"].as_str().context("a dependency without a name")?;
            if rooms.contains_key(name) && !allowed.contains(&name) {
                breaches.push(format!("{room} → {name}"));
            }
            if owners.get(name).is_some_and(|owners| !owners.contains(&room)) {
                breaches
                    .push(format!("{room} → {name}, which belongs to {}", owners[name].join(", ")));
            }
        }
    }
    Ok(breaches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrow_is_one_that_the_architecture_has() {
        assert_eq!(breaches(&metadata().unwrap()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_from_the_console_to_the_server_is_a_breach() {
        let drawn = serde_json::json!({"packages": [
            {"name": "app", "dependencies": [{"name": "control"}, {"name": "axum"}]},
        ]});

        assert_eq!(
            breaches(&drawn).unwrap(),
            ["app → control", "app → axum, which belongs to api, tests"]
        );
    }
}
