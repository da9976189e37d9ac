//! Metrics: what is happening now, second by second, and what happened, in Azure Monitor's shape.
//!
//! Live views read a stream of server-sent events; each event's id is the second that it tells of,
//! so a reader that reconnects with `Last-Event-ID` gets the seconds it missed. History is asked
//! for with `timespan`, `interval`, `metricnames` and `aggregation`.
//!
//! # Invariants
//! - Every call is counted in exactly one of: answered, `errors`, `rejected`, `cancelled`.
//! - Live seconds and history come from the same counts: their sums agree.

use serde::{Deserialize, Serialize};

use crate::{ServiceId, Timestamp, wire_enum::wire_enum};

/// Name of the events on live streams; their data is a [`LiveSecond`] or an [`AccountSecond`].
pub const SECOND: &str = "second";
/// Seconds that the server keeps for readers that come late or come back.
pub const LIVE_SECONDS: u32 = 300;

/// What one service, or all of an account together, did in a stretch of about a second.
///
/// Counts, not rates: divided by [`LiveSecond::seconds`] they are rates.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LivePoint {
    /// Calls that ended, however they ended.
    pub requests: u64,
    /// Of these, answered with a 4xx or 5xx status, but not turned away.
    pub errors: u64,
    /// Of these, turned away because the service was full or had no replicas.
    pub rejected: u64,
    /// Of these, given up by their callers.
    pub cancelled: u64,
    /// Median time of the calls in milliseconds; null when there were none.
    pub p50: Option<f64>,
    /// 95th percentile in milliseconds.
    pub p95: Option<f64>,
    /// 99th percentile in milliseconds.
    pub p99: Option<f64>,
    /// Mean wait for a replica in milliseconds.
    pub queue_time: Option<f64>,
    /// Mean time in the model in milliseconds.
    pub run_time: Option<f64>,
    /// Calls the service may run at a time.
    pub replicas: u32,
    /// Calls under way at the end of the second, waiting ones included.
    pub in_flight: u32,
    /// Of these, waiting for a replica.
    pub queue_depth: u32,
}

/// An event of a service's stream.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveSecond {
    /// The end of the stretch; the event's id is this in seconds since 1970.
    pub at: Timestamp,
    /// How long it was.
    pub seconds: f64,
    /// What happened in it.
    pub point: LivePoint,
}

/// An event of an account's stream.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountSecond {
    /// The end of the stretch; the event's id is this in seconds since 1970.
    pub at: Timestamp,
    /// How long it was.
    pub seconds: f64,
    /// All services together.
    pub total: LivePoint,
    /// Services that did anything, the busiest first, at most 100. The others did nothing.
    pub services: Vec<ServicePoint>,
}

/// One service within an [`AccountSecond`].
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePoint {
    /// Which.
    pub id: ServiceId,
    /// Its name in the account.
    pub name: String,
    /// What happened.
    pub point: LivePoint,
}

wire_enum! {
    /// What can be asked of the history.
    MetricName {
        /// Calls that ended, however they ended.
        Requests = "Requests",
        /// Calls answered with a 4xx or 5xx status, but not turned away.
        Errors = "Errors",
        /// Calls turned away because the service was full or had no replicas.
        Rejected = "Rejected",
        /// Calls given up by their callers.
        Cancelled = "Cancelled",
        /// From the whole request to the whole answer.
        Latency = "Latency",
        /// Reading the request.
        ParseTime = "ParseTime",
        /// Waiting for a replica.
        QueueTime = "QueueTime",
        /// In the model.
        RunTime = "RunTime",
        /// Writing the answer.
        EncodeTime = "EncodeTime",
        /// Calls the service may run at a time.
        Replicas = "Replicas",
    }
}

impl MetricName {
    /// Whether it is a time, and so has percentiles.
    pub fn is_time(self) -> bool {
        matches!(
            self,
            Self::Latency | Self::ParseTime | Self::QueueTime | Self::RunTime | Self::EncodeTime
        )
    }
}

wire_enum! {
    /// How the values of an interval become one.
    Aggregation {
        /// The sum.
        Total = "Total",
        /// The mean.
        Average = "Average",
        /// The smallest.
        Minimum = "Minimum",
        /// The largest.
        Maximum = "Maximum",
        /// How many there were.
        Count = "Count",
        /// The median; times only.
        P50 = "P50",
        /// The 95th percentile; times only.
        P95 = "P95",
        /// The 99th percentile; times only.
        P99 = "P99",
    }
}

wire_enum! {
    /// What a metric's values are.
    MetricUnit {
        /// A number of things.
        Count = "Count",
        /// Thousandths of a second.
        MilliSeconds = "MilliSeconds",
    }
}

/// The history of a service or of an account.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsResponse {
    /// Azure Monitor's price of the question; always 0.
    #[serde(default)]
    pub cost: u32,
    /// What is covered, `start/end` in RFC 3339.
    pub timespan: String,
    /// Length of each interval as an ISO 8601 duration.
    pub interval: String,
    /// One for each metric that was asked for.
    pub value: Vec<Metric>,
}

/// One metric over time.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// The address that was asked, and the metric's name.
    pub id: String,
    /// Always `Microsoft.Insights/metrics`.
    #[serde(rename = "type")]
    pub metric_type: String,
    /// Its name.
    pub name: LocalizableName,
    /// What its values are.
    pub unit: MetricUnit,
    /// Always one: metrics have no dimensions here.
    pub timeseries: Vec<TimeSeries>,
}

/// A name for programs and one for people.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalizableName {
    /// For programs.
    pub value: MetricName,
    /// For people.
    pub localized_value: String,
}

/// The values of a metric.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeSeries {
    /// Always empty.
    pub metadatavalues: Vec<serde_json::Value>,
    /// One for each interval, the oldest first.
    pub data: Vec<MetricValue>,
}

/// One interval. Aggregations that were not asked for, and those of an interval in which nothing
/// was measured, are absent, as Azure Monitor has it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricValue {
    /// The beginning of the interval.
    pub time_stamp: Timestamp,
    /// The sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// The mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
    /// The smallest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// How many there were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<f64>,
    /// The median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<f64>,
    /// The 95th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<f64>,
    /// The 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
}
