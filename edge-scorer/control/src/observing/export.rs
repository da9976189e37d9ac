//! Sends traces to an OpenTelemetry collector, as OTLP over HTTP.
//!
//! # Invariants
//! - A collector that is slow or away costs traces, never calls.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};
use shared::TraceRecord;
use tokio::sync::mpsc;

/// Traces that wait for the collector.
const QUEUE: usize = 4_096;
const BATCH: usize = 512;
/// How long a batch waits for more.
const REST: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(10);

/// Where traces go.
#[derive(Debug, Clone)]
pub struct TraceExport {
    /// `http(s)://host[:port]`; `/v1/traces` is added where there is no path.
    pub endpoint: String,
}

/// The way to the task that sends.
pub(super) struct Exporting(mpsc::Sender<TraceRecord>);

impl Exporting {
    pub(super) fn send(&self, record: &TraceRecord) {
        // Full: the collector is away, and said so in the log.
        let _ = self.0.try_send(record.clone());
    }
}

/// Starts the task that sends.
pub(super) fn start(export: &TraceExport) -> Exporting {
    let (sender, queue) = mpsc::channel(QUEUE);
    let endpoint = address(&export.endpoint);
    tokio::spawn(async move {
        if let Err(error) = send_all(&endpoint, queue).await {
            tracing::error!(%error, "traces are not exported");
        }
    });
    Exporting(sender)
}

fn address(endpoint: &str) -> String {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    match rest.trim_end_matches('/').contains('/') {
        true => endpoint.to_owned(),
        false => format!("{}/v1/traces", endpoint.trim_end_matches('/')),
    }
}

async fn send_all(
    endpoint: &str,
    mut queue: mpsc::Receiver<TraceRecord>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()?;
    let mut exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(client)
        .with_endpoint(endpoint)
        .with_timeout(PATIENCE)
        .build()?;
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "edge-scorer"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ])
        .build();
    exporter.set_resource(&resource);
    let scope = InstrumentationScope::builder("edge-scorer").build();
    let mut records = Vec::new();
    let mut is_away = false;
    while queue.recv_many(&mut records, BATCH).await > 0 {
        tokio::time::sleep(REST).await;
        while records.len() < BATCH
            && let Ok(record) = queue.try_recv()
        {
            records.push(record);
        }
        let spans = records.drain(..).filter_map(|record| span(record, &scope)).collect();
        match exporter.export(spans).await {
            Ok(()) => is_away = false,
            // Once, not with every batch.
            Err(error) if !is_away => {
                tracing::warn!(endpoint, %error, "the collector takes no traces");
                is_away = true;
            }
            Err(_) => {}
        }
    }
    Ok(())
}

fn span(record: TraceRecord, scope: &InstrumentationScope) -> Option<SpanData> {
    let began: jiff::Timestamp = record.time.parse().ok()?;
    let start_time = SystemTime::from(began);
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut attributes = vec![
        KeyValue::new("http.request.method", record.method.clone()),
        KeyValue::new("url.path", record.path.clone()),
        KeyValue::new("http.response.status_code", i64::from(record.status)),
        KeyValue::new("edge_scorer.request_id", record.request_id),
        KeyValue::new("edge_scorer.image.version", number(record.version)),
    ];
    for (key, value) in [
        ("edge_scorer.rows", record.rows),
        ("edge_scorer.queue_micros", record.queue_micros),
        ("edge_scorer.score_micros", record.score_micros),
    ] {
        attributes.extend(value.map(|value| KeyValue::new(key, number(value))));
    }
    let status = match (record.status, record.error) {
        (500.., error) => Status::error(error.unwrap_or_default()),
        _ => Status::Unset,
    };
    let context = SpanContext::new(
        TraceId::from_hex(&record.trace_id).ok()?,
        SpanId::from_hex(&record.span_id).ok()?,
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    let parent = record.parent_span_id.as_deref().and_then(|id| SpanId::from_hex(id).ok());
    Some(SpanData {
        span_context: context,
        parent_span_is_remote: parent.is_some(),
        parent_span_id: parent.unwrap_or(SpanId::INVALID),
        span_kind: SpanKind::Server,
        name: Cow::Owned(format!("{} {}", record.method, record.path)),
        start_time,
        end_time: start_time + Duration::from_micros(record.duration_micros),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: scope.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_path_gets_the_usual_one() {
        for given in ["http://collector:4318", "http://collector:4318/"] {
            assert_eq!(address(given), "http://collector:4318/v1/traces");
        }
        assert_eq!(address("https://c.example/otlp/v1/traces"), "https://c.example/otlp/v1/traces");
    }
}
