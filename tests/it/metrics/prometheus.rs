//! A real Prometheus scrapes the server and finds what the API tells.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use shared::{metrics::MetricName, paths};
use tests::{Client, Edge, eventually};

use super::{history, publish, score, total};

/// How long Prometheus may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Prometheus that ends with its story.
struct Prometheus {
    url: String,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Debian's, unpacked under `target/tools` by `cargo xtask test`, or the one on PATH.
fn program() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let unpacked = root.join("target/tools/prometheus-debian/usr/bin/prometheus");
    if unpacked.is_file() { unpacked } else { "prometheus".into() }
}

impl Prometheus {
    /// Scrapes `edge` every second, signing in as any client of the server does.
    fn scraping(edge: &Edge) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let b = edge.bootstrap();
        let target = edge.url.trim_start_matches("http://");
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs:\n\
             - job_name: edge\n\
             \x20 static_configs: [{{targets: ['{target}']}}]\n\
             \x20 oauth2:\n\
             \x20   client_id: '{}'\n\
             \x20   client_secret: '{}'\n\
             \x20   token_url: '{}{}'\n\
             \x20   endpoint_params: {{resource: 'https://management.azure.com/'}}\n",
            b.client_id,
            b.client_secret,
            edge.url,
            paths::token(&b.tenant_id),
        );
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let mut process = Command::new(program())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--web.listen-address=127.0.0.1:0")
            .arg("--enable-feature=native-histograms")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`cargo xtask test` unpacks Prometheus");
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let address = line.split_once("msg=\"Listening on\" address=");
                if let Some((_, address)) = address {
                    let _ = sender.send(address.trim().to_owned());
                }
            }
        });
        let address = receiver.recv_timeout(PATIENCE).unwrap();
        Self { url: format!("http://{address}"), process, _folder: folder }
    }

    /// The one value of an expression, once there is one that `fits`.
    async fn value(&self, expression: &str, fits: impl Fn(f64) -> bool) -> f64 {
        let anonymous = Client::anonymous(&self.url);
        let path = format!("/api/v1/query?query={}", paths::encode(expression));
        eventually(expression, async || {
            let answer = anonymous.get(&path).await;
            // It answers 503 in plain text until it has read its own store.
            if answer.status.as_u16() != 200 {
                return None;
            }
            let value = answer.value();
            let value = value["data"]["result"][0]["value"][1].as_str()?.parse().ok()?;
            fits(value).then_some(value)
        })
        .await
    }
}

#[tokio::test]
async fn prometheus_signs_in_and_its_native_histograms_agree_with_the_api() {
    let edge = Edge::start();
    let client = edge.client().await;
    let service = publish(&client, "iris").await;
    let prometheus = Prometheus::scraping(&edge);
    prometheus.value("up{job='edge'}", |up| up == 1.0).await;

    score(&client, &service, 50, 4).await;

    let answered = "edge_scorer_service_requests_total{service='iris',outcome='answered'}";
    prometheus.value(answered, |count| count == 50.0).await;
    let native = "edge_scorer_service_latency_seconds{service='iris'}";
    // Only a native histogram has a count under its own name.
    prometheus.value(&format!("histogram_count({native})"), |count| count == 54.0).await;
    let sum = prometheus.value(&format!("histogram_sum({native})"), |sum| sum > 0.0).await;
    let p95 = prometheus.value(&format!("histogram_quantile(0.95, {native})"), |p| p > 0.0).await;

    let path = client.account.service_metrics("iris");
    let question = "timespan=PT1H&interval=PT2H&metricnames=Requests,Latency&aggregation=Total,P95";
    let ours = history(&client, &path, question).await;
    assert_eq!(total(&ours, MetricName::Requests), 54.0);
    let milliseconds = total(&ours, MetricName::Latency);
    assert!((sum * 1e3 - milliseconds).abs() < 0.01, "{sum} s, {milliseconds} ms");
    // One step covers everything unless the hour has turned meanwhile; both read the same buckets.
    let steps = &ours.value[1].timeseries[0].data;
    if let Some(ours) = steps.iter().filter_map(|step| step.p95).next_back()
        && steps.iter().filter(|step| step.p95.is_some()).count() == 1
    {
        let ratio = p95 * 1e3 / ours;
        assert!((0.9..1.1).contains(&ratio), "{p95} s, {ours} ms");
    }
}
