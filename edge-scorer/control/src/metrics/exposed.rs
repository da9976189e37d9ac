//! What scrapers see: every meter as it is, the operations, the compile children and the process.
//!
//! # Deliberately absent
//! - The formats: whoever serves them writes them.

use sqlx::Row as _;

use super::{Outcome, Stage, histogram::Histogram, process};
use crate::{Action, Control, ControlError, Principal};

/// A metric with all its series.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposed {
    /// As Prometheus wants it: with its unit, counters with `_total`.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// What its values are.
    pub kind: ExposedKind,
    /// One for each set of labels.
    pub series: Vec<ExposedSeries>,
}

/// What a metric's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExposedKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A value with its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct ExposedSeries {
    /// Name and value, in a fixed order.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: ExposedValue,
}

/// A number or a distribution, as the kind says.
#[derive(Debug, Clone, PartialEq)]
pub enum ExposedValue {
    /// Of a counter or gauge.
    Number(f64),
    /// In seconds.
    Histogram(Histogram),
}

impl Exposed {
    /// A metric without series.
    pub fn new(name: &'static str, help: &'static str, kind: ExposedKind) -> Self {
        Self { name, help, kind, series: Vec::new() }
    }

    /// Adds a number.
    pub fn number(&mut self, labels: &[(&'static str, &str)], value: f64) {
        self.push(labels, ExposedValue::Number(value));
    }

    /// Adds a distribution.
    pub fn histogram(&mut self, labels: &[(&'static str, &str)], value: Histogram) {
        self.push(labels, ExposedValue::Histogram(value));
    }

    fn push(&mut self, labels: &[(&'static str, &str)], value: ExposedValue) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.series.push(ExposedSeries { labels, value });
    }
}

impl Control {
    /// Whether somebody may see the metrics of everything: who may read the first subscription.
    pub fn may_read_all_metrics(&self, principal: &Principal) -> bool {
        principal.may(Action::Read, &self.inner.tenant.root)
    }

    /// Everything that is counted, at this moment.
    pub async fn exposed_metrics(&self) -> Result<Vec<Exposed>, ControlError> {
        let mut exposed = self.exposed_services();
        exposed.push(self.exposed_operations().await?);
        let mut children = Exposed::new(
            "edge_scorer_compile_children",
            "Compile child processes that run now.",
            ExposedKind::Gauge,
        );
        children.number(&[], self.inner.children.running() as f64);
        exposed.push(children);
        exposed.extend(exposed_process());
        Ok(exposed)
    }

    fn exposed_services(&self) -> Vec<Exposed> {
        use ExposedKind::{Counter, Gauge, Histogram};
        let mut requests = Exposed::new(
            "edge_scorer_service_requests_total",
            "Scoring calls that ended, by how they ended.",
            Counter,
        );
        let mut latency = Exposed::new(
            "edge_scorer_service_latency_seconds",
            "Time from a scoring call's whole request to its whole answer.",
            Histogram,
        );
        let mut stages = Exposed::new(
            "edge_scorer_service_stage_seconds",
            "Time that scoring calls spend in each stage.",
            Histogram,
        );
        let mut replicas = Exposed::new(
            "edge_scorer_service_replicas",
            "Calls a service may run at a time.",
            Gauge,
        );
        let mut in_flight =
            Exposed::new("edge_scorer_service_in_flight", "Scoring calls under way.", Gauge);
        let mut queue = Exposed::new(
            "edge_scorer_service_queue_depth",
            "Scoring calls that wait for a replica.",
            Gauge,
        );
        let mut services = self.inner.routes.all();
        services.sort_by(|a, b| a.public_name.cmp(&b.public_name));
        for service in services {
            let account = service.scope.as_str().rsplit('/').next().unwrap_or_default();
            let labels = [("account", account), ("service", &*service.public_name)];
            let with = |name, value| [labels[0], labels[1], (name, value)];
            let sample = service.meter.read();
            for outcome in Outcome::ALL {
                let count = sample.outcome(outcome) as f64;
                requests.number(&with("outcome", outcome.as_str()), count);
            }
            let (slots, waiting) = service.slots.depth();
            replicas.number(&labels, f64::from(slots));
            in_flight.number(&labels, f64::from(service.meter.in_flight()));
            queue.number(&labels, f64::from(waiting));
            // Empty histograms of services that nobody calls are left out.
            if sample.requests() == 0 {
                continue;
            }
            latency.histogram(&labels, sample.stage(Stage::Total).clone());
            for (name, stage) in [
                ("parse", Stage::Parse),
                ("queue", Stage::Queue),
                ("run", Stage::Run),
                ("encode", Stage::Encode),
            ] {
                stages.histogram(&with("stage", name), sample.stage(stage).clone());
            }
        }
        vec![requests, latency, stages, replicas, in_flight, queue]
    }

    async fn exposed_operations(&self) -> Result<Exposed, ControlError> {
        let mut operations = Exposed::new(
            "edge_scorer_operations",
            "Operations in the store, by type and state.",
            ExposedKind::Gauge,
        );
        let rows = sqlx::query(
            "SELECT operation_type, state, count(*) FROM operations
             GROUP BY operation_type, state ORDER BY operation_type, state",
        )
        .fetch_all(self.inner.store.read())
        .await?;
        for row in &rows {
            let (operation_type, state, count): (&str, &str, i64) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            operations.number(&[("type", operation_type), ("state", state)], count as f64);
        }
        Ok(operations)
    }
}

/// Under the names that every Prometheus client library uses.
fn exposed_process() -> Vec<Exposed> {
    use ExposedKind::{Counter, Gauge};
    let Some(process) = process::read() else { return Vec::new() };
    let metrics = [
        ("process_cpu_seconds_total", "CPU time used, in seconds.", Counter, process.cpu_seconds),
        ("process_resident_memory_bytes", "Resident memory.", Gauge, process.resident_bytes),
        ("process_virtual_memory_bytes", "Virtual memory.", Gauge, process.virtual_bytes),
        ("process_open_fds", "Open file descriptors.", Gauge, process.open_files),
        ("process_max_fds", "Most open file descriptors.", Gauge, process.most_open_files),
        ("process_threads", "Threads.", Gauge, process.threads),
        ("process_start_time_seconds", "When the process started.", Gauge, process.start_seconds),
    ];
    let exposed = metrics.map(|(name, help, kind, value)| {
        let mut exposed = Exposed::new(name, help, kind);
        exposed.number(&[], value);
        exposed
    });
    exposed.to_vec()
}
