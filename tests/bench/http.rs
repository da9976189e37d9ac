//! The same 50 trees behind three servers, under `wrk`.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use tests::{Edge, fixtures};

use crate::machine::median;

const MODEL: &str = "breast_cancer_gbdt_tensor";
const CONNECTIONS: [u32; 3] = [1, 16, 64];
const ROUNDS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(60);

/// A server under load.
pub(crate) struct Target {
    title: &'static str,
    pub(crate) url: String,
    pub(crate) key: String,
    edge: Option<Edge>,
    process: Option<Running>,
}

impl Target {
    /// The server's process id.
    pub(crate) fn id(&self) -> u32 {
        match (&self.edge, &self.process) {
            (Some(edge), _) => edge.id(),
            (None, process) => process.as_ref().unwrap().0.id(),
        }
    }
}

/// A child that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `wrk` saw.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    p50: f64,
    p99: f64,
    per_second: f64,
    pub(crate) requests: f64,
}

/// Prints the table; `seconds` of load for each server and number of connections.
pub(crate) fn measure(seconds: u32) {
    let targets = [ours(), expert(), python()];
    let body = json!({ "data": [&fixtures::rows("breast_cancer")[..30]] }).to_string();
    println!(
        "| connections | server | p50 | p99 | requests/s | p50, ours ÷ theirs | requests/s, ours ÷ theirs |"
    );
    println!("|--:|---|--:|--:|--:|--:|--:|");
    for connections in CONNECTIONS {
        let mut rounds: BTreeMap<usize, Vec<Load>> = BTreeMap::new();
        for _ in 0..ROUNDS {
            for (index, target) in targets.iter().enumerate() {
                let load = press(target, &body, connections, seconds);
                rounds.entry(index).or_default().push(load);
            }
        }
        let loads: Vec<Load> = rounds.values().map(|loads| middle(loads)).collect();
        for (target, load) in targets.iter().zip(&loads) {
            let ratios = if target.title == targets[0].title {
                "| |".to_owned()
            } else {
                let (slower, more) =
                    (loads[0].p50 / load.p50, loads[0].per_second / load.per_second);
                format!("| **{slower:.2}×** | **{more:.2}×** |")
            };
            let Load { p50, p99, per_second, .. } = load;
            println!(
                "| {connections} | {} | {p50:.0} µs | {p99:.0} µs | {per_second:.0} {ratios}",
                target.title
            );
        }
    }
    println!();
}

fn middle(loads: &[Load]) -> Load {
    let of = |part: fn(&Load) -> f64| median(loads.iter().map(part).collect());
    Load {
        p50: of(|load| load.p50),
        p99: of(|load| load.p99),
        per_second: of(|load| load.per_second),
        requests: of(|load| load.requests),
    }
}

pub(crate) fn ours() -> Target {
    let edge = Edge::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let published = runtime
        .block_on(async { edge.client().await.publish("cancer", &fixtures::onnx(MODEL)).await });
    Target {
        title: "edge-scorer",
        url: format!("{}{}", edge.url, shared::paths::score("cancer")),
        key: published.keys.primary_key,
        edge: Some(edge),
        process: None,
    }
}

pub(crate) fn expert() -> Target {
    let program = tests::binary().with_file_name("bench-peer");
    let mut server = Command::new(program);
    server.arg(fixtures::onnx_path(MODEL)).stdout(Stdio::piped());
    let mut process = Running(server.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap();
    Target {
        title: "axum + ort",
        url: format!("{url}/score"),
        key: String::new(),
        edge: None,
        process: Some(process),
    }
}

fn python() -> Target {
    let packages = fixtures::prepared_for_bench();
    // The port is free for a moment before uvicorn takes it: it cannot tell which one it chose.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new("python3");
    server
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/server.py"))
        .arg(fixtures::onnx_path(MODEL))
        .arg(port.to_string())
        .env("PYTHONPATH", &packages.python_path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut process = Running(server.spawn().unwrap());
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = process.0.try_wait().unwrap() {
            let said = std::io::read_to_string(process.0.stderr.take().unwrap()).unwrap();
            panic!("the Python server ended with {status}:\n{said}");
        }
        assert!(start.elapsed() < PATIENCE, "the Python server did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Nobody reads what it says from here on, and a full pipe would stop it.
    let mut rest = process.0.stderr.take().unwrap();
    std::thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
    Target {
        title: "FastAPI + onnxruntime",
        url: format!("http://127.0.0.1:{port}/score"),
        key: String::new(),
        edge: None,
        process: Some(process),
    }
}

pub(crate) fn press(target: &Target, body: &str, connections: u32, seconds: u32) -> Load {
    let output = Command::new("wrk")
        .arg(format!("-t{}", connections.min(2)))
        .arg(format!("-c{connections}"))
        .arg(format!("-d{seconds}s"))
        .arg("--latency")
        .arg("-s")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/request.lua"))
        .arg(&target.url)
        .env("BENCH_BODY", body)
        .env("BENCH_KEY", &target.key)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Non-2xx"), "{}: {said}", target.title);
    let value = |label: &str| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(label));
        line.unwrap_or_else(|| panic!("no {label} in {said}")).trim().to_owned()
    };
    Load {
        p50: micros(&value("50%")),
        p99: micros(&value("99%")),
        per_second: value("Requests/sec:").parse().unwrap(),
        requests: requests(&said),
    }
}

/// `wrk` writes `12345 requests in 5.00s, 1.23MB read`.
fn requests(said: &str) -> f64 {
    let count = said.lines().find_map(|line| line.trim().split_once(" requests in "));
    count.unwrap().0.parse().unwrap()
}

/// `wrk` writes `62.00us`, `1.20ms` or `1.00s`.
fn micros(text: &str) -> f64 {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    let (number, scale) = units
        .iter()
        .find_map(|(unit, scale)| text.strip_suffix(unit).map(|number| (number, scale)))
        .unwrap();
    number.parse::<f64>().unwrap() * scale
}
