//! Tests, benches and soak runs: all of them against the same release build.

use std::process::Command;

use anyhow::Result;

use crate::{
    console, guided, python,
    steps::{cargo, run, step},
    tools,
};

/// Programs that the browser journeys need.
const BROWSER: [(&str, &str); 3] = [("chromium", "chromium"), ("node", "nodejs"), ("npm", "npm")];
/// What the stories of images in a registry need.
const REGISTRY: [(&str, &str); 1] = [("docker-registry", "docker-registry")];
/// What the HTTP comparison needs besides.
const LOAD_GENERATOR: [(&str, &str); 1] = [("wrk", "wrk")];

/// Runs every test, or what `arguments` select.
pub(crate) fn test(arguments: &[String]) -> Result<()> {
    tools::programs(&BROWSER)?;
    tools::prometheus()?;
    tools::programs(&REGISTRY)?;
    build()?;
    step("running the tests", || {
        let mut test = cargo(["test", "--release", "--workspace"]);
        test.args(arguments);
        run(test)
    })
}

/// Prints the table of measurements.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    tools::programs(&LOAD_GENERATOR)?;
    build()?;
    let mut bench = Command::new("target/release/bench");
    bench.args(arguments);
    run(bench)
}

/// Writes `node.tsv` and `ml.tsv` with their summary, `estimators.tsv` and `networks.tsv` in `tests/coverage`.
pub(crate) fn coverage() -> Result<()> {
    python::prepare()?;
    step("running every node case, and every operator of `ai.onnx.ml`", || {
        let mut test = cargo(["test", "--release", "--workspace", "--test", "coverage"]);
        test.env("COVERAGE_WRITE", "1");
        run(test)
    })?;
    step("fitting and comparing every estimator", || {
        let mut test = cargo(["test", "--release", "--workspace", "--test", "estimators"]);
        test.env("COVERAGE", "1");
        run(test)
    })?;
    step("comparing networks of up to 574 MB", || {
        let mut test = cargo(["test", "--release", "--workspace", "--test", "networks"]);
        test.env("NETWORKS_WRITE", "1");
        run(test)
    })
}

/// Runs the long form of the tests that have one.
pub(crate) fn soak() -> Result<()> {
    tools::programs(&BROWSER)?;
    tools::programs(&REGISTRY)?;
    build()?;
    step("killing and restarting the server 300 times", || {
        // The whole workspace, as everywhere: another selection would build every dependency again.
        let mut test = cargo(["test", "--release", "--workspace", "--test", "it", "--", "kill"]);
        test.env("KILL_ROUNDS", "300");
        run(test)
    })?;
    step("answering as ONNX Runtime does with networks of up to 574 MB", || {
        run(cargo(["test", "--release", "--workspace", "--test", "networks"]))
    })?;
    step("answering as ONNX Runtime does with every estimator", || {
        let mut test = cargo(["test", "--release", "--workspace", "--test", "estimators"]);
        test.env("COVERAGE", "1");
        run(test)
    })?;
    step("fuzzing compiler and engine with 10,000 cases of each kind", || {
        let mut test = cargo([
            "test",
            "--release",
            "--workspace",
            "--test",
            "fuzz",
            "--",
            "--include-ignored",
        ]);
        test.env("FUZZ_CASES", "10000");
        run(test)
    })?;
    guided::fuzz(600)?;
    step("trying every documented operation with 500 examples each", || {
        let mut test =
            cargo(["test", "--release", "--workspace", "--test", "it", "--", "described"]);
        test.env("API_EXAMPLES", "500");
        run(test)
    })?;
    step("looking at live views for 30 minutes", || {
        let mut test = cargo([
            "test",
            "--release",
            "--workspace",
            "--test",
            "speed",
            "--",
            "live",
            "--nocapture",
        ]);
        test.env("LIVE_SECONDS", "1800");
        run(test)
    })?;
    // Last, for its goals are about time: nothing else should run beside it.
    step("measuring with 100,000 models and 10,000 services", || {
        let mut bench = Command::new("target/release/bench");
        bench.args(["--only", "scale"]);
        run(bench)
    })
}

/// Everything that runs: console, server, tests.
fn build() -> Result<()> {
    console::build()?;
    python::prepare()?;
    step("building (many minutes the first time)", || {
        run(cargo(["build", "--release", "--workspace"]))
    })
}
